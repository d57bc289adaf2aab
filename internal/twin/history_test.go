package twin

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

func TestHistoryAnswersByEveryTime(t *testing.T) {
	vault := newSafe()
	now := newClock().at
	tw := open(t, Config{Now: func() time.Time { return now }, ClassOf: classes, Sealer: vault})
	base := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	start := now
	// observed out of order: 3, 1, 2, 0, 4
	for _, n := range []int{3, 1, 2, 0, 4} {
		now = now.Add(time.Second)
		a := model.Attr{Kind: model.Property, Value: json.RawMessage(fmt.Sprint(n)), ObservedAt: base.Add(time.Duration(n) * time.Minute)}
		must(t, tw.do(t, Upsert, ent("urn:1", "Session", map[tribune.Name][]model.Attr{"speed": {a}, "plain": prop(fmt.Sprint(n)), "plate": prop(`"P"`)})))
	}
	at := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	for name, c := range map[string]struct {
		q                    TemporalQuery
		speed, plain, sealed string
	}{
		"all observed":    {TemporalQuery{}, "01234", "", "31204"},
		"before":          {TemporalQuery{Rel: temporal.Before, At: at(2)}, "01", "", "31204"},
		"after":           {TemporalQuery{Rel: temporal.After, At: at(2)}, "34", "", "31204"},
		"between":         {TemporalQuery{Rel: temporal.Between, At: at(1), End: at(3)}, "12", "", "31204"},
		"last two":        {TemporalQuery{LastN: 2}, "43", "", "40"},
		"last of before":  {TemporalQuery{LastN: 1, Rel: temporal.Before, At: at(3)}, "2", "", "31204"},
		"all modified":    {TemporalQuery{Property: temporal.ModifiedAt}, "31204", "31204", "31204"},
		"last modified":   {TemporalQuery{Property: temporal.ModifiedAt, LastN: 2}, "40", "40", "40"},
		"modified before": {TemporalQuery{Property: temporal.ModifiedAt, Rel: temporal.Before, At: start.Add(3 * time.Second)}, "31", "31", "31"},
		"one attribute":   {TemporalQuery{Attrs: []tribune.Name{"speed"}}, "01234", "", ""},
		"created":         {TemporalQuery{Property: temporal.CreatedAt, Rel: temporal.After, At: start.Add(time.Hour)}, "", "", ""},
	} {
		c.q.ID = "urn:1"
		e, err := tw.History(t.Context(), c.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := map[tribune.Name]string{}
		for n, list := range e.Attrs {
			for _, a := range list {
				if a.Sealed != nil {
					if string(vault.open(t, a.Sealed).Value) != `"P"` || a.Value != nil {
						t.Errorf("%s: sealed instance is not what was sealed", name)
					}
					i := int(a.ModifiedAt.Sub(start).Seconds()) - 1
					got[n] += string("31204"[i])
				} else {
					got[n] += string(a.Value)
				}
			}
		}
		if got["speed"] != c.speed || got["plain"] != c.plain || got["plate"] != c.sealed {
			t.Errorf("%s: got %v, want speed %s plain %s plate %s", name, got, c.speed, c.plain, c.sealed)
		}
	}
	if _, err := tw.History(t.Context(), TemporalQuery{ID: "urn:none"}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("history of nothing: got %v, want ErrNotFound", err)
	}
	if _, err := tw.History(t.Context(), TemporalQuery{ID: "urn:1", Rel: "near"}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("bad query: got %v, want ErrInvalid", err)
	}
	must(t, tw.do(t, Delete, ent("urn:1", "", nil)))
	e, err := tw.History(t.Context(), TemporalQuery{ID: "urn:1"})
	if err != nil || len(e.Attrs["speed"]) != 5 || len(e.Types) != 1 {
		t.Errorf("after deletion: %d instances of types %v (%v), want 5", len(e.Attrs["speed"]), e.Types, err)
	}
}

// Ids that begin alike must not run into each other's rows.
func TestHistoryOfOneEntityIsNotAnothers(t *testing.T) {
	tw := open(t, Config{})
	for _, id := range []string{"urn:1", "urn:10", "urn:1\x01"} {
		must(t, tw.do(t, Create, ent(id, "Car", map[tribune.Name][]model.Attr{"a": prop(quoted(id)), "ab": {{Kind: model.Property, Dataset: "b", Value: json.RawMessage("1")}}})))
	}
	e, err := tw.History(t.Context(), TemporalQuery{ID: "urn:1", Property: temporal.ModifiedAt})
	if err != nil || len(e.Attrs) != 2 || len(e.Attrs["a"]) != 1 || string(e.Attrs["a"][0].Value) != `"urn:1"` || e.Attrs["ab"][0].Dataset != "b" {
		t.Errorf("got %v (%v)", e.Attrs, err)
	}
}

func TestTimesOrderAsNumbers(t *testing.T) {
	last := uint64(0)
	for i, at := range []time.Time{time.Date(1, 1, 1, 1, 0, 0, 0, time.UTC), time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(0, -1), time.Unix(0, 0), time.Unix(0, 1), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2261, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		n := ordinal(at)
		if i > 1 && n <= last || n < last {
			t.Errorf("%v does not come after its predecessor", at)
		}
		last = n
	}
}

func TestChangeLogIsInOrderWithoutGapsAndSurvivesRestart(t *testing.T) {
	st := memory(t)
	tw := open(t, Config{Store: spread{st, 4}, ClassOf: classes, Sealer: newSafe()})
	for i := range 20 {
		must(t, tw.Mutate(t.Context(), []Mutation{{Tenant: tribune.Tenant([]string{"", "x"}[i%2]), Mode: Upsert, Source: "me", Entity: ent(fmt.Sprint("urn:", i%5), "Session",
			map[tribune.Name][]model.Attr{"kind": prop(fmt.Sprint(i)), "plate": prop(`"P"`)})}})[0])
	}
	must(t, tw.do(t, Delete, ent("urn:0", "", nil)))
	check := func(tw *Twin) uint64 {
		t.Helper()
		all, next, err := tw.Changes(t.Context(), 0)
		if err != nil || len(all) != 21 || next != 21 {
			t.Fatalf("%d changes, next %d (%v), want 21", len(all), next, err)
		}
		for i, c := range all {
			if c.Seq != uint64(i+1) || i < 20 && (c.Source != "me" || len(c.Attrs) != 2 || c.Types[0] != "Session" || c.Created != (i < 10)) || c.Deleted != (i == 20) {
				t.Errorf("change %d: %+v", i, c)
			}
		}
		return next
	}
	check(tw)
	tw = open(t, Config{Store: spread{st, 4}, ClassOf: classes, Sealer: newSafe()})
	next := check(tw)
	must(t, tw.do(t, Create, ent("urn:0", "Car", nil)))
	all, next, err := tw.Changes(t.Context(), next)
	if err != nil || len(all) != 1 || all[0].Seq != 22 || next != 22 {
		t.Errorf("after a restart: %+v, next %d (%v)", all, next, err)
	}
	tw.log.last += LogRetention + 1
	if _, _, err := tw.Changes(t.Context(), 1); !errors.Is(err, tribune.ErrExpired) {
		t.Errorf("changes that may be forgotten: got %v, want ErrExpired", err)
	}
}

// A reader that went past a change still on its way would never see it.
func TestChangeLogReaderWaitsForCommitsOnTheirWay(t *testing.T) {
	tw := open(t, Config{})
	slow := tw.log.begin(1)
	must(t, tw.do(t, Create, ent("urn:1", "Car", nil)))
	if all, next, err := tw.Changes(t.Context(), 0); err != nil || len(all) != 0 || next != 0 {
		t.Errorf("got %d changes, next %d (%v), want none before number %d has ended", len(all), next, err, slow)
	}
	tw.log.end(slow)
	if all, next, _ := tw.Changes(t.Context(), 0); len(all) != 1 || next != 2 {
		t.Errorf("got %d changes, next %d, want 1 and 2", len(all), next)
	}
}

func TestOldChangesAreForgotten(t *testing.T) {
	c, st := newClock(), memory(t)
	tw := open(t, Config{Store: st, Now: c.now})
	write := func(i int) {
		t.Helper()
		must(t, tw.Mutate(t.Context(), []Mutation{{ID: fmt.Sprint("id", i), Mode: Upsert, Entity: ent("urn:1", "Car", map[tribune.Name][]model.Attr{"a": prop("1")})}})[0])
	}
	for i := range 100 {
		write(i)
	}
	count := func(parts ...string) (n int) {
		for range st.Scan(t.Context(), prefixOf(parts...)) {
			n++
		}
		return n
	}
	if n, m := count("c", "hub"), count("c", ""); n != 100 || m != 100 {
		t.Fatalf("%d log rows, %d change ids, want 100 and 100", n, m)
	}
	c.at = c.at.Add(3 * DedupeSpan)
	tw.log.last += LogRetention
	for i := range 150 {
		write(100 + i)
	}
	if n, m := count("c", "hub"), count("c", ""); n > 160 || m > 160 {
		t.Errorf("%d log rows, %d change ids, want the 150 new ones", n, m)
	}
}

func prefixOf(parts ...string) store.Range {
	return store.Prefix(store.Key(room, tribune.Place{}, parts...))
}

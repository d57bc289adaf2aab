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
		"after":           {TemporalQuery{Rel: temporal.After, At: at(2)}, "234", "", "31204"},
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

// Before rows held a whole commit each held one change.
func TestChangeLogOfAnOlderVersionIsRead(t *testing.T) {
	st, at := memory(t), time.Date(2026, 11, 1, 0, 0, 0, 5, time.UTC)
	k := keysAt(tribune.Place{})
	old := &store.Batch{}
	for seq := uint64(1); seq <= 3; seq++ {
		v := appendString([]byte{1, byte(seq - 1)}, fmt.Sprint("urn:", seq))
		v = appendNames(appendNames(v, []tribune.Name{"Car"}), []tribune.Name{"a", "b"})
		old.Put(store.Uint(k.of("c", "hub"), seq), appendString(appendTime(store.Uint(v, 70+seq), at), "me"))
	}
	if err := st.Commit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := Upgrade(t.Context(), UpgradeConfig{Store: st}); err != nil {
		t.Fatal(err)
	}
	tw := open(t, Config{Store: st})
	for _, r := range tw.Mutate(t.Context(), []Mutation{{Mode: Upsert, Source: "you", Entity: ent("urn:4", "Car", nil)}, {Mode: Upsert, Source: "you", Entity: ent("urn:5", "Car", nil)}, {Mode: Upsert, Entity: ent("urn:6", "Bus", nil)}}) {
		must(t, r)
	}
	for after := range uint64(7) {
		all, next, err := tw.Changes(t.Context(), after)
		if err != nil || next != 6 || len(all) != int(6-after) {
			t.Fatalf("after %d: %d changes, next %d (%v), want %d and 6", after, len(all), next, err, 6-after)
		}
		for i, c := range all {
			n := after + uint64(i) + 1
			if c.Seq != n || string(c.Entity) != fmt.Sprint("urn:", n) {
				t.Errorf("after %d: change %d is number %d of %s", after, i, c.Seq, c.Entity)
			}
			if n <= 3 && (!c.At.Equal(at) || c.Source != "me" || c.Version != 70+n || len(c.Attrs) != 2 || c.Types[0] != "Car" || c.Created != (n == 2) || c.Deleted != (n == 3)) {
				t.Errorf("an old row reads as %+v", c)
			}
			if n > 3 && (!c.Created || c.Deleted || len(c.Attrs) != 0 || c.Types[0] != []tribune.Name{"Car", "Car", "Bus"}[n-4] || c.Source != []string{"you", "you", ""}[n-4]) {
				t.Errorf("a new row reads as %+v", c)
			}
		}
	}
}

// More changes than one row or one answer holds come in turn, none twice.
func TestLargeCommitsAreReadFromTheChangeLogInTurn(t *testing.T) {
	st := memory(t)
	tw := open(t, Config{Store: st})
	long := make([]tribune.Name, 8)
	for i := range long {
		long[i] = tribune.Name(fmt.Sprintf("urn:%d:%0480d", i, 0))
	}
	var ms []Mutation
	for i := range 2500 {
		e := model.Entity{ID: tribune.EntityID(fmt.Sprintf("urn:%d", i)), Types: long[i%2*4:][:4]}
		ms = append(ms, Mutation{Mode: Upsert, Entity: e})
	}
	for _, r := range tw.Mutate(t.Context(), ms) {
		must(t, r)
	}
	seen, next := 0, uint64(0)
	for turns := 0; ; turns++ {
		all, n, err := tw.Changes(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if seen++; c.Seq != uint64(seen) || len(c.Types) != 4 {
				t.Fatalf("change %d has number %d and %d types", seen, c.Seq, len(c.Types))
			}
		}
		if next = n; len(all) == 0 {
			if seen != 2500 || turns < 2 {
				t.Errorf("%d changes in %d turns, want 2500 in two at least", seen, turns)
			}
			break
		}
	}
	for p := range st.Scan(t.Context(), prefixOf("c", "hub")) {
		if len(p.Value) > maxLogRow+64<<10 {
			t.Errorf("a row of %d bytes", len(p.Value))
		}
	}
}

func FuzzDecodeLogged(f *testing.F) {
	b := &store.Batch{}
	w := (&changeLog{hub: "hub"}).writer(b, keysAt(tribune.Place{}), 1, time.Unix(5, 6))
	w.add(Logged{Entity: "urn:1", Types: []tribune.Name{"Car"}, Attrs: []tribune.Name{"a"}, Source: "me", Created: true})
	w.add(Logged{Entity: "urn:2", Types: []tribune.Name{"Car"}, Source: "me", Deleted: true})
	w.end()
	f.Add(b.Ops[0].Value)
	f.Add([]byte("\x01\x00\x05urn:1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, v []byte) {
		if list, ok := decodeLogged(v); ok == (len(list) == 0) {
			t.Fatalf("%d changes, ok %v", len(list), ok)
		}
	})
}

func prefixOf(parts ...string) store.Range {
	return store.Prefix(store.Key(room, tribune.Place{}, parts...))
}

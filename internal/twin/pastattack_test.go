package twin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/twin/temporal"
)

// Instances as large as they may be must not make a block that nobody can unpack again.
func TestLargeInstancesCanBeReadAfterTheyWerePacked(t *testing.T) {
	tw := open(t, Config{})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	const size, rows = 40 << 10, 700 // 27 MB: a block of 512 would be more than is ever unpacked
	for i := range rows {
		a := model.Attr{Kind: model.Property, Value: json.RawMessage(`"` + strings.Repeat(string(rune('a'+i%26)), size) + `"`), ObservedAt: start.Add(time.Duration(i) * time.Second)}
		small := model.Attr{Kind: model.Property, Value: json.RawMessage(`"` + strings.Repeat("x", 5<<10) + `"`), ObservedAt: a.ObservedAt}
		must(t, tw.Evolve(t.Context(), Past{Entity: ent("urn:1", "Car", map[tribune.Name][]model.Attr{"photo": {a}, "note": {small}})}))
	}
	packAll(t, tw, "urn:1")
	if census := verify(t, tw); census.Past != 2*rows+1 {
		t.Errorf("%d rows of history, want %d", census.Past, 2*rows+1)
	}
	got, err := tw.History(t.Context(), TemporalQuery{ID: "urn:1", Property: "observedAt"})
	if err != nil || len(got.Attrs["photo"]) != rows || len(got.Attrs["note"]) != rows {
		t.Errorf("%d photos, %d notes (%v), want %d", len(got.Attrs["photo"]), len(got.Attrs["note"]), err, rows)
	}
}

// One late row at each end of a long series must not have all that lies between written anew.
func TestLateRowsDoNotRewriteTheHistoryBetweenThem(t *testing.T) {
	tw := open(t, Config{})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for from := 0; from < 10_000; from += 5_000 {
		must(t, tw.Evolve(t.Context(), Past{Entity: observations(start, from, from+5_000, nil)}))
	}
	packAll(t, tw, "urn:1")
	blocks := func() (all []string) {
		for p := range tw.cfg.Store.Scan(t.Context(), prefixOf("B")) {
			all = append(all, string(p.Key)+string(p.Value))
		}
		return all
	}
	before := blocks()
	late := observations(start.Add(30*time.Second), 100, 101, nil)
	late.Attrs["speed"] = append(late.Attrs["speed"], observations(start.Add(30*time.Second), 9_000, 9_640, nil).Attrs["speed"]...)
	must(t, tw.Evolve(t.Context(), Past{Entity: late}))
	packAll(t, tw, "urn:1")
	after, same := blocks(), 0
	for _, b := range before {
		if slices.Contains(after, b) {
			same++
		}
	}
	if same < len(before)-4 {
		t.Errorf("%d of %d blocks are as they were; late rows were in three", same, len(before))
	}
	if census := verify(t, tw); census.Past != 10_000+641+1 {
		t.Errorf("%d rows of history, want %d", census.Past, 10_000+641+1)
	}
}

// A block without its head, as a crash of an earlier release between two commits of a deletion could leave it, goes with the next deletion.
func TestDeletionTakesWhatAnInterruptedOneLeft(t *testing.T) {
	tw := open(t, Config{})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	must(t, tw.Evolve(t.Context(), Past{Entity: observations(start, 0, 1200, nil)}))
	packAll(t, tw, "urn:1")
	var b store.Batch
	for _, kind := range []string{"h", "H"} {
		for p := range tw.cfg.Store.Scan(t.Context(), store.Prefix(keysAt(tribune.Place{}).of(kind, "urn:1", "speed"))) {
			b.Delete(slices.Clone(p.Key))
		}
	}
	if err := tw.cfg.Store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	must(t, tw.Evolve(t.Context(), Past{Mode: PastDeleteAttr, Entity: ent("urn:1", "", map[tribune.Name][]model.Attr{"speed": {{}}})}))
	for _, kind := range []string{"h", "H", "B", "i"} {
		for p := range tw.cfg.Store.Scan(t.Context(), store.Prefix(keysAt(tribune.Place{}).of(kind, "urn:1", "speed"))) {
			t.Errorf("left: %q", p.Key)
		}
	}
	if res := tw.Evolve(t.Context(), Past{Mode: PastDeleteAttr, Entity: ent("urn:1", "", map[tribune.Name][]model.Attr{"speed": {{}}})}); !isAbsent(res.Err) {
		t.Errorf("deleted again: %v", res.Err)
	}
}

// Corrections, additions, deletions of instances and packing at once: what was acknowledged is there once, what was deleted is not.
func TestPackingBesideCorrectionsLosesAndDoublesNothing(t *testing.T) {
	tw := open(t, Config{})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	must(t, tw.Evolve(t.Context(), Past{Entity: observations(start, 0, 2000, nil)}))
	all, err := tw.History(t.Context(), TemporalQuery{ID: "urn:1", Property: "observedAt"})
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 0, 2000)
	for _, a := range all.Attrs["speed"] {
		ids = append(ids, a.Rare.Instance)
	}
	var work, pack sync.WaitGroup
	stop, cancel := context.WithCancel(t.Context())
	pack.Go(func() {
		for stop.Err() == nil {
			if err := tw.packEntity(stop, entityKey{"", "urn:1"}); err != nil && stop.Err() == nil {
				t.Errorf("packing: %v", err)
			}
		}
	})
	do := func(p Past) {
		if res := tw.Evolve(t.Context(), p); res.Err != nil {
			t.Errorf("mode %d: %v", p.Mode, res.Err)
		}
	}
	work.Go(func() {
		for i := range 20 {
			do(Past{Entity: observations(start, 2000+100*i, 2100+100*i, nil)})
		}
	})
	work.Go(func() {
		for i := range 100 {
			e := ent("urn:1", "", map[tribune.Name][]model.Attr{"speed": {{Kind: model.Property, Value: json.RawMessage("-1"), ObservedAt: start.Add(time.Duration(1999-i*7) * time.Minute)}}})
			do(Past{Mode: PastReplace, Entity: e, Instance: ids[i*7]})
		}
	})
	work.Go(func() {
		for i := range 100 {
			do(Past{Mode: PastDeleteInstance, Entity: ent("urn:1", "", map[tribune.Name][]model.Attr{"speed": nil}), Instance: ids[i*7+3]})
		}
	})
	work.Wait()
	cancel()
	pack.Wait()
	all, err = tw.History(t.Context(), TemporalQuery{ID: "urn:1", Property: "observedAt"})
	if err != nil {
		t.Fatal(err)
	}
	seen, corrected := map[string]int{}, 0
	for _, a := range all.Attrs["speed"] {
		seen[a.Rare.Instance]++
		if string(a.Value) == "-1" {
			corrected++
		}
	}
	if len(all.Attrs["speed"]) != 3900 || len(seen) != 3900 || corrected != 100 {
		t.Errorf("%d instances, %d of them different, %d corrected; want 3900 and 100", len(all.Attrs["speed"]), len(seen), corrected)
	}
	verify(t, tw)
}

// Keys tell times apart from 1678 to 2262. What lies beyond is found all the same, and pages lose nothing of it.
func TestInstancesOfOtherCenturiesAreFound(t *testing.T) {
	tw := open(t, Config{})
	var list []model.Attr
	for _, year := range []int{9999, 2500, 1500, 2300, 2026, 1, 2400, 1600} {
		list = append(list, model.Attr{Kind: model.Property, Value: appendJSON(nil, year), ObservedAt: time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)})
	}
	must(t, tw.Evolve(t.Context(), Past{Entity: ent("urn:1", "Car", map[tribune.Name][]model.Attr{"year": list})}))
	at := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	for want, when := range map[string]temporal.Query{
		"1 1500 1600 2026 2300 2400 2500 9999": {Rel: temporal.After, At: time.Date(1, 2, 1, 0, 0, 0, 0, time.UTC)},
		"2300":                                 {Rel: temporal.Between, At: at(2300), End: at(2350)},
		"2400 2500":                            {Rel: temporal.Between, At: at(2350), End: at(3000)},
		"1 1500":                               {Rel: temporal.Before, At: at(1550)},
		"9999 2500 2400":                       {Rel: temporal.After, At: at(2026), LastN: 3},
	} {
		for _, page := range []int{0, 2} {
			if page > 0 && (when.LastN > 0 || when.Rel == temporal.Before) {
				continue // they are walked from the other end: see TestPagesOfThePastLeaveNothingOut
			}
			got := ""
			for q, more := when, true; more; {
				out, err := tw.Evolutions(t.Context(), EvolutionQuery{Query: Query{IDs: []tribune.EntityID{"urn:1"}}, Time: q, Page: page})
				if err != nil {
					t.Fatal(err)
				}
				q.At, more = out.Last.Add(time.Nanosecond), out.Cut
				for _, e := range out.List {
					for _, a := range e.Attrs["year"] {
						got += " " + string(a.Value)
					}
				}
			}
			if got = strings.TrimSpace(got); got != want {
				t.Errorf("%+v in pages of %d: got %s, want %s", when, page, got, want)
			}
		}
	}
}

// Whoever writes a series for each of many datasetIds must not have every later reader walk through all of them.
func TestSeriesOfAnEntityAreBounded(t *testing.T) {
	tw := open(t, Config{})
	var b store.Batch
	k := keysAt(tribune.Place{})
	a := model.Attr{Kind: model.Property, Value: json.RawMessage("1"), ObservedAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	for i := range maxSeries + 1 {
		a.Dataset = fmt.Sprintf("urn:d:%06d", i)
		b.Put(k.history("urn:1", "speed", &a, pastChange(a.ObservedAt, 1)), appendAttr([]byte{docFormat}, &a))
	}
	k.putHead(&b, "urn:1", &pastHead{types: []tribune.Name{"Car"}, created: a.ObservedAt, modified: a.ObservedAt})
	if err := tw.cfg.Store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.History(t.Context(), TemporalQuery{ID: "urn:1", Property: "observedAt"}); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("got %v, want that it is too much", err)
	}
	must(t, tw.Evolve(t.Context(), Past{Mode: PastDeleteAttr, Entity: ent("urn:1", "", map[tribune.Name][]model.Attr{"speed": {{Dataset: "*"}}})}))
	if _, err := tw.History(t.Context(), TemporalQuery{ID: "urn:1", Property: "observedAt"}); err != nil {
		t.Errorf("after the deletion: %v", err)
	}
}

// The number of distinct values is counted in bounded memory.
func TestDistinctValuesAreBounded(t *testing.T) {
	n := maxDistinct - 1
	g := &summing{distinct: &n, h: &historian{q: temporal.Query{Any: true}, looked: new(int), id: "urn:1"}, s: seriesKey{name: "speed"}, methods: temporal.DistinctCount, left: 10}
	row := func(value string) pastRow {
		return pastRow{value: appendAttr([]byte{docFormat}, &model.Attr{Kind: model.Property, Value: json.RawMessage(value), ModifiedAt: time.Unix(1, 0)})}
	}
	if err := errors.Join(g.row(row("1")), g.row(row("1"))); err != nil {
		t.Errorf("within the bound: %v", err)
	}
	if err := g.row(row("2")); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("got %v, want that it is too much", err)
	}
}

// An entity with many series must not have a page of each in memory for one page of them all.
func TestPagesOfManySeriesAreComplete(t *testing.T) {
	tw := open(t, Config{})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	e := ent("urn:1", "Car", map[tribune.Name][]model.Attr{})
	for s := range 30 {
		for i := range 20 {
			name := tribune.Name(fmt.Sprintf("a%02d", s))
			e.Attrs[name] = append(e.Attrs[name], model.Attr{Kind: model.Property, Value: appendJSON(nil, i), ObservedAt: start.Add(time.Duration(29*i+s) * time.Second)})
		}
	}
	must(t, tw.Evolve(t.Context(), Past{Entity: e}))
	seen := map[string]bool{}
	for q := (temporal.Query{Rel: temporal.After, At: start}); ; {
		out, err := tw.Evolutions(t.Context(), EvolutionQuery{Query: Query{IDs: []tribune.EntityID{"urn:1"}}, Time: q, Page: 10})
		if err != nil || len(out.List) != 1 {
			t.Fatalf("%d evolutions (%v)", len(out.List), err)
		}
		for _, list := range out.List[0].Attrs {
			for _, a := range list {
				seen[a.Rare.Instance] = true
			}
		}
		if q.At = out.Last.Add(time.Nanosecond); !out.Cut {
			break
		}
	}
	if len(seen) != 600 {
		t.Errorf("%d instances on all pages, want 600", len(seen))
	}
}

// The past of an entity that was deleted is found by its type, as it was before.
func TestPastOfADeletedEntityIsFoundByItsType(t *testing.T) {
	tw := open(t, Config{})
	must(t, tw.do(t, Create, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"speed": seenAt(3, 3)})))
	must(t, tw.do(t, Delete, ent("urn:1", "", nil)))
	ask := EvolutionQuery{Query: Query{Types: query.Type("Car"), Count: true}, Time: temporal.Query{Rel: temporal.After, At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if out, err := tw.Evolutions(t.Context(), ask); err != nil || out.Count != 1 {
		t.Errorf("%d found (%v), want 1", out.Count, err)
	}
	must(t, tw.Evolve(t.Context(), Past{Mode: PastDelete, Entity: ent("urn:1", "", nil)}))
	for p := range tw.cfg.Store.Scan(t.Context(), prefixOf("p")) {
		t.Errorf("left: %q", p.Key)
	}
}

package twin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pg"
	"tribune/internal/store/storetest"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// aged fills a store, through the partitions that it shows, and then makes of its index rows what a release of layout 1 would have left:
// rows that are missing, and rows that nothing asks for any more.
func aged(t *testing.T, st store.Store, entities int) {
	t.Helper()
	tw := open(t, Config{Store: st})
	var all []Mutation
	for _, tenant := range []tribune.Tenant{"", "north"} {
		for i := range entities {
			e := ent(fmt.Sprintf("urn:%d", i), "Car", map[tribune.Name][]model.Attr{
				"n":     prop(fmt.Sprint(i)),
				"tags":  prop(`["a","b"]`),
				"deep":  prop(`{"x":1}`),
				"place": {{Kind: model.GeoProperty, Value: json.RawMessage(fmt.Sprintf(`{"type":"Point","coordinates":[%d,50]}`, i%100))}},
			})
			e.Scope = []string{fmt.Sprintf("/s/%d", i)}
			e.ExpiresAt = time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
			all = append(all, Mutation{Tenant: tenant, Mode: Create, Entity: e})
		}
	}
	for _, r := range tw.Mutate(t.Context(), all) {
		must(t, r)
	}
	err := eachPlace(t.Context(), st, func(at tribune.Place) error {
		k := keysAt(at)
		var b store.Batch
		for _, kind := range indexes {
			n := 0
			for p, err := range st.Scan(t.Context(), store.Prefix(k.of(kind))) {
				if err != nil {
					return err
				}
				if kind != "t" || n%7 == 0 {
					b.Delete(bytes.Clone(p.Key))
				}
				n++
			}
			b.Put(k.of(kind, "Car", "n", "old", "urn:nothing"), []byte{})
		}
		return st.Commit(t.Context(), &b)
	})
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Delete(layoutKey())
	if err := st.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}

// finds asks in every way that needs an index.
func finds(t *testing.T, tw *Twin, i int) {
	t.Helper()
	id := fmt.Sprintf("urn:%d", i)
	geo, err := query.ParseGeo("near;maxDistance==1000", "Point", json.RawMessage(fmt.Sprintf("[%d,50]", i%100)), "place")
	if err != nil {
		t.Fatal(err)
	}
	scope, err := query.ParseScopes(fmt.Sprintf("/s/%d", i))
	if err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []tribune.Tenant{"", "north"} {
		for name, one := range map[string]Query{
			"a value":      {Types: query.Type("Car"), Q: q(t, fmt.Sprintf("n==%d", i))},
			"a list":       {Types: query.Type("Car"), Q: q(t, `tags=="b"`)},
			"a place":      {Types: query.Type("Car"), Geo: geo},
			"a type":       {Types: query.Type("Car")},
			"a scope":      {Scopes: scope},
			"an attribute": {Types: query.Type("Car"), Attrs: []tribune.Name{"deep"}},
		} {
			one.Tenant, one.Limit = tenant, 1000
			p, err := tw.Find(t.Context(), one)
			if err != nil || !slices.Contains(strings.Fields(ids(p)), id) {
				t.Errorf("tenant %q, by %s: got %q (%v), want %s among them", tenant, name, ids(p), err, id)
			}
		}
	}
}

// failing fails every commit once its turns are used up.
type failing struct {
	store.Store
	left *atomic.Int64
}

var errPower = errors.New("the power is cut")

func (f failing) Commit(ctx context.Context, b *store.Batch) error {
	if f.left.Add(-1) < 0 {
		return errPower
	}
	return f.Store.Commit(ctx, b)
}

func TestAnOlderLayoutIsRebuiltBeforeAnythingIsAsked(t *testing.T) {
	st := spread{memory(t), 3}
	aged(t, st, 700)
	if _, err := New(Config{Store: st}); !errors.Is(err, tribune.ErrUnsupported) || tribune.HintOf(err) == "" {
		t.Fatalf("opened without its indexes: %v", err)
	}
	var told []string
	if err := Upgrade(t.Context(), UpgradeConfig{Store: st, Progress: func(s string) { told = append(told, s) }}); err != nil {
		t.Fatal(err)
	}
	if last := told[len(told)-1]; !strings.Contains(last, "1400 entities") {
		t.Errorf("it told at last %q, want that all 1400 are done", last)
	}
	tw := open(t, Config{Store: st})
	if c := verify(t, tw); c.Entities != 1400 {
		t.Errorf("there are %d entities", c.Entities)
	}
	finds(t, tw, 0)
	finds(t, tw, 699)
	told = nil
	if err := Upgrade(t.Context(), UpgradeConfig{Store: st, Progress: func(s string) { told = append(told, s) }}); err != nil || told != nil {
		t.Errorf("a second time: %v, it told %q", err, told)
	}
}

// Whoever is killed between two batches goes on after the last of them: all attempts together do as much as one.
func TestRebuildingGoesOnWhereItWasKilled(t *testing.T) {
	st := spread{memory(t), 2}
	aged(t, st, 600)
	starts := 0
	for left := int64(0); ; left = 2 {
		starts++
		counter := &atomic.Int64{}
		counter.Store(left)
		err := Upgrade(t.Context(), UpgradeConfig{Store: failing{st, counter}})
		if err == nil {
			break
		}
		if !errors.Is(err, errPower) || starts > 100 {
			t.Fatalf("start %d: %v", starts, err)
		}
		if _, err := New(Config{Store: st}); err == nil {
			t.Fatalf("start %d: half of the indexes are taken for all", starts)
		}
	}
	if starts < 10 {
		t.Errorf("it needed %d starts only: it was not stopped in between", starts)
	}
	tw := open(t, Config{Store: st})
	if c := verify(t, tw); c.Entities != 1200 {
		t.Errorf("there are %d entities", c.Entities)
	}
	finds(t, tw, 599)
}

// Several hubs find the old layout at the same moment: whoever opens finds it rebuilt.
func TestHubsThatRebuildTogetherEndWithOneIndex(t *testing.T) {
	for name, st := range map[string]store.Store{"pebble": memory(t), "postgres": onPostgres(t)} {
		t.Run(name, func(t *testing.T) {
			aged(t, st, 500)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					if err := Upgrade(t.Context(), UpgradeConfig{Store: st, patience: 2 * time.Second}); err != nil {
						t.Error(err)
						return
					}
					tw := open(t, Config{Store: st})
					verify(t, tw)
					finds(t, tw, 17)
				})
			}
			wg.Wait()
		})
	}
}

// A hub that was killed for good must not keep the others waiting for ever.
func TestAnotherHubTakesOverFromOneThatDied(t *testing.T) {
	st := memory(t)
	aged(t, st, 500)
	u := &upgrade{cfg: UpgradeConfig{Store: st, patience: 50 * time.Millisecond}}
	began := time.Now()
	if err := u.wait(t.Context()); err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("waiting for nobody ended with %v after %s", err, time.Since(began))
	}
}

// What somebody writes while the indexes are rebuilt has the rows of what it is, not of what it was.
func TestWritesDuringRebuildingKeepTheirRows(t *testing.T) {
	st := memory(t)
	tw := open(t, Config{Store: st}) // opened before: New would refuse
	aged(t, st, 600)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			e := ent(fmt.Sprint("urn:", i%600), "", map[tribune.Name][]model.Attr{"n": prop(fmt.Sprint(1000 + i))})
			tw.do(t, Update, e)
		}
	})
	if err := Upgrade(t.Context(), UpgradeConfig{Store: st}); err != nil {
		t.Error(err)
	}
	stop()
	wg.Wait()
	verify(t, tw)
}

func TestANewerLayoutIsRefused(t *testing.T) {
	st := memory(t)
	open(t, Config{Store: st})
	var b store.Batch
	b.Put(layoutKey(), []byte{0, layoutNow + 1})
	if err := st.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	_, err := New(Config{Store: st})
	for what, err := range map[string]error{"opening": err, "upgrading": Upgrade(t.Context(), UpgradeConfig{Store: st})} {
		if !errors.Is(err, tribune.ErrUnsupported) || !strings.Contains(tribune.HintOf(err), "newer") {
			t.Errorf("%s: got %v with hint %q", what, err, tribune.HintOf(err))
		}
	}
}

// A damaged row of progress must not lead the dropping to documents.
func TestRebuildingNeverDropsADocument(t *testing.T) {
	for name, damaged := range map[string]progress{"before the kind": {step: 3, last: []byte{0}}, "of another kind": {step: 3, last: []byte("e\x00\x01urn:1\x00\x01")}} {
		st := memory(t)
		aged(t, st, 50)
		var b store.Batch
		b.Put(keysAt(tribune.Place{}).rebuilding(), damaged.encode())
		if err := st.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		before := bytes.Count(dump(t, st), []byte("e\x00\x01urn:"))
		if err := Upgrade(t.Context(), UpgradeConfig{Store: st}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if after := bytes.Count(dump(t, st), []byte("e\x00\x01urn:")); after != before {
			t.Errorf("%s: %d of %d keys of documents are there", name, after, before)
		}
	}
}

func FuzzDecodeProgress(f *testing.F) {
	p := progress{3, 7, []byte("x")}
	f.Add(p.encode())
	f.Add((&progress{step: allDone}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodeProgress(b)
		if err == nil && p.step > allDone {
			t.Errorf("%x is step %d", b, p.step)
		}
	})
}

func onPostgres(t *testing.T) store.Store {
	t.Helper()
	st, err := pg.Open(t.Context(), pg.Config{URL: storetest.StartPostgres(t).Database(t), Partitions: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

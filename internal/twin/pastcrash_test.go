package twin

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// At each power cut the disk forgets what was not synced while the past is written and packed. What was acknowledged is there once, in
// order, packed or not, and the current state is the last of it.
func TestAcknowledgedPastSurvivesPowerCutsWhileItIsPacked(t *testing.T) {
	disk := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(3, 3))
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	const each = 90 // instances of a request
	acked, tried, packed := 0, 0, 0
	for round := range 6 {
		st, err := pebble.Open(pebble.Config{Dir: "store", FS: disk, MemtableBytes: 256 << 10, CacheBytes: 1 << 20, Fatal: func(err error) { panic(err) }})
		if err != nil {
			t.Fatal(err)
		}
		tw := open(t, Config{Store: st, Now: time.Now})
		verify(t, tw)
		if tried > 0 {
			acked = pastAfterCrash(t, tw, acked, tried)
			tried = acked
		}
		for range st.Scan(t.Context(), prefixOf("H")) {
			packed++
		}
		var mu sync.Mutex
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := tw.packEntity(ctx, entityKey{"", "urn:1"}); err != nil && ctx.Err() == nil {
					t.Errorf("packing: %v", err)
				}
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				from := tried
				tried += each
				mu.Unlock()
				e := ent("urn:1", "Car", map[tribune.Name][]model.Attr{})
				for i := from; i < from+each; i++ {
					e.Attrs["n"] = append(e.Attrs["n"], model.Attr{Kind: model.Property, Value: json.RawMessage(fmt.Sprint(i)), ObservedAt: start.Add(time.Duration(i) * time.Millisecond)})
				}
				if res := tw.Evolve(context.WithoutCancel(ctx), Past{Entity: e}); res.Err != nil {
					t.Errorf("writing: %v", res.Err)
					return
				}
				mu.Lock()
				acked = from + each
				mu.Unlock()
			}
		})
		time.Sleep(time.Duration(60+rng.IntN(120)) * time.Millisecond)
		mu.Lock()
		after := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50}[round%2], RNG: rng})
		ackedThen, triedThen := acked, tried
		mu.Unlock()
		cancel()
		wg.Wait()
		st.Close()
		acked, tried, disk = ackedThen, triedThen, after
	}
	if packed == 0 {
		t.Error("nothing was ever packed: the test shows nothing")
	}
}

// pastAfterCrash holds what is there against what was acknowledged and returns how many instances that is.
func pastAfterCrash(t *testing.T, tw *Twin, acked, tried int) int {
	t.Helper()
	out, err := tw.Evolutions(t.Context(), EvolutionQuery{Query: Query{IDs: []tribune.EntityID{"urn:1"}}, Time: temporal.Query{Rel: temporal.After, At: time.Unix(1, 0)},
		Aggregate: &Aggregation{Methods: temporal.TotalCount | temporal.DistinctCount | temporal.Max}})
	if err != nil {
		t.Fatal(err)
	}
	var there, distinct, last int
	if len(out.List) > 0 {
		sums := out.List[0].Aggregates["n"][0].Periods[0]
		for m, into := range map[temporal.Methods]*int{temporal.TotalCount: &there, temporal.DistinctCount: &distinct, temporal.Max: &last} {
			b, _ := sums.Append(nil, m)
			if err := json.Unmarshal(b, into); err != nil {
				t.Fatal(err)
			}
		}
		last++
	}
	v, err := tw.Get(t.Context(), "", "urn:1")
	present := 0
	if err == nil {
		json.Unmarshal(v.Instance("n", "").Value, &present)
		present++
	}
	if there < acked || there > tried || distinct != there || last != there || present != there {
		t.Fatalf("%d instances, %d of them different, the last is %d, the present %d; acknowledged were %d, tried %d", there, distinct, last, present, acked, tried)
	}
	return there
}

// Another hub may pack what this one deletes: nothing of it comes back.
func TestDeletionBesideAnotherHubThatPacks(t *testing.T) {
	st := memory(t)
	here := open(t, Config{Store: st, MaxStale: time.Second, Hub: "a"})
	there := open(t, Config{Store: st, MaxStale: time.Second, Hub: "b"})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for range 5 {
		must(t, here.Evolve(t.Context(), Past{Entity: observations(start, 0, 3000, nil)}))
		var pack sync.WaitGroup
		pack.Go(func() {
			if err := there.packEntity(t.Context(), entityKey{"", "urn:1"}); err != nil {
				t.Errorf("packing: %v", err)
			}
		})
		time.Sleep(5 * time.Millisecond)
		must(t, here.Evolve(t.Context(), Past{Mode: PastDelete, Entity: ent("urn:1", "", nil)}))
		pack.Wait()
		for _, kind := range []string{"h", "H", "B", "i", "p"} {
			for p := range st.Scan(t.Context(), prefixOf(kind)) {
				t.Fatalf("left: %q", p.Key)
			}
		}
	}
}

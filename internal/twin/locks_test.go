package twin

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"tribune"
)

// Writers of overlapping batches neither wait for each other in a circle nor hold one entity together.
func TestBatchesLockTheirEntitiesAlone(t *testing.T) {
	var l locks
	var counts [40]int // each guarded by the lock of its entity
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(w)))
			for range 500 {
				var tasks []*task
				for i := range counts {
					if rng.IntN(4) == 0 {
						tasks = append(tasks, &task{key: entityKey{id: tribune.EntityID(fmt.Sprintf("urn:%02d", i))}, hash: uint64(i % 3), bytes: i})
					}
				}
				l.lock(tasks)
				for _, w := range tasks {
					counts[w.bytes]++
				}
				l.unlock(tasks)
			}
		})
	}
	wg.Wait()
	for i := range l.shards {
		if n := len(l.shards[i].inUse); n > 0 {
			t.Errorf("%d locks are left", n)
		}
	}
	if slices.Contains(counts[:], 0) {
		t.Error("an entity was never locked")
	}
}

package vault

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"tribune"
)

// Sealing, closing and committing at once: every value opens, and none lies in a segment that was closed before it.
func TestConcurrentSealingAndClosing(t *testing.T) {
	f := newFixture(t)
	const workers, rounds, subjects = 8, 12, 3
	type result struct {
		sealed tribune.Sealed
		clear  string
	}
	results := make(chan result, workers*rounds)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for r := range rounds {
				p := subjectNo((w + r) % subjects)
				clear := fmt.Sprint("worker ", w, " round ", r)
				results <- result{f.put(t, tribune.Place{Partition: 0}, p, clear), clear}
				if r%4 == w%4 {
					f.open.close([]subject{{testClass, p}}) // CloseSegments without its wait
				}
			}
		})
	}
	wg.Wait()
	close(results)
	var sealed []tribune.Sealed
	var want []string
	for r := range results {
		sealed, want = append(sealed, r.sealed), append(want, r.clear)
	}
	f.clock.add(time.Hour)
	f.mustOpen(t, want, sealed...)
}

// A reader that saw a segment closed must never find a later value in it.
func TestSealNeverUsesAClosedSegmentUnderConcurrency(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	var closed struct {
		sync.Mutex
		upTo uint32
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				closed.Lock()
				upTo := closed.upTo
				closed.Unlock()
				sealed, _, _, err := f.Seal(t.Context(), tribune.Place{}, tribune.Class{ID: testClass}, p, []tribune.Item{item("e", "a", "x")})
				if err != nil {
					t.Error(err)
					return
				}
				if upTo != 0 && sealed[0].Segment <= upTo {
					t.Errorf("sealed to segment %d after %d was closed", sealed[0].Segment, upTo)
					return
				}
			}
		})
	}
	for range 20 {
		time.Sleep(2 * time.Millisecond)
		latest := f.open.begins([]subject{{testClass, p}})
		f.open.close([]subject{{testClass, p}})
		if latest != 0 {
			closed.Lock()
			closed.upTo = tribune.SecondOf(time.Unix(latest, 0))
			closed.Unlock()
		}
	}
	close(stop)
	wg.Wait()
}

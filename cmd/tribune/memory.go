package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Memory is let grow further between collections than Go's default would: a hub's heap is small, and collections that follow each
// other closely are what others wait for when one device floods it (docs/decisions/0015). Of a large heap, most of which is the
// store's caches, a share would be far more than collections need to be rare: what is added is bounded. GOGC and GOMEMLIMIT in the
// environment win.
const (
	gcPercent   = 400
	gcRoom      = 1 << 30 // bytes of garbage at most before a collection, where that is more than leastGC percent
	leastGC     = 50
	memoryLimit = 2 << 30 // bytes, from which the collector works harder instead
	paceEvery   = 2 * time.Second
	paceStep    = 10 // percent points that are worth stopping the world for
)

// steady paces the collector until ctx ends.
func steady(ctx context.Context) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcPercent)
	go func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		tick := time.NewTicker(paceEvery)
		defer tick.Stop()
		for now := gcPercent; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			metrics.Read(live)
			if next := percentFor(live[0].Value.Uint64()); next-now >= paceStep || now-next >= paceStep {
				debug.SetGCPercent(next)
				now = next
			}
		}
	}()
}

// percentFor is how much a heap may grow of which so many bytes live.
func percentFor(live uint64) int {
	return int(min(gcPercent, max(leastGC, 100*gcRoom/max(live, 1))))
}

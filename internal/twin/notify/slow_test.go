package notify

import (
	"fmt"
	"testing"

	"tribune/internal/twin"
)

// An endpoint that is slower than the changes is told of the latest state of each entity, not of nothing.
func TestASlowEndpointIsToldTheLatestStateOfEverything(t *testing.T) {
	w := newTown(t)
	w.subscribe(cars, `"format":"keyValues",`, "")
	w.mu.Lock() // the endpoint does not answer
	const entities, rounds = 500, 3
	for round := range rounds {
		for i := range entities {
			mode := twin.Append
			if round == 0 {
				mode = twin.Create
			}
			w.mu.Unlock()
			w.write(mode, fmt.Sprintf(`{"id":"urn:c:%d","type":"Car","speed":%d}`, i, round))
			w.mu.Lock()
		}
	}
	w.mu.Unlock()
	eventually(t, "all are told", func() bool {
		speeds := w.speeds()
		for i := range entities {
			if speeds[fmt.Sprintf("urn:c:%d", i)] != float64(rounds-1) {
				return false
			}
		}
		return true
	})
	for _, s := range w.notifier.each() {
		if s.counts.Failed != 0 {
			t.Errorf("%d were given up", s.counts.Failed)
		}
	}
}

package notify

import (
	"testing"
	"time"
)

// Whoever subscribes chooses timeInterval and the query: a query of a second each millisecond must leave the others their turn.
func TestPeriodicSubscriptionTakesAQuarterOfTheTimeAtMost(t *testing.T) {
	due := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ interval, took, want time.Duration }{
		{time.Millisecond, time.Second, 4 * time.Second},
		{time.Millisecond, 0, time.Millisecond},
		{time.Second, 100 * time.Millisecond, time.Second},
		{time.Second, 300 * time.Millisecond, 1200 * time.Millisecond},
	} {
		if got := next(due, due.Add(c.took), c.took, c.interval).Sub(due); got != c.want {
			t.Errorf("each %v, and it takes %v: again after %v, want %v", c.interval, c.took, got, c.want)
		}
	}
}

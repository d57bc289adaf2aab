package drill

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// ledger is what the drill itself knows of its writes: the truth that a crashed hub is held to. It lives in another
// process than the hub.
type ledger struct {
	mu     sync.Mutex // guards both
	writes map[string][]*write
	acked  int
}

// write is one write of one value, unique in the whole drill.
type write struct {
	value      int64
	observedAt string
	begin, end time.Time
	acked      bool
}

func newLedger() *ledger { return &ledger{writes: map[string][]*write{}} }

// begin notes a write before it is sent.
func (l *ledger) begin(entity string, value int64, observedAt string) *write {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &write{value: value, observedAt: observedAt, begin: time.Now()}
	l.writes[entity] = append(l.writes[entity], w)
	return w
}

// end notes how it went. A write that was not acknowledged may or may not have happened, but not after its end.
func (l *ledger) end(acked bool, writes ...*write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range writes {
		w.end, w.acked = time.Now(), acked
		if acked {
			l.acked++
		}
	}
}

// instance is one row of a history as the hub shows it.
type instance struct {
	value      int64
	observedAt string
}

// audit holds one entity's history and current value against the ledger. What it returns are broken promises.
func (l *ledger) audit(entity string, current int64, history []instance) (broken []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	times := map[int64]int{}
	at := map[int64]string{}
	for _, i := range history {
		times[i.value]++
		at[i.value] = i.observedAt
	}
	var latest time.Time // when the last acknowledged write began
	var now *write
	for _, w := range l.writes[entity] {
		n := times[w.value]
		delete(times, w.value)
		switch {
		case w.acked && n == 0:
			broken = append(broken, fmt.Sprintf("%s: acknowledged %d is lost", entity, w.value))
		case n > 1:
			broken = append(broken, fmt.Sprintf("%s: %d is there %d times", entity, w.value, n))
		case n == 1 && at[w.value] != w.observedAt:
			broken = append(broken, fmt.Sprintf("%s: %d was observed at %s, shown is %s", entity, w.value, w.observedAt, at[w.value]))
		}
		if w.acked && w.begin.After(latest) {
			latest = w.begin
		}
		if w.value == current {
			now = w
		}
	}
	for v := range times {
		broken = append(broken, fmt.Sprintf("%s: %d was never written", entity, v))
	}
	switch {
	case now == nil:
		broken = append(broken, fmt.Sprintf("%s: current value %d was never written", entity, current))
	case now.end.Before(latest):
		broken = append(broken, fmt.Sprintf("%s: current value %d ended before an acknowledged write began", entity, current))
	}
	return broken
}

// observed is how observation times are written: they order as text.
const observed = "2006-01-02T15:04:05.000000Z"

// windowSize is how many writes one window of a history holds: a hub bounds what it shows at once.
const windowSize = 4000

// windows are bounds of observation time that together cover everything, with at most windowSize known writes between
// two of them.
func (l *ledger) windows(entity string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var times []string
	for _, w := range l.writes[entity] {
		times = append(times, w.observedAt)
	}
	slices.Sort(times)
	bounds := []string{time.Unix(0, 0).UTC().Format(observed)}
	for i := windowSize; i < len(times); i += windowSize {
		if times[i] != bounds[len(bounds)-1] {
			bounds = append(bounds, times[i])
		}
	}
	return append(bounds, time.Now().AddDate(1, 0, 0).UTC().Format(observed))
}

// counts are how many writes there were and how many of them were acknowledged.
func (l *ledger) counts() (all, acked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, list := range l.writes {
		all += len(list)
	}
	return all, l.acked
}

// entities are those that were written to.
func (l *ledger) entities() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.writes {
		ids = append(ids, id)
	}
	return ids
}

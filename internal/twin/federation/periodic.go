package federation

import (
	"context"
	"slices"
	"strings"
	"time"
)

// tend sends what is due, tries contexts again that could not be had, and saves counters.
func (s *Subscriptions) tend(ctx context.Context) {
	defer close(s.done)
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	retry := time.NewTicker(retryContexts)
	defer retry.Stop()
	next := time.NewTimer(s.untilDue())
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-save.C:
			if err := s.saveCounters(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Error("the counters of registration subscriptions cannot be saved; tried again", "err", err)
			}
		case <-retry.C:
			s.retry(ctx)
		case <-next.C:
			s.send()
			next.Reset(s.untilDue())
		case <-s.wake:
			next.Reset(s.untilDue())
		}
	}
}

func (s *Subscriptions) retry(ctx context.Context) {
	s.mu.RLock()
	n := len(s.absent)
	s.mu.RUnlock()
	if n == 0 {
		return
	}
	s.cfg.Registry.writing.Lock()
	defer s.cfg.Registry.writing.Unlock()
	if err := s.restore(ctx); err != nil {
		s.cfg.Log.Error("a registration subscription cannot be restored", "err", err)
	}
	s.poke()
}

// poke has the next due time looked at anew.
func (s *Subscriptions) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// untilDue is how long until a subscription has something to send of itself.
func (s *Subscriptions) untilDue() time.Duration {
	const never = 24 * time.Hour
	s.cfg.Registry.writing.Lock()
	defer s.cfg.Registry.writing.Unlock()
	first, now := never, s.now()
	for _, w := range s.each(func(w *watcher) bool { return !w.due.IsZero() }) {
		first = min(first, w.due.Sub(now))
	}
	return max(first, 0)
}

// leastEvery bounds how often all that a subscription matches is written for it: timeInterval is a stranger's choice, and nobody
// can register meanwhile.
const leastEvery = 100 * time.Millisecond

// send posts what is due: the periodic notifications, and what has waited for throttling to end.
func (s *Subscriptions) send() {
	s.cfg.Registry.writing.Lock()
	defer s.cfg.Registry.writing.Unlock()
	now := s.now()
	for _, w := range s.each(func(w *watcher) bool { return !w.due.IsZero() && !now.Before(w.due) }) {
		if every := w.spec.Interval(); every > 0 {
			w.due = now.Add(max(every, leastEvery))
			s.all(w, "updated")
			continue
		}
		w.due = time.Time{}
		s.release(w, now)
	}
}

// release posts what has waited, a notification for each reason.
func (s *Subscriptions) release(w *watcher, now time.Time) {
	by := map[string][]pending{}
	for _, p := range w.waiting {
		by[p.reason] = append(by[p.reason], p)
	}
	clear(w.waiting)
	if !w.spec.Active(now) {
		return
	}
	for _, reason := range []string{"newlyMatching", "updated", "noLongerMatching"} {
		if list := by[reason]; len(list) > 0 {
			slices.SortFunc(list, func(a, b pending) int { return strings.Compare(a.r.ID, b.r.ID) })
			s.parts(w, reason, list, now)
		}
	}
}

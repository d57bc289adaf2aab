package notify

import (
	"context"
	"time"

	"tribune/internal/twin"
)

// schedule says when a subscription is due by time.
func (n *Notifier) schedule(s *subscription) {
	now := n.cfg.Now()
	if s.interval > 0 {
		s.mu.Lock()
		last := s.counts.Notification
		s.mu.Unlock()
		at := now.Add(s.interval)
		if next := last.Add(s.interval); !last.IsZero() && next.Before(at) { // after a restart
			at = next
		}
		n.clock.set(s, at)
		return
	}
	s.mu.Lock()
	waits, at := len(s.waiting) > 0, s.posted.Add(s.throttling)
	s.mu.Unlock()
	if waits {
		n.clock.set(s, at)
	}
}

// periodic sends what is due by time: of timeInterval, and what throttling held back.
func (n *Notifier) periodic(ctx context.Context) error {
	for {
		s, wait := n.clock.next(n.cfg.Now())
		if s == nil {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
			case <-n.clock.wake:
				timer.Stop()
			}
			continue
		}
		if s = n.find(s.tenant, s.id); s == nil { // it may have been updated meanwhile
			continue
		}
		if s.interval > 0 {
			due, began := n.cfg.Now(), time.Now()
			n.sweep(ctx, s)
			n.clock.set(s, next(due, n.cfg.Now(), time.Since(began), s.interval))
		} else {
			n.flush(ctx, s)
		}
	}
}

// maxShare is how much of the time one subscription may take of what all share that are due by time: a quarter. timeInterval is a
// stranger's choice, and a query that takes a second each millisecond would let nobody else have a turn.
const maxShare = 4

// next is when a subscription is due that was due at one time and, at another, has been looked at for so long.
func next(due, done time.Time, took, interval time.Duration) time.Time {
	at := due.Add(interval)
	if least := done.Add((maxShare - 1) * took); at.Before(least) {
		return least
	}
	return at
}

// flush sends what throttling held back, as it is now.
func (n *Notifier) flush(ctx context.Context, s *subscription) {
	if n.cfg.Sender.Full(s.line) { // the next delivery that ends comes here again
		return
	}
	now := n.cfg.Now()
	s.mu.Lock()
	held := s.waiting
	s.waiting = nil
	n.release(held)
	s.posted = now
	s.flying++ // it does not settle before what was held is sent
	s.mu.Unlock()
	var all []*changed
	for id, c := range held {
		if c.from != "" {
			all = append(all, c) // its conditions were held against it when it came
			continue
		}
		if v, err := n.cfg.Twin.Get(ctx, s.tenant, id); err == nil {
			c.after = &v.Entity
		} else if c.after != nil {
			continue // it has gone meanwhile, and that this triggers is not said
		}
		if s.selects(c.entity()) && n.meets(ctx, s, c.entity()) {
			all = append(all, c)
		}
	}
	if len(all) > 0 && s.status(now) == statusActive {
		n.send(ctx, s, all, now, nil)
	}
	s.mu.Lock()
	s.flying--
	s.settle()
	s.mu.Unlock()
}

// sweep sends every entity that is subscribed to and meets the conditions (clause 5.8.6), pageSize in one notification.
func (n *Notifier) sweep(ctx context.Context, s *subscription) {
	now := n.cfg.Now()
	if s.status(now) != statusActive || !n.cfg.Sender.Ready(s.line) || n.cfg.Sender.Full(s.line) { // what waits for its endpoint says as much
		return
	}
	q := twin.Query{Tenant: s.tenant, Attrs: s.watched, Limit: pageSize}
	for i := range s.selectors {
		sel := &s.selectors[i]
		q.Selectors = append(q.Selectors, twin.Selector{Types: sel.types, IDs: sel.ids, IDPattern: sel.pattern})
	}
	s.conditions.narrow(&q)
	for {
		page, err := n.cfg.Twin.Find(ctx, q)
		if err != nil {
			n.cfg.Log.Warn("entities could not be found for a periodic notification", "err", err)
			return
		}
		all := make([]*changed, len(page.Views))
		for i := range page.Views {
			e := &page.Views[i].Entity
			all[i] = &changed{before: e, after: e, at: now}
		}
		if len(all) > 0 {
			n.send(ctx, s, all, now, nil)
		}
		if q.Offset += len(all); len(all) < pageSize || q.Offset > twin.MaxOffset {
			return
		}
	}
}

// saving saves positions and counters now and then.
func (n *Notifier) saving(ctx context.Context) error {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := n.save(ctx); err != nil && ctx.Err() == nil {
				n.cfg.Log.Warn("how far notifications are could not be saved", "err", err)
			}
		}
	}
}

// save writes how far everything is. The position is read first and written last: what is done in between is done again after a
// crash, and nothing is left out.
func (n *Notifier) save(ctx context.Context) error {
	position := n.safe.Load()
	n.changing.Lock()
	defer n.changing.Unlock()
	all := n.each()
	if len(all) == 0 {
		return nil
	}
	if err := n.shelf.save(ctx, all); err != nil {
		return err
	}
	return n.shelf.savePosition(ctx, n.cfg.Hub, position)
}

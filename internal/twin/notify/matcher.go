package notify

import (
	"context"
	"errors"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
)

// match looks at every change, in order; it is the only one that does.
func (n *Notifier) match(ctx context.Context) error {
	n.catchUpSurely(ctx, n.from, n.to)
	marks := time.NewTicker(markEvery)
	defer marks.Stop()
	for {
		if len(n.cfg.Feed.events) == 0 {
			if lost := n.cfg.Feed.lost.Swap(0); lost > 0 {
				n.cfg.Log.Warn("changes came faster than they could be looked at: reading them from the change log", "after", n.safe.Load(), "to", lost)
				n.unheard()
				n.catchUpSurely(ctx, n.safe.Load(), lost)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case e := <-n.cfg.Feed.events:
			n.look(ctx, e)
			n.cfg.Feed.taken(&e)
		case <-marks.C:
			n.mark()
		case r := <-n.back:
			n.goOn(ctx, r)
		}
	}
}

// mark puts the position behind everything that it covers. Where the queue is full the next will do.
func (n *Notifier) mark() {
	position := n.cfg.Twin.Position()
	if !n.cfg.Feed.open.Load() { // nobody subscribes
		n.safe.Store(max(n.safe.Load(), position))
		return
	}
	select {
	case n.cfg.Feed.events <- event{mark: true, Event: twin.Event{Seq: position}}:
	default:
	}
}

func (n *Notifier) look(ctx context.Context, e event) {
	if e.mark {
		if n.cfg.Feed.lost.Load() == 0 { // else some before the mark are missing
			n.safe.Store(max(n.safe.Load(), e.Seq))
		}
		return
	}
	n.hear(ctx, &e.Event)
	c := deltaOf(&e.Event)
	if c.whole == 0 && len(c.attrs) == 0 {
		return
	}
	n.consider(ctx, e.Tenant, e.Entity, e.Seq, c, nil)
}

// consider notifies the subscriptions that a change matches; only is one of them alone, nil = all.
func (n *Notifier) consider(ctx context.Context, tenant tribune.Tenant, id tribune.EntityID, seq uint64, c *changed, only *subscription) {
	n.mu.RLock()
	var found []*subscription
	if x := n.tenants[tenant]; x != nil {
		found = x.candidates(id, c.entity().Types, c.attrs)
	}
	n.mu.RUnlock()
	if len(found) == 0 {
		return
	}
	now := n.cfg.Now()
	kept := renderings{}
	for _, s := range found {
		if only != nil && s != only || seq <= s.start.Load() || s.status(now) != statusActive {
			continue
		}
		if !s.fires(c) || !s.selects(c.entity()) || n.piece(s, c) {
			continue
		}
		if n.meets(ctx, s, c.entity()) {
			n.hold(ctx, s, c, now, kept)
		}
	}
}

// meets reports whether an entity meets a subscription's conditions.
func (n *Notifier) meets(ctx context.Context, s *subscription, e *model.Entity) bool {
	return s.conditions.match(e, func(id tribune.EntityID) *model.Entity {
		v, err := n.cfg.Twin.Get(ctx, s.tenant, id)
		if err != nil {
			return nil
		}
		return &v.Entity
	})
}

// hold sends a change off. Where throttling does not allow it yet, or the endpoint is too slow for the changes, it waits: then all
// that has changed goes along with the next notification, as it is by then.
func (n *Notifier) hold(ctx context.Context, s *subscription, c *changed, now time.Time, kept renderings) {
	s.mu.Lock()
	next := now
	if s.throttling > 0 {
		next = s.posted.Add(s.throttling)
	}
	if len(s.waiting) == 0 && !now.Before(next) && !n.cfg.Sender.Full(s.line) {
		s.posted = now
		s.mu.Unlock()
		n.send(ctx, s, []*changed{c}, now, kept)
		return
	}
	n.wait(s, c, now)
	s.mu.Unlock()
	if s.throttling > 0 { // else the end of a delivery is the time
		n.clock.set(s, next)
	}
}

// wait keeps what a later notification needs of a change; s.mu is held.
func (n *Notifier) wait(s *subscription, c *changed, now time.Time) {
	id := c.key()
	if before := s.waiting[id]; before != nil {
		n.afar.Add(c.size - before.size)
		before.size = c.size
		before.merge(c)
		before.lighten(s)
		return
	}
	if len(s.waiting) >= pageSize || n.waiting.Load() >= maxWaitingAll || c.size > 0 && n.afar.Load()+c.size > maxAfar {
		s.counts.Failed++ // the counters say that this change was not told of
		s.counts.Failure, s.counts.LastFailed, s.dirty = now, true, true
		return
	}
	if s.waiting == nil {
		s.waiting = map[tribune.EntityID]*changed{}
	}
	own := *c
	own.attrs = slices.Clone(c.attrs)
	own.lighten(s)
	s.waiting[id] = &own
	n.waiting.Add(1)
	n.afar.Add(own.size)
	if s.behind == 0 {
		s.behind, s.dirty = n.safe.Load()+1, true
	}
}

// lighten lets go of entities that the notification will not need: it reads them again.
func (c *changed) lighten(s *subscription) {
	if c.from != "" { // there is nobody to ask again
		return
	}
	if c.after != nil {
		c.after = &model.Entity{ID: c.after.ID}
		if !s.changes && s.on&attributeDeleted == 0 {
			c.before = nil
		}
	} else if !s.changes {
		c.before = &model.Entity{ID: c.before.ID, Types: c.before.Types, Scope: c.before.Scope, CreatedAt: c.before.CreatedAt, ModifiedAt: c.before.ModifiedAt, Attrs: c.before.Attrs}
	}
}

// send makes a notification and queues it.
func (n *Notifier) send(ctx context.Context, s *subscription, all []*changed, now time.Time, kept renderings) {
	if !n.cfg.Sender.Ready(s.line) {
		return // in cooldown nothing is sent (clause 5.2.15)
	}
	m := n.message(ctx, s, all, now, kept)
	s.begin(n.safe.Load())
	n.cfg.Sender.Post(s.line, s.endpoint, m, delivery{n, s})
}

// delivery is a notification of a subscription on its way.
type delivery struct {
	n *Notifier
	s *subscription
}

func (d delivery) Sent(at time.Time) { d.s.sent(at) }

func (d delivery) Ended(at time.Time, err error) {
	n, s := d.n, d.s
	tried := err != ErrCooldown && err != ErrOverrun && err != ErrForgotten
	if err != nil && tried {
		n.cfg.Log.Debug("a notification was not taken", "endpoint", s.endpoint.String(), "err", err)
	}
	if s.ended(at, err, tried) {
		s.mu.Lock()
		next := s.posted.Add(s.throttling)
		s.mu.Unlock()
		n.clock.set(s, next)
	}
}

// catchUpSurely tries until it has: a store that fails for a while must not end notifications.
func (n *Notifier) catchUpSurely(ctx context.Context, after, to uint64) {
	for {
		err := n.catchUp(ctx, after, to, nil)
		if err == nil || ctx.Err() != nil {
			return
		}
		n.cfg.Log.Error("the change log cannot be read for notifications", "err", err)
		n.pause(ctx, retryLog)
	}
}

func (n *Notifier) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// catchUp reads changes from the log, up to one that the log has or will have in a moment, and notifies the state of now; only
// is one subscription alone, nil = all.
func (n *Notifier) catchUp(ctx context.Context, after, to uint64, only *subscription) error {
	for after < to {
		list, next, err := n.cfg.Twin.Changes(ctx, after)
		if errors.Is(err, tribune.ErrExpired) {
			n.cfg.Log.Warn("the change log does not reach back far enough: notifying all that is subscribed to", "after", after)
			n.sweepAll(ctx, only)
			after = next
			continue
		}
		if err != nil {
			return err
		}
		for _, c := range coalesced(list, to) {
			n.relook(ctx, c, only)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if next <= after {
			n.pause(ctx, time.Millisecond) // its writer is about to note that it has ended
		}
		after = next
	}
	if only != nil {
		only.caughtUp(to)
		return nil
	}
	for _, s := range n.each() {
		s.caughtUp(to)
	}
	n.safe.Store(max(n.safe.Load(), to))
	return nil
}

// coalesced is one change for each entity, with the attributes of all up to a number, and the number of the last.
func coalesced(list []twin.Logged, to uint64) []*twin.Logged {
	type key struct {
		tenant tribune.Tenant
		id     tribune.EntityID
	}
	at := map[key]*twin.Logged{}
	var out []*twin.Logged
	for i := range list {
		l := &list[i]
		if l.Seq > to {
			break
		}
		k := key{l.Tenant, l.Entity}
		if one := at[k]; one != nil {
			one.Attrs = append(one.Attrs, l.Attrs...)
			one.Seq, one.At, one.Types, one.Deleted = l.Seq, l.At, l.Types, l.Deleted
			one.Created = one.Created || l.Created
			continue
		}
		copied := *l
		at[k] = &copied
		out = append(out, &copied)
	}
	return out
}

package notify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
)

// Bounds of values that wait to be told, with their reasons. They wait in the clear, in memory alone: what a crash takes is not told.
const (
	maxTellings = 4096             // some megabytes
	tellAtOnce  = 1024             // values of one round: one leaf can carry as many subjects
	tellFor     = 10 * time.Minute // without quorum for so long a value is dropped, and counted as failed
	tellRetry   = 2 * time.Second
)

type arrival = twin.Arrived

// telling is a change that a standing subscription is to be told of.
type telling struct {
	s       *subscription
	after   *model.Entity
	arrived []arrival
	at      time.Time
}

// told is of whom a subscription has been told on a day: each has a tag on record.
type told struct {
	mu       sync.Mutex // guards both
	day      uint32
	subjects map[tribune.Pseudonym]bool
}

// hear queues what standing subscriptions are to be told of a change. What finds the queue full is dropped, and counted.
func (n *Notifier) hear(ctx context.Context, e *twin.Event) {
	if len(e.Arrived) == 0 || e.After == nil {
		return
	}
	n.mu.RLock()
	var all []*subscription
	if x := n.tenants[e.Tenant]; x != nil {
		all = x.standing
	}
	n.mu.RUnlock()
	now := n.cfg.Now()
	for _, s := range all {
		if e.Seq <= s.start.Load() || s.status(now) != statusActive {
			continue
		}
		arrived, fires := s.wanted(e.Arrived, e.Before)
		if !fires || !s.selects(e.After) || !n.meets(ctx, s, e.After) {
			continue
		}
		select {
		case n.tellings <- telling{s, e.After, arrived, e.At}:
		default:
			s.missed(now, 1)
		}
	}
}

// unheard counts that some changes did not reach the queue: what arrived with them is sealed by now, and told to nobody.
func (n *Notifier) unheard() {
	now := n.cfg.Now()
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, x := range n.tenants {
		for _, s := range x.standing {
			s.missed(now, 1)
		}
	}
}

// missed counts what could not be told.
func (s *state) missed(now time.Time, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Failed += int64(n)
	s.counts.Failure, s.counts.LastFailed, s.dirty = now, true, true
}

// tell tells what is queued, round by round.
func (n *Notifier) tell(ctx context.Context) error {
	for {
		var round []telling
		select {
		case <-ctx.Done():
			return nil
		case one := <-n.tellings:
			round = append(round, one)
		}
		for more := true; more && len(round) < tellAtOnce; {
			select {
			case one := <-n.tellings:
				round = append(round, one)
			default:
				more = false
			}
		}
		by := map[string][]telling{} // by act: an update keeps it
		var order []string
		for _, one := range round {
			act := one.s.standing.Act
			if by[act] == nil {
				order = append(order, act)
			}
			by[act] = append(by[act], one)
		}
		for _, act := range order {
			n.tellOne(ctx, by[act])
		}
	}
}

// tellOne tells one subscription: first it is on record of whom, then they are sent.
func (n *Notifier) tellOne(ctx context.Context, all []telling) {
	was := all[0].s
	for {
		now := n.cfg.Now()
		s := n.find(was.tenant, was.id)
		if s == nil || s.standing == nil || s.standing.Act != was.standing.Act || s.status(now) != statusActive {
			return // it is gone, paused or over
		}
		late := slices.IndexFunc(all, func(t telling) bool { return now.Sub(t.at) <= tellFor })
		if late < 0 {
			late = len(all)
		}
		if late > 0 {
			n.cfg.Log.Warn("personal data were not told in time: no quorum", "values", late)
			s.missed(now, late)
			if all = all[late:]; len(all) == 0 {
				return
			}
		}
		if all = n.spare(s, all); len(all) == 0 {
			return
		}
		err := n.record(ctx, s, all)
		if err == nil {
			err = n.handed(ctx, s, n.onRecord(s, all))
		}
		var denied *tribune.Denial
		switch {
		case err == nil:
			for _, t := range n.onRecord(s, all) {
				n.send(ctx, s, []*changed{{after: t.shown(), at: t.at}}, now, nil)
			}
			return
		case ctx.Err() != nil:
			return
		case errors.Is(err, tribune.ErrBusy) && errors.As(err, &denied): // the office has used up its hour
			s.missed(now, len(all))
			return
		case errors.Is(err, tribune.ErrExpired) || errors.As(err, &denied):
			s.missed(now, len(all))
			n.over(ctx, s, err)
			return
		}
		n.cfg.Log.Debug("personal data wait to be told", "err", err)
		n.pause(ctx, n.retry)
	}
}

// record returns once every subject of what is to be told has a tag on record for today.
func (n *Notifier) record(ctx context.Context, s *subscription, all []telling) error {
	if err := n.cfg.Standings.Stands(ctx, *s.standing); err != nil {
		return err
	}
	today := tribune.DayOf(n.cfg.Now())
	var fresh []tribune.Pseudonym
	s.told.mu.Lock()
	if s.told.day != today || s.told.subjects == nil {
		s.told.day, s.told.subjects = today, map[tribune.Pseudonym]bool{}
	}
	for _, t := range all {
		for _, a := range t.arrived {
			if p := a.Sealed.Pseudonym; !s.told.subjects[p] && !slices.Contains(fresh, p) {
				fresh = append(fresh, p)
			}
		}
	}
	s.told.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	on, err := n.cfg.Standings.Deliver(ctx, *s.standing, fresh)
	s.told.mu.Lock()
	for _, p := range on {
		s.told.subjects[p] = true
	}
	s.told.mu.Unlock()
	if kept := n.shelf.tell(ctx, s, today, on); kept != nil { // after a restart they spend another tag: more than was promised, not less
		n.cfg.Log.Warn("of whom a subscription was told could not be kept", "err", kept)
	}
	if err != nil {
		return fmt.Errorf("putting on record of whom a subscription is told: %w", err)
	}
	return nil
}

// shown is the entity as the subscription may see it: with what has arrived in place of what is sealed.
func (t *telling) shown() *model.Entity {
	e := *t.after
	e.Attrs = maps.Clone(e.Attrs)
	for _, a := range t.arrived {
		list := slices.Clone(e.Attrs[a.Attr])
		for i := range list {
			if s := list[i].Sealed; s != nil && list[i].Dataset == a.Value.Dataset && s.Time == a.Sealed.Time {
				list[i] = a.Value
			}
		}
		e.Attrs[a.Attr] = list
	}
	return &e
}

// tell keeps of whom a subscription was told on a day, and forgets the days before.
//
//	d|id|day u64|pseudonym16
func (s shelf) tell(ctx context.Context, sub *subscription, day uint32, subjects []tribune.Pseudonym) error {
	if len(subjects) == 0 {
		return nil
	}
	head := s.key("d", sub.tenant, sub.id)
	today := store.Uint(slices.Clone(head), uint64(day))
	var b store.Batch
	r := store.Range{From: head, To: today, KeysOnly: true}
	for p, err := range s.Scan(ctx, r) {
		if err != nil {
			return err
		}
		b.Delete(slices.Clone(p.Key))
	}
	for _, p := range subjects {
		b.Put(append(slices.Clone(today), p[:]...), []byte{})
	}
	return s.Commit(ctx, &b)
}

// toldOn is of whom a subscription has been told on the latest day that is kept.
func (s shelf) toldOn(ctx context.Context, tenant tribune.Tenant, id string) (day uint32, subjects map[tribune.Pseudonym]bool, err error) {
	head := s.key("d", tenant, id)
	subjects = map[tribune.Pseudonym]bool{}
	r := store.Prefix(head)
	r.KeysOnly = true
	for p, err := range s.Scan(ctx, r) {
		if err != nil {
			return 0, nil, fmt.Errorf("reading of whom a subscription was told: %w", err)
		}
		rest := p.Key[len(head):]
		if len(rest) != 8+16 {
			return 0, nil, &tribune.IntegrityError{What: "a key of notifications", Err: tribune.ErrInvalid}
		}
		if at := uint32(binary.BigEndian.Uint64(rest)); at != day {
			day = at
			clear(subjects)
		}
		subjects[tribune.Pseudonym(rest[8:])] = true
	}
	return day, subjects, nil
}

// forgetTold takes away of whom a subscription was told.
func (s shelf) forgetTold(ctx context.Context, b *store.Batch, tenant tribune.Tenant, id string) error {
	r := store.Prefix(s.key("d", tenant, id))
	r.KeysOnly = true
	for p, err := range s.Scan(ctx, r) {
		if err != nil {
			return fmt.Errorf("removing subscription: %w", err)
		}
		b.Delete(slices.Clone(p.Key))
	}
	return nil
}

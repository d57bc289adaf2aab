package sim

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/intake/replay"
)

const (
	maxBatch  = 384              // changes per Apply: 64 new sessions, about 150 ms of sealing
	retryMin  = time.Second      // guardians that restart are back within seconds
	retryMax  = 15 * time.Second // a city that waits must notice soon that it may go on
	applyTime = 30 * time.Second // a batch takes well under a second; a twin that hangs must not hang the city silently
)

// lane is one half of the city with its own place in time: public data go on while people's data wait. A lane belongs to
// one goroutine; only keep touches shared state, under the Sim's lock.
type lane interface {
	name() string
	// step adds the changes of what is due next, up to until, about a batch of them; false = nothing more is due.
	step(until time.Time) (more bool)
	// pending are changes not yet acknowledged, in order.
	pending() *[]tribune.Change
	// keep copies the lane's state; called when nothing is pending.
	keep(*state)
}

// advance plays a lane up to a demo time.
func (s *Sim) advance(ctx context.Context, l lane, until time.Time) error {
	for {
		more := l.step(until)
		if err := s.settle(ctx, l); err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
}

// settle applies what is pending, waiting as long as it takes, then takes over the lane's state.
func (s *Sim) settle(ctx context.Context, l lane) error {
	if err := s.flush(ctx, l); err != nil {
		return err
	}
	s.mu.Lock()
	l.keep(&s.state)
	s.example = s.state.example(s.example, s.people)
	due := s.cfg.Now().Sub(s.saved) >= saveEvery
	s.mu.Unlock()
	if due {
		return s.save()
	}
	return nil
}

func (s *Sim) flush(ctx context.Context, l lane) error {
	queue, wait := l.pending(), retryMin
	for len(*queue) > 0 {
		n := cut(*queue)
		err := s.apply(ctx, (*queue)[:n])
		if errors.Is(err, tribune.ErrDenied) || errors.Is(err, tribune.ErrInvalid) {
			err = s.apart(ctx, (*queue)[:n])
		}
		if err == nil {
			*queue = slices.Delete(*queue, 0, n)
			s.wait(l, nil)
			wait = retryMin
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var integrity *tribune.IntegrityError
		if errors.Is(err, tribune.ErrInvalid) || errors.Is(err, tribune.ErrTooLarge) || errors.As(err, &integrity) {
			return err
		}
		s.wait(l, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMax)
	}
	return nil
}

// apart applies a batch that was refused entity by entity, and leaves out what nobody takes any more: a session of somebody who was erased today, or
// since it began. Any other refusal stands.
func (s *Sim) apart(ctx context.Context, batch []tribune.Change) error {
	for len(batch) > 0 {
		n := 1
		for n < len(batch) && batch[n].Entity == batch[0].Entity {
			n++
		}
		err := s.apply(ctx, batch[:n])
		erased := errors.Is(err, tribune.ErrDenied) || errors.Is(err, tribune.ErrInvalid) && strings.Contains(batch[0].ID, ended)
		if err != nil && !(erased && slices.Contains(batch[0].Types, typeSession)) {
			return err
		}
		if err != nil {
			s.cfg.Log.Info("demo city: somebody was erased, and their session goes no further", "err", err)
		}
		batch = batch[n:]
	}
	return nil
}

func (s *Sim) apply(ctx context.Context, changes []tribune.Change) error {
	ctx, cancel := context.WithTimeout(ctx, applyTime)
	defer cancel()
	return s.cfg.Twin.Apply(ctx, changes)
}

// wait notes why a lane waits, or that it does no more, and logs the change once.
func (s *Sim) wait(l lane, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	s.mu.Lock()
	before := s.waiting[l.name()]
	s.waiting[l.name()] = why
	s.mu.Unlock()
	switch {
	case before == "" && why != "":
		s.cfg.Log.Warn("demo city waits", "half", l.name(), "because", why)
	case before != "" && why == "":
		s.cfg.Log.Info("demo city goes on", "half", l.name())
	}
}

// cut is how many changes the next batch takes: at most maxBatch, but never a part of one entity's changes, as a session
// must not be stored without the plate that names its subject.
func cut(queue []tribune.Change) int {
	if len(queue) <= maxBatch {
		return len(queue)
	}
	n := maxBatch
	for n > 0 && queue[n].Entity == queue[n-1].Entity {
		n--
	}
	if n == 0 {
		return maxBatch
	}
	return n
}

// publicLane writes what no person is in: car parks and air.
type publicLane struct {
	publicState
	parking *replay.Feed[replay.Parking]
	air     *replay.Feed[replay.Air]
	zone    *time.Location
	queue   []tribune.Change
}

func newPublicLane(parking *replay.Feed[replay.Parking], air *replay.Feed[replay.Air], zone *time.Location, from publicState) *publicLane {
	return &publicLane{publicState: from.clone(), parking: parking, air: air, zone: zone}
}

func (l *publicLane) name() string               { return "public data" }
func (l *publicLane) pending() *[]tribune.Change { return &l.queue }
func (l *publicLane) keep(s *state)              { s.Public = l.publicState.clone() }

// seed writes every car park and station as last reported before start.
func (l *publicLane) seed(start time.Time) {
	l.publicState = publicState{Seeded: true, Until: start, Parking: l.parking.Align(start), Air: l.air.Align(start)}
	l.queue = nil
	parks := lastReports(l.parking.Past(l.Parking, start), func(p replay.Parking) string { return p.Park })
	for i, r := range parks {
		l.queue = append(l.queue, parkBasics(r.Value.Park, i, len(parks))...)
		l.queue = append(l.queue, parkPlaces(r, l.zone)...)
		l.queue = append(l.queue, parkReport(r, l.zone)...)
	}
	for i, r := range lastReports(l.air.Past(l.Air, start), func(a replay.Air) string { return a.Station }) {
		l.queue = append(l.queue, stationBasics(r.Value.Station, i)...)
		l.queue = append(l.queue, airReport(r, l.zone)...)
	}
	l.Places = map[string]int{}
	for _, r := range parks {
		l.Places[r.Value.Park] = r.Value.Places
	}
}

// lastReports is the last record of each place, in the order of their codes.
func lastReports[T any](past []replay.Record[T], code func(T) string) []replay.Record[T] {
	last := map[string]replay.Record[T]{}
	for _, r := range past {
		last[code(r.Value)] = r
	}
	out := make([]replay.Record[T], 0, len(last))
	for _, r := range last {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b replay.Record[T]) int { return cmpCode(code(a.Value), code(b.Value)) })
	return out
}

func (l *publicLane) step(until time.Time) bool {
	for len(l.queue) < maxBatch {
		park, air := l.parking.Peek(l.Parking), l.air.Peek(l.Air)
		switch {
		case !park.At.After(until) && !park.At.After(air.At):
			if l.Places[park.Value.Park] != park.Value.Places {
				l.Places[park.Value.Park] = park.Value.Places
				l.queue = append(l.queue, parkPlaces(park, l.zone)...)
			}
			l.queue = append(l.queue, parkReport(park, l.zone)...)
			l.Parking = l.parking.Advance(l.Parking)
		case !air.At.After(until):
			l.queue = append(l.queue, airReport(air, l.zone)...)
			l.Air = l.air.Advance(l.Air)
		default:
			l.Until = until
			return false
		}
	}
	return true
}

package twin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/twin/model"
)

// Bounds of one commit.
const (
	maxChunk      = 1024    // entities
	maxChunkBytes = 4 << 20 // of fragments
	maxAttempts   = 10      // against other hubs that change the same entities
	retryPause    = 2 * time.Millisecond
	placesAtOnce  = 4
)

// step is one mutation, or one change of Apply.
type step struct {
	id     string
	mode   Mode
	frag   fragment
	source string
	peers  []*step           // the steps of one mutation, for the subject's name; itself included. nil = all of the task
	index  int               // in peers
	lax    bool              // deleting what is absent is no error
	timed  bool              // its id holds the time of its instance: see series
	forget forgetting        // of mode forget
	erase  tribune.Pseudonym // of mode erase
	res    Result

	one  [1]named // what frag holds where that is a single instance
	attr [1]model.Attr
}

// task is what happens to one entity in one commit: its steps in order.
type task struct {
	key   entityKey
	hash  uint64 // of key
	at    tribune.Place
	steps []*step
	bytes int
	one   [1]*step // what steps holds where that is a single one
}

// Mutate applies mutations, each all or nothing, and returns one result for each in order. Mutations of one entity apply
// in order. Each partition takes one commit for up to 1,024 entities.
func (t *Twin) Mutate(ctx context.Context, mutations []Mutation) []Result {
	steps := make([]*step, len(mutations))
	tenants := make([]tribune.Tenant, len(mutations))
	for i := range mutations {
		m := &mutations[i]
		s := &step{id: m.ID, mode: m.Mode, frag: fragmentOf(m), source: m.Source}
		s.peers = []*step{s}
		steps[i], tenants[i] = s, m.Tenant
	}
	t.run(ctx, tenants, steps)
	out := make([]Result, len(steps))
	for i, s := range steps {
		out[i] = s.res
	}
	return out
}

// Apply upserts or deletes attribute instances, grouped by entity, and returns nil when all are durable. Where some are
// refused the others are applied all the same; the error says which, and redelivery of the rest changes nothing if they
// carry IDs.
func (t *Twin) Apply(ctx context.Context, changes []tribune.Change) error {
	steps := make([]*step, len(changes))
	tenants := make([]tribune.Tenant, len(changes))
	all := make([]step, len(changes))
	for i := range changes {
		c, s := &changes[i], &all[i]
		s.id, s.mode, s.source = c.ID, Upsert, c.Source
		a := &s.attr[0]
		if c.Value == nil {
			s.mode, s.lax = DeleteAttr, true
		} else if *a, s.res.Err = OpenAttr(c.Value); a.ObservedAt.IsZero() {
			a.ObservedAt = c.ObservedAt
		}
		a.Dataset = c.Dataset
		s.timed = c.Value != nil && s.res.Err == nil && timed(c.ID, a)
		s.one[0] = named{c.Attr, s.attr[:]}
		s.frag = fragment{id: c.Entity, types: c.Types, attrs: s.one[:]}
		steps[i], tenants[i] = s, c.Tenant
	}
	t.run(ctx, tenants, steps)
	var errs []error
	for i, s := range steps {
		if s.res.Err != nil {
			errs = append(errs, fmt.Errorf("change of %s of %s: %w", changes[i].Attr, changes[i].Entity, s.res.Err))
		}
	}
	return errors.Join(errs...)
}

// run validates, screens, groups by entity and partition, and commits. Results are in the steps.
func (t *Twin) run(ctx context.Context, tenants []tribune.Tenant, steps []*step) {
	for i, s := range steps {
		if s.res.Err == nil {
			s.res.Err = validate(tenants[i], s)
		}
	}
	t.screen(ctx, tenants, steps)
	tasks := make(map[entityKey]*task, len(steps))
	room := make([]task, len(steps))
	places := make(map[tribune.Place][]*task)
	for i, s := range steps {
		if s.res.Err != nil {
			continue
		}
		k := entityKey{tenants[i], s.frag.id}
		w := tasks[k]
		if w == nil {
			w = &room[len(tasks)]
			*w = task{key: k, hash: t.cache.hash(k), at: t.place(k)}
			w.steps = w.one[:0]
			tasks[k] = w
			places[w.at] = append(places[w.at], w)
		}
		if s.peers == nil {
			s.index = len(w.steps)
		}
		w.steps = append(w.steps, s)
		w.bytes += s.frag.weight()
	}
	if len(places) == 1 {
		for at, list := range places {
			t.runPlace(ctx, at, list)
		}
		return
	}
	var group errgroup.Group
	group.SetLimit(placesAtOnce)
	for at, list := range places {
		group.Go(func() error { t.runPlace(ctx, at, list); return nil })
	}
	group.Wait() // never fails: errors are in the results
}

// runPlace commits the tasks of one place in chunks.
func (t *Twin) runPlace(ctx context.Context, at tribune.Place, tasks []*task) {
	for len(tasks) > 0 {
		n, bytes := 0, 0
		for n < len(tasks) && n < maxChunk && (n == 0 || bytes+tasks[n].bytes <= maxChunkBytes) {
			bytes += tasks[n].bytes
			n++
		}
		t.runChunk(ctx, at, tasks[:n])
		tasks = tasks[n:]
	}
}

// runChunk tries until no other hub has come between. Names of subjects are asked for between attempts, without locks,
// since guardians answer over the network.
func (t *Twin) runChunk(ctx context.Context, at tribune.Place, tasks []*task) {
	slices.SortFunc(tasks, func(a, b *task) int { return compareIDs(a.key.id, b.key.id) }) // a place has one tenant
	names := make(map[subjectName]pseudonym)
	var err error
	for conflicts := 0; conflicts < maxAttempts; {
		var unnamed []subjectName
		if unnamed, err = t.attempt(ctx, at, tasks, names, conflicts > 0); err == nil && len(unnamed) > 0 {
			t.pseudonyms(ctx, unnamed, names)
			continue
		}
		if !errors.Is(err, errRaced) {
			break
		}
		conflicts++
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(conflicts)*retryPause/2 + rand.N(retryPause)):
		}
	}
	if n := len(tasks); n > 1 && errors.Is(err, tribune.ErrTooLarge) { // small fragments of large entities
		t.runChunk(ctx, at, tasks[:n/2])
		t.runChunk(ctx, at, tasks[n/2:])
		return
	}
	if errors.Is(err, errRaced) {
		err = tribune.Hint(fmt.Errorf("another hub keeps changing the same entities: %w", tribune.ErrBusy), "try again")
	}
	if err == nil {
		return
	}
	for _, w := range tasks {
		for _, s := range w.steps {
			if s.res.Err == nil {
				s.res = Result{Err: err}
			}
		}
	}
}

// errRaced is an expectation that did not hold: another hub changed an entity since it was read.
var errRaced = errors.New("changed meanwhile")

// screen asks the screens about every change.
func (t *Twin) screen(ctx context.Context, tenants []tribune.Tenant, steps []*step) {
	if len(t.cfg.Screens) == 0 {
		return
	}
	var changes []tribune.Change
	var of []*step
	for i, s := range steps {
		if s.res.Err != nil {
			continue
		}
		for _, f := range s.frag.attrs {
			for _, a := range f.list {
				c := tribune.Change{ID: s.id, Tenant: tenants[i], Entity: s.frag.id, Types: s.frag.types, Attr: f.name, Dataset: a.Dataset,
					ObservedAt: a.ObservedAt, Source: s.source}
				if s.mode != DeleteAttr && len(a.Value) > 0 {
					c.Value = ClearAttr(a)
				}
				changes, of = append(changes, c), append(of, s)
			}
		}
	}
	for _, screen := range t.cfg.Screens {
		for i, err := range screen.Check(ctx, changes) {
			if err != nil && i < len(of) && of[i].res.Err == nil {
				of[i].res.Err = fmt.Errorf("attribute %s is refused: %w", changes[i].Attr, err)
			}
		}
	}
}

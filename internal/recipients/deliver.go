package recipients

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/notify"
	"tribune/internal/vault"
)

// Run tells whoever is to be told, and deletes what was kept for long enough, until ctx ends.
func (r *Room) Run(ctx context.Context) error {
	var under sync.WaitGroup
	defer under.Wait()
	seats := make(chan struct{}, atOnce)
	tick := time.NewTicker(look)
	defer tick.Stop()
	var swept time.Time
	for {
		if now := r.cfg.Now(); now.Sub(swept) >= sweepEvery {
			swept = now
			if err := r.Sweep(ctx); err != nil && ctx.Err() == nil {
				r.cfg.Log.Error("notices past their keeping time were not all deleted; trying again in an hour", "err", err)
			}
		}
		for _, due := range r.due() {
			select {
			case seats <- struct{}{}:
			case <-ctx.Done():
				r.free(due.host)
				continue
			}
			under.Go(func() {
				defer func() { <-seats }()
				defer r.free(due.host)
				if err := r.try(ctx, due.id); err != nil && ctx.Err() == nil {
					r.cfg.Log.Error("what became of a notice could not be kept; it may come twice", "err", err)
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-tick.C:
		}
	}
}

type waiting struct{ id, host string }

// due are notices to try now, one for each host that is not being tried; the host is taken.
func (r *Room) due() (all []waiting) {
	now := r.cfg.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, h := range r.jobs {
		if len(all) >= atOnce {
			break
		}
		if h.state == Sending && !now.Before(h.next) && !r.busy[h.host] {
			r.busy[h.host] = true
			all = append(all, waiting{id, h.host})
		}
	}
	return all
}

func (r *Room) free(host string) {
	r.mu.Lock()
	delete(r.busy, host)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}: // more may wait for the same host
	default:
	}
}

// try makes one attempt, and keeps what came of it.
func (r *Room) try(ctx context.Context, id string) error {
	j, err := r.load(ctx, id)
	if err != nil {
		r.mu.Lock()
		if h := r.jobs[id]; h != nil {
			h.next = r.cfg.Now().Add(lastRetry) // what cannot be read now is not tried as fast as we can
		}
		r.mu.Unlock()
		return err
	}
	sent := r.send(ctx, j)
	if ctx.Err() != nil {
		return nil // cut off: tried again after a start
	}
	now := r.cfg.Now().UTC()
	j.Tries++
	switch {
	case sent == nil:
		j.told(now)
	case now.Sub(j.Queued) >= giveUp:
		j.State, j.Failed, j.Changed, j.Route = AtDesk, true, now, nil
		r.cfg.Log.Warn("an endpoint that was given a person's data cannot be told what became of them; its office must be", "office", j.Notice.Office, "kind", j.Notice.Kind, "notice", id, "err", sent)
	default:
		j.Next = now.Add(min(firstRetry<<min(j.Tries-1, 20), lastRetry))
		r.cfg.Log.Info("an endpoint does not take a notice yet", "office", j.Notice.Office, "notice", id, "tries", j.Tries, "next", j.Next, "err", sent)
	}
	return r.keep(ctx, j)
}

// told forgets what the notice named: who it was about, and what it said of which of their things, is the recipient's matter now.
func (j *job) told(now time.Time) {
	j.State, j.Changed, j.Route, j.Notice.About = Told, now, nil, nil
}

func (r *Room) send(ctx context.Context, j *job) error {
	if j.Route == nil {
		return fmt.Errorf("%w: a notice without an address", tribune.ErrInvalid)
	}
	to, err := notify.ParseEndpoint(j.Route.Endpoint)
	if err != nil {
		return err
	}
	body, err := j.Notice.Sign(r.cfg.Key)
	if err != nil {
		return err
	}
	return r.cfg.Sender.Send(ctx, to.Acknowledged(), notify.Notification{Body: body, ContentType: notify.TypeJSON, Tenant: j.Route.Tenant})
}

func (r *Room) load(ctx context.Context, id string) (*job, error) {
	key := rowKey(rowNotice, id)
	wrapped, err := r.cfg.Store.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("reading a notice: %w", err)
	}
	j := &job{}
	return j, r.unwrap(store.Pair{Key: key, Value: wrapped}, j)
}

func (r *Room) keep(ctx context.Context, j *job) error {
	row, err := rowOf(rowKey(rowNotice, j.ID), j)
	if err == nil {
		err = r.cfg.Shelf.KeepAll(ctx, []vault.Row{row})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs[j.ID] = headOf(j)
	if err != nil {
		return fmt.Errorf("keeping a notice: %w", err)
	}
	return nil
}

// Sweep deletes what was kept for long enough, and of what was told more than maxJobs the oldest.
func (r *Room) Sweep(ctx context.Context) error {
	now := r.cfg.Now()
	r.mu.Lock()
	type toldAt struct {
		id string
		at time.Time
	}
	var old []string
	var told []toldAt
	for id, h := range r.jobs {
		switch {
		case h.state == AtDesk && now.Sub(h.changed) >= keepDesk, h.state == Told && now.Sub(h.changed) >= keepTold:
			old = append(old, id)
		case h.state == Told:
			told = append(told, toldAt{id, h.changed})
		}
	}
	if more := len(told) - maxJobs; more > 0 {
		slices.SortFunc(told, func(a, b toldAt) int { return a.at.Compare(b.at) })
		for _, one := range told[:more] {
			old = append(old, one.id)
		}
	}
	r.mu.Unlock()
	for some := range slices.Chunk(old, sweepAtOnce) {
		var gone []vault.Row
		for _, id := range some {
			gone = append(gone, vault.Row{Key: rowKey(rowNotice, id)})
		}
		if err := r.cfg.Shelf.KeepAll(ctx, gone); err != nil {
			return fmt.Errorf("deleting notices: %w", err)
		}
		r.mu.Lock()
		for _, id := range some {
			delete(r.jobs, id)
		}
		r.mu.Unlock()
	}
	return r.sweepHanded(ctx, now)
}

func (r *Room) sweepHanded(ctx context.Context, now time.Time) error {
	var old [][]byte
	last := now.Add(-keepHanded).UTC().Format(time.DateOnly)
	for row, err := range r.cfg.Store.Scan(ctx, store.Prefix(rowKey(rowHanded))) {
		if err != nil {
			return fmt.Errorf("reading who was told what: %w", err)
		}
		if r.before(row, last) {
			old = append(old, append([]byte(nil), row.Key...))
		}
	}
	for some := range slices.Chunk(old, sweepAtOnce) {
		if err := r.deleteHanded(ctx, some, last); err != nil {
			return err
		}
	}
	return nil
}

// before reports whether a row of handed ends before a day. A row that no key opens tells of nobody.
func (r *Room) before(row store.Pair, day string) bool {
	var h handed
	return r.unwrap(row, &h) == nil && h.Until < day
}

// deleteHanded deletes rows that are old still: what is told in this moment would never be told of otherwise.
func (r *Room) deleteHanded(ctx context.Context, keys [][]byte, last string) error {
	r.telling.Lock()
	defer r.telling.Unlock()
	var gone []vault.Row
	for _, key := range keys {
		wrapped, err := r.cfg.Store.Get(ctx, key)
		if err == nil && r.before(store.Pair{Key: key, Value: wrapped}, last) {
			gone = append(gone, vault.Row{Key: key})
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return r.cfg.Shelf.KeepAll(ctx, gone)
}

package snapshot

import (
	"context"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/twin/temporal"
)

// Create makes a snapshot and fills it in the background (clause 5.16.1).
func (s *Snapshots) Create(ctx context.Context, tenant tribune.Tenant, in Status, fill Fill) (Status, error) {
	if len(in.Queries)+len(in.TemporalQueries) == 0 {
		return in, fmt.Errorf("%w: a snapshot has snapshotQueries or snapshotTemporalQueries (clause 5.2.41)", tribune.ErrInvalid)
	}
	return s.add(ctx, tenant, in, func(ctx context.Context, r *record) Status { return s.fill(ctx, r, fill) })
}

// Clone copies a snapshot in the background (clause 5.16.2).
func (s *Snapshots) Clone(ctx context.Context, tenant tribune.Tenant, id string, in Status) (Status, error) {
	if len(in.Queries)+len(in.TemporalQueries) > 0 {
		return in, fmt.Errorf("%w: a clone has no queries of its own (clause 5.2.41)", tribune.ErrInvalid)
	}
	s.mu.Lock()
	from, err := s.live(tenant, id)
	s.mu.Unlock()
	if err != nil {
		return in, err
	}
	if from.Status.State == Preparing {
		return in, tribune.Hint(fmt.Errorf("%w: the snapshot is being filled", tribune.ErrBusy), "Wait until its snapshotStatus says more.")
	}
	return s.add(ctx, tenant, in, func(ctx context.Context, r *record) Status {
		out := r.Status
		if out.State = Success; s.cfg.Twin.Clone(ctx, from.Rests, r.Rests) != nil {
			out.State = Failure
		}
		return out
	})
}

// add keeps a new record and has it filled.
func (s *Snapshots) add(ctx context.Context, tenant tribune.Tenant, in Status, fill func(context.Context, *record) Status) (Status, error) {
	now := s.cfg.Now().UTC()
	s.Sweep()
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.ID == "" {
		in.ID = "urn:ngsi-ld:Snapshot:" + random()
	}
	if s.all[tenant][in.ID] != nil {
		return in, fmt.Errorf("%w: a snapshot has this id already (clause 5.16.1.4)", tribune.ErrConflict)
	}
	if len(s.all[tenant]) >= maxSnapshots {
		return in, tribune.Hint(fmt.Errorf("%w: there are %d snapshots", tribune.ErrTooLarge, maxSnapshots), "Delete or purge some.")
	}
	if in.Priority == 0 {
		in.Priority = defaultPriority
	}
	in.Type, in.State = "Snapshot", Preparing
	in.CreatedAt, in.ModifiedAt, in.LastUsedAt, in.ExpiresAt = now, now, now, now.Add(in.keep())
	r := &record{Status: in, Rests: rests + tribune.Tenant(random())}
	if err := s.store(ctx, tenant, r); err != nil {
		return in, err
	}
	s.of(tenant)[in.ID] = r
	s.names[r.Rests] = name{tenant, in.ID}
	s.background(func(ctx context.Context) {
		s.finish(ctx, tenant, in.ID, fill(ctx, &record{Status: in, Rests: r.Rests}), r.Rests)
	})
	return in, nil
}

// keep is how long a snapshot is to be kept, within bounds.
func (in *Status) keep() time.Duration {
	d, err := temporal.ParseDuration(in.Lifetime)
	switch {
	case err != nil:
		return lifetime
	case d.Months > 0 || d.Span > maxLifetime:
		return maxLifetime
	}
	return d.Span
}

// finish notes what became of a fill, or takes its data away where the snapshot has gone meanwhile.
func (s *Snapshots) finish(ctx context.Context, tenant tribune.Tenant, id string, out Status, at tribune.Tenant) {
	s.mu.Lock()
	r := s.all[tenant][id]
	if r == nil || r.Rests != at {
		s.mu.Unlock()
		s.drop(ctx, at)
		return
	}
	changed := *r
	changed.Status.State, changed.Status.QueriesDetails, changed.Status.TemporalQueriesDetails = out.State, out.QueriesDetails, out.TemporalQueriesDetails
	changed.Status.ModifiedAt = s.cfg.Now().UTC()
	if err := s.store(context.WithoutCancel(ctx), tenant, &changed); err != nil {
		s.cfg.Log.Error("a snapshot's end could not be stored", "err", err)
	}
	s.of(tenant)[id] = &changed
	s.mu.Unlock()
	s.tell(ctx, tenant, changed.Status)
}

package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/internal/twin/notify"
)

// fill runs the queries of a snapshot, and says what came of them (clause 5.16.1.4).
func (s *Snapshots) fill(ctx context.Context, r *record, run Fill) Status {
	out := r.Status
	f := &filling{s: s, r: r, seen: map[tribune.EntityID]bool{}, past: map[tribune.EntityID]bool{}}
	for _, q := range out.Queries {
		out.QueriesDetails = append(out.QueriesDetails, f.details(run(ctx, q, false, func(all []model.Entity) error { return f.keep(ctx, all) })))
	}
	for _, q := range out.TemporalQueries {
		out.TemporalQueriesDetails = append(out.TemporalQueriesDetails, f.details(run(ctx, q, true, func(all []model.Entity) error { return f.evolve(ctx, all) })))
	}
	out.State = state(append(out.QueriesDetails[:len(out.QueriesDetails):len(out.QueriesDetails)], out.TemporalQueriesDetails...))
	return out
}

// state is what the results of all queries come to.
func state(all []Details) string {
	var success, empty int
	for _, d := range all {
		switch d.Result {
		case Success:
			success++
		case Empty:
			empty++
		}
	}
	switch {
	case success == len(all):
		return Success
	case success > 0:
		return Partial
	case empty > 0:
		return Empty
	}
	return Failure
}

// filling is a snapshot that is being filled.
type filling struct {
	s          *Snapshots
	r          *record
	seen, past map[tribune.EntityID]bool // what is in it already: queries may find the same
	found      int                       // by the query that runs
}

// details says what came of a query.
func (f *filling) details(err error) Details {
	found := f.found
	f.found = 0
	switch {
	case err != nil:
		f.s.cfg.Log.Info("a query of a snapshot failed", "err", err)
		p := &Problem{Type: "https://uri.etsi.org/ngsi-ld/errors/InternalError", Title: "The query could not be executed"}
		if errors.Is(err, tribune.ErrInvalid) || errors.Is(err, tribune.ErrTooLarge) || errors.Is(err, tribune.ErrUnsupported) {
			p.Type, p.Detail = "https://uri.etsi.org/ngsi-ld/errors/BadRequestData", err.Error()
		}
		return Details{Result: Failure, Problem: p}
	case found == 0:
		return Details{Result: Empty}
	}
	return Details{Result: Success}
}

// keep copies what a query has found.
func (f *filling) keep(ctx context.Context, all []model.Entity) error {
	var fresh []model.Entity
	for i := range all {
		if f.found++; !f.seen[all[i].ID] {
			f.seen[all[i].ID] = true
			fresh = append(fresh, all[i])
		}
	}
	if len(f.seen) > maxEntities {
		return fmt.Errorf("%w: a snapshot of more than %d entities", tribune.ErrTooLarge, maxEntities)
	}
	return f.s.cfg.Twin.Copy(ctx, f.r.Rests, fresh)
}

// evolve copies the past that a query has found. What is sealed stays behind.
func (f *filling) evolve(ctx context.Context, all []model.Entity) error {
	for _, e := range all {
		if f.found++; f.past[e.ID] {
			continue
		}
		if f.past[e.ID] = true; len(f.past) > maxEntities {
			return fmt.Errorf("%w: a snapshot of more than %d entities", tribune.ErrTooLarge, maxEntities)
		}
		open := e
		open.Attrs = map[tribune.Name][]model.Attr{}
		for name, list := range e.Attrs {
			for _, a := range list {
				if a.Sealed == nil {
					open.Attrs[name] = append(open.Attrs[name], a)
				}
			}
		}
		if res := f.s.cfg.Twin.Evolve(ctx, twin.Past{Tenant: f.r.Rests, Mode: twin.PastUpsert, Entity: open, Source: "snapshot"}); res.Err != nil {
			return fmt.Errorf("copying the past: %w", res.Err)
		}
	}
	return nil
}

// tell notifies the endpoint of a snapshot of its status (clauses 5.3.4 and 5.16.6).
func (s *Snapshots) tell(ctx context.Context, tenant tribune.Tenant, st Status) {
	if s.cfg.Sender == nil || st.Endpoint == "" {
		return
	}
	to, err := st.endpoint()
	if err != nil {
		return // it was checked when it came
	}
	body, err := json.Marshal(map[string]any{
		"id": "urn:ngsi-ld:SnapshotNotification:" + random(), "type": "SnapshotNotification", "snapshotId": st.ID, "snapshotStatus": st.State,
		"snapshotPriority": st.Priority, "expiresAt": st.ExpiresAt, "notifiedAt": s.cfg.Now().UTC(),
		"snapshotQueriesDetails": st.QueriesDetails, "temporalSnapshotQueriesDetails": st.TemporalQueriesDetails,
	})
	if err != nil {
		s.cfg.Log.Error("a snapshot's notification could not be written", "err", err)
		return
	}
	if err := s.cfg.Sender.Send(ctx, to, notify.Notification{Body: body, Tenant: tenant}); err != nil {
		s.cfg.Log.Info("a snapshot's notification was not delivered", "err", err)
	}
}

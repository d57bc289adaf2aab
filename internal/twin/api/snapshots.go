package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/twin/snapshot"
	"tribune/internal/web"
)

func (a *api) snapshotRoutes() table {
	return table{
		"/snapshots":            {"POST": a.write(a.createSnapshot), "DELETE": a.write(a.purgeSnapshots)},
		"/snapshots/{id}":       {"GET": a.retrieveSnapshot, "PATCH": a.write(a.updateSnapshot), "DELETE": a.write(a.deleteSnapshot)},
		"/snapshots/{id}/clone": {"POST": a.write(a.cloneSnapshot)},
	}
}

// aSnapshot is what requests about one snapshot have in common: its tenant and id.
func (a *api) aSnapshot(w http.ResponseWriter, r *http.Request) (tribune.Tenant, string, error) {
	t, err := a.snapshotTenant(w, r)
	if err != nil {
		return "", "", err
	}
	id, err := jsonld.ID(r.PathValue("id"))
	return t, string(id), err
}

func (a *api) snapshotTenant(w http.ResponseWriter, r *http.Request, known ...string) (tribune.Tenant, error) {
	if a.Snapshots == nil {
		return "", fmt.Errorf("%w: snapshots", tribune.ErrUnsupported)
	}
	if _, err := readParams(r, append(known, "local")...); err != nil {
		return "", err
	}
	return tenant(r)
}

// readSnapshot reads a Snapshot from a body.
func (a *api) readSnapshot(r *http.Request, into *snapshot.Status, fragment bool) (payload, error) {
	in, err := a.read(r)
	if err != nil {
		return in, err
	}
	if in.ctx == nil || !in.doc.IsObject() {
		return in, fmt.Errorf("%w: a snapshot is a JSON object (clause 5.2.41)", tribune.ErrInvalid)
	}
	if err := into.Read(in.doc.Raw(), fragment); err != nil {
		return in, err
	}
	if into.ID != "" {
		_, err = jsonld.ID(into.ID)
	}
	return in, err
}

// createSnapshot is POST /snapshots (clause 5.16.1).
func (a *api) createSnapshot(w http.ResponseWriter, r *http.Request) error {
	t, err := a.snapshotTenant(w, r)
	if err != nil {
		return err
	}
	if web.CallerOf(r.Context()).Purpose != "" {
		return fmt.Errorf("%w: a snapshot would outlive the act that opens personal data: it is made without a purpose", tribune.ErrInvalid)
	}
	var st snapshot.Status
	in, err := a.readSnapshot(r, &st, false)
	if err != nil {
		return err
	}
	for _, member := range []string{"snapshotQueries", "snapshotTemporalQueries"} { // a wrong query is refused here, not found out later
		if all, ok := in.doc.Member(member); ok {
			for _, q := range all.Elements() {
				if err := a.checkQuery(r, in.element(q), member == "snapshotTemporalQueries"); err != nil {
					return fmt.Errorf("reading %s: %w", member, err)
				}
			}
		}
	}
	if st, err = a.Snapshots.Create(r.Context(), t, st, a.filler(r, in)); err != nil {
		return err
	}
	return a.createdSnapshot(w, st)
}

func (a *api) createdSnapshot(w http.ResponseWriter, st snapshot.Status) error {
	w.Header().Set("Location", Prefix+"/snapshots/"+st.ID)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// element is a part of a body that is read by itself, in the body's context.
func (p payload) element(doc jsonld.Document) payload {
	return payload{raw: doc.Raw(), doc: doc, ctx: p.ctx, ld: p.ld}
}

// cloneSnapshot is POST /snapshots/{id}/clone (clause 5.16.2).
func (a *api) cloneSnapshot(w http.ResponseWriter, r *http.Request) error {
	t, id, err := a.aSnapshot(w, r)
	if err != nil {
		return err
	}
	var st snapshot.Status
	if _, err := a.readSnapshot(r, &st, false); err != nil {
		return err
	}
	if st, err = a.Snapshots.Clone(r.Context(), t, id, st); err != nil {
		return err
	}
	return a.createdSnapshot(w, st)
}

// retrieveSnapshot is GET /snapshots/{id} (clause 5.16.3).
func (a *api) retrieveSnapshot(w http.ResponseWriter, r *http.Request) error {
	t, id, err := a.aSnapshot(w, r)
	if err != nil {
		return err
	}
	st, err := a.Snapshots.Get(t, id)
	if err != nil {
		return err
	}
	return a.sendSnapshot(w, r, st)
}

func (a *api) sendSnapshot(w http.ResponseWriter, r *http.Request, st snapshot.Status) error {
	ld, err := acceptsLD(r)
	if err != nil {
		return err
	}
	st.ReceiverInfo = nil // it may hold secrets
	if a.reads(r) {
		st.Endpoint = "" // so may this, and it is nobody else's business
	}
	out := struct {
		snapshot.Status
		Context json.RawMessage `json:"@context,omitempty"`
	}{Status: st}
	ctx := a.Contexts.Core() // queries are shown as they were sent
	if ld {
		out.Context = ctx.JSON()
	}
	text, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("writing a snapshot: %w", err)
	}
	send(w, r, ctx, ld, 0, text)
	return nil
}

// updateSnapshot is PATCH /snapshots/{id} (clause 5.16.4).
func (a *api) updateSnapshot(w http.ResponseWriter, r *http.Request) error {
	t, id, err := a.aSnapshot(w, r)
	if err != nil {
		return err
	}
	in, err := a.read(r)
	if err != nil {
		return err
	}
	st, err := a.Snapshots.Update(r.Context(), t, id, func(st *snapshot.Status) error { return st.Read(in.doc.Raw(), true) })
	if err != nil {
		return err
	}
	return a.sendSnapshot(w, r, st)
}

// deleteSnapshot is DELETE /snapshots/{id} (clause 5.16.5).
func (a *api) deleteSnapshot(w http.ResponseWriter, r *http.Request) error {
	t, id, err := a.aSnapshot(w, r)
	if err != nil {
		return err
	}
	if err := a.Snapshots.Delete(r.Context(), t, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// purgeSnapshots is DELETE /snapshots?q=... (clause 5.16.7).
func (a *api) purgeSnapshots(w http.ResponseWriter, r *http.Request) error {
	t, err := a.snapshotTenant(w, r, "q")
	if err != nil {
		return err
	}
	p, err := readParams(r, "q", "local")
	if err != nil {
		return err
	}
	if p["q"] == "" {
		return tribune.Hint(fmt.Errorf("%w: purging needs a q (clause 5.16.7.4)", tribune.ErrInvalid), "Like q=snapshotPriority<3.")
	}
	q, err := query.Parse(p["q"], snapshotMember)
	if err != nil {
		return unquoted(err)
	}
	found := 0
	for _, st := range a.Snapshots.List(t) {
		e, err := snapshotEntity(st)
		if err != nil {
			return err
		}
		if !q.Match(&e) {
			continue
		}
		found++
		if err := a.Snapshots.Delete(r.Context(), t, st.ID); err != nil && !errors.Is(err, tribune.ErrNotFound) {
			return err
		}
	}
	if found == 0 {
		return fmt.Errorf("%w: no snapshot fits q", tribune.ErrNotFound)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// snapshotMember lets q name the members of a Snapshot, and nothing else.
func snapshotMember(term string) (tribune.Name, error) {
	switch term {
	case "id", "snapshotLifetime", "snapshotPriority", "endpoint", "snapshotStatus", "createdAt", "modifiedAt", "expiresAt", "lastUsedAt":
		return tribune.Name("snapshot:" + term), nil
	}
	return "", fmt.Errorf("%w: q names something that is no member of a snapshot (clause 5.16.7.4)", tribune.ErrInvalid)
}

// snapshotEntity is the status of a snapshot as q looks at it.
func snapshotEntity(st snapshot.Status) (model.Entity, error) {
	e := model.Entity{ID: tribune.EntityID(st.ID), Attrs: map[tribune.Name][]model.Attr{}}
	text, err := json.Marshal(st)
	if err != nil {
		return e, fmt.Errorf("reading a snapshot: %w", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return e, fmt.Errorf("reading a snapshot: %w", err)
	}
	for name, val := range all {
		if name, err := snapshotMember(name); err == nil {
			e.Attrs[name] = []model.Attr{{Kind: model.Property, Value: val}}
		}
	}
	return e, nil
}

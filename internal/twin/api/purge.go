package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/internal/web"
)

// purgeParams select entities, and with drop and keep the attributes that go.
var purgeParams = []string{"type", "id", "idPattern", "q", "georel", "geometry", "coordinates", "geoproperty", "geometryProperty", "scopeQ", "csf", "attrs", "drop", "keep", "local"}

// purge is DELETE /entities (clauses 5.6.21 and 6.4.3.3): it deletes what a query finds, or attributes of that. It goes in steps of a
// thousand entities, each found and changed by itself: what is created meanwhile may stay.
func (a *api) purge(w http.ResponseWriter, r *http.Request) error {
	p, err := readParams(r, purgeParams...)
	if err != nil {
		return err
	}
	ctx, err := a.linkedContext(r)
	if err != nil {
		return err
	}
	s := &search{ctx: ctx}
	if s.Tenant, err = tenant(r); err != nil {
		return err
	}
	drop, err := p.targets(ctx.Target, "drop")
	if err != nil {
		return err
	}
	keep, err := p.targets(ctx.Target, "keep")
	if err != nil {
		return err
	}
	switch {
	case drop != nil && keep != nil:
		return fmt.Errorf("%w: drop and keep exclude each other (clause 5.6.21)", tribune.ErrInvalid)
	case p["type"] == "*" && p["local"] == "false":
		return fmt.Errorf("%w: type=* is local (clause 6.4.3.3)", tribune.ErrInvalid)
	}
	if err := s.purged(p); err != nil {
		return err
	}
	local, err := p.flag("local")
	if err != nil {
		return err
	}
	if !local && p["type"] == "" && !asksAttribute(s) && s.Geo == nil && drop == nil && keep == nil {
		return tribune.Hint(fmt.Errorf("%w: a purge names a type, attributes, q, georel, drop or keep, or is local (clause 5.6.21)", tribune.ErrInvalid), "Add type=NAME, or local=true to purge the whole tenant.")
	}
	what := purge{drop: drop, keep: keep}
	parts, err := a.purgeOn(w, r, s, p, what)
	if err != nil {
		return err
	}
	return a.runPurge(w, r, parts)
}

// purged reads which entities a purge is about.
func (s *search) purged(p params) error {
	var ids []string
	if p["id"] != "" {
		ids = strings.Split(p["id"], ",")
	}
	err := s.selector(p["type"], ids, p["idPattern"])
	if err != nil {
		return err
	}
	if err := s.expression(p["q"]); err != nil {
		return err
	}
	if s.Attrs, err = p.targets(s.ctx.Target, "attrs"); err != nil {
		return err
	}
	if s.Geo, err = geoQuery(s.ctx, p["georel"], p["geometry"], p["coordinates"], p["geoproperty"]); err != nil {
		return err
	}
	return s.outside(p)
}

// asksAttribute reports whether a query restricts entities by an attribute that is not the system's (clause 5.6.21).
func asksAttribute(s *search) bool {
	if len(s.Attrs) > 0 {
		return true
	}
	for _, name := range s.Q.Attrs() {
		switch strings.TrimPrefix(string(name), "https://uri.etsi.org/ngsi-ld/") {
		case "", "createdAt", "modifiedAt", "deletedAt", "expiresAt":
		default:
			return true
		}
	}
	return false
}

// targets reads a list of names of attributes; nil = the parameter is not there.
func (p params) targets(name func(string) (tribune.Name, error), param string) ([]tribune.Name, error) {
	text, ok := p[param]
	if !ok {
		return nil, nil
	}
	out := []tribune.Name{}
	for term := range strings.SplitSeq(text, ",") {
		if term = strings.TrimSpace(term); term == "scope" {
			out = append(out, model.ScopeName)
			continue
		}
		n, err := name(term)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", param, err)
		}
		if out = append(out, n); len(out) > maxNames {
			return nil, fmt.Errorf("%w: %s names more than %d", tribune.ErrTooLarge, param, maxNames)
		}
	}
	return out, nil
}

// purge is what goes of the entities that are found: whole entities, dropped attributes, or all but kept ones.
type purge struct {
	drop, keep []tribune.Name
	from       map[string]bool // the registrations that an entity map names; nil = all that match
}

// purgePart is a purge of what one search finds.
type purgePart struct {
	*search
	purge
}

// runPurge purges one part after the other, at the registered sources and here.
func (a *api) runPurge(w http.ResponseWriter, r *http.Request, parts []purgePart) error {
	b := &batch{}
	for _, p := range parts {
		b.errors = append(b.errors, a.purgeElsewhere(w, r, p.search, p.purge)...)
		if err := a.purgeHere(r, p.search, p.purge, b); err != nil {
			return err
		}
	}
	if len(b.errors) > 0 {
		return sendJSON(w, http.StatusMultiStatus, map[string]any{"success": append([]string{}, b.ids...), "errors": b.errors})
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// purgeHere finds and changes, page by page, until nothing is left that was not changed.
func (a *api) purgeHere(r *http.Request, s *search, what purge, b *batch) error {
	for {
		s.Limit = twin.MaxLimit
		page, err := a.Twin.Find(r.Context(), s.Query)
		if err != nil {
			return err
		}
		if err := a.purgePage(r, s, what, page.Views, b); err != nil {
			return err
		}
		if len(page.Views) < s.Limit {
			return nil
		}
		if err := context.Cause(r.Context()); err != nil {
			return fmt.Errorf("purging: %w", err)
		}
	}
}

// purgePage changes the entities of a page. Those that the query would find again are passed over by the next.
func (a *api) purgePage(r *http.Request, s *search, what purge, views []twin.View, b *batch) error {
	if len(views) == 0 {
		return nil
	}
	step, failed := &batch{}, len(b.errors)
	again := s.Query
	again.IDs, again.Offset = nil, 0
	for i := range views {
		again.IDs = append(again.IDs, views[i].ID)
		if m, ok := what.of(&views[i]); ok {
			m.Tenant, m.Source = s.Tenant, string(web.CallerOf(r.Context()).Actor)
			step.ids, step.mutations = append(step.ids, string(m.Entity.ID)), append(step.mutations, m)
		}
	}
	if len(step.mutations) > 0 {
		for i, res := range a.change(r, step.mutations) {
			if res.Err != nil && !errors.Is(res.Err, tribune.ErrNotFound) { // what is gone already is gone
				b.fail(a, step.ids[i], res.Err)
			} else {
				b.ids = append(b.ids, step.ids[i])
			}
		}
	}
	if what.whole() && len(b.errors) == failed {
		return nil
	}
	left, err := a.Twin.Find(r.Context(), again)
	s.Offset += len(left.Views)
	return err
}

func (p purge) whole() bool { return p.drop == nil && p.keep == nil }

// of is what a purge does to an entity; false where that is nothing.
func (p purge) of(e *twin.View) (m twin.Mutation, ok bool) {
	m.Entity.ID = e.ID
	if p.whole() {
		m.Mode = twin.Delete
		return m, true
	}
	m.Mode = twin.DeleteAttr
	m.Entity.Attrs = map[tribune.Name][]model.Attr{}
	for name := range e.Attrs {
		if p.drop != nil && slices.Contains(p.drop, name) || p.keep != nil && !slices.Contains(p.keep, name) {
			m.Entity.Attrs[name] = []model.Attr{{Dataset: "*"}}
		}
	}
	if slices.Contains(p.drop, model.ScopeName) && len(e.Scope) > 0 {
		m.Entity.Attrs[model.ScopeName] = []model.Attr{{}}
	}
	return m, len(m.Entity.Attrs) > 0
}

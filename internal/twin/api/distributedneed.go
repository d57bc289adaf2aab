package api

import (
	"fmt"

	"tribune"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/query"
)

// need is what a query needs of context sources. One that says where, or with which scopes, it has something is not asked about others; one
// that does not say is.
func (w *words) need(s *search) (n federation.Need, err error) {
	n = federation.Need{IDs: s.IDs, Pattern: s.IDPattern, Types: s.Types, Attrs: s.looksAt(), Datasets: s.view.Datasets}
	if len(s.Selectors) > 0 {
		n.Types, n.IDs, n.Pattern = query.Type(s.types...), s.selected(), nil
	}
	place, property, err := federation.ParsePlace(s.ctx, w.georel, w.geometry, w.coordinates, w.geoproperty)
	if err != nil {
		return n, err
	}
	var scope func([]string) bool
	if w.scopeQ != "" {
		if scope, err = federation.ParseScope(w.scopeQ); err != nil {
			return n, err
		}
	}
	var csf *query.Expr
	if w.csf != "" {
		if csf, err = query.Parse(w.csf, federation.Property(s.ctx)); err != nil {
			return n, tribune.Hint(fmt.Errorf("%w: csf does not follow the query language (clause 4.9)", tribune.ErrInvalid), "%s", tribune.HintOf(err))
		}
	}
	if place == nil && scope == nil && csf == nil {
		return n, nil
	}
	n.Where = func(r *federation.Registration) bool {
		if g := r.Space(property); place != nil && g != nil && !place(g) {
			return false
		}
		return (scope == nil || len(r.Scope) == 0 || scope(r.Scope)) && (csf == nil || csf.Match(r.Properties()))
	}
	return n, nil
}

// selected are the ids that the selectors name; none where one of them names none.
func (s *search) selected() (ids []tribune.EntityID) {
	for i := range s.Selectors {
		if len(s.Selectors[i].IDs) == 0 {
			return nil
		}
		ids = append(ids, s.Selectors[i].IDs...)
	}
	return ids
}

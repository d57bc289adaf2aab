package api

import (
	"fmt"
	"strings"

	"tribune"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/query"
	"tribune/internal/twin/temporal"
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
	if place == nil && scope == nil && csf == nil && s.holders == nil {
		return n, nil
	}
	n.Where = func(r *federation.Registration) bool {
		if !s.mayHold(r) {
			return false
		}
		if g := r.Space(property); place != nil && g != nil && !place(g) {
			return false
		}
		return (scope == nil || len(r.Scope) == 0 || scope(r.Scope)) && (csf == nil || csf.Match(r.Properties()))
	}
	return n, nil
}

// mayHold reports whether a source is asked by the entity map in use. Proxied ones always are: they keep what is theirs from everybody else's answers.
func (s *search) mayHold(r *federation.Registration) bool {
	return s.holders == nil || s.holders[r.ID] || r.Mode.Proxied()
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

// needOfPast is what a query about the past needs of context sources. That it may be asked of them does not depend on the operation: who holds
// something instead of this broker does so whatever is offered.
func (s *pastSearch) needOfPast() (federation.Need, error) {
	n, err := s.words.need(&s.search)
	n.Past = &federation.Past{Managed: s.time.Property != temporal.ObservedAt && s.time.Property != "", Ask: true}
	switch s.time.Rel {
	case temporal.Before:
		n.Past.To = s.time.At
	case temporal.After:
		n.Past.From = s.time.At
	case temporal.Between:
		n.Past.From, n.Past.To = s.time.At, s.time.End
	}
	return n, err
}

// words are the words of a query about the past, whose parameters and body members are read alike.
func (p params) words(selectors []selectorBody) (w words, err error) {
	w = words{types: p["type"], pattern: p["idPattern"], q: p["q"], scopeQ: p["scopeQ"], csf: p["csf"], georel: p["georel"], geometry: p["geometry"],
		coordinates: p["coordinates"], geoproperty: p["geoproperty"]}
	w.split, err = p.flag("splitEntities")
	if len(selectors) > 0 {
		types := make([]string, len(selectors))
		for i := range selectors {
			types[i] = selectors[i].Type
		}
		w.types, w.pattern = strings.Join(types, ","), ""
	}
	if len(selectors) == 1 {
		w.pattern = selectors[0].pattern()
	}
	return w, err
}

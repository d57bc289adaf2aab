package api

import (
	"fmt"
	"net/http"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/query"
)

func (a *api) queryRoutes() table {
	return table{"/entityOperations/query": {"POST": a.postQuery}}
}

// maxSelectors bounds the entity selectors of a query.
const maxSelectors = twin.MaxSelectors

// postQuery is POST /entityOperations/query (clause 6.23.3.1): the one way to name a person.
func (a *api) postQuery(w http.ResponseWriter, r *http.Request) error {
	in, err := a.read(r)
	if err != nil {
		return err
	}
	return a.answer(w, r, in.raw, func() (*found, error) {
		s, p, err := a.bodySearch(w, r, in)
		if err != nil {
			return nil, err
		}
		return a.listed(r, s, p)
	})
}

// bodySearch reads the search that a body asks for, with the page and representation that its URL may say.
func (a *api) bodySearch(w http.ResponseWriter, r *http.Request, in payload) (*search, params, error) {
	if in.ctx == nil || !in.doc.IsObject() {
		return nil, nil, fmt.Errorf("%w: a query is a JSON object", tribune.ErrInvalid)
	}
	p, err := readParams(r, requestParams...)
	if err != nil {
		return nil, nil, err
	}
	q, err := readQuery(in.doc)
	if err != nil {
		return nil, nil, err
	}
	if p, err = p.with(q.params); err != nil {
		return nil, nil, err
	}
	s, err := newSearch(w, r, in.ctx, p)
	if err != nil {
		return nil, nil, err
	}
	s.inBody, s.doc = true, in.doc
	return s, p, s.from(q, p)
}

// with is the parameters of the URL and those that stand in the body.
func (p params) with(body params) (params, error) {
	if p == nil {
		p = params{}
	}
	for name, value := range body {
		if _, twice := p[name]; twice {
			return nil, fmt.Errorf("%w: %s stands in the URL and in the body", tribune.ErrInvalid, name)
		}
		p[name] = value
	}
	return p, nil
}

// from makes the search of a Query.
func (s *search) from(q queryBody, p params) error {
	if err := s.entities(q.Entities); err != nil {
		return err
	}
	if err := s.conditions(p); err != nil {
		return err
	}
	return s.order(q.Ordering.OrderBy, q.Ordering.Geometry, q.Ordering.Coordinates, q.Ordering.Collation)
}

// entities reads the selectors, of which one must hold. One alone is the query's own; of several what they have in common
// is that of the query too, so that indexes and context sources are asked for no more.
func (s *search) entities(all []selectorBody) error {
	if len(all) == 0 {
		return nil
	}
	var types, ids []string
	byID, byType := true, true
	for i := range all {
		one, err := s.selection(all[i].Type, all[i].ID, all[i].pattern())
		if err != nil {
			return err
		}
		s.Selectors = append(s.Selectors, one)
		types, ids = append(types, all[i].Type), append(ids, all[i].ID...)
		byID, byType = byID && len(one.IDs) > 0, byType && !one.Types.Any()
	}
	if len(ids) > maxNames {
		return fmt.Errorf("%w: more than %d ids", tribune.ErrTooLarge, maxNames)
	}
	if len(all) == 1 {
		one := s.Selectors[0]
		s.Types, s.IDs, s.IDPattern, s.Selectors = one.Types, one.IDs, one.IDPattern, nil
		return nil
	}
	if byID {
		for i := range s.Selectors {
			s.IDs = append(s.IDs, s.Selectors[i].IDs...)
		}
	}
	if text := strings.Join(types, "|"); byType && len(text) <= query.MaxText {
		if wide, err := query.ParseTypes(text, s.ctx.Expand); err == nil { // too many terms: then each selector says its own
			s.Types = wide
		}
	}
	return nil
}

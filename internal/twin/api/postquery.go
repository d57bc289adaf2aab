package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
)

func (a *api) queryRoutes() table {
	return table{"/entityOperations/query": {"POST": a.postQuery}}
}

// body is a Query as clause 5.2.23 writes it, as far as it is known here.
type queryBody struct {
	Entities []struct{ ID, Type, IDPattern string }
	Attrs    []string
	Q        string
	GeoQ     struct {
		Geometry, Georel, Geoproperty string
		Coordinates                   json.RawMessage
	}
}

// maxSelectors bounds the entity selectors of a query.
const maxSelectors = 100

// postQuery is POST /entityOperations/query (clause 6.23.3.1): the one way to name a person.
func (a *api) postQuery(w http.ResponseWriter, r *http.Request) error {
	in, err := a.read(r)
	if err != nil {
		return err
	}
	return a.answer(w, r, in.raw, func() (*found, error) {
		if in.ctx == nil || !in.doc.IsObject() {
			return nil, fmt.Errorf("%w: a query is a JSON object", tribune.ErrInvalid)
		}
		p, err := readParams(r, "limit", "offset", "count", "options", "format", "local")
		if err != nil {
			return nil, err
		}
		s, err := newSearch(w, r, in.ctx, p)
		if err != nil {
			return nil, err
		}
		s.inBody = true
		q, err := readQuery(in.doc)
		if err != nil {
			return nil, err
		}
		if err := s.from(q); err != nil {
			return nil, err
		}
		return a.find(r, s)
	})
}

// readQuery reads a Query strictly: a member that is not known would change the answer.
func readQuery(doc jsonld.Document) (queryBody, error) {
	var q queryBody
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(doc.Raw(), &raw); err != nil {
		return q, fmt.Errorf("%w: a query is a JSON object", tribune.ErrInvalid)
	}
	for name, val := range raw {
		var into any
		switch name {
		case "@context":
			continue
		case "type":
			if string(val) != `"Query"` {
				return q, fmt.Errorf(`%w: attribute "type": it must be "Query" (clause 5.2.23)`, tribune.ErrInvalid)
			}
			continue
		case "entities":
			into = &q.Entities
		case "attrs":
			into = &q.Attrs
		case "q":
			into = &q.Q
		case "geoQ":
			into = &q.GeoQ
		case "lang", "scopeQ", "temporalQ", "csf", "pick", "omit", "join", "joinLevel", "containedBy", "datasetId", "entityMap", "ordering", "orderBy":
			return q, fmt.Errorf("%w: the member %s of a query", tribune.ErrUnsupported, name)
		default:
			return q, fmt.Errorf("%w: a member of the query is not known (clause 5.2.23)", tribune.ErrInvalid)
		}
		if json.Unmarshal(val, into) != nil {
			return q, fmt.Errorf("%w: attribute %q: it is not as clause 5.2.23 wants it", tribune.ErrInvalid, name)
		}
	}
	if _, ok := raw["type"]; !ok {
		return q, fmt.Errorf(`%w: attribute "type": it must be "Query" (clause 5.2.23)`, tribune.ErrInvalid)
	}
	if len(q.Entities) > maxSelectors || len(q.Attrs) > maxNames {
		return q, fmt.Errorf("%w: at most %d entity selectors and %d attrs", tribune.ErrTooLarge, maxSelectors, maxNames)
	}
	return q, nil
}

// from makes the search of a Query. Selectors mean "one of these": several can be had where each names a type alone, or
// all name ids of the same type.
func (s *search) from(q queryBody) (err error) {
	var types, ids []string
	pattern, mixed := "", false
	for i, e := range q.Entities {
		if e.Type == "" {
			return fmt.Errorf(`%w: attribute "entities": each must name a type (clause 5.2.33)`, tribune.ErrInvalid)
		}
		if e.ID != "" {
			ids = append(ids, e.ID)
		}
		pattern = e.IDPattern
		alone := e.ID == "" && e.IDPattern == ""
		same := e.Type == q.Entities[0].Type && e.ID != "" && q.Entities[0].ID != "" && e.IDPattern == "" && q.Entities[0].IDPattern == ""
		first := q.Entities[0]
		if i > 0 && !same && !(alone && first.ID == "" && first.IDPattern == "") {
			mixed = true
		}
		if !same || i == 0 {
			types = append(types, e.Type)
		}
	}
	if mixed {
		return tribune.Hint(fmt.Errorf("%w: entity selectors that mix types with ids or patterns", tribune.ErrUnsupported), "Ask in several queries.")
	}
	if err := s.selector(strings.Join(types, "|"), ids, pattern); err != nil {
		return err
	}
	for _, term := range q.Attrs {
		name, err := s.ctx.Attr(term)
		if err != nil {
			return fmt.Errorf("reading attrs: %w", err)
		}
		s.Attrs = append(s.Attrs, name)
	}
	s.view.Attrs = s.Attrs
	if err := s.expression(q.Q); err != nil {
		return err
	}
	s.Near, err = near(s.ctx, q.GeoQ.Georel, q.GeoQ.Geometry, string(q.GeoQ.Coordinates), q.GeoQ.Geoproperty)
	return err
}

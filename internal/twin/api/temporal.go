package api

import (
	"fmt"
	"net/http"
	"strconv"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/temporal"
	"tribune/internal/web"
)

func (a *api) temporalRoutes() table {
	return table{
		"/temporal/entities":                              {"GET": a.queryTemporal, "POST": a.write(a.upsertTemporal)},
		"/temporal/entities/{id}":                         {"GET": a.retrieveTemporal, "DELETE": a.write(a.deleteTemporal)},
		"/temporal/entities/{id}/attrs":                   {"POST": a.write(a.appendTemporal)},
		"/temporal/entities/{id}/attrs/{attr}":            {"DELETE": a.write(a.deleteTemporalAttr)},
		"/temporal/entities/{id}/attrs/{attr}/{instance}": {"PATCH": a.write(a.modifyInstance), "DELETE": a.write(a.deleteInstance)},
		"/temporal/entityOperations/query":                {"POST": a.postTemporalQuery},
	}
}

// pastParams are the parameters of a temporal query that GET and POST have in the URL (clauses 6.3.11 to 6.3.13), and
// pastSelection those that POST has in its body.
var (
	retrievePast  = []string{"attrs", "pick", "omit", "lang", "datasetId", "timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration", "options", "format", "local", "entityMap", "entityMapLifetime"}
	pastPages     = []string{"limit", "offset", "count", "options", "format", "local"}
	pastSelection = []string{"type", "id", "idPattern", "attrs", "q", "georel", "geometry", "coordinates", "geoproperty", "scopeQ", "csf", "expandValues", "jsonKeys", "pick", "omit", "lang",
		"datasetId", "timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration", "orderBy", "collation", "splitEntities", "entityMap", "entityMapLifetime"}
)

// retrieveTemporal is GET /temporal/entities/{id} (clauses 5.7.3 and 6.19.3.1).
func (a *api) retrieveTemporal(w http.ResponseWriter, r *http.Request) error {
	p, err := readParams(r, retrievePast...)
	if err != nil {
		return err
	}
	s := &pastSearch{search: search{Query: twin.Query{Limit: 1}}, one: true}
	if s.Tenant, err = tenant(r); err != nil {
		return err
	}
	id, err := jsonld.ID(r.PathValue("id"))
	if err != nil {
		return err
	}
	s.IDs = []tribune.EntityID{id}
	if s.ctx, err = a.linkedContext(r); err != nil {
		return err
	}
	if err := s.read(r, p); err != nil {
		return err
	}
	if _, err := p.asksForMap(r); err != nil {
		return err
	}
	return a.answer(w, r, nil, func() (*found, error) {
		return a.onMapOfOne(r, &s.search, id, p, func(*search) (*found, error) {
			f, err := a.evolutions(r, s)
			if err == nil && len(f.entities) == 0 {
				err = f.warned(w, nowhereFound(f))
			}
			return f, err
		})
	})
}

// queryTemporal is GET /temporal/entities (clauses 5.7.4 and 6.18.3.2).
func (a *api) queryTemporal(w http.ResponseWriter, r *http.Request) error {
	return a.answer(w, r, nil, func() (*found, error) {
		s, p, err := a.urlPast(w, r)
		if err != nil {
			return nil, err
		}
		f, err := a.mappedPast(r, s, p)
		if err != nil {
			return nil, err
		}
		f.list = true
		n := len(f.entities)
		if f.last {
			n = 0
		}
		if link := pageHeader(r.URL, listMedia(s.view.LD), s.Offset, s.Limit, n == s.Limit); link != "" {
			f.header["Link"] = link
		}
		return f, nil
	})
}

// urlPast reads the search of the past that a URL asks for.
func (a *api) urlPast(w http.ResponseWriter, r *http.Request) (*pastSearch, params, error) {
	p, err := readParams(r, append(pastPages[:len(pastPages):len(pastPages)], pastSelection...)...)
	if err != nil {
		return nil, nil, err
	}
	ctx, err := a.linkedContext(r)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.pastQuery(w, r, ctx, p)
	return s, p, err
}

// postTemporalQuery is POST /temporal/entityOperations/query (clause 6.24.3.1).
func (a *api) postTemporalQuery(w http.ResponseWriter, r *http.Request) error {
	in, err := a.read(r)
	if err != nil {
		return err
	}
	return a.answer(w, r, in.raw, func() (*found, error) {
		s, p, err := a.bodyPast(w, r, in)
		if err != nil {
			return nil, err
		}
		f, err := a.mappedPast(r, s, p)
		if err == nil {
			f.list = true
		}
		return f, err
	})
}

// bodyPast reads the search of the past that a body asks for.
func (a *api) bodyPast(w http.ResponseWriter, r *http.Request, in payload) (*pastSearch, params, error) {
	p, err := readParams(r, pastPages...)
	if err != nil {
		return nil, nil, err
	}
	if in.ctx == nil || !in.doc.IsObject() {
		return nil, nil, fmt.Errorf("%w: a query is a JSON object", tribune.ErrInvalid)
	}
	all, selectors, err := pastBodyParams(in.doc, p)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.pastQuery(w, r, in.ctx, all, selectors...)
	if err == nil {
		s.inBody = true
	}
	return s, all, err
}

// evolutions asks the twin and makes the answer of what it says.
func (a *api) evolutions(r *http.Request, s *pastSearch) (*found, error) {
	f := &found{ctx: s.ctx, view: s.view, tenant: s.Tenant, temporal: true, period: s.time, header: map[string]string{}}
	if purpose := web.CallerOf(r.Context()).Purpose; purpose != "" {
		if err := a.notPersonalPast(s, purpose); err != nil {
			return nil, err
		}
	}
	out, err := a.gathered(r, s, f, twin.EvolutionQuery{Query: s.Query, Time: s.time, Datasets: s.view.Datasets, Page: a.TemporalPage, Sealed: true, Backward: s.backward, Aggregate: s.aggregate})
	if err != nil {
		return nil, tooComplex(err)
	}
	for i := range out.List {
		e := &out.List[i]
		if s.aggregate != nil {
			if err := s.applies(e); err != nil {
				return nil, err
			}
			f.aggregates = append(f.aggregates, e.Aggregates)
		} else if !jsonld.ShownTemporal(&e.Entity, f.view) && jsonld.Withheld(&e.Entity, f.view) == 0 {
			continue
		}
		f.entities = append(f.entities, twin.View{Entity: e.Entity})
	}
	f.methods, f.view.Emptied = s.methods(), out.Emptied
	if s.Count {
		f.header[countHeader] = strconv.Itoa(out.Count)
	}
	if out.Cut {
		f.status = http.StatusPartialContent
		f.header["Content-Range"] = contentRange(s.time, out)
	}
	return f, nil
}

// rangeUnit is the unit of Content-Range as every broker and client writes it; the standard's text calls it DateTime
// (docs/decisions/0017).
const rangeUnit = "date-time"

// contentRange says which part of the time a page is of (clause 6.3.10): from the bound that the query has on the side where
// the page begins, else from its first instance, to its last.
func contentRange(q temporal.Query, out twin.Evolutions) string {
	from, to, size := out.First, out.Last, "*"
	if q.LastN > 0 {
		from, to, size = to, from, strconv.Itoa(q.LastN)
		switch q.Rel {
		case temporal.Before:
			from = q.At
		case temporal.Between:
			from = q.End
		}
	} else if q.Rel == temporal.After || q.Rel == temporal.Between {
		from = q.At
	}
	return rangeUnit + " " + jsonld.FormatTime(from) + "-" + jsonld.FormatTime(to) + "/" + size
}

// notPersonalPast refuses conditions on what is sealed: pretending that nothing fits would be a wrong answer to someone who
// has a purpose. People are looked up in the present.
func (a *api) notPersonalPast(s *pastSearch, purpose tribune.PurposeID) error {
	for _, attr := range s.Q.Attrs() {
		if class, personal := a.personal(s.types, attr); personal {
			return tribune.Hint(fmt.Errorf("%w: attribute %q is personal and sealed: it cannot be compared", tribune.ErrInvalid, s.ctx.Compact(attr)),
				"%s", whatCanBeAsked(&s.search, class, purpose))
		}
	}
	return a.notPersonal(&s.search)
}

// past appends the i-th entity's temporal evolution, or what it comes to.
func (f *found) past(b []byte, i int, view jsonld.View) []byte {
	e := &f.entities[i].Entity
	if f.aggregates != nil {
		return f.ctx.AppendAggregated(b, e, f.aggregates[i], f.methods, view)
	}
	return f.ctx.AppendTemporal(b, e, view)
}

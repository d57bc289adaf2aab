package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/web"
)

// entity is the entity that a request retrieves, from here and from whoever is registered for it (clause 5.7.1). text is the type selection
// as the request has it.
func (a *api) entity(r *http.Request, f *found, s *search, id tribune.EntityID, types query.TypeExpr, text string) (twin.View, error) {
	e, err := a.Twin.Get(r.Context(), f.tenant, id)
	if err == nil && !types.Match(e.Types) {
		err = fmt.Errorf("%w: the entity is of other types", tribune.ErrNotFound)
	}
	if err != nil && !errors.Is(err, tribune.ErrNotFound) || !a.distributes(r, f.tenant) {
		return e, err
	}
	var here []model.Entity
	need := federation.Need{IDs: []tribune.EntityID{id}, Types: types, Attrs: f.view.Attrs, Datasets: f.view.Datasets, Where: s.mayHold}
	if err == nil {
		here = []model.Entity{e.Entity}
		if types.Any() {
			need.Types = query.Type(e.Types...)
		}
	}
	q := federation.Question{Cause: r, Context: f.ctx, One: id, Types: types, TypesText: text, Attrs: f.view.Attrs, Maps: s.maps}
	g, asked := a.gather(r, f, need, need.Attrs, &q, here)
	switch {
	case !asked:
		return e, err
	case len(g.Entities) == 0:
		return e, missing(id, g)
	}
	f.held(&g.Entities[0])
	if g.Entities[0].Here {
		return e, nil
	}
	return twin.View{Entity: g.Entities[0].Entity}, nil
}

// missing says that nobody has the entity; what went wrong with sources that might is said with it.
func missing(id tribune.EntityID, g federation.Gathered) error {
	if len(g.Warnings) == 0 {
		return fmt.Errorf("entity %s: %w: neither here nor at a context source", id, tribune.ErrNotFound)
	}
	return tribune.Hint(fmt.Errorf("entity %s: %w", id, tribune.ErrNotFound), "Context sources could not all be asked: %s.", strings.Join(g.Warnings, "; "))
}

// warned puts what went wrong with sources into the header of an answer that is an error, as into any other (clause 6.3.17).
func (f *found) warned(w http.ResponseWriter, err error) error {
	if warn := f.header[warningHeader]; warn != "" {
		w.Header().Set(warningHeader, warn)
	}
	return err
}

// held notes who holds an entity, for entity maps (clause 5.2.39).
func (f *found) held(p *federation.Piece) {
	if len(p.Told) == 0 {
		return
	}
	if f.sources == nil {
		f.sources = map[tribune.EntityID][]string{}
	}
	if p.Local {
		p.Told = append([]string{here}, p.Told...)
	}
	f.sources[p.Entity.ID] = p.Told
}

// gather asks the sources that a need matches; asked is false where there are none. Warnings go into the answer's header. Where one of the
// attributes that are named to a source is personal, nobody is asked.
func (a *api) gather(r *http.Request, f *found, need federation.Need, named []tribune.Name, q *federation.Question, here []model.Entity) (g federation.Gathered, asked bool) {
	var warnings []string
	matches := a.match(r, f.tenant, need)
	some := a.discreet(matches, need.Types.Candidates(), named)
	switch {
	case len(matches) == 0:
		return g, false
	case a.Sources.Looped(f.tenant, federation.Via(r)):
		warnings = append(warnings, loopWarning)
	case web.CallerOf(r.Context()).Purpose != "" || len(some) == 0:
		warnings = append(warnings, personalWarning)
	default:
		if len(some) < len(matches) {
			warnings = append(warnings, fewerWarning)
		}
		g = a.Sources.Gather(r.Context(), some, q, here, a.guard(f.tenant))
		warnings, asked = append(warnings, g.Warnings...), true
	}
	if warn := strings.Join(warnings, ", "); warn != "" {
		if f.header == nil {
			f.header = map[string]string{}
		}
		f.header[warningHeader] = warn
	}
	return g, asked
}

// page runs a query here and at whoever is registered for it (clause 5.7.2). Pages are cut from all that is found, in order of the ids, so that
// they fit together.
func (a *api) page(r *http.Request, s *search, f *found) (twin.Page, error) {
	if s.local || s.all || !a.distributes(r, s.Tenant) {
		return a.Twin.Find(r.Context(), s.Query)
	}
	words, err := s.asked(r)
	if err != nil {
		return twin.Page{}, err
	}
	need, err := words.need(s)
	if err != nil {
		return twin.Page{}, err
	}
	if len(a.match(r, s.Tenant, need)) == 0 {
		return a.Twin.Find(r.Context(), s.Query)
	}
	if s.Order != nil {
		return twin.Page{}, ordersHere()
	}
	q := words.question(r, s)
	views, err := a.all(r, s, q.Split)
	if err != nil {
		return twin.Page{}, err
	}
	here, byID := make([]model.Entity, len(views)), make(map[tribune.EntityID]twin.View, len(views))
	for i, v := range views {
		here[i], byID[v.ID] = v.Entity, v
	}
	g, asked := a.gather(r, f, need, append(s.filters(), s.Attrs...), &q, here)
	if !asked {
		return a.Twin.Find(r.Context(), s.Query)
	}
	all := make([]twin.View, 0, len(g.Entities))
	for i := range g.Entities {
		p := &g.Entities[i]
		f.held(p)
		switch {
		case q.Split && !s.Query.Matches(&p.Entity):
		case p.Here:
			all = append(all, byID[p.Entity.ID])
		case !s.Query.Chooses(&p.Entity): // several selectors were asked as one
		default:
			all = append(all, twin.View{Entity: p.Entity})
		}
	}
	if g.More || len(all) > federation.MaxEntities {
		f.header[warningHeader] = strings.TrimPrefix(f.header[warningHeader]+fmt.Sprintf(`, 199 tribune "there is more than the %d entities that one query gathers: narrow it"`, federation.MaxEntities), ", ")
	}
	page := twin.Page{Views: all[min(s.Offset, len(all)):min(s.Offset+s.Limit, len(all))], Count: -1, More: s.Offset+s.Limit < len(all)}
	if s.Count {
		page.Count = len(all)
	}
	return page, nil
}

// all is what is found here, whatever page is asked for; split: without the filters that only whole entities can be held against.
func (a *api) all(r *http.Request, s *search, split bool) ([]twin.View, error) {
	q := s.Query
	if split {
		q = q.Unfiltered()
	}
	q.Count, q.Offset, q.Limit = false, 0, twin.MaxLimit
	var out []twin.View
	for len(out) < federation.MaxEntities {
		page, err := a.Twin.Find(r.Context(), q)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Views...)
		if len(page.Views) < q.Limit {
			break
		}
		q.Offset += q.Limit
	}
	return out, nil
}

// looksAt are the attributes by which registrations are matched: those asked for, and those that filters look at.
func (s *search) looksAt() []tribune.Name {
	out := s.Attrs
	if len(out) == 0 {
		return nil // all are asked for
	}
	return append(out[:len(out):len(out)], s.filters()...)
}

// filters are the attributes that q and the geo query look at.
func (s *search) filters() []tribune.Name {
	out := s.Q.Attrs()
	if s.Geo != nil {
		out = append(out, s.Geo.Property)
	}
	return out
}

// words are the parts of a query as the request has written them.
type words struct {
	types, pattern, q, scopeQ, csf, georel, geometry, coordinates, geoproperty string
	split                                                                      bool
}

// asked reads the words again, from the URL or from the body.
func (s *search) asked(r *http.Request) (words, error) {
	p := allParams(r.URL)
	w := words{types: p["type"], pattern: p["idPattern"], q: p["q"], scopeQ: p["scopeQ"], csf: p["csf"], georel: p["georel"], geometry: p["geometry"],
		coordinates: p["coordinates"], geoproperty: p["geoproperty"], split: p["splitEntities"] == "true"}
	if !s.inBody {
		return w, nil
	}
	var body struct {
		Entities      []struct{ Type, IDPattern string }
		Q, ScopeQ     string
		CSF           string `json:"csf"`
		SplitEntities bool
		GeoQ          struct {
			Georel, Geometry, Geoproperty string
			Coordinates                   json.RawMessage
		}
	}
	if err := json.Unmarshal(s.doc.Raw(), &body); err != nil {
		return w, fmt.Errorf("%w: the query cannot be passed on", tribune.ErrInvalid)
	}
	var types []string
	for _, e := range body.Entities {
		if e.Type != "" && e.Type != "*" {
			types = append(types, e.Type)
		}
	}
	if len(body.Entities) == 1 {
		w.pattern = body.Entities[0].IDPattern
	}
	w.types, w.q, w.scopeQ, w.csf, w.split = strings.Join(types, ","), body.Q, body.ScopeQ, body.CSF, w.split || body.SplitEntities
	w.georel, w.geometry, w.geoproperty, w.coordinates = body.GeoQ.Georel, body.GeoQ.Geometry, body.GeoQ.Geoproperty, string(body.GeoQ.Coordinates)
	return w, nil
}

// allParams are the parameters of a URL that has been read before. Parts are separated by "&" alone.
func allParams(u *url.URL) params {
	p := params{}
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(value); err == nil {
			p[name] = plain
		}
	}
	return p
}

func (w *words) question(r *http.Request, s *search) federation.Question {
	if len(s.Selectors) > 0 { // one question for all of them; what belongs to none is left out of the answers
		return federation.Question{
			Cause: r, Context: s.ctx, IDs: s.selected(), Types: query.Type(s.types...), TypesText: w.types, Attrs: s.Attrs,
			Q: w.q, ScopeQ: w.scopeQ, Georel: w.georel, Geometry: w.geometry, Coordinates: w.coordinates, GeoProperty: w.geoproperty, Split: w.split, Maps: s.maps,
		}
	}
	return federation.Question{
		Cause: r, Context: s.ctx, IDs: s.IDs, Pattern: w.pattern, Types: s.Types, TypesText: w.types, Attrs: s.Attrs,
		Q: w.q, ScopeQ: w.scopeQ, Georel: w.georel, Geometry: w.geometry, Coordinates: w.coordinates, GeoProperty: w.geoproperty, Split: w.split, Maps: s.maps,
	}
}

package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
)

// mapParams are the parameters of requests that make an entity map.
var mapParams = []string{"entityMap", "entityMapLifetime"}

// pageParams say nothing about which entities are asked for: a sequence of requests on one map may change them.
var pageParams = append([]string{"limit", "offset", "count", "id", "local", "timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration"},
	append(mapParams, viewParams[1:]...)...)

// runner runs a search: of what is now, or of the past.
type runner func(*search) (*found, error)

// mapped runs a search, on an entity map where the request names one or asks for one (clauses 5.5.14 and 5.7.2.4).
func (a *api) mapped(r *http.Request, s *search, p params) (*found, error) {
	return a.onMap(r, s, p, func(s *search) (*found, error) { return a.find(r, s) })
}

// mappedPast is mapped for searches of the past (clause 5.7.4.4).
func (a *api) mappedPast(r *http.Request, s *pastSearch, p params) (*found, error) {
	return a.onMap(r, &s.search, p, a.past(r, s))
}

func (a *api) past(r *http.Request, s *pastSearch) runner {
	return func(narrowed *search) (*found, error) {
		some := *s
		some.search = *narrowed
		return a.evolutions(r, &some)
	}
}

func (a *api) onMap(r *http.Request, s *search, p params, run runner) (f *found, err error) {
	if asked, err := p.asksForMap(r); err != nil {
		return nil, err
	} else if !asked {
		return run(s)
	}
	if err := noMap(r); err != nil {
		return nil, err
	}
	m := a.maps.get(s.Tenant, namedMap(r))
	made := m == nil
	if made {
		if m, err = a.newMap(r, s, p, run); err != nil {
			return nil, err
		}
	} else if err := m.fits(s, p); err != nil {
		return nil, err
	}
	if f, err = a.pageOf(s, m, run); err != nil {
		return nil, err
	}
	f.header[entityMapHeader] = m.location()
	if made && f.status == 0 {
		f.status = http.StatusCreated
	}
	return f, nil
}

// asksForMap reports whether a request asks for an entity map, or names one.
func (p params) asksForMap(r *http.Request) (bool, error) {
	asked, err := p.flag("entityMap")
	return asked || len(r.Header[http.CanonicalHeaderKey(entityMapHeader)]) > 0, err
}

// mapOfOne is the map by which one entity is retrieved: the one that the request names where the entity is in it, else a new one, which nobody
// knows before it is kept (clause 5.7.1.4).
func (a *api) mapOfOne(r *http.Request, s *search, id tribune.EntityID, p params) (m *entityMap, made bool, err error) {
	if m = a.maps.get(s.Tenant, namedMap(r)); m != nil && slices.Contains(m.candidates(), id) {
		s.maps, s.holders = m.linked, m.heldAt([]tribune.EntityID{id})
		return m, false, nil
	}
	lifetime, err := mapLifetime(p["entityMapLifetime"])
	if err != nil {
		return nil, false, err
	}
	m = &entityMap{tenant: s.Tenant, owner: ownerOf(r), context: s.ctx.Key(), of: string(id), expires: a.Now().Add(lifetime), ids: []tribune.EntityID{id}, linked: federation.NewMaps()}
	s.maps = m.linked
	return m, true, nil
}

// onMapOfOne retrieves one entity by a map, where the request names one or asks for one.
func (a *api) onMapOfOne(r *http.Request, s *search, id tribune.EntityID, p params, run runner) (*found, error) {
	if asked, err := p.asksForMap(r); err != nil {
		return nil, err
	} else if !asked {
		return run(s)
	}
	m, made, err := a.mapOfOne(r, s, id, p)
	if err != nil {
		return nil, err
	}
	f, err := run(s)
	if err != nil {
		return f, err
	}
	if made {
		m.heldBy(id, f.sources[id])
		if err := a.maps.put(m); err != nil {
			return nil, err
		}
	}
	if f.header == nil {
		f.header = map[string]string{}
	}
	f.header[entityMapHeader] = m.location()
	return f, nil
}

// newMap makes the map of a search: it holds the ids of all that match.
func (a *api) newMap(r *http.Request, s *search, p params, run runner) (*entityMap, error) {
	if err := noMap(r); err != nil {
		return nil, err
	}
	lifetime, err := mapLifetime(p["entityMapLifetime"])
	if err != nil {
		return nil, err
	}
	m := &entityMap{tenant: s.Tenant, owner: ownerOf(r), of: s.askedOf(p), context: s.ctx.Key(), expires: a.Now().Add(lifetime)}
	m.linked = federation.NewMaps()
	all := *s
	all.maps = m.linked
	all.Count, all.Limit, all.Offset = false, twin.MaxLimit, 0
	for {
		f, err := run(&all)
		if err != nil {
			return nil, err
		}
		for i := range f.entities {
			id := f.entities[i].ID
			m.ids = append(m.ids, id)
			m.heldBy(id, f.sources[id])
		}
		if len(f.entities) == 0 || len(f.entities) < all.Limit && !f.temporal || len(m.ids) > maxMapped {
			break
		}
		all.Offset += all.Limit
	}
	return m, a.maps.put(m)
}

// askedOf names what a request asks for, but for its page and how entities are shown.
func (s *search) askedOf(p params) string {
	h := sha256.New()
	if s.inBody {
		h.Write(s.doc.Raw())
	}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(pageParams, name) {
			fmt.Fprintf(h, "%d,%s,%d,%s", len(name), name, len(p[name]), p[name])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fits refuses a map for another request than it was made for.
func (m *entityMap) fits(s *search, p params) error {
	if m.context != s.ctx.Key() {
		return fmt.Errorf("%w: the entity map was made with another @context (clause 5.5.9.1)", tribune.ErrInvalid)
	}
	if m.of != s.askedOf(p) {
		return tribune.Hint(fmt.Errorf("%w: the entity map was made for other parameters (clause 5.5.14)", tribune.ErrInvalid), "Only ids, the page and how entities are shown may differ.")
	}
	return nil
}

// pageOf fills a page from a map. Filters are checked again: what they do not fit any more leaves the map (clause 5.5.9.3).
func (a *api) pageOf(s *search, m *entityMap, run runner) (*found, error) {
	f := &found{ctx: s.ctx, view: s.view, tenant: s.Tenant, list: true, header: map[string]string{}}
	gone := map[tribune.EntityID]bool{}
	matched, want := 0, s.Offset+s.Limit
	for rest := s.named(m.candidates()); len(rest) > 0 && (s.Count || matched <= want); {
		n := min(len(rest), twin.MaxIDs)
		if !s.Count {
			n = min(n, want-matched+leastChunk)
		}
		some := *s
		some.onto(m, rest[:n])
		page, err := run(&some)
		if err != nil {
			return nil, err
		}
		byID := map[tribune.EntityID]*twin.View{}
		for i := range page.entities {
			byID[page.entities[i].ID] = &page.entities[i]
		}
		for _, id := range rest[:n] {
			e := byID[id]
			if e == nil {
				gone[id] = true
			} else if matched++; matched > s.Offset && matched <= want {
				f.entities = append(f.entities, *e)
			}
		}
		f.temporal = page.temporal
		maps.Copy(f.header, page.header)
		rest = rest[n:]
	}
	m.forget(gone)
	if f.temporal && len(f.entities) > 0 { // the page has its own part of the time
		some := *s
		some.onto(m, idsOf(f.entities))
		var err error
		if f, err = run(&some); err != nil {
			return nil, err
		}
		f.list = true
	}
	f.last = matched <= want
	if s.Count {
		f.header[countHeader] = strconv.Itoa(matched)
	}
	return f, nil
}

// onto has a search be about some entities of a map, and ask those alone who hold them.
func (s *search) onto(m *entityMap, ids []tribune.EntityID) {
	s.IDs, s.Limit, s.Offset, s.Count = ids, len(ids), 0, false
	s.maps, s.holders = m.linked, m.heldAt(ids)
}

// leastChunk is how many candidates beyond the page are looked at at once: some may not match any more.
const leastChunk = 64

func idsOf(views []twin.View) []tribune.EntityID {
	ids := make([]tribune.EntityID, len(views))
	for i := range views {
		ids[i] = views[i].ID
	}
	return ids
}

// named are the candidates that the request itself names, where it names any.
func (s *search) named(ids []tribune.EntityID) []tribune.EntityID {
	if len(s.IDs) == 0 {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id tribune.EntityID) bool { return !slices.Contains(s.IDs, id) })
}

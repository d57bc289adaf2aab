package api

import (
	"fmt"
	"maps"
	"net/http"

	"tribune"
	"tribune/internal/twin"
)

// mappedPurge is how many entities of an entity map are purged at a time: their ids stand in the URL of what is asked of a source.
const mappedPurge = 100

// purgeOn are the parts of a purge: of what the query finds, and where the request names an entity map of that alone (table 6.4.3.3-2).
func (a *api) purgeOn(w http.ResponseWriter, r *http.Request, s *search, p params, what purge) ([]purgePart, error) {
	if len(r.Header[http.CanonicalHeaderKey(entityMapHeader)]) == 0 {
		return []purgePart{{s, what}}, nil
	}
	if err := noMap(r); err != nil {
		return nil, err
	}
	m := a.maps.get(s.Tenant, namedMap(r))
	if m == nil { // to go on without it would purge more than was looked at
		return nil, tribune.Hint(fmt.Errorf("%w: no entity map has this id, or it has expired", tribune.ErrNotFound), "Ask the query again with entityMap=true.")
	}
	asked := maps.Clone(p)
	for _, name := range []string{"drop", "keep", "geometryProperty"} {
		delete(asked, name)
	}
	if err := m.fits(s, asked); err != nil {
		return nil, err
	}
	w.Header().Set(entityMapHeader, m.location())
	var parts []purgePart
	for ids := s.named(m.candidates()); len(ids) > 0; {
		n := min(len(ids), mappedPurge, twin.MaxIDs)
		one, part := *s, what
		one.IDs, part.from = ids[:n:n], m.heldAt(ids[:n])
		parts = append(parts, purgePart{&one, part})
		ids = ids[n:]
	}
	return parts, nil
}

// heldAt are the registrations that hold one of the entities.
func (m *entityMap) heldAt(ids []tribune.EntityID) map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]bool{}
	for _, id := range ids {
		for _, registration := range m.sources[id] {
			out[registration] = true
		}
	}
	return out
}

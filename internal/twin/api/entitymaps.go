package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

func (a *api) entityMapRoutes() table {
	return table{
		"/entityMaps":          {"GET": a.createEntityMap, "POST": a.createEntityMapByPost},
		"/temporal/entityMaps": {"GET": a.createTemporalMap, "POST": a.createTemporalMapByPost},
		"/entityMaps/{id}":     {"GET": a.retrieveEntityMap, "PATCH": a.updateEntityMap, "DELETE": a.deleteEntityMap},
	}
}

// createEntityMap is GET /entityMaps (clauses 5.14.4 and 6.34.3.1): the query of GET /entities, answered with its map.
func (a *api) createEntityMap(w http.ResponseWriter, r *http.Request) error {
	s, p, err := a.urlSearch(w, r)
	if err != nil {
		return err
	}
	return a.createMap(w, r, s, p, func(s *search) (*found, error) { return a.find(r, s) })
}

// createEntityMapByPost is POST /entityMaps (clause 6.34.3.2): the same by a Query.
func (a *api) createEntityMapByPost(w http.ResponseWriter, r *http.Request) error {
	in, err := a.read(r)
	if err != nil {
		return err
	}
	s, p, err := a.bodySearch(w, r, in)
	if err != nil {
		return err
	}
	return a.createMap(w, r, s, p, func(s *search) (*found, error) { return a.find(r, s) })
}

// createTemporalMap is GET /temporal/entityMaps (clauses 5.14.5 and 6.35.3.1).
func (a *api) createTemporalMap(w http.ResponseWriter, r *http.Request) error {
	s, p, err := a.urlPast(w, r)
	if err != nil {
		return err
	}
	return a.createMap(w, r, &s.search, p, a.past(r, s))
}

// createTemporalMapByPost is POST /temporal/entityMaps (clause 6.35.3.2).
func (a *api) createTemporalMapByPost(w http.ResponseWriter, r *http.Request) error {
	in, err := a.read(r)
	if err != nil {
		return err
	}
	s, p, err := a.bodyPast(w, r, in)
	if err != nil {
		return err
	}
	return a.createMap(w, r, &s.search, p, a.past(r, s))
}

func (a *api) createMap(w http.ResponseWriter, r *http.Request, s *search, p params, run runner) error {
	m, err := a.newMap(r, s, p, run)
	if err != nil {
		return err
	}
	return a.sendMap(w, r, m, s.ctx, s.view.LD, http.StatusCreated)
}

// sendMap answers with a map and where it stands.
func (a *api) sendMap(w http.ResponseWriter, r *http.Request, m *entityMap, ctx *jsonld.Context, ld bool, status int) error {
	text, err := m.append(nil, ctx, ld)
	if err != nil {
		return err
	}
	w.Header().Set(entityMapHeader, m.location())
	media := jsonHeader
	if ld {
		media = ldHeader
	}
	conforms(w, r)
	sendAs(w, r, status, media, ctx, ld, 0, text)
	return nil
}

// append writes the map as clause 5.2.39 has it.
func (m *entityMap) append(b []byte, ctx *jsonld.Context, ld bool) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := struct {
		ID        string              `json:"id"`
		Type      string              `json:"type"`
		ExpiresAt string              `json:"expiresAt"`
		EntityMap map[string][]string `json:"entityMap"`
		Linked    map[string]string   `json:"linkedMaps,omitempty"`
		Context   json.RawMessage     `json:"@context,omitempty"`
	}{m.id, "EntityMap", m.expires.UTC().Format("2006-01-02T15:04:05.000Z"), make(map[string][]string, len(m.ids)), m.linked.Linked(), nil}
	local := []string{here}
	for _, id := range m.ids {
		if out.EntityMap[string(id)] = m.sources[id]; out.EntityMap[string(id)] == nil {
			out.EntityMap[string(id)] = local
		}
	}
	if ld {
		out.Context = ctx.JSON()
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("writing an entity map: %w", err)
	}
	return append(b, text...), nil
}

// oneMap is the map that a path names.
func (a *api) oneMap(w http.ResponseWriter, r *http.Request) (*entityMap, error) {
	t, err := tenant(r)
	if err != nil {
		return nil, err
	}
	if _, err := readParams(r, "local"); err != nil {
		return nil, err
	}
	id, err := jsonld.ID(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	m := a.maps.get(t, string(id))
	if m == nil {
		return nil, tribune.Hint(fmt.Errorf("%w: no entity map has this id, or it has expired", tribune.ErrNotFound), "Ask the query again with entityMap=true.")
	}
	return m, nil
}

// retrieveEntityMap is GET /entityMaps/{id} (clause 5.14.1).
func (a *api) retrieveEntityMap(w http.ResponseWriter, r *http.Request) error {
	m, err := a.oneMap(w, r)
	if err != nil {
		return err
	}
	ctx, err := a.linkedContext(r)
	if err != nil {
		return err
	}
	ld, err := acceptsLD(r)
	if err != nil {
		return err
	}
	return a.sendMap(w, r, m, ctx, ld, http.StatusOK)
}

// updateEntityMap is PATCH /entityMaps/{id} (clause 5.14.2). When the map ends is all that can be changed, within bounds; what
// the system makes itself is ignored (clause 5.2.39).
func (a *api) updateEntityMap(w http.ResponseWriter, r *http.Request) error {
	m, err := a.oneMap(w, r)
	if err != nil {
		return err
	}
	in, err := a.read(r)
	if err != nil {
		return err
	}
	if !in.doc.IsObject() {
		return fmt.Errorf("%w: an entity map is a JSON object", tribune.ErrInvalid)
	}
	if typ, ok := in.doc.Member("type"); ok {
		if text, _ := typ.Text(); text != "EntityMap" {
			return fmt.Errorf(`%w: attribute "type": it must be "EntityMap" (clause 5.2.39)`, tribune.ErrInvalid)
		}
	}
	if at, ok := in.doc.Member("expiresAt"); ok {
		until, err := expiry(at)
		if err != nil {
			return err
		}
		if now := a.Now(); until.Sub(now) > mapAtMost {
			until = now.Add(mapAtMost)
		}
		m.extend(until)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// expiry reads a DateTime (clause 4.6.3).
func expiry(d jsonld.Document) (time.Time, error) {
	text, ok := d.Text()
	at, err := time.Parse(time.RFC3339Nano, text)
	if !ok || err != nil {
		return at, fmt.Errorf(`%w: attribute "expiresAt": it must be a DateTime in UTC (clause 4.6.3)`, tribune.ErrInvalid)
	}
	return at, nil
}

// deleteEntityMap is DELETE /entityMaps/{id} (clause 5.14.3).
func (a *api) deleteEntityMap(w http.ResponseWriter, r *http.Request) error {
	m, err := a.oneMap(w, r)
	if err != nil {
		return err
	}
	a.maps.drop(m)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

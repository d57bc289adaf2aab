package federation

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"tribune"
)

const (
	entityMapHeader = "NGSILD-EntityMap"
	maxMapLocation  = 512 // bytes: they are a source's words, kept as long as the entity map
)

// Maps are the entity maps that context sources use in a sequence of requests (clauses 4.3.6.7 and 5.2.39): where each stands, by registration.
// It is safe for concurrent use.
type Maps struct {
	mu sync.Mutex        // guards what follows
	at map[string]string // "" = the source has declined to tell of one, and is not asked for one again
}

// NewMaps are none yet.
func NewMaps() *Maps { return &Maps{at: map[string]string{}} }

// Linked are the ids of the maps, by registration; nil where there are none.
func (m *Maps) Linked() map[string]string {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := maps.Clone(m.at)
	for registration, at := range out {
		id := at[strings.LastIndexByte(at, '/')+1:]
		if plain, err := url.PathUnescape(id); err == nil {
			id = plain
		}
		if out[registration] = id; id == "" {
			delete(out, registration)
		}
	}
	return out
}

func (m *Maps) of(registration string) (at string, asked bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, asked = m.at[registration]
	return at, asked
}

func (m *Maps) note(registration, at string) {
	if len(at) > maxMapLocation || strings.ContainsFunc(at, func(r rune) bool { return r <= ' ' || r > '~' }) {
		at = ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[registration] = at
}

// onMap asks a source for one page of a sequence of requests: it is to make an entity map of its own with the first, and is named that with
// the others (clause 5.7.2.4). A source that tells of none, or does not know what is asked of it, is asked as without one.
func (s *Sources) onMap(ctx context.Context, r *Registration, c Call) (Reply, error) {
	links := c.Maps
	c.Maps = nil
	at, asked := links.of(r.ID)
	op := "createEntityMapQueryEntity"
	if strings.HasPrefix(c.Path, "/temporal") {
		op = "createEntityMapQueryTemporal"
	}
	if asked && at == "" || !r.Offers(op) {
		return s.Do(ctx, r, c)
	}
	mapped := c
	mapped.Map, mapped.Query = at, strings.TrimPrefix(c.Query+"&entityMap=true", "&")
	reply, err := s.Do(ctx, r, mapped)
	var f *Failure
	switch {
	case err == nil:
		links.note(r.ID, reply.Header.Get(entityMapHeader))
	case errors.As(err, &f) && (f.Status == http.StatusBadRequest || errors.Is(err, tribune.ErrNotFound)):
		links.note(r.ID, "")
		r.Succeeded(s.cfg.Now()) // it has answered
		return s.Do(ctx, r, c)
	}
	return reply, err
}

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/snapshot"
	"tribune/internal/web"
)

// snapshotHeader names the snapshot that a request is about (clause 6.3.22), snapshotKey is how net/http writes it.
const (
	snapshotHeader = "NGSILD-Snapshot"
	snapshotKey    = "Ngsild-Snapshot"
)

// nowhere is where an answer goes that nobody reads.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

// asQuery is the request as if it were a query of its own: a fill runs after it has been answered.
func asQuery(ctx context.Context, r *http.Request) *http.Request {
	q := r.Clone(ctx)
	u := *r.URL
	u.RawQuery = ""
	q.URL, q.Method, q.Body = &u, http.MethodPost, http.NoBody
	for _, name := range []string{"Accept", "Prefer", entityMapHeader} {
		q.Header.Del(name)
	}
	return q
}

// checkQuery reads a query of a snapshot as if to run it.
func (a *api) checkQuery(r *http.Request, in payload, past bool) error {
	q := asQuery(r.Context(), r)
	if past {
		_, _, err := a.bodyPast(nowhere{http.Header{}}, q, in)
		return err
	}
	_, _, err := a.bodySearch(nowhere{http.Header{}}, q, in)
	return err
}

// filler runs the queries of a snapshot: as POST queries, here and at context sources, all pages (clause 5.16.1.4).
func (a *api) filler(r *http.Request, body payload) snapshot.Fill {
	return func(ctx context.Context, raw json.RawMessage, past bool, keep func([]model.Entity) error) error {
		doc, err := jsonld.Read(raw)
		if err != nil {
			return fmt.Errorf("%w: a query of a snapshot cannot be read", tribune.ErrInvalid)
		}
		q, in := asQuery(ctx, r), body.element(doc)
		var run runner
		var s *search
		if past {
			p, _, err := a.bodyPast(nowhere{http.Header{}}, q, in)
			if err != nil {
				return err
			}
			s, run = &p.search, a.past(q, p)
		} else {
			if s, _, err = a.bodySearch(nowhere{http.Header{}}, q, in); err != nil {
				return err
			}
			run = func(s *search) (*found, error) { return a.find(q, s) }
		}
		return pagesOf(s, run, keep)
	}
}

// pagesOf hands all pages of a search to keep.
func pagesOf(s *search, run runner, keep func([]model.Entity) error) error {
	page := *s
	page.Count, page.Limit, page.Offset = false, twin.MaxLimit, 0
	for {
		f, err := run(&page)
		if err != nil {
			return err
		}
		if len(f.entities) == 0 {
			return nil
		}
		all := make([]model.Entity, len(f.entities))
		for i := range f.entities {
			all[i] = f.entities[i].Entity
		}
		if err := keep(all); err != nil {
			return err
		}
		if len(f.entities) < page.Limit && !f.temporal {
			return nil
		}
		page.Offset += page.Limit
	}
}

// inSnapshot is where the tenant that holds a snapshot's data stands in a request's context.
type inSnapshot struct{}

// restsOf is the tenant that a request works on: the one it names, or where the snapshot rests that it names.
func restsOf(r *http.Request, named tribune.Tenant) tribune.Tenant {
	if len(r.Header[snapshotKey]) > 0 {
		if rests, ok := r.Context().Value(inSnapshot{}).(tribune.Tenant); ok {
			return rests
		}
	}
	return named
}

// inSnapshots are the paths below which operations work on snapshots: those of the core and the temporal API. Registrations and
// subscriptions to them are of the live entities alone, and so are the snapshots themselves.
var inSnapshots = []string{"/entities", "/entityOperations", "/temporal", "/types", "/attributes", "/entityMaps", "/subscriptions"}

// snapshots has requests that name a snapshot work on its data (clause 5.5.15).
func (a *api) snapshots(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header[snapshotKey]) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		rests, err := a.snapshotOf(w, r)
		if err != nil {
			a.problems.Write(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), inSnapshot{}, rests)))
	})
}

// snapshotOf is the tenant that holds the data of the snapshot that a request names, which the answer names, too.
func (a *api) snapshotOf(w http.ResponseWriter, r *http.Request) (tribune.Tenant, error) {
	if a.Snapshots == nil {
		return "", fmt.Errorf("%w: snapshots", tribune.ErrUnsupported)
	}
	path := strings.TrimPrefix(r.URL.Path, Prefix)
	if !slices.ContainsFunc(inSnapshots, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }) {
		return "", fmt.Errorf("%w: this operation on a snapshot (clause 5.5.15)", tribune.ErrUnsupported)
	}
	t, err := tenantNamed(r)
	if err != nil {
		return "", err
	}
	if there, err := a.holds(r.Context(), t); err != nil {
		return "", err
	} else if !there {
		return "", noTenant()
	}
	if path == "/subscriptions" && web.CallerOf(r.Context()).Purpose != "" {
		return "", fmt.Errorf("%w: nothing personal is in a snapshot to subscribe to with a purpose", tribune.ErrInvalid)
	}
	id, err := jsonld.ID(r.Header.Get(snapshotHeader))
	if err != nil || len(r.Header[snapshotKey]) > 1 {
		return "", fmt.Errorf("%w: %s must name one snapshot (clause 6.3.22)", tribune.ErrInvalid, snapshotHeader)
	}
	rests, err := a.Snapshots.Use(t, string(id))
	if err == nil {
		w.Header().Set(snapshotHeader, string(id))
	}
	return rests, err
}

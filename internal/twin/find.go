package twin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// Bounds of queries.
const (
	DefaultLimit  = 20
	MaxLimit      = 1000
	MaxOffset     = 1 << 20
	MaxIDs        = 1000
	maxCandidates = 1 << 20 // entities one query may look at
	probeRows     = 256     // of an index before a plain walk by type is tried instead
)

// LocationIRI is the property that geo queries are about unless they say otherwise.
const LocationIRI tribune.Name = "https://uri.etsi.org/ngsi-ld/location"

// Query asks for entities. All that is set must hold.
type Query struct {
	Tenant    tribune.Tenant
	Types     query.TypeExpr
	IDs       []tribune.EntityID
	IDPattern *regexp.Regexp
	Attrs     []tribune.Name // at least one of them is there
	Q         *query.Expr
	Near      *Near

	// Subject asks for entities with attributes of Class sealed for this pseudonym.
	Subject *tribune.Pseudonym
	Class   tribune.ClassID

	Limit, Offset int // Limit 0 = DefaultLimit, or no entities where Count is set
	Count         bool
}

// Page is the entities found, in order of their ids.
type Page struct {
	Views []View
	Count int // of all matches; -1 where it was not asked for
}

// Find answers a query from one moment. To it sealed attributes are absent: neither Q, Near, Attrs nor the count depends
// on them. Views are shared: do not change them.
func (t *Twin) Find(ctx context.Context, q Query) (Page, error) {
	if err := q.check(); err != nil {
		return Page{}, err
	}
	since := t.cache.now() // before the snapshot: see cache
	snap, err := t.cfg.Store.Snapshot(ctx)
	if err != nil {
		return Page{}, fmt.Errorf("querying: %w", err)
	}
	f := &finder{t: t, q: &q, r: snap, since: since}
	page, err := f.find(ctx)
	if err = errors.Join(err, snap.Close()); err != nil {
		return Page{}, fmt.Errorf("querying: %w", err)
	}
	return page, nil
}

func (q *Query) check() error {
	if q.Limit == 0 && !q.Count {
		q.Limit = DefaultLimit
	}
	switch {
	case q.Limit < 0 || q.Limit > MaxLimit:
		return invalid(fmt.Sprintf("limit is at most %d; page with offset", MaxLimit), "limit %d", q.Limit)
	case q.Offset < 0 || q.Offset > MaxOffset:
		return invalid("narrow the query instead", "offset %d", q.Offset)
	case len(q.IDs) > MaxIDs:
		return invalid("ask in several requests", "%d ids, want at most %d", len(q.IDs), MaxIDs)
	}
	if n := q.Near; n != nil {
		if n.Lon < -180 || n.Lon > 180 || n.Lat < -90 || n.Lat > 90 || n.MinDistance < 0 || n.MaxDistance < 0 || n.MinDistance+n.MaxDistance == 0 {
			return invalid("give longitude, latitude and maxDistance in metres", "geo query with a point or distance out of range")
		}
	}
	return nil
}

// matches is everything a query asks of a document.
func (q *Query) matches(e *model.Entity) bool {
	return q.Types.Match(e.Types) && (q.IDPattern == nil || q.IDPattern.MatchString(string(e.ID))) &&
		q.hasAttr(e) && q.Q.Match(e) && q.near(e) && q.sealedFor(e)
}

func (q *Query) hasAttr(e *model.Entity) bool {
	for _, n := range q.Attrs {
		for i := range e.Attrs[n] {
			if e.Attrs[n][i].Sealed == nil {
				return true
			}
		}
	}
	return len(q.Attrs) == 0
}

func (q *Query) near(e *model.Entity) bool {
	n := q.Near
	if n == nil {
		return true
	}
	for _, a := range e.Attrs[n.property()] {
		if a.Sealed != nil || a.Kind != model.GeoProperty {
			continue
		}
		if g, err := query.ParseGeometry(a.Value); err == nil {
			if d := g.Distance(n.Lon, n.Lat); d >= n.MinDistance && (n.MaxDistance == 0 || d <= n.MaxDistance) {
				return true
			}
		}
	}
	return false
}

func (n *Near) property() tribune.Name {
	if n.Property == "" {
		return LocationIRI
	}
	return n.Property
}

func (q *Query) sealedFor(e *model.Entity) bool {
	if q.Subject == nil {
		return true
	}
	for _, list := range e.Attrs {
		for i := range list {
			if s := list[i].Sealed; s != nil && s.Class == q.Class && s.Pseudonym == *q.Subject {
				return true
			}
		}
	}
	return false
}

// finder is one query under way.
type finder struct {
	t     *Twin
	q     *Query
	r     store.Reader
	since uint64
}

// find collects from every partition and puts the pages together.
func (f *finder) find(ctx context.Context) (Page, error) {
	want := f.q.Offset + f.q.Limit
	page := Page{Count: -1}
	count := 0
	var views []View
	parts := f.t.cfg.Store.Partitions()
	for part := range max(1, parts) {
		v, n, err := f.partition(ctx, tribune.Place{Tenant: f.q.Tenant, Partition: part}, want)
		if err != nil {
			return Page{}, err
		}
		views, count = append(views, v...), count+n
	}
	if parts > 1 {
		slices.SortFunc(views, func(a, b View) int { return compareIDs(a.ID, b.ID) })
	}
	page.Views = views[min(len(views), f.q.Offset):min(len(views), want)]
	if f.q.Count {
		page.Count = count
	}
	return page, nil
}

// partition returns the first want matches of a partition by id, and how many there are where the count is asked for.
// Entities before the offset are in the views only where there are several partitions to merge or they had to be read.
func (f *finder) partition(ctx context.Context, at tribune.Place, want int) (views []View, count int, err error) {
	plan, err := f.plan(ctx, keysAt(at))
	if err != nil {
		return nil, 0, err
	}
	visit := func(id tribune.EntityID, sure bool) (more bool, err error) {
		if sure && len(views) >= want { // only counted
			count++
			return f.q.Count, nil
		}
		e, err := f.document(ctx, at, id)
		switch {
		case err != nil:
			return false, err
		case e == nil || !f.q.matches(e.entity):
			return true, nil
		}
		count++
		if len(views) < want {
			views = append(views, e.view())
			if e.clock == 0 { // a walk over everything must not push out what is asked for
				f.t.cache.fill(entityKey{f.q.Tenant, id}, e, f.since)
			}
		}
		return f.q.Count || len(views) < want, nil
	}
	err = plan.each(ctx, f.r, visit)
	return views, count, err
}

// document is the entity at the moment of the query: the cached one where no commit came after, else the snapshot's.
func (f *finder) document(ctx context.Context, at tribune.Place, id tribune.EntityID) (*entry, error) {
	k := entityKey{f.q.Tenant, id}
	if e := f.t.cache.getAt(k, f.since); e != nil && f.t.fresh(e) {
		return e, nil
	}
	e, err := read(ctx, f.r, store.Key(room, at, "e", string(id)), id)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e.read = f.t.cfg.Now()
	return e, nil
}

func compareIDs(a, b tribune.EntityID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

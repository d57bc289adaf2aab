package twin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

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
	MaxSelectors  = 100
	maxCandidates = 1 << 20 // entities one query may look at
	maxLookups    = 100_000 // linked entities one query may look at
)

// LocationIRI is the property that geo queries are about unless they say otherwise.
const LocationIRI = query.Location

// Query asks for entities. All that is set must hold.
type Query struct {
	Tenant    tribune.Tenant
	Types     query.TypeExpr
	IDs       []tribune.EntityID
	IDPattern *regexp.Regexp
	Selectors []Selector     // one of them must hold too
	Attrs     []tribune.Name // at least one of them is there
	Q         *query.Expr
	Geo       *query.Geo
	Scopes    query.ScopeExpr

	// Subject asks for entities with attributes of Class sealed for this pseudonym.
	Subject *tribune.Pseudonym
	Class   tribune.ClassID
	LookUp  *LookUp // a sealed attribute has a value; nil = nothing is looked up

	Order         *query.Order // nil = by id
	Limit, Offset int          // Limit 0 = DefaultLimit, or no entities where Count is set
	Count         bool
}

// Selector chooses entities (clause 5.2.33). All that is set must hold.
type Selector struct {
	Types     query.TypeExpr
	IDs       []tribune.EntityID
	IDPattern *regexp.Regexp
}

func (s *Selector) matches(e *model.Entity) bool {
	return s.Types.Match(e.Types) && (len(s.IDs) == 0 || slices.Contains(s.IDs, e.ID)) && (s.IDPattern == nil || s.IDPattern.MatchString(string(e.ID)))
}

// Page is the entities found, in the order asked for.
type Page struct {
	Views []View
	Count int  // of all matches; -1 where it was not asked for
	More  bool // there are matches after the page
}

// Find answers a query from one moment. To it sealed attributes are absent: nothing that is asked, no order and no count
// depends on them. Views are shared: do not change them.
func (t *Twin) Find(ctx context.Context, q Query) (Page, error) {
	if err := q.check(); err != nil {
		return Page{}, err
	}
	f, page, err := t.findOnce(ctx, &q, true)
	if errors.Is(err, errMaking) {
		wait := time.NewTimer(t.columns.wait)
		select {
		case <-f.made:
		case <-wait.C:
		case <-ctx.Done():
		}
		wait.Stop()
		f, page, err = t.findOnce(ctx, &q, false)
	}
	for _, k := range f.makes {
		err = errors.Join(err, t.makeColumn(ctx, k))
	}
	if err != nil {
		return Page{}, fmt.Errorf("querying: %w", err)
	}
	return page, nil
}

// errMaking says that a column is being made which a query could use.
var errMaking = errors.New("a column is being made")

// findOnce answers a query from a snapshot. Where it waits it fails with errMaking instead of going without a column that will soon be
// there.
func (t *Twin) findOnce(ctx context.Context, q *Query, waits bool) (*finder, Page, error) {
	since := t.cache.now() // before the snapshot: see cache
	f := &finder{t: t, q: q, since: since, parts: t.cfg.Store.Partitions(), until: time.Now().Add(maxFinding), waits: waits}
	snap, err := t.cfg.Store.Snapshot(ctx)
	if err != nil {
		return f, Page{}, err
	}
	f.r = snap
	page, err := f.find(ctx)
	return f, page, errors.Join(err, snap.Close())
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
	case len(q.Selectors) > MaxSelectors:
		return invalid("ask in several requests", "%d selectors, want at most %d", len(q.Selectors), MaxSelectors)
	}
	ids := len(q.IDs)
	for i := range q.Selectors {
		ids = max(ids, len(q.Selectors[i].IDs))
	}
	if ids > MaxIDs {
		return invalid("ask in several requests", "%d ids, want at most %d", ids, MaxIDs)
	}
	if q.Order.ByID() {
		q.Order = nil
	}
	return nil
}

// matches is everything a query asks of a document; what it asks of linked entities is not there.
func (q *Query) matches(e *model.Entity) bool { return q.matchesLinked(e, nil) }

func (q *Query) matchesLinked(e *model.Entity, look query.Lookup) bool {
	return q.Types.Match(e.Types) && (q.IDPattern == nil || q.IDPattern.MatchString(string(e.ID))) && q.selects(e) &&
		q.hasAttr(e) && q.Scopes.Match(e.Scope) && q.Q.MatchLinked(e, look) && q.Geo.Match(e) && q.sealedFor(e) && q.lookedUp(e)
}

func (q *Query) selects(e *model.Entity) bool {
	return len(q.Selectors) == 0 || slices.ContainsFunc(q.Selectors, func(s Selector) bool { return s.matches(e) })
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
	t       *Twin
	q       *Query
	r       store.Reader
	since   uint64
	parts   uint16
	looked  int
	visited int
	until   time.Time   // see patient
	failure error       // of a look-up while a document was matched
	makes   []columnKey // columns to be made after the query

	made  <-chan struct{} // closed once a column that the query could use is made
	waits bool            // for it
}

// find collects from every partition and puts the pages together.
func (f *finder) find(ctx context.Context) (Page, error) {
	c := f.collector()
	for part := range max(1, f.parts) {
		at := tribune.Place{Tenant: f.q.Tenant, Partition: part}
		plan, err := f.plan(ctx, keysAt(at))
		if err != nil {
			return Page{}, err
		}
		if f.waits && f.made != nil {
			return Page{}, errMaking
		}
		c.begin(at)
		if err := plan.run(ctx, f, c); err != nil {
			return Page{}, err
		}
	}
	return c.page(ctx)
}

// document is the entity at the moment of the query: the cached one where no commit came after, else the snapshot's. It is
// nil where the entity is not there, or has expired.
func (f *finder) document(ctx context.Context, at tribune.Place, id tribune.EntityID) (*entry, error) {
	k := entityKey{f.q.Tenant, id}
	e := f.t.cache.getAt(k, f.since)
	if e == nil || !f.t.fresh(e) {
		var err error
		if e, err = read(ctx, f.r, store.Key(room, at, "e", string(id)), id); isAbsent(err) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		e.read = f.t.cfg.Now()
	}
	if f.t.due(e) {
		left, err := f.t.lapsed(e)
		if isAbsent(err) {
			return nil, nil
		}
		return left, err
	}
	return e, nil
}

// look finds an entity that a relationship leads to.
func (f *finder) look(ctx context.Context) query.Lookup {
	if f.q.Q.Hops() == 0 {
		return nil
	}
	return func(id tribune.EntityID) *model.Entity {
		if f.looked++; f.looked > maxLookups {
			f.failure = tooMany(maxLookups, "linked entities")
		}
		if f.failure != nil {
			return nil
		}
		at := tribune.Place{Tenant: f.q.Tenant, Partition: store.PartitionOf(f.q.Tenant, string(id), f.parts)}
		e, err := f.document(ctx, at, id)
		if err != nil {
			f.failure = err
		}
		if e == nil {
			return nil
		}
		return e.entity
	}
}

func tooMany(n int, what string) error {
	return tribune.Hint(fmt.Errorf("more than %d %s to look at: %w", n, what, tribune.ErrTooLarge), "ask for fewer: add a type, a smaller area or another condition")
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

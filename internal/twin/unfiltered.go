package twin

import (
	"slices"

	"tribune/internal/twin/model"
)

// Unfiltered is the query for entities by type and id alone: where pieces of one entity are in several places, only what is put together
// can be held against the filters (clause 4.3.6.7).
func (q Query) Unfiltered() Query {
	return Query{Tenant: q.Tenant, Types: q.Types, IDs: q.IDs, IDPattern: q.IDPattern, Selectors: q.Selectors, Limit: q.Limit, Offset: q.Offset, Count: q.Count}
}

// Matches holds an entity from wherever against everything that the query asks.
func (q *Query) Matches(e *model.Entity) bool {
	return (len(q.IDs) == 0 || slices.Contains(q.IDs, e.ID)) && q.matches(e)
}

// Chooses holds an entity against what the query asks of ids and types alone.
func (q *Query) Chooses(e *model.Entity) bool {
	one := Selector{q.Types, q.IDs, q.IDPattern}
	return one.matches(e) && (len(q.Selectors) == 0 || slices.ContainsFunc(q.Selectors, func(s Selector) bool { return s.matches(e) }))
}

package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/twin/temporal"
	"tribune/internal/web"
)

// gathered answers a query about the past from here and from whoever is registered for it (clauses 5.7.3 and 5.7.4).
func (a *api) gathered(r *http.Request, s *pastSearch, f *found, q twin.EvolutionQuery) (twin.Evolutions, error) {
	if s.local || s.all || !a.distributes(r, s.Tenant) {
		return a.Twin.Evolutions(r.Context(), q)
	}
	g, err := a.gatherPast(r, s, f, &q)
	if err != nil {
		return twin.Evolutions{}, err
	}
	if g == nil {
		return a.Twin.Evolutions(r.Context(), q)
	}
	return g.page(r.Context(), f)
}

// pastGathering puts what is here and what sources have told of the past together.
type pastGathering struct {
	*federation.GatheredPast
	api   *api
	q     twin.EvolutionQuery // that the request asks
	here  twin.EvolutionQuery // of what is here, without what only the whole can be held against
	split bool
	heads map[tribune.EntityID]*model.Entity // that match here, without their instances
	left  int                                // instances that may still be read here
}

// maxPastHere bounds the instances that one request reads here to put them together with others.
const maxPastHere = federation.MaxInstances

// gatherPast asks the sources that a query about the past concerns; nil where there are none that may be asked. Why they may not stands in the
// answer's header.
func (a *api) gatherPast(r *http.Request, s *pastSearch, f *found, q *twin.EvolutionQuery) (*pastGathering, error) {
	need, err := s.needOfPast()
	if err != nil {
		return nil, err
	}
	if s.one { // of which types it is decides who else may know it
		need.Types = query.Type(a.typesHere(r.Context(), s.Tenant, s.IDs[0])...)
	}
	matches := s.concerned(a.match(r, s.Tenant, need))
	named := append(s.filters(), s.Attrs...)
	some := a.discreet(matches, need.Types.Candidates(), named)
	var warnings []string
	switch {
	case len(matches) == 0:
		return nil, nil
	case a.Sources.Looped(s.Tenant, federation.Via(r)):
		f.warn(loopWarning)
		return nil, nil
	case web.CallerOf(r.Context()).Purpose != "" || len(some) == 0:
		f.warn(personalWarning)
		return nil, nil
	case len(some) < len(matches):
		warnings = append(warnings, fewerWarning)
	}
	question := s.question(r)
	guard := a.guard(s.Tenant)
	guard.Here = func(ctx context.Context, id tribune.EntityID) []tribune.Name { return a.typesHere(ctx, s.Tenant, id) }
	g := &pastGathering{api: a, q: *q, here: *q, split: question.Split && !s.one, left: maxPastHere, heads: map[tribune.EntityID]*model.Entity{}}
	g.here.Aggregate, g.here.Count, g.here.Offset, g.here.Time.LastN = nil, false, 0, question.Past.LastN
	if g.split {
		g.here.Query = g.here.Unfiltered()
	}
	g.GatheredPast = a.Sources.GatherPast(r.Context(), some, &question, guard)
	g.Warnings = append(warnings, g.Warnings...)
	return g, nil
}

// concerned are the matches that hold something of the past which can be asked for, or which this broker may not serve itself.
func (s *pastSearch) concerned(matches []federation.Match) []federation.Match {
	op := "queryTemporal"
	if s.one {
		op = "retrieveTemporal"
	}
	return slices.DeleteFunc(matches, func(m federation.Match) bool { return !m.Mode.Proxied() && !m.Offers(op) })
}

// typesHere are the types by which this broker knows an entity, in the present or in the past.
func (a *api) typesHere(ctx context.Context, t tribune.Tenant, id tribune.EntityID) []tribune.Name {
	if e, err := a.Twin.Get(ctx, t, id); err == nil {
		return e.Types
	}
	out, err := a.Twin.Evolutions(ctx, twin.EvolutionQuery{Query: twin.Query{Tenant: t, IDs: []tribune.EntityID{id}, Limit: 1}, Time: temporal.Query{Any: true}, Page: 1, Sealed: true})
	if err != nil || len(out.List) == 0 {
		return nil
	}
	return out.List[0].Types
}

// question is what sources are asked. LastN goes with it only where the last instances of each are all that is needed of it: values are
// compared, and aggregates made, over all of the time (clause 5.7.4.4).
func (s *pastSearch) question(r *http.Request) federation.Question {
	q := s.words.question(r, &s.search)
	for _, d := range s.view.Datasets {
		if d == "" {
			d = "@none"
		}
		q.Datasets = append(q.Datasets, d)
	}
	when := s.time
	if s.aggregate != nil || q.Split && (s.Q != nil || s.Geo != nil || !s.Scopes.Any()) {
		when.LastN = 0
	}
	q.Past = &when
	if s.one {
		q.One = s.IDs[0]
	}
	return q
}

// warn puts warnings into the header of the answer (clause 6.3.17).
func (f *found) warn(all ...string) {
	if len(all) == 0 {
		return
	}
	if f.header == nil {
		f.header = map[string]string{}
	}
	if was := f.header[warningHeader]; was != "" {
		all = append([]string{was}, all...)
	}
	f.header[warningHeader] = strings.Join(all, ", ")
}

// nowhereFound says that nobody has an evolution; what went wrong with sources that might is said with it.
func nowhereFound(f *found) error {
	err := fmt.Errorf("%w: the entity has no temporal evolution with the attributes and in the time asked for", tribune.ErrNotFound)
	if warn := f.header[warningHeader]; warn != "" {
		return tribune.Hint(err, "Context sources could not all be asked: %s.", warn)
	}
	return tribune.Hint(err, "check id, tenant, attributes and time")
}

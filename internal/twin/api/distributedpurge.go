package api

import (
	"net/http"
	"sync"

	"tribune"
	"tribune/internal/twin/federation"
)

// purgeElsewhere has the registered sources purge what is theirs (clause 5.6.21). It returns what could not be purged.
func (a *api) purgeElsewhere(w http.ResponseWriter, r *http.Request, s *search, what purge) []batchError {
	if !a.distributes(r, s.Tenant) {
		return nil
	}
	words, err := s.asked(r)
	if err != nil {
		return []batchError{{Error: a.problems.Of(err)}}
	}
	need, err := words.purgeNeed(s, what)
	if err != nil {
		return []batchError{{Error: a.problems.Of(err)}}
	}
	matches := a.match(r, s.Tenant, need)
	switch {
	case len(matches) == 0:
		return nil
	case a.Sources.Looped(s.Tenant, federation.Via(r)):
		return []batchError{{Error: a.problems.Of(federation.ErrLoop)}}
	case a.anyWithheld(s.Types.Candidates(), s.filters()):
		w.Header().Add(warningHeader, personalWarning)
		return nil
	}
	q := words.question(r, s)
	q.Split = false
	failures := make([][]federation.EntityFailure, len(matches))
	var wait sync.WaitGroup
	for i, m := range matches {
		switch {
		case m.Mode == federation.Auxiliary:
		case m.Offers("purgeEntity"):
			wait.Go(func() {
				failures[i] = a.Sources.Purge(r.Context(), m, &q, a.tellable(s.Types.Candidates(), what.drop), a.tellable(s.Types.Candidates(), what.keep))
			})
		case m.Mode.Proxied():
			failures[i] = []federation.EntityFailure{{Err: &federation.Failure{Source: m.ID, Err: federation.ErrMode}}}
		}
	}
	wait.Wait()
	var out []batchError
	for _, some := range failures {
		for _, f := range some {
			all, _ := a.errorsOf(f.ID, f.Err)
			out = append(out, all...)
		}
	}
	return out
}

// purgeNeed is what a purge needs of context sources: those that csf, place and scope leave out are not asked, and where an entity map says who
// holds the entities nobody else is.
func (w *words) purgeNeed(s *search, what purge) (federation.Need, error) {
	n, err := w.need(s)
	n.Attrs, n.Datasets = nil, nil
	if before := n.Where; what.from != nil {
		n.Where = func(r *federation.Registration) bool { return what.from[r.ID] && (before == nil || before(r)) }
	}
	return n, err
}

// tellable are the names that are not personal; none given stays none given.
func (a *api) tellable(types, names []tribune.Name) []tribune.Name {
	if names == nil {
		return nil
	}
	out := []tribune.Name{}
	for _, n := range names {
		if !a.withheld(types, n) {
			out = append(out, n)
		}
	}
	return out
}

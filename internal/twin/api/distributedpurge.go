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
	matches := a.match(r, s.Tenant, federation.Need{IDs: s.IDs, Pattern: s.IDPattern, Types: s.Types})
	switch {
	case len(matches) == 0:
		return nil
	case a.Sources.Looped(s.Tenant, federation.Via(r)):
		return []batchError{{Error: a.problems.Of(federation.ErrLoop)}}
	case a.anyWithheld(s.Types.Candidates(), s.filters()):
		w.Header().Add(warningHeader, personalWarning)
		return nil
	}
	words, err := s.asked(r)
	if err != nil {
		return []batchError{{Error: a.problems.Of(err)}}
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

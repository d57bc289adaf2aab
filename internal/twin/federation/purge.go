package federation

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"tribune"
)

// EntityFailure is what went wrong with one entity at a source; no ID: with all that it was asked for.
type EntityFailure struct {
	ID  string
	Err error
}

// Purge has a source delete the registered entities that a question is about, or attributes of them: those to drop, or all but those to
// keep (clause 5.6.21).
func (s *Sources) Purge(ctx context.Context, m Match, q *Question, drop, keep []tribune.Name) []EntityFailure {
	if drop != nil && len(drop) == 0 || keep != nil && len(keep) == 0 {
		return nil // without names it would mean whole entities
	}
	t, err := s.tongue(ctx, m.Registration, q.Context)
	if err != nil {
		return []EntityFailure{{Err: &Failure{Source: m.ID, Err: ErrSource, Detail: "the @context that it asks for is not available"}}}
	}
	if !q.sayable(&t) {
		return []EntityFailure{{Err: &Failure{Source: m.ID, Err: ErrSource, Detail: "q has a path that cannot be written in the @context that it asks for"}}}
	}
	if m.Info.named() && (drop != nil || keep != nil) {
		gone := func(n tribune.Name) bool {
			return drop != nil && slices.Contains(drop, n) || keep != nil && !slices.Contains(keep, n)
		}
		drop = slices.DeleteFunc(slices.Concat(m.Info.Properties, m.Info.Relationships), func(n tribune.Name) bool { return !gone(n) })
		if keep = nil; len(drop) == 0 {
			return nil
		}
	}
	var out []EntityFailure
	for _, sel := range q.selectors(&m, &t) {
		var v values
		q.pick(&v, sel, &t)
		v.add("drop", strings.Join(t.names(drop), ","))
		v.add("keep", strings.Join(t.names(keep), ","))
		reply, err := s.Do(ctx, m.Registration, Call{Method: http.MethodDelete, Path: "/entities", Query: string(v), Link: t.link, Cause: q.Cause})
		switch {
		case err != nil:
			out = append(out, EntityFailure{"", err})
		case reply.Status == http.StatusMultiStatus:
			out = append(out, notPurged(m.Registration, reply)...)
		}
	}
	return out
}

func notPurged(r *Registration, reply Reply) (out []EntityFailure) {
	var s said
	if json.Unmarshal(reply.Body, &s) != nil || len(s.Errors) == 0 {
		return []EntityFailure{{"", partly(r)}}
	}
	for i := range s.Errors {
		out = append(out, EntityFailure{s.Errors[i].EntityID, s.Errors[i].failure(r)})
	}
	return out
}

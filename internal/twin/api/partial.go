package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/web"
)

// partial is a change of one entity that several have been asked to make, of whom some could not (clauses 5.6 and 6.3.17).
type partial struct {
	id       tribune.EntityID
	done     bool // somebody has made it
	failures []error
}

func (p *partial) Error() string {
	return fmt.Sprintf("entity %s: %d of those that hold it have not changed it: %v", p.id, len(p.failures), errors.Join(p.failures...))
}

func (p *partial) Unwrap() []error { return p.failures }

// failing is what somebody has not changed, and why.
type failing struct {
	error
	attrs []tribune.Name
}

func (f *failing) Unwrap() error { return f.error }

// partlyUpdated is an UpdateResult that names the attributes that somebody who holds them has not changed (clause 6.6.3).
func (a *api) partlyUpdated(res twin.Result, p *partial, why string) updates {
	out := updateResult(res, why)
	for _, err := range p.failures {
		var at *failing
		if !errors.As(err, &at) {
			continue
		}
		not := notUpdated{Reason: a.problems.Of(err).Detail}
		var f *federation.Failure
		if errors.As(err, &f) {
			not.RegistrationID = f.Source
		}
		for _, name := range at.attrs {
			not.AttributeName = string(name)
			out.NotUpdated = append(out.NotUpdated, not)
		}
	}
	return out
}

// errorsOf are the errors of one entity in a BatchOperationResult (clause 5.2.17), and whether something of it was done.
func (a *api) errorsOf(id string, err error) (out []batchError, done bool) {
	all := []error{err}
	var p *partial
	if errors.As(err, &p) {
		all, done = p.failures, p.done
	}
	for _, err := range all {
		one := batchError{EntityID: id, Error: a.problems.Of(err)}
		var f *federation.Failure
		if errors.As(err, &f) {
			one.RegistrationID = f.Source
		}
		out = append(out, one)
	}
	return out, done
}

// sendPartial answers 207 with what became of the entity (clause 5.2.16).
func (a *api) sendPartial(w http.ResponseWriter, r *http.Request, p *partial) error {
	success := []string{}
	if p.done {
		success = append(success, string(p.id))
		if r.Method == http.MethodPost && (r.Pattern == Prefix+"/entities" || r.Pattern == Prefix+"/temporal/entities") {
			w.Header().Set("Location", r.Pattern+"/"+url.PathEscape(string(p.id)))
		}
	}
	failures, _ := a.errorsOf(string(p.id), p)
	return sendJSON(w, http.StatusMultiStatus, struct {
		Success []string     `json:"success"`
		Errors  []batchError `json:"errors"`
	}{success, failures})
}

// sourceRows are the problems of context sources (clause 6.3.17).
func sourceRows() []web.Row {
	return []web.Row{
		{Err: federation.ErrLoop, Status: http.StatusLoopDetected, Name: "loop", Title: "The request has been here before"},
		{Err: federation.ErrSlow, Status: http.StatusGatewayTimeout, Name: "source-timeout", Title: "A context source has not answered in time"},
		{Err: federation.ErrAnswer, Status: http.StatusBadGateway, Name: "source-answer", Title: "A context source's answer is not valid"},
		{Err: federation.ErrSource, Status: http.StatusBadGateway, Name: "source", Title: "A context source has refused"},
		{Err: federation.ErrMode, Status: http.StatusConflict, Name: "source-operation", Standard: "Conflict", Title: "A context source is responsible that does not offer this operation"},
	}
}

package api

import (
	"net/http"
	"strings"

	"tribune"
	"tribune/internal/twin/federation"
)

// distributes reports whether context sources may have to do with a request: somebody is registered, and the request is not limited to what is
// held here (clause 5.5.13). It costs one atomic load where nobody is registered anywhere.
func (a *api) distributes(r *http.Request, t tribune.Tenant) bool {
	return a.Registry.Any(t) && a.Sources != nil && !isLocal(r)
}

// isLocal reports whether a request asks for local scope, or is about a snapshot, which has no other (clause 6.3.18).
func isLocal(r *http.Request) bool {
	if len(r.Header["Ngsild-Snapshot"]) > 0 {
		return true
	}
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if part == "local=true" || part == "type=*" {
			return true
		}
	}
	return false
}

// withheld reports whether the law calls an attribute personal. Such are never told to a context source, nor taken from one: no purpose goes
// with a forwarded request.
func (a *api) withheld(types []tribune.Name, attr tribune.Name) bool {
	c := a.ClassOf(types, attr)
	return c.Personal || c.ID == tribune.ClassUnclassified
}

// anyWithheld reports whether one of the attributes is personal.
func (a *api) anyWithheld(types, attrs []tribune.Name) bool {
	for _, n := range attrs {
		if a.withheld(types, n) {
			return true
		}
	}
	return false
}

// loopWarning says that a request was answered from what is here alone, as it has been here before.
const loopWarning = `199 tribune "the request has been here before: its Via names this broker, so that no context source is asked again"`

const personalWarning = `199 tribune "no context source is asked: the request looks at personal attributes, and no purpose goes with what is forwarded"`

// match are the registrations that a request concerns; via are the sources it has passed.
func (a *api) match(r *http.Request, t tribune.Tenant, n federation.Need) []federation.Match {
	n.Via = federation.Via(r)
	return a.Registry.Match(t, n)
}

package api

import (
	"context"
	"net/http"
	"slices"
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

// isPersonal reports whether the law calls an attribute of what is here personal. Such are never told to a context source: no purpose goes
// with a forwarded request.
func (a *api) isPersonal(types []tribune.Name, attr tribune.Name) bool {
	c := a.ClassOf(types, attr)
	return c.Personal || c.ID == tribune.ClassUnclassified
}

// withheld reports whether an attribute may not be taken from a context source, nor asked of one: by the types that sources or requests name it
// is personal, or may be.
func (a *api) withheld(types []tribune.Name, attr tribune.Name) bool {
	c := a.ClassTold(types, attr)
	return c.Personal || c.ID == tribune.ClassUnclassified
}

// guard is what no source may tell a tenant.
func (a *api) guard(t tribune.Tenant) federation.Guard {
	return federation.Guard{Withhold: a.withheld, Here: func(ctx context.Context, id tribune.EntityID) []tribune.Name {
		e, err := a.Twin.Get(ctx, t, id)
		if err != nil {
			return nil
		}
		return e.Types
	}}
}

// discreet takes away the matches whose sources would be asked about personal attributes. Where the request does not say of which types its entities
// are, they are of those for which the source is registered.
func (a *api) discreet(matches []federation.Match, asked, attrs []tribune.Name) []federation.Match {
	if len(attrs) == 0 {
		return matches
	}
	return slices.DeleteFunc(slices.Clone(matches), func(m federation.Match) bool {
		types := asked
		if len(types) == 0 {
			for i := range m.Entities {
				types = append(types, m.Entities[i].Types...)
			}
		}
		return a.anyWithheld(types, attrs)
	})
}

// anyWithheld reports whether one of the attributes may not be asked of a source.
func (a *api) anyWithheld(types, attrs []tribune.Name) bool {
	return slices.ContainsFunc(attrs, func(n tribune.Name) bool { return a.withheld(types, n) })
}

// loopWarning says that a request was answered from what is here alone, as it has been here before.
const loopWarning = `199 tribune "the request has been here before: its Via names this broker, so that no context source is asked again"`

const personalWarning = `199 tribune "no context source is asked: the request looks at personal attributes, and no purpose goes with what is forwarded"`

const fewerWarning = `199 tribune "some context sources are not asked: there the request looks at personal attributes, and no purpose goes with what is forwarded"`

// match are the registrations that a request concerns; via are the sources it has passed.
func (a *api) match(r *http.Request, t tribune.Tenant, n federation.Need) []federation.Match {
	n.Via = federation.Via(r)
	return a.Registry.Match(t, n)
}

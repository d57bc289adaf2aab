package api

import (
	"fmt"
	"net/http"
	"strings"

	"tribune"
	"tribune/internal/web"
)

// Present refuses paths in which an id is missing: "The id is not present" is bad request data by every clause that names one (5.6.2
// and others). It stands before any router: those read /entities//attrs as another path.
func Present(problems *web.Problems, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.EscapedPath(), Prefix)
		if ok && lacksID(r.Method, path) {
			problems.Write(w, r, tribune.Hint(fmt.Errorf("%w: attribute \"id\": the path lacks an id", tribune.ErrInvalid), "Write it like %s/entities/urn:ngsi-ld:TYPE:NAME.", Prefix))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// collections are the resources whose members have ids.
var collections = [...]string{"/entities/", "/temporal/entities/", "/subscriptions/", "/csourceRegistrations/", "/csourceSubscriptions/"}

// lacksID reports whether a path goes on behind a collection without an id; or is a collection, with a slash at its end, and the
// method can only mean a member.
func lacksID(method, path string) bool {
	for _, c := range collections {
		rest, ok := strings.CutPrefix(path, c)
		if !ok {
			continue
		}
		switch {
		case dotted(rest):
			return true // a router would go up from there, and another resource be deleted
		case strings.HasPrefix(rest, "/"), c == "/temporal/entities/" && strings.Contains(rest, "/attrs//"):
			return true // of an attribute it is its name that is missing (5.6.14, 5.6.15)
		case rest != "", c != "/entities/" && c != "/temporal/entities/":
			return false // the others are named with that slash: a method that they do not have is not allowed (6.3.2, 6.8.2, 6.10.2)
		}
		return method == http.MethodPatch || method == http.MethodPut
	}
	return false
}

// dotted reports whether a segment of a path means the one it is in, or the one above, and so no name (clause 4.6.2).
func dotted(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			return true
		}
	}
	return false
}

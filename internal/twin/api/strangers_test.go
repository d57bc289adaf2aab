package api

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/snapshot"
	"tribune/internal/web"
)

// questions are POST requests that only ask, and entity maps, which are a caller's own questions under an unguessable name and
// rest in memory.
var questions = map[string]bool{
	"POST /entityOperations/query": true, "POST /temporal/entityOperations/query": true,
	"POST /entityMaps": true, "POST /temporal/entityMaps": true, "PATCH /entityMaps/{id}": true, "DELETE /entityMaps/{id}": true,
}

// secrets are GET requests whose answers say where the hub calls, and with which tokens.
var secrets = map[string]bool{
	"GET /subscriptions": true, "GET /subscriptions/{id}": true, "GET /csourceSubscriptions": true, "GET /csourceSubscriptions/{id}": true,
}

const (
	aCar          = `{"id":"urn:a:car","type":"Car","speed":{"type":"Property","value":1}}`
	aSubscription = `{"id":"urn:a:sub","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"https://example.org/n"}}}`
	aRegistration = `{"id":"urn:a:reg","type":"ContextSourceRegistration","endpoint":"https://example.org","information":[{"entities":[{"type":"Car"}]}]}`
	aSnapshot     = `{"id":"urn:a:snap","type":"Snapshot","snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`
	aPast         = `{"id":"urn:a:past","type":"Car","speed":[{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z","instanceId":"urn:a:i"}]}`
)

// bodyOf is a body with which a request would change something.
func bodyOf(method, path string) string {
	switch {
	case method == "DELETE" || method == "GET" || method == "HEAD":
		return ""
	case path == "/entityOperations/delete":
		return `["urn:a:car"]`
	case strings.HasSuffix(path, "/query"), path == "/entityMaps":
		return `{"type":"Query","entities":[{"type":"Car"}]}`
	case path == "/temporal/entityMaps":
		return `{"type":"Query","entities":[{"type":"Car"}],"temporalQ":{"timerel":"after","timeAt":"2020-01-01T00:00:00Z"}}`
	case strings.HasPrefix(path, "/entityOperations"):
		return `[{"id":"urn:a:new","type":"Car","speed":{"type":"Property","value":2}}]`
	case path == "/entities" || path == "/temporal/entities":
		return strings.Replace(aCar, "urn:a:car", "urn:a:new", 1)
	case path == "/subscriptions" || path == "/csourceSubscriptions":
		return strings.Replace(aSubscription, "urn:a:sub", "urn:a:new", 1)
	case path == "/csourceRegistrations":
		return strings.Replace(aRegistration, "urn:a:reg", "urn:a:new", 1)
	case path == "/snapshots":
		return strings.Replace(aSnapshot, "urn:a:snap", "urn:a:new", 1)
	case path == "/snapshots/{id}/clone":
		return `{"type":"Snapshot"}`
	case path == "/jsonldContexts":
		return `{"@context":{"a":"https://example.org/a"}}`
	case strings.HasPrefix(path, "/subscriptions"), strings.HasPrefix(path, "/csource"):
		return `{"description":"mine"}`
	case strings.HasPrefix(path, "/snapshots"):
		return `{"snapshotPriority":1}`
	case strings.HasPrefix(path, "/entityMaps"):
		return `{"expiresAt":"2020-01-01T00:00:00Z"}`
	}
	return `{"type":"Property","value":3,"speed":{"type":"Property","value":3}}`
}

// placed is a path with the names of what there is.
func placed(method, path, context string) string {
	id := "urn:a:car"
	switch {
	case strings.HasPrefix(path, "/subscriptions"), strings.HasPrefix(path, "/csourceSub"):
		id = "urn:a:sub"
	case strings.HasPrefix(path, "/csourceReg"):
		id = "urn:a:reg"
	case strings.HasPrefix(path, "/snapshots"):
		id = "urn:a:snap"
	case strings.HasPrefix(path, "/temporal"):
		id = "urn:a:past"
	}
	path = strings.NewReplacer("{id}", id, "{attr}", "speed", "{attrId}", "speed", "{instance}", "urn:a:i", "{type}", "Car", "{context}", context).Replace(path)
	switch {
	case method == "DELETE" && path == "/entities":
		return path + "?local=true"
	case method == "DELETE" && path == "/snapshots":
		return path + "?q=snapshotPriority%3E0"
	case method == "GET" && path == "/temporal/entities", method == "GET" && path == "/temporal/entityMaps":
		return path + "?type=Car&timerel=after&timeAt=2020-01-01T00:00:00Z"
	case method == "GET" && (path == "/entities" || path == "/entityMaps" || path == "/csourceRegistrations"):
		return path + "?type=Car"
	}
	return path
}

// rows is all that a store holds.
func rows(t *testing.T, s store.Store) map[string]string {
	t.Helper()
	out := map[string]string{}
	for pair, err := range s.Scan(context.Background(), store.Prefix(nil)) {
		if err != nil {
			t.Fatal(err)
		}
		out[string(pair.Key)] = string(pair.Value)
	}
	return out
}

// Every route of the API, by whoever may not write: what is not asked for here is refused, and nothing in the store is another.
func TestNobodyButAnIntegratorChangesAnything(t *testing.T) {
	cfg, st := parts(t)
	kept, err := snapshot.Open(t.Context(), snapshot.Config{Store: st, Twin: cfg.Twin.(snapshot.Twin)})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Snapshots = kept
	a := open(cfg)
	h := a.routes()
	do := func(caller tribune.Caller, method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, Prefix+path, bytes.NewReader([]byte(body)))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(web.WithCaller(r.Context(), caller)))
		return w
	}
	integrator := tribune.Caller{Actor: "i", Office: "integrator"}
	made := ""
	for _, m := range [][2]string{{"/entities", aCar}, {"/subscriptions", aSubscription}, {"/csourceSubscriptions", aSubscription}, {"/csourceRegistrations", aRegistration},
		{"/snapshots", aSnapshot}, {"/temporal/entities", aPast}, {"/jsonldContexts", `{"@context":{"b":"https://example.org/b"}}`}} {
		w := do(integrator, "POST", m[0], m[1])
		if w.Code != 201 {
			t.Fatalf("POST %s: got %d %s", m[0], w.Code, w.Body)
		}
		made = w.Header().Get("Location")
	}
	kept.Close() // its filling has ended
	before := rows(t, st)
	strangers := map[string]tribune.Caller{"nobody": {}, "an inspector": {Actor: "p", Office: "parking-inspector"}, "who has no office": {Actor: "x"}}
	seen := 0
	for _, table := range a.tables() {
		for path, methods := range table {
			for _, method := range append(slices.Collect(maps.Keys(methods)), "HEAD", "TRACE", "COPY") {
				route := method + " " + path
				at := placed(method, path, made[strings.LastIndexByte(made, '/')+1:])
				for who, caller := range strangers {
					w := do(caller, method, at, bodyOf(method, path))
					want := fmt.Sprint(w.Code)
					switch {
					case method == "TRACE" || method == "COPY" || method == "HEAD" && methods["GET"] == nil:
						want = "405"
					case secrets[strings.Replace(route, "HEAD", "GET", 1)] || method != "GET" && method != "HEAD" && !questions[route]:
						want = "401"
						if caller.Known() {
							want = "403"
						}
						seen++
					}
					if fmt.Sprint(w.Code) != want || w.Code >= 500 && w.Code != http.StatusNotImplemented {
						t.Errorf("%s by %s: got %d %s, want %s", route, who, w.Code, w.Body, want)
					}
				}
			}
		}
	}
	if want := 3 * 30; seen < want {
		t.Errorf("%d requests were to be refused, want at least %d", seen, want)
	}
	after := rows(t, st)
	for key, value := range after {
		if before[key] != value {
			t.Errorf("the store has another %q", key)
		}
	}
	if len(after) != len(before) {
		t.Errorf("the store has %d rows, want %d", len(after), len(before))
	}
}

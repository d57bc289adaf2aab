package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/web"
)

// Every endpoint that takes a body refuses the bodies that break other brokers, with problem details.
func TestHostileBodiesAreRefusedEverywhere(t *testing.T) {
	a := whole(t)
	known := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "test", Office: "integrator"})))
		})
	}
	s := httptest.NewServer(web.Wrap(web.Config{Log: a.Log, Quiet: true, Problems: a.problems}, known(a.routes())))
	defer s.Close()
	deep := strings.Repeat(`{"a":`, 10_000) + `1` + strings.Repeat(`}`, 10_000)
	arrays := strings.Repeat(`[`, 10_000) + strings.Repeat(`]`, 10_000)
	bodies := []struct {
		name, body, kind string
		status           int
	}{
		{"10 MB", `{"id":"urn:c:1","a":"` + strings.Repeat("x", 10<<20) + `"}`, "/problems/too-large", 413},
		{"10,000 deep", `{"id":"urn:c:1","a":` + deep + `}`, errorBase + "InvalidRequest", 400},
		{"10,000 arrays", arrays, errorBase + "InvalidRequest", 400},
		{"bad UTF-8", "{\"id\":\"urn:c:1\",\"a\":\"\xff\xfe\"}", errorBase + "InvalidRequest", 400},
		{"a lone surrogate", `{"id":"urn:c:1","a":"\ud800"}`, errorBase + "InvalidRequest", 400},
		{"NaN", `{"id":"urn:c:1","a":NaN}`, errorBase + "InvalidRequest", 400},
		{"Infinity", `{"id":"urn:c:1","a":-Infinity}`, errorBase + "InvalidRequest", 400},
		{"a member twice", `{"id":"urn:c:1","id":"urn:c:2"}`, errorBase + "InvalidRequest", 400},
		{"half a document", `{"id":"urn:c:1","a":`, errorBase + "InvalidRequest", 400},
		{"two documents", `{"id":"urn:c:1"}{"id":"urn:c:2"}`, errorBase + "InvalidRequest", 400},
		{"nothing", ``, errorBase + "InvalidRequest", 400},
		{"a NUL", "\x00", errorBase + "InvalidRequest", 400},
	}
	// A registration that is there, so that what is changed is looked at; an entity map's id cannot be chosen.
	res, err := s.Client().Post(s.URL+Prefix+"/csourceRegistrations", typeJSON, strings.NewReader(
		`{"id":"urn:x:y","type":"ContextSourceRegistration","information":[{"entities":[{"type":"Car"}]}],"endpoint":"http://example.org"}`))
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("registering: %v %v", res, err)
	}
	res.Body.Close()
	asked := 0
	for _, table := range a.tables() {
		for path, methods := range table {
			for method := range methods {
				op, ok := described(method, path)
				if !ok || op.body == "" || op.ok == http.StatusUnprocessableEntity || path == "/entityMaps/{id}" {
					continue
				}
				asked++
				for _, x := range bodies {
					for _, media := range []string{typeJSON, typeLD} {
						r, err := http.NewRequestWithContext(t.Context(), method, s.URL+Prefix+braces.ReplaceAllString(path, "urn:x:y"), strings.NewReader(x.body))
						if err != nil {
							t.Fatal(err)
						}
						r.Header.Set("Content-Type", media)
						res, err := s.Client().Do(r)
						if err != nil {
							t.Errorf("%s %s, %s as %s: %v", method, path, x.name, media, err)
							continue
						}
						body, _ := io.ReadAll(res.Body)
						res.Body.Close()
						var p struct{ Type, Title, Detail string }
						if err := json.Unmarshal(body, &p); err != nil || res.StatusCode != x.status || p.Type != x.kind || p.Title == "" || p.Detail == "" || res.Header.Get("Content-Type") != typeJSON {
							t.Errorf("%s %s, %s as %s: %d %s, want %d %s", method, path, x.name, media, res.StatusCode, body, x.status, x.kind)
						}
					}
				}
			}
		}
	}
	if asked < 15 {
		t.Errorf("only %d operations take a body", asked)
	}
}

func TestBodiesOfAnotherKindAreAnsweredWithTheStatusAlone(t *testing.T) {
	h := whole(t)
	for name, x := range map[string]struct {
		method, path, media string
		length              int64
		status              int
	}{
		"XML":                        {"POST", "/entities", "application/xml", 2, 415},
		"broken":                     {"POST", "/entities", "application/json; =", 2, 415},
		"another character set":      {"POST", "/entities", "application/json; charset=utf-16", 2, 415},
		"a merge patch, not PATCHed": {"POST", "/entities", typeMerge, 2, 415},
		"of no said length":          {"POST", "/entities", typeJSON, -1, 411},
		"a context as text":          {"POST", "/jsonldContexts", "text/plain", 2, 415},
	} {
		r := httptest.NewRequest(x.method, Prefix+x.path, strings.NewReader(`{}`))
		r.Header.Set("Content-Type", x.media)
		r.ContentLength = x.length
		r = r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "test", Office: "integrator"}))
		w := httptest.NewRecorder()
		h.routes().ServeHTTP(w, r)
		if w.Code != x.status || w.Body.Len() > 0 {
			t.Errorf("%s: %d %s, want %d and no body", name, w.Code, w.Body, x.status)
		}
	}
}

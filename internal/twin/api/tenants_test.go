package api

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin"
	"tribune/internal/twin/snapshot"
	"tribune/internal/web"
)

// ask does a request in a tenant, as an integrator.
func ask(h http.Handler, tenant, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, Prefix+path, bytes.NewReader([]byte(body)))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if tenant != "" {
		r.Header.Set("NGSILD-Tenant", tenant)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "i", Office: "integrator"})))
	return w
}

func TestATenantIsThereOnceSomethingWasCreatedInIt(t *testing.T) {
	cfg, _ := parts(t)
	h := New(cfg)
	for _, x := range []struct{ method, path, body string }{
		{"GET", "/entities?type=Car", ""}, {"GET", "/entities/urn:c:1", ""}, {"DELETE", "/entities/urn:c:1", ""}, {"PATCH", "/entities/urn:c:1", `{}`},
		{"DELETE", "/entities?type=Car", ""}, {"POST", "/entityOperations/query", `{"type":"Query"}`}, {"POST", "/entityOperations/update", `[]`},
		{"POST", "/entities/urn:c:1/attrs", `{}`}, {"GET", "/types", ""}, {"GET", "/attributes", ""}, {"GET", "/temporal/entities?type=Car", ""},
		{"GET", "/subscriptions", ""}, {"GET", "/csourceRegistrations", ""}, {"GET", "/entityMaps/urn:m:1", ""}, {"HEAD", "/entities/urn:c:1", ""},
	} {
		w := ask(h, "nowhere", x.method, x.path, x.body)
		if w.Code != 404 || x.method != "HEAD" && !strings.Contains(w.Body.String(), "/NonexistentTenant") || w.Header().Get("NGSILD-Tenant") != "nowhere" {
			t.Errorf("%s %s in a tenant that nothing was created in: %d %v %s", x.method, x.path, w.Code, w.Header(), w.Body)
		}
		if w := ask(h, "", x.method, x.path, x.body); strings.Contains(w.Body.String(), "NonexistentTenant") {
			t.Errorf("%s %s: the default tenant always exists: %s", x.method, x.path, w.Body)
		}
	}
	for name, x := range map[string]struct{ path, body string }{
		"entity":       {"/entities", `{"id":"urn:c:1","type":"Car"}`},
		"batch":        {"/entityOperations/create", `[{"id":"urn:c:1","type":"Car"}]`},
		"upsert":       {"/entityOperations/upsert", `[{"id":"urn:c:1","type":"Car"}]`},
		"past":         {"/temporal/entities", `{"id":"urn:c:1","type":"Car","speed":[{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z"}]}`},
		"registration": {"/csourceRegistrations", `{"id":"urn:r:1","type":"ContextSourceRegistration","information":[{"entities":[{"type":"Car"}]}],"endpoint":"https://example.org"}`},
		"subscription": {"/subscriptions", `{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"https://example.org/n"}}}`},
	} {
		if name == "subscription" && cfg.Notify == nil || name == "registration" && cfg.Registry == nil {
			continue
		}
		if w := ask(h, name, "POST", x.path, x.body); w.Code != 201 || w.Header().Get("NGSILD-Tenant") != name {
			t.Errorf("creating a tenant by %s: %d %s", name, w.Code, w.Body)
		}
		if w := ask(h, name, "GET", "/entities?type=Car", ""); w.Code != 200 {
			t.Errorf("after creating by %s: %d %s", name, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/jsonldContexts"} {
		if w := ask(h, "nowhere", "GET", path, ""); w.Code != 200 {
			t.Errorf("%s is there whatever tenant is named: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestWhatWasNotCreatedMakesNoTenant(t *testing.T) {
	cfg, _ := parts(t)
	h := New(cfg)
	for _, body := range []string{`{"id":"urn:c:1"}`, `{`, `{"id":"urn:c:1","type":"Car","a":{"type":"Nonsense"}}`} {
		if w := ask(h, "north", "POST", "/entities", body); w.Code != 400 {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
	if w := ask(h, "north", "GET", "/entities?type=Car", ""); w.Code != 404 {
		t.Errorf("after refusals: %d %s", w.Code, w.Body)
	}
}

func TestATenantOutlivesItsLastEntityAndARestart(t *testing.T) {
	cfg, st := parts(t)
	h := New(cfg)
	ask(h, "urn:ngsi-ld:tenant:north", "POST", "/entities", `{"id":"urn:c:1","type":"Car"}`)
	if w := ask(h, "urn:ngsi-ld:tenant:north", "DELETE", "/entities/urn:c:1", ""); w.Code != 204 {
		t.Fatalf("deleting: %d %s", w.Code, w.Body)
	}
	for _, when := range []string{"before", "after"} {
		if w := ask(h, "urn:ngsi-ld:tenant:north", "GET", "/entities?type=Car", ""); w.Code != 200 || w.Body.String() != "[]" {
			t.Errorf("%s a restart: %d %s", when, w.Code, w.Body)
		}
		if w := ask(h, "urn:ngsi-ld:tenant", "GET", "/entities?type=Car", ""); w.Code != 404 {
			t.Errorf("a tenant whose name begins like that of another: %d %s", w.Code, w.Body)
		}
		again, err := twin.New(twin.Config{Store: st})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Twin = again
		h = New(cfg)
	}
}

func TestNobodyMakesTenantsWithoutEnd(t *testing.T) {
	cfg, st := parts(t)
	var b store.Batch
	for i := range maxTenants {
		b.Put(store.Key("twin", tribune.Place{Tenant: tribune.Tenant(fmt.Sprintf("t%d", i))}, "e", "urn:c:1"), []byte{1})
	}
	if err := st.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	h := New(cfg)
	if w := ask(h, "one-more", "POST", "/entities", `{"id":"urn:c:1","type":"Car"}`); w.Code != 413 {
		t.Errorf("one more: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "t5", "POST", "/entities", `{"id":"urn:c:2","type":"Car"}`); w.Code != 201 {
		t.Errorf("in one that is there: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "", "POST", "/entities", `{"id":"urn:c:2","type":"Car"}`); w.Code != 201 {
		t.Errorf("in the default one: %d %s", w.Code, w.Body)
	}
}

func TestNamesOfTenantsAreShortAndPlain(t *testing.T) {
	cfg, _ := parts(t)
	h := New(cfg)
	for _, name := range []string{"a/b", "a b", "snapshot 0123", "ä", "a,b", strings.Repeat("x", 65), "a%20", "<a>", ""} {
		r := httptest.NewRequest("POST", Prefix+"/entities", strings.NewReader(`{"id":"urn:c:1","type":"Car"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header["Ngsild-Tenant"] = []string{name}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "i", Office: "integrator"})))
		if w.Code != 400 || w.Header().Get("NGSILD-Tenant") != "" {
			t.Errorf("%q: %d %s", name, w.Code, w.Body)
		}
	}
	for _, name := range []string{"urn:ngsi-ld:tenant:a_b.c-1", strings.Repeat("x", 64)} {
		if w := ask(h, name, "POST", "/entities", `{"id":"urn:c:1","type":"Car"}`); w.Code != 201 || w.Header().Get("NGSILD-Tenant") != name {
			t.Errorf("%q: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestEveryAnswerRepeatsTheTenant(t *testing.T) {
	cfg, _ := parts(t)
	h := New(cfg)
	ask(h, "north", "POST", "/entities", `{"id":"urn:c:1","type":"Car"}`)
	for _, x := range []struct{ method, path string }{
		{"GET", "/nothing"}, {"PUT", "/types"}, {"OPTIONS", "/types"}, {"PATCH", "/entities/"}, {"GET", "/entities?foo=1"}, {"GET", "/entities/x y"}, {"GET", "/jsonldContexts?kind=x"},
	} {
		if w := ask(h, "north", x.method, strings.ReplaceAll(x.path, " ", "%20"), ""); w.Header().Get("NGSILD-Tenant") != "north" {
			t.Errorf("%s %s: %d %v", x.method, x.path, w.Code, w.Header())
		}
	}
}

func TestSubscriptionsToASnapshotEndWithIt(t *testing.T) {
	cfg, st := parts(t)
	kept, err := snapshot.Open(t.Context(), snapshot.Config{Store: st, Twin: cfg.Twin.(snapshot.Twin)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	cfg.Snapshots = kept
	h := New(cfg)
	in := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, Prefix+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("NGSILD-Snapshot", "urn:a:snap")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "i", Office: "integrator"})))
		return w
	}
	ask(h, "", "POST", "/entities", aCar)
	if w := ask(h, "", "POST", "/snapshots", aSnapshot); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := in("POST", "/subscriptions", aSubscription); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	left := func() (n int) {
		for key := range rows(t, st) {
			if strings.Contains(key, "snapshot ") {
				n++
			}
		}
		return n
	}
	if left() == 0 || len(cfg.Notify.Named("snapshot ")) != 1 {
		t.Fatal("nothing is in the snapshot")
	}
	if w := ask(h, "", "DELETE", "/snapshots/urn:a:snap", ""); w.Code != 204 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for range 500 {
		if left() == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := left(); n != 0 || len(cfg.Notify.Named("snapshot ")) != 0 {
		t.Errorf("%d rows and the subscriptions of %v are left", n, cfg.Notify.Named("snapshot "))
	}
}

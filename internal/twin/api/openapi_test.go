package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/getkin/kin-openapi/openapi3"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
	"tribune/internal/web"
)

// whole is an API with all its parts, on a store in memory; who calls is not asked.
func whole(t *testing.T) *api {
	t.Helper()
	cfg, _ := parts(t)
	cfg.MayWrite = func(tribune.Caller) error { return nil }
	return open(cfg)
}

// parts are all that an API can be made of, and the store below them.
func parts(t *testing.T) (Config, store.Store) {
	t.Helper()
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	feed := notify.NewFeed()
	tw, err := twin.New(twin.Config{Store: st, Observer: feed})
	if err != nil {
		t.Fatal(err)
	}
	contexts, err := jsonld.New(jsonld.Config{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	sender := notify.NewSender(notify.SenderConfig{})
	t.Cleanup(func() { sender.Close() })
	notifier, err := notify.Open(t.Context(), notify.Config{Store: st, Twin: tw, Feed: feed, Sender: sender, Contexts: contexts, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := federation.Open(t.Context(), federation.Config{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registry.Close() })
	watching, err := federation.NewSubscriptions(t.Context(), federation.SubscriptionsConfig{Registry: registry, Sender: sender, Contexts: contexts, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watching.Close() })
	return Config{Twin: tw, Notify: notifier, Registry: registry, RegistrySubscriptions: watching, Contexts: contexts, Log: log}, st
}

// nameless are routes that only say that an id is missing.
var nameless = map[string]bool{"PATCH /subscriptions": true, "DELETE /subscriptions": true, "PATCH /csourceSubscriptions": true, "DELETE /csourceSubscriptions": true}

func TestEveryRouteIsDescribedAndNothingElse(t *testing.T) {
	a := whole(t)
	for _, tokens := range []bool{true, false} {
		text, err := a.openAPI(tokens)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := doc.Validate(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, table := range a.tables() {
			for path, methods := range table {
				for method := range methods {
					if nameless[method+" "+path] {
						continue
					}
					n++
					if item := doc.Paths.Value(Prefix + path); item == nil || item.GetOperation(method) == nil {
						t.Errorf("%s %s is not described: add it to openapitable.go", method, path)
					}
				}
			}
		}
		described := 0
		for path, item := range doc.Paths.Map() {
			for method, op := range item.Operations() {
				described++
				if writes := op.Security != nil; writes != (tokens && method != "GET" && !strings.HasSuffix(path, "/query")) {
					t.Errorf("%s %s: a token is asked for: %v", method, path, writes)
				}
			}
		}
		if described != n || n < 20 {
			t.Errorf("%d operations are described, %d are served", described, n)
		}
	}
}

// A handler that refuses a parameter says which it knows: those and no others are described.
func TestDescribedParametersAreThoseThatAreRead(t *testing.T) {
	a := whole(t)
	handler := a.routes()
	known := regexp.MustCompile(`Known are: ([^.]*)\.`)
	checked := 0
	for _, table := range a.tables() {
		for path, methods := range table {
			for method := range methods {
				op, ok := described(method, path)
				if !ok || op.ok == http.StatusUnprocessableEntity {
					continue // the other test says so, or nobody can do it
				}
				url := Prefix + braces.ReplaceAllString(path, "urn:x:y") + "?surelyNobodyKnowsThis=1"
				r := httptest.NewRequest(method, url, strings.NewReader(`{}`))
				r.Header.Set("Content-Type", typeJSON)
				r = r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "test", Office: "integrator"}))
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				var problem struct{ Type, Hint string }
				json.Unmarshal(w.Body.Bytes(), &problem)
				if w.Code != http.StatusBadRequest || problem.Type != errorBase+"InvalidRequest" {
					t.Errorf("%s %s: an unknown parameter is answered %d %s (clause 6.3.20)", method, path, w.Code, problem.Type)
					continue
				}
				found := known.FindStringSubmatch(problem.Hint)
				if found == nil {
					continue
				}
				checked++
				read, said := strings.Fields(strings.ReplaceAll(found[1], ",", " ")), strings.Fields(op.params)
				slices.Sort(read)
				slices.Sort(said)
				if read = slices.Compact(read); !slices.Equal(read, said) {
					t.Errorf("%s %s: read are %v, described are %v", method, path, read, said)
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d operations told which parameters they know", checked)
	}
}

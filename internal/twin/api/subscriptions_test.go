package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
	"tribune/internal/web"
)

// subscribers is an API with subscriptions; anywhere says whether endpoints inside may be called.
func subscribers(t *testing.T, anywhere bool) func(method, path, body string, headers ...string) (int, http.Header, string) {
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
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sender := notify.NewSender(notify.SenderConfig{Reach: notify.Reach{Anywhere: anywhere}})
	t.Cleanup(func() { sender.Close() })
	n, err := notify.Open(t.Context(), notify.Config{Store: st, Twin: tw, Feed: feed, Sender: sender, Contexts: contexts})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	h := web.Wrap(web.Config{Log: log, Callers: names{}}, api.New(api.Config{Twin: tw, Contexts: contexts, Log: log, Notify: n}))
	return func(method, path, body string, headers ...string) (int, http.Header, string) {
		t.Helper()
		r := httptest.NewRequest(method, base+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer integrator")
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		answer, _ := io.ReadAll(w.Result().Body)
		return w.Code, w.Result().Header, string(answer)
	}
}

// names are callers whose token is their office, and their name behind a colon.
type names struct{}

func (names) Caller(token string) (tribune.Caller, error) {
	office, name, _ := strings.Cut(token, ":")
	return tribune.Caller{Actor: tribune.ActorID("a" + name), Office: tribune.OfficeID(office)}, nil
}

func car(id, uri string) string {
	return fmt.Sprintf(`{"id":%q,"type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":%q}}}`, id, uri)
}

func TestSubscriptionsLiveThroughTheAPI(t *testing.T) {
	do := subscribers(t, true)
	status, h, body := do("POST", "/subscriptions", car("urn:s:1", "http://a.example/"))
	if status != 201 || h.Get("Location") != base+"/subscriptions/urn:s:1" || body != "" {
		t.Fatalf("created: %d %q %s", status, h.Get("Location"), body)
	}
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/subscriptions", car("urn:s:1", "http://a.example/"), 409},
		{"POST", "/subscriptions", `{"type":"Subscription"}`, 400},
		{"POST", "/subscriptions", `{"type":`, 400},
		{"POST", "/subscriptions", `[]`, 400},
		{"POST", "/subscriptions?what=1", car("urn:s:2", "http://a.example/"), 400},
		{"POST", "/subscriptions", car("urn:s:2", "gopher://a.example/"), 422},
		{"GET", "/subscriptions/urn:s:1", "", 200},
		{"GET", "/subscriptions/urn:s:9", "", 404},
		{"GET", "/subscriptions/none", "", 400},
		{"PATCH", "/subscriptions/urn:s:1", `{"description":"x"}`, 204},
		{"PATCH", "/subscriptions/urn:s:9", `{"description":"x"}`, 404},
		{"PATCH", "/subscriptions/none", `{"description":"x"}`, 400},
		{"PATCH", "/subscriptions/urn:s:1", `{"expiresAt":"2020-01-01T00:00:00Z"}`, 400},
		{"PATCH", "/subscriptions/", `{}`, 405},
		{"DELETE", "/subscriptions/", "", 405},
		{"DELETE", "/subscriptions/none", "", 400},
		{"PUT", "/subscriptions/urn:s:1", `{}`, 405},
		{"GET", "/subscriptions?limit=0", "", 400},
		{"GET", "/subscriptions?limit=-1", "", 400},
		{"DELETE", "/subscriptions/urn:s:1", "", 204},
		{"DELETE", "/subscriptions/urn:s:1", "", 404},
	} {
		if status, _, body := do(test.method, test.path, test.body); status != test.want {
			t.Errorf("%s %s %s: %d, want %d: %s", test.method, test.path, test.body, status, test.want, body)
		}
	}
}

func TestSubscriptionsArePaged(t *testing.T) {
	do := subscribers(t, true)
	for i := range 5 {
		if status, _, body := do("POST", "/subscriptions", car(fmt.Sprintf("urn:s:%d", i), "http://a.example/")); status != 201 {
			t.Fatal(status, body)
		}
	}
	for query, want := range map[string]string{
		"":                          "urn:s:0 urn:s:1 urn:s:2 urn:s:3 urn:s:4 | ",
		"?limit=2":                  `urn:s:0 urn:s:1 | <` + base + `/subscriptions?limit=2&offset=2>;rel="next";type="application/json"`,
		"?limit=2&offset=4":         `urn:s:4 | <` + base + `/subscriptions?limit=2&offset=2>;rel="prev";type="application/json"`,
		"?limit=0&count=true":       " | ",
		"?offset=100":               ` | <` + base + `/subscriptions?limit=20&offset=80>;rel="prev";type="application/json"`,
		"?limit=1&options=sysAttrs": `urn:s:0 | <` + base + `/subscriptions?options=sysAttrs&limit=1&offset=1>;rel="next";type="application/json"`,
	} {
		status, h, body := do("GET", "/subscriptions"+query, "")
		var all []struct{ ID, CreatedAt string }
		if err := json.Unmarshal([]byte(body), &all); status != 200 || err != nil {
			t.Fatalf("%s: %d %v %s", query, status, err, body)
		}
		var ids, links []string
		for _, s := range all {
			ids = append(ids, s.ID)
			if (s.CreatedAt != "") != strings.Contains(query, "sysAttrs") {
				t.Errorf("%s: createdAt is %q", query, s.CreatedAt)
			}
		}
		for _, l := range h.Values("Link") {
			if !strings.Contains(l, "json-ld#context") {
				links = append(links, l)
			}
		}
		if got := strings.Join(ids, " ") + " | " + strings.Join(links, ","); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
		if strings.Contains(query, "count") && h.Get("NGSILD-Results-Count") != "5" {
			t.Errorf("count is %q", h.Get("NGSILD-Results-Count"))
		}
	}
}

// Subscribing makes the hub call others, and a subscription may hold a token for its endpoint.
func TestOnlyWhoMayWriteSeesOrMakesSubscriptions(t *testing.T) {
	do := subscribers(t, true)
	secret := `{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"http://a.example/","receiverInfo":[{"key":"Authorization","value":"Bearer secret"}]}}}`
	if status, _, body := do("POST", "/subscriptions", secret); status != 201 {
		t.Fatal(status, body)
	}
	for _, who := range []struct {
		header string
		want   int
	}{{"Authorization: ", 401}, {"Authorization: Bearer parking-inspector", 403}, {"Authorization: Bearer integrator", 0}} {
		for _, ask := range [][3]string{{"POST", "/subscriptions", car("urn:s:2", "http://a.example/")}, {"GET", "/subscriptions", ""}, {"GET", "/subscriptions/urn:s:1", ""}, {"PATCH", "/subscriptions/urn:s:1", `{"description":"x"}`}, {"DELETE", "/subscriptions/urn:s:1", ""}} {
			status, _, body := do(ask[0], ask[1], ask[2], who.header)
			if who.want == 0 && status >= 300 || who.want != 0 && (status != who.want || strings.Contains(body, "secret")) {
				t.Errorf("%s %s as %q: %d %s", ask[0], ask[1], who.header, status, body)
			}
		}
	}
}

func TestAnEndpointInsideIsRefused(t *testing.T) {
	do := subscribers(t, false)
	for uri, want := range map[string]int{"http://127.0.0.1:9/": 400, "http://localhost/": 400, "mqtt://10.0.0.1/t": 400, "http://169.254.169.254/": 400, "https://data.example/": 201} {
		if status, _, body := do("POST", "/subscriptions", car("urn:s:"+fmt.Sprint(len(uri)), uri)); status != want {
			t.Errorf("%s: %d %s", uri, status, body)
		}
	}
	if status, _, body := do("PATCH", "/subscriptions/urn:s:21", `{"notification":{"endpoint":{"uri":"http://127.0.0.1/"}}}`); status != 400 {
		t.Errorf("an update to it: %d %s", status, body)
	}
}

func TestSubscriptionsToPersonalDataAreRefusedInPlainWords(t *testing.T) {
	do := subscribers(t, true)
	status, _, body := do("POST", "/subscriptions", car("urn:s:1", "http://a.example/"), "Tribune-Purpose: parking-enforcement", "Tribune-Mandate: m")
	if status != 422 || !strings.Contains(body, "OperationNotSupported") {
		t.Errorf("%d %s", status, body)
	}
}

// A context that stands in the body has no URL: the hub gives it one, and needs nobody to fetch it.
func TestASubscriptionMayBringItsOwnContext(t *testing.T) {
	do := subscribers(t, true)
	body := `{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Auto"}],"@context":{"Auto":"https://example.org/Car"},"notification":{"endpoint":{"uri":"http://a.example/"}}}`
	if status, _, answer := do("POST", "/subscriptions", body, "Content-Type: application/ld+json"); status != 201 {
		t.Fatal(status, answer)
	}
	_, _, answer := do("GET", "/subscriptions/urn:s:1", "")
	var s struct {
		JSONLDContext string `json:"jsonldContext"`
		Entities      []struct{ Type string }
	}
	json.Unmarshal([]byte(answer), &s)
	if s.JSONLDContext == "" || s.Entities[0].Type != "https://example.org/Car" {
		t.Fatal(answer)
	}
	at := s.JSONLDContext[strings.Index(s.JSONLDContext, base)+len(base):]
	if status, _, answer := do("GET", at, ""); status != 200 || !strings.Contains(answer, "Auto") {
		t.Errorf("%s: %d %s", s.JSONLDContext, status, answer)
	}
}

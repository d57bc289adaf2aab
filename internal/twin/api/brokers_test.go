package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
)

// broker is a whole broker behind a real socket.
type broker struct {
	*httptest.Server
	registry *federation.Registry
	sources  *federation.Sources
}

// newBroker is one without law, but for what change says.
func newBroker(t *testing.T, change func(*api.Config)) *broker {
	t.Helper()
	s, err := pebble.Open(pebble.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	tw, err := twin.New(twin.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{}
	if b.registry, err = federation.Open(t.Context(), federation.Config{Store: s}); err != nil {
		t.Fatal(err)
	}
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	self, err := federation.Identity(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	b.sources = federation.NewSources(federation.SourcesConfig{Contexts: contexts, Self: self, Dialer: &net.Dialer{}})
	cfg := api.Config{Twin: tw, Registry: b.registry, Sources: b.sources, Contexts: contexts, Log: slog.New(slog.DiscardHandler), MayWrite: func(tribune.Caller) error { return nil }}
	if change != nil {
		change(&cfg)
	}
	h := api.New(cfg)
	b.Server = httptest.NewServer(web.Wrap(web.Config{Log: cfg.Log, Quiet: true}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "tester", Office: "integrator"})))
	})))
	t.Cleanup(func() {
		b.Close()
		b.sources.Close()
		if err := b.registry.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// says asks a broker; headers are "Name: value".
func (b *broker) says(t *testing.T, method, path, body string, headers ...string) (status int, text string, h http.Header) {
	t.Helper()
	r, err := http.NewRequest(method, b.URL+"/ngsi-ld/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(all), res.Header
}

func (b *broker) must(t *testing.T, want int, method, path, body string, headers ...string) string {
	t.Helper()
	status, text, _ := b.says(t, method, path, body, headers...)
	if status != want {
		t.Fatalf("%s %s: got %d %s, want %d", method, path, status, text, want)
	}
	return text
}

// registers makes a source known; more are further members of the registration.
func (b *broker) registers(t *testing.T, id, endpoint, mode, entities, more string) {
	t.Helper()
	b.must(t, 201, "POST", "/csourceRegistrations", fmt.Sprintf(`{"id":"urn:r:%s","type":"ContextSourceRegistration","endpoint":%q,"mode":%q,"information":[%s]%s}`, id, endpoint, mode, entities, more))
}

const allOps = `,"operations":["redirectionOps","queryBatch","createBatch","upsertBatch","updateBatch","deleteBatch","mergeBatch"]`
const cars = `{"entities":[{"type":"Car"}]}`

// source is somebody else's broker, who answers what it is told and remembers what it was asked.
type source struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
	said  []string // bodies
}

func newSource(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *source {
	s := &source{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.asked, s.said = append(s.asked, r), append(s.said, string(body))
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// only is the one request that there was.
func (s *source) only(t *testing.T) (*http.Request, string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) != 1 {
		t.Fatalf("the source was asked %d times, want once", len(s.asked))
	}
	return s.asked[0], s.said[0]
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func tells(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	}
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

func list(t *testing.T, text string) []map[string]any {
	t.Helper()
	var out []map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

func escape(s string) string { return url.QueryEscape(s) }

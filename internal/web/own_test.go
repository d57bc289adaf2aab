package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/web"
)

// Devices have passwords of their own: the platform must neither refuse them as broken bearer tokens nor take a token that
// happens to fit for a caller.
func TestOwnPathsKeepTheirCredentials(t *testing.T) {
	cfg := web.Config{Callers: tokens{"good": nil}, Own: []web.Own{{Prefix: "/thing/", MaxBody: 20}}, MaxBody: 10}
	for _, auth := range []string{"", "Basic YWlyOnNlY3JldA==", "Bearer good", "Bearer bad"} {
		r := httptest.NewRequest("POST", "/thing/1", strings.NewReader(strings.Repeat("x", 15)))
		r.Header.Set("Authorization", auth)
		res, _, logged := serve(t, cfg, r, func(w http.ResponseWriter, r *http.Request) {
			if got := web.CallerOf(r.Context()); got != (tribune.Caller{}) {
				t.Errorf("%q is taken for the caller %+v", auth, got)
			}
			if got := r.Header.Get("Authorization"); got != auth {
				t.Errorf("the handler sees %q, want %q", got, auth)
			}
			if body, err := io.ReadAll(r.Body); len(body) != 15 || err != nil {
				t.Errorf("the handler reads %d bytes: %v", len(body), err)
			}
		})
		if res.StatusCode != 200 {
			t.Errorf("%q: got %d", auth, res.StatusCode)
		}
		if strings.Contains(logged, "YWly") {
			t.Errorf("the log holds a password: %s", logged)
		}
	}
}

func TestOwnPathsAreBoundedToo(t *testing.T) {
	cfg := web.Config{Own: []web.Own{{Prefix: "/thing/", MaxBody: 20}}}
	res, _, _ := serve(t, cfg, httptest.NewRequest("POST", "/thing/1", strings.NewReader(strings.Repeat("x", 21))), func(http.ResponseWriter, *http.Request) {
		t.Error("a body that is too large reached the handler")
	})
	if res.StatusCode != 413 {
		t.Errorf("got %d, want 413", res.StatusCode)
	}
}

// A path that begins like one of a device's must not lead past the caller's check to one that does not.
func TestOwnPathsLeadNowhereElse(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/thing/{id}", func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s was served", r.URL.Path) })
	for _, path := range []string{"/own/../thing/1", "/own//../thing/1", "/own/%2e%2e/thing/1"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer bad")
		w := httptest.NewRecorder()
		web.Wrap(web.Config{Log: slog.New(slog.DiscardHandler), Own: []web.Own{{Prefix: "/own/"}}}, mux).ServeHTTP(w, r)
		if w.Code == 200 {
			t.Errorf("%s: got 200", path)
		}
	}
}

func TestHandlersChooseTheirChallenge(t *testing.T) {
	problems := web.NewProblems(slog.New(slog.DiscardHandler), "")
	for want, set := range map[string]string{"Bearer": "", `Basic realm="devices"`: `Basic realm="devices"`} {
		w := httptest.NewRecorder()
		if set != "" {
			w.Header().Set("WWW-Authenticate", set)
		}
		problems.Write(w, httptest.NewRequest("POST", "/", nil), tribune.ErrUnknown)
		if got := w.Header().Get("WWW-Authenticate"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

package login_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tribune/internal/login"
)

// What every request of somebody logged in pays.
func BenchmarkSession(b *testing.B) {
	h := newHub(b, func(_ *hub, cfg *login.Config) { cfg.Log = slog.New(slog.DiscardHandler) })
	browser := h.browser(b)
	browser.login("/")
	r := httptest.NewRequest("GET", h.url+"/", nil)
	r.AddCookie(&http.Cookie{Name: "tribune", Value: browser.cookie("tribune")})
	page := h.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for b.Loop() {
		page.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// What every call with an access token pays.
func BenchmarkCaller(b *testing.B) {
	h := newHub(b, nil)
	h.list("248289761001", login.Account{Role: "officer", Actor: "a", Office: "o", Until: h.now().Add(24 * time.Hour)})
	token := h.op.access(h.url, details(map[string]any{"type": "tribune_act", "purpose": "p"}))
	for b.Loop() {
		if _, err := h.Caller(token); err != nil {
			b.Fatal(err)
		}
	}
}

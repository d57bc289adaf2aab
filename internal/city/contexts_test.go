package city

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// Anybody who asks may name a context. What the city lets notifications reach inside is not for them.
func TestStrangersContextIsNotFetchedFromInside(t *testing.T) {
	var asked atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Write([]byte(`{"@context":{"a":"https://example.org/a"}}`))
	}))
	defer inside.Close()
	t.Setenv("HTTP_PROXY", inside.URL)
	t.Setenv("http_proxy", inside.URL)
	h := &Hub{reach: notify.Reach{Anywhere: true}} // notifications may go there, contexts not
	h.cfg.DownloadContexts = true
	contexts, err := h.openContexts()
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{inside.URL + "/c.jsonld", "http://source.example.invalid/c.jsonld"} {
		if _, err := contexts.URL(t.Context(), url); !errors.Is(err, jsonld.ErrContext) {
			t.Errorf("%s: got %v, want %v", url, err, jsonld.ErrContext)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the server inside was asked %d times", n)
	}
}

package city

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"tribune/internal/web"
)

// A load balancer that looks at /readyz must see why the hub does not answer yet, and whoever asks must not take an empty answer for one.
func TestWhileIndexesAreRebuiltTheHubSaysSoAndAnswersNothingElse(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	l, err := web.Listen(t.Context(), "127.0.0.1:0", 0)
	if err != nil {
		t.Fatal(err)
	}
	h := &Hub{log: log, problems: web.NewProblems(log, ""), listener: l}
	ask := func(path, token string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	for range 2 { // the listener comes back each time
		h.wait("the indexes are rebuilt")
		stop := h.meanwhile()
		if status, body := ask("/healthz", ""); status != 200 {
			t.Errorf("/healthz: %d %s", status, body)
		}
		for path, token := range map[string]string{"/readyz": "", "/ngsi-ld/v1/entities?type=Car": "of somebody", "/": ""} {
			if status, body := ask(path, token); status != 503 || !strings.Contains(body, "the indexes are rebuilt") {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	server := web.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the hub") }))
	go server.Serve(l)
	defer server.Close()
	if _, body := ask("/", ""); body != "the hub" {
		t.Errorf("afterwards the hub does not answer: %s", body)
	}
}

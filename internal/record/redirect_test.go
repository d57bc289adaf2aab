package record

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"tribune"
)

// A guardian that answers with a redirect would have the hub call addresses of the city's inner network.
func TestRedirectOfAGuardianIsNotFollowed(t *testing.T) {
	var asked atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(w, r)
	}))
	defer inside.Close()
	liar := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusTemporaryRedirect))
	defer liar.Close()
	courier := newCourier(context.Background(), Config{Log: slog.Default()}, nil, &atomic.Pointer[[]byte]{})
	get := func(at string) error {
		resp, err := (&http.Client{Transport: courier}).Get(at)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(liar.URL); !errors.Is(err, tribune.ErrInvalid) || asked.Load() != 0 {
		t.Errorf("got %v; followed %d times", err, asked.Load())
	}
	if err := get(inside.URL); err != nil || asked.Load() != 1 {
		t.Errorf("an answer that is no redirect: %v", err)
	}
}

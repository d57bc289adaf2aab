package remote_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tribune/internal/explain/model/remote"
)

func TestBusyEndpointIsAskedAgainSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		r, err := remote.Open(t.Context(), config(e))
		if err != nil {
			t.Fatal(err)
		}
		fail := 3
		e.before = func(w http.ResponseWriter, _ int) bool {
			if fail--; fail < 0 {
				return false
			}
			if fail == 0 {
				w.Header().Set("Retry-After", "20")
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		start, x := time.Now(), records(2)
		p, err := r.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		check(t, x, p)
		if took := time.Since(start); took < 20*time.Second || took > 22*time.Second {
			t.Errorf("took %v; the endpoint asked for 20 s, the pauses before are under 1 s", took)
		}
		if r.Queries() != 8 {
			t.Errorf("%d queries; the endpoint saw 2 records 4 times", r.Queries())
		}
		fail = 1 << 30
		if _, err := r.Predict(t.Context(), x); err == nil || !strings.Contains(err.Error(), "after 5 attempts") || !strings.Contains(err.Error(), "503") {
			t.Errorf("an endpoint that stays busy: %v", err)
		}
	})
}

func TestRefusalIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	e := &endpoint{}
	r, err := remote.Open(t.Context(), config(e))
	if err != nil {
		t.Fatal(err)
	}
	e.before = func(w http.ResponseWriter, _ int) bool {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error": "no \u001b[31m thanks"}`)
		return true
	}
	_, err = r.Predict(t.Context(), records(1))
	if err == nil || !strings.Contains(err.Error(), "400: no ?[31m thanks") || e.requests != 2 {
		t.Errorf("%v after %d requests", err, e.requests)
	}
}

func TestRequestsKeepTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		cfg := config(e)
		cfg.Rate, cfg.Batch = 2, 1
		r, err := remote.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := r.Predict(t.Context(), records(10)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("10 requests at 2 a second took %v", took)
		}
	})
}

func TestHangingEndpointIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	cfg := remote.Config{URL: s.URL, Model: "credit", Budget: 1, Timeout: 50 * time.Millisecond, Attempts: 1}
	if _, err := remote.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "Timeout exceeded") {
		t.Errorf("got %v", err)
	}
}

package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// dead accepts connections and never answers.
func dead(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String()
}

func TestMemoryStaysBoundedWithAThousandDeadEndpoints(t *testing.T) {
	s := sender(t)
	to := endpoint(t, dead(t))
	var told atomic.Int64
	body := make([]byte, 16<<10)
	for round := range 300 {
		for i := range 1000 {
			s.Post(fmt.Sprint("dead", i), to, Notification{Body: body[:16<<10-round]}, ended(func(err error) {
				if errors.Is(err, ErrOverrun) {
					told.Add(1)
				}
			}))
		}
	}
	s.mu.Lock()
	bytes, lines, most := s.bytes, len(s.lines), 0
	for _, l := range s.lines {
		most = max(most, len(l.waiting))
	}
	s.mu.Unlock()
	if bytes > 2*maxAllBytes || lines > 1000 || most > maxWaiting {
		t.Errorf("%d bytes wait on %d lines, %d on one", bytes, lines, most)
	}
	if told.Load() < 1000 {
		t.Errorf("only %d of those given up were told of", told.Load())
	}
	if n := runtime.NumGoroutine(); n > 5000 {
		t.Errorf("%d goroutines", n)
	}
	done := make(chan error, 1) // the dead have taken all the memory there is, and yet:
	s.Post("alive", endpoint(t, serve(t, func(http.ResponseWriter, *http.Request) {})), Notification{Body: body}, ended(func(err error) { done <- err }))
	if err := <-done; err != nil {
		t.Errorf("a live endpoint beside them: %v", err)
	}
}

func TestLinesAreForgottenWhenNothingWaits(t *testing.T) {
	s := sender(t)
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	for i := range 20 {
		s.Post(fmt.Sprint(i), endpoint(t, url), Notification{Body: []byte("{}")}, nil)
	}
	eventually(t, "no line is left", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.lines) == 0 && s.bytes == 0 })
}

func TestAfterAFailureNothingIsSentUntilTheCooldownEnds(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	s := NewSender(SenderConfig{Reach: Reach{Anywhere: true}, Now: clock})
	defer s.Close()
	var calls atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(503)
		}
	})
	post := func() error {
		done := make(chan error, 1)
		s.Post("line", endpoint(t, url, `"cooldown":60000`), Notification{Body: []byte("{}")}, ended(func(err error) { done <- err }))
		return <-done
	}
	if err := post(); err == nil || errors.Is(err, ErrCooldown) {
		t.Errorf("the first: %v", err)
	}
	if err := post(); !errors.Is(err, ErrCooldown) || s.Ready("line") {
		t.Errorf("in cooldown: %v", err)
	}
	mu.Lock()
	now = now.Add(61 * time.Second)
	mu.Unlock()
	if err := post(); err != nil || calls.Load() != 2 {
		t.Errorf("after it: %v, %d calls", err, calls.Load())
	}
}

func TestForgetTellsWhatItDrops(t *testing.T) {
	s := sender(t)
	var forgotten atomic.Int64
	to := endpoint(t, dead(t))
	for range 5 {
		s.Post("line", to, Notification{Body: []byte("{}")}, ended(func(err error) {
			if errors.Is(err, ErrForgotten) {
				forgotten.Add(1)
			}
		}))
	}
	s.Forget("line")
	if n := forgotten.Load(); n < 4 { // one may be on its way
		t.Errorf("told of %d", n)
	}
}

func TestCloseEndsDeliveriesAtOnce(t *testing.T) {
	s := NewSender(SenderConfig{Reach: Reach{Anywhere: true}})
	s.Post("line", endpoint(t, dead(t)), Notification{Body: []byte("{}")}, nil)
	begun := time.Now()
	s.Close()
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	s.Post("line", endpoint(t, dead(t)), Notification{}, nil)
	if err := s.Send(context.Background(), endpoint(t, dead(t)), Notification{}); err == nil {
		t.Error("a closed sender sends")
	}
}

func TestDeliveryErrorsNameNoSecret(t *testing.T) {
	to := endpoint(t, "http://user:secret@127.0.0.1:1/secret?token=secret")
	if err := sender(t).Send(t.Context(), to, Notification{Body: []byte("{}")}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	to = endpoint(t, "mqtt://user:secret@127.0.0.1:1/secret")
	if err := sender(t).Send(t.Context(), to, Notification{Body: []byte("{}")}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

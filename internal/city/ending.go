package city

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"tribune"
	"tribune/internal/twin/api"
	"tribune/internal/web"
)

// ending lets a hub stop in order. Guardians fetch the record from the hub itself, so its listener must outlive what is
// still being published: first nothing new begins, then what is under way ends, then the record publishes its last
// leaves, and only then the listener closes.
type ending struct {
	mu      sync.Mutex // makes "begin, unless ended" one step
	ended   bool
	running sync.WaitGroup
}

// begin reports whether something may begin; done must then be called.
func (e *ending) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ended {
		e.running.Add(1)
	}
	return !e.ended
}

func (e *ending) done() { e.running.Done() }

// wait lets nothing begin any more and waits for what is under way, at most until ctx ends.
func (e *ending) wait(ctx context.Context) {
	e.mu.Lock()
	e.ended = true
	e.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		e.running.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

var errEnding = tribune.Hint(tribune.ErrBusy, "The hub is stopping. Ask again when it is back.")

// guarded counts the requests that may put something on record, and refuses them once the hub is ending.
func (h *Hub) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, api.Prefix+"/") || r.URL.Path == "/acts" || r.URL.Path == "/erasures" || r.URL.Path == "/devices" {
			if !h.ending.begin() {
				h.problems.Write(w, r, errEnding)
				return
			}
			defer h.ending.done()
		}
		next.ServeHTTP(w, r)
	})
}

// retire ends acts and record while the listener still serves guardians.
func (h *Hub) retire(ctx context.Context) error {
	end, cancel := context.WithTimeout(ctx, web.ShutdownTimeout)
	defer cancel()
	h.ending.wait(end)
	if w := h.way.Load(); w != nil {
		if err := w.Close(); err != nil {
			return err
		}
	}
	return h.record.Close()
}

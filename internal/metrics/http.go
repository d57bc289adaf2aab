package metrics

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// maxRoutes bounds the label route. A hub has fewer than a hundred patterns; more means that something makes them up.
const maxRoutes = 256

// routes are the patterns seen.
type routes struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (r *routes) label(pattern string) string {
	if pattern == "" {
		return "none" // refused before it was routed, or nothing there
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.seen[pattern] {
		if len(r.seen) >= maxRoutes {
			return "other"
		}
		if r.seen == nil {
			r.seen = map[string]bool{}
		}
		r.seen[pattern] = true
	}
	return pattern
}

type routeKey struct{}

// route is where the router's pattern is left for Middleware, which stands too far outside to see it: each middleware between them
// may have made a request of its own.
type route struct{ pattern string }

// Middleware counts every request, those too that are refused before they reach the router. It goes outermost, Route innermost.
func (m *Metrics) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		at := &route{}
		out := &recorder{ResponseWriter: w}
		m.underWay.Inc()
		status := "cut" // unless the handler returns: it panics to cut the connection
		defer func() {
			m.underWay.Dec()
			label := m.routes.label(at.pattern)
			m.requests.WithLabelValues(label, status).Inc()
			m.seconds.WithLabelValues(label).Observe(time.Since(began).Seconds())
		}()
		next.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), routeKey{}, at)))
		status = class(out.status)
	})
}

// Route goes directly around the router and notes the pattern that it chose.
func Route(router http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if at, ok := r.Context().Value(routeKey{}).(*route); ok {
				at.pattern = r.Pattern
			}
		}()
		router.ServeHTTP(w, r)
	})
}

// class is the class of a status; a handler that wrote nothing has answered 200.
func class(status int) string {
	switch {
	case status == 0:
		return "2xx"
	case status < 100 || status > 599:
		return "other"
	}
	return string(rune('0'+status/100)) + "xx"
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

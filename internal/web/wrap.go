package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"tribune"
)

// Config of the middleware.
type Config struct {
	Log         *slog.Logger // required
	Callers     Callers      // nil = every bearer token is unknown
	Problems    *Problems    // nil = the platform's own table
	MaxBody     int64        // 0 = MaxBody
	MaxInFlight int          // 0 = MaxInFlight
	Vital       []string     // path prefixes that have places of their own: what other requests under way are waiting for
	Own         []Own        // paths whose handlers find out themselves who calls
	Surfaces    []Surface    // paths whose standard has a table of its own; Problems are the rest's
	Demo        bool         // every answer says Tribune-Mode: demo
	Quiet       bool         // no access log: for load tests
}

// Own is a path prefix whose requests are not the platform's callers: devices have credentials of their own. What stands in
// Authorization there is left to the handler, and CallerOf is nobody.
type Own struct {
	Prefix  string
	MaxBody int64 // 0 = as everywhere
}

// Surface is a path prefix and how it answers errors, before its handler is reached as well.
type Surface struct {
	Prefix   string
	Problems *Problems
}

// Wrap puts the shared middleware around next: request id, panic recovery, bounded concurrency and bodies, the caller,
// the access log. A bearer token that is wrong is refused here even on public paths: its sender is mistaken about
// something and should know.
func Wrap(cfg Config, next http.Handler) http.Handler {
	if cfg.Problems == nil {
		cfg.Problems = NewProblems(cfg.Log, "")
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = MaxBody
	}
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = MaxInFlight
	}
	return &wrapped{Config: cfg, next: next, places: make(chan struct{}, cfg.MaxInFlight), vital: make(chan struct{}, cfg.MaxInFlight)}
}

type wrapped struct {
	Config
	next   http.Handler
	places chan struct{} // one per request under way
	vital  chan struct{} // one per vital request under way
}

// placesFor is where a request must find a place. Acts wait for publication, and publication for guardians who read the
// log: were all in one room, enough acts would lock out those they wait for.
func (h *wrapped) placesFor(path string) chan struct{} {
	for _, prefix := range h.Vital {
		if strings.HasPrefix(path, prefix) {
			return h.vital
		}
	}
	return h.places
}

// problems is the table for a path.
func (h *wrapped) problems(path string) *Problems {
	for _, s := range h.Surfaces {
		if strings.HasPrefix(path, s.Prefix) {
			return s.Problems
		}
	}
	return h.Problems
}

// own is the rule for a path, nil where it is an ordinary one. A path that is not clean may look like one of another prefix;
// the mux answers it with a redirection, and whoever calls is nobody on both sides.
func (h *wrapped) own(path string) *Own {
	for i := range h.Own {
		if strings.HasPrefix(path, h.Own[i].Prefix) {
			return &h.Own[i]
		}
	}
	return nil
}

func (h *wrapped) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	s := &state{id: newRequestID()}
	r = r.WithContext(context.WithValue(r.Context(), stateKey{}, s))
	out := &recorder{ResponseWriter: w}
	defer func() { h.end(out, r, s, start, recover()) }()

	if h.Demo {
		w.Header().Set(ModeHeader, "demo")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	places := h.placesFor(r.URL.Path)
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	default:
		h.problems(r.URL.Path).Write(out, r, tribune.Hint(fmt.Errorf("%w: %d requests are under way", tribune.ErrBusy, h.MaxInFlight), "Try again in a second."))
		return
	}
	own, maxBody := h.own(r.URL.Path), h.MaxBody
	if own != nil && own.MaxBody != 0 {
		maxBody = own.MaxBody
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close") // else the server would read the rest for nothing
		h.problems(r.URL.Path).Write(out, r, fmt.Errorf("%w: a body of %d bytes, at most %d", tribune.ErrTooLarge, r.ContentLength, maxBody))
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	if own == nil {
		caller, err := resolve(r.Header, h.Callers)
		if err != nil {
			h.problems(r.URL.Path).Write(out, r, err)
			return
		}
		s.caller = caller
	}
	h.next.ServeHTTP(out, r)
}

// end answers a panic and writes the access log: the route, never the path, since ids and query strings can name people.
func (h *wrapped) end(out *recorder, r *http.Request, s *state, start time.Time, panicked any) {
	if panicked != nil {
		// The value may hold data of the request; its type and the stack do not.
		h.Log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("request", s.id), slog.String("type", fmt.Sprintf("%T", panicked)), slog.String("stack", string(debug.Stack())))
		if out.status != 0 || panicked == http.ErrAbortHandler {
			panic(http.ErrAbortHandler) // half an answer must not look whole
		}
		p := h.Problems.Of(errPanic)
		p.Request = s.id
		Send(out, p)
	}
	if h.Quiet {
		return
	}
	h.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("request", s.id), slog.String("method", r.Method),
		slog.String("route", r.Pattern), slog.Int("status", out.status), slog.Int64("bytes", out.bytes),
		slog.Duration("took", time.Since(start)), slog.String("office", string(s.caller.Office)))
}

var errPanic = errors.New("panic")

// recorder notes status and size for the log.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
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
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func newRequestID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

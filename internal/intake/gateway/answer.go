package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/web"
)

// What only this surface answers.
var (
	errMedia = errors.New("not a content type that is taken here")
	errKey   = errors.New("not an idempotency key")
)

// The seconds after which a device may try again.
const (
	afterRate = "10" // its rate is counted by the minute
	afterBusy = "2"  // a queue is emptied in less
)

func problems(log *slog.Logger) *web.Problems {
	return web.NewProblems(log, "",
		web.Row{Err: intake.ErrRate, Status: http.StatusTooManyRequests, Name: "busy", Title: "More messages than the device's document allows"},
		web.Row{Err: tribune.ErrExpired, Status: http.StatusForbidden, Name: "expired", Title: "The device's document is not in force"},
		web.Row{Err: errMedia, Status: http.StatusUnsupportedMediaType, Name: "unsupported", Title: "This content type is not taken"},
		web.Row{Err: context.DeadlineExceeded, Status: http.StatusServiceUnavailable, Name: "busy", Title: "It could not be stored in time"},
	)
}

// answer says what became of a request.
func (g *Gateway) answer(w http.ResponseWriter, r *http.Request, out outcome, err error) {
	var bad *intake.Quarantined
	switch {
	case errors.Is(err, errAnswered):
	case errors.As(err, &bad):
		g.quarantined.Add(1)
		web.Send(w, web.Quarantined(r.Context(), bad.Reason, "Do not send it again as it is; the device's page shows it.", reading(bad)))
	case err != nil:
		g.refused.Add(1)
		g.refuse(w, r, err)
	default:
		if out.readings > 0 {
			g.messages.Add(1)
			g.readings.Add(uint64(out.readings))
		}
		switch {
		case out.body == nil:
			w.WriteHeader(http.StatusNoContent)
		case out.partly:
			g.quarantined.Add(1)
			writeJSON(w, http.StatusAccepted, out.body)
		default:
			writeJSON(w, http.StatusOK, out.body)
		}
	}
}

// reading says which one of a list is bad, where that is known.
func reading(bad *intake.Quarantined) map[string]any {
	if bad.Reading == 0 {
		return nil
	}
	return map[string]any{"reading": bad.Reading}
}

// refuse answers a request of which nothing is durable.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, tribune.ErrUnknown) {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	g.retryAfter(w, err)
	g.problems.Write(w, r, err)
}

func (g *Gateway) retryAfter(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, intake.ErrRate):
		w.Header().Set("Retry-After", afterRate)
	case errors.Is(err, tribune.ErrBusy), errors.Is(err, context.DeadlineExceeded):
		w.Header().Set("Retry-After", afterBusy)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a client that has gone has its answer
}

// patient gives a request more time than other surfaces have, while its sender makes progress: the server's own time-outs are
// for bodies of 1 MB. Where the connection has no deadlines, in tests, there is nothing to do.
func patient(w http.ResponseWriter, until time.Time) {
	c := http.NewResponseController(w)
	next := time.Now().Add(streamPause)
	if next.After(until) {
		next = until
	}
	_ = c.SetReadDeadline(next)
	_ = c.SetWriteDeadline(next.Add(takeTimeout))
}

package guardian

import (
	"encoding/json"
	"fmt"
	"net/http"

	"golang.org/x/time/rate"

	"tribune"
	"tribune/ibe"
	"tribune/internal/guardian/wire"
)

// maxNameBody: MaxPoints points of 48 bytes in base64 and JSON.
const maxNameBody = wire.MaxPoints*80 + 1024

// nameDesk limits blind evaluations. A guardian cannot see which name is asked, so the rate is all that stands between a
// stolen hub and a dictionary of all plates.
type nameDesk struct{ limit *rate.Limiter }

func newNameDesk(cfg Config) *nameDesk {
	perSecond, burst := cfg.NameRate, cfg.NameBurst
	if perSecond == 0 {
		perSecond = DefaultNameRate
	}
	if burst == 0 {
		burst = DefaultNameBurst
	}
	return &nameDesk{rate.NewLimiter(rate.Limit(perSecond), burst)}
}

func (g *Guardian) name(w http.ResponseWriter, r *http.Request, body []byte) {
	var req wire.NameRequest
	if err := json.Unmarshal(body, &req); err != nil || len(req.Points) == 0 || len(req.Points) > wire.MaxPoints {
		http.Error(w, fmt.Sprintf("want {\"points\": [1 to %d points in base64]}", wire.MaxPoints), http.StatusBadRequest)
		return
	}
	keys, ok := g.ceremony.Shares()
	if !ok {
		http.Error(w, "this guardian has no shares yet: "+g.ceremony.State(), http.StatusServiceUnavailable)
		return
	}
	if !g.names.limit.AllowN(g.cfg.Now(), len(req.Points)) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, tribune.ErrBusy.Error()+": too many names at once", http.StatusTooManyRequests)
		return
	}
	share, err := ibe.NewNameShare(keys.Name)
	if err != nil {
		http.Error(w, "this guardian's share cannot be read", http.StatusInternalServerError)
		return
	}
	defer share.Wipe()
	answer := wire.NameAnswer{Points: make([][]byte, len(req.Points)), Epoch: keys.Group.Epoch}
	for i, p := range req.Points {
		if r.Context().Err() != nil {
			return // the hub has what it needs from others
		}
		if answer.Points[i], err = ibe.EvaluateBlinded(share, p); err != nil {
			http.Error(w, fmt.Sprintf("point %d: %v", i, err), http.StatusBadRequest)
			return
		}
	}
	writeJSON(w, answer)
}

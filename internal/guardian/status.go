package guardian

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"strconv"

	"tribune/internal/guardian/wire"
)

func (g *Guardian) status(w http.ResponseWriter, r *http.Request) {
	head := g.mirror.Head()
	s := wire.Status{
		Name: g.self.name, City: g.cfg.City, Size: head.Size, Root: head.Root, Ceremony: g.ceremony.State(),
		Time: g.cfg.Now().UnixMilli(), Demo: g.cfg.Demo, Released: g.released.Load(), Refused: g.refused.Load(),
	}
	if keys, ok := g.ceremony.Shares(); ok {
		s.Epoch, s.Group = keys.Group.Epoch, &keys.Group
	}
	s.Witnessing, s.Progress = g.witnessing(), g.ceremony.Progress()
	if nonce := r.URL.Query().Get("nonce"); nonce != "" && len(nonce) <= wire.MaxNonce {
		s.Signature = ed25519.Sign(g.self.key, wire.ClockMessage(s.Name, s.Time, nonce))
		s.Held = ed25519.Sign(g.self.key, wire.HeldMessage(s.Name, s.Size, s.Root, nonce))
	}
	writeJSON(w, s)
}

func (g *Guardian) witnessing() wire.Witnessing {
	return wire.Witnessing{Since: g.since.Unix(), Cosigned: g.cosignedAt.Load(), Clocks: g.clock.seen(g.cfg.Now())}
}

func (g *Guardian) outbox(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = 0
	}
	out := wire.Outbox{Messages: []wire.Outgoing{}}
	for _, m := range g.ceremony.Outbox() {
		if m.N > after {
			out.Messages = append(out.Messages, m)
		}
	}
	out.Accept = g.ceremony.Acceptance()
	if out.Report, err = g.ceremony.Report(); err != nil {
		http.Error(w, "the group cannot be signed", http.StatusInternalServerError)
		return
	}
	writeJSON(w, out)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(v)
}

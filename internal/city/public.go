package city

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"

	"tribune"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/protocol"
)

// The hub's public surface besides NGSI-LD and the page: the record, the law, the keys, and acts of power.
func (h *Hub) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.Handle("GET /log/", http.StripPrefix("/log", h.record.Handler()))
	mux.HandleFunc("GET /record/leaves/{index}", h.leaf)
	mux.HandleFunc("GET /record/receipts/{index}", h.receipt)
	mux.HandleFunc("GET /record/releases/{index}", h.releases)
	mux.HandleFunc("GET /law/{hash}", h.law)
	mux.HandleFunc("GET /law/leaves/{index}", h.lawReceipt)
	mux.HandleFunc("GET /mandates/{id}", showMandate(h.cfg.Dir.Law(), h.problems))
	mux.HandleFunc("GET /trust", h.trust)
	mux.HandleFunc("GET /group", h.showGroup)
	mux.HandleFunc("GET /group/chain", h.showChain)
	mux.HandleFunc("GET /group/change", h.showChange)
	mux.HandleFunc("POST /group/change", h.addChange)
	mux.HandleFunc("POST /acts", h.act)
	mux.HandleFunc("POST /devices", h.addDevice)
	mux.HandleFunc("GET /devices/{id}", h.showDevice)
	mux.Handle("GET /problems/", web.Catalogue())
	h.erasures(mux)
	h.extensions(mux)
	h.vitals(mux)
	h.representations(mux)
	h.warrantNames(mux)
	h.explanations(mux)
	h.openTrace(mux)
}

func (h *Hub) readyz(w http.ResponseWriter, r *http.Request) {
	if reason := h.waiting.Load(); reason != nil && *reason != "" {
		h.problems.Write(w, r, tribune.Hint(fmt.Errorf("%w: not ready: %s", tribune.ErrBusy, *reason), "Ask again in a second."))
		return
	}
	fmt.Fprintln(w, "ready")
}

// index reads the path's leaf index and refuses what is not published: a leaf nobody has witnessed proves nothing.
func (h *Hub) index(r *http.Request) (uint64, error) {
	i, err := strconv.ParseUint(r.PathValue("index"), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is not a leaf index", tribune.ErrInvalid, r.PathValue("index"))
	}
	if size := h.record.Published(); i >= size {
		return 0, fmt.Errorf("%w: leaf %d; %d leaves are published", tribune.ErrNotFound, i, size)
	}
	return i, nil
}

func (h *Hub) leaf(w http.ResponseWriter, r *http.Request) {
	i, err := h.index(r)
	if err == nil {
		var data []byte
		if data, err = h.record.Leaf(r.Context(), i); err == nil {
			w.Header().Set("Content-Type", "application/json")
			w.Write(data)
			return
		}
	}
	h.problems.Write(w, r, err)
}

func (h *Hub) receipt(w http.ResponseWriter, r *http.Request) {
	i, err := h.index(r)
	if err == nil {
		var receipt tribune.Receipt
		if receipt, err = h.record.Receipt(r.Context(), i, true); err == nil {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Content-Disposition", fmt.Sprintf(`inline; filename="receipt-%d.tlog"`, i))
			w.Write(receipt)
			return
		}
	}
	h.problems.Write(w, r, err)
}

func (h *Hub) releases(w http.ResponseWriter, r *http.Request) {
	i, err := h.index(r)
	var statements []protocol.Statement
	if err == nil {
		statements, err = h.statements(r.Context(), i)
	}
	if err != nil {
		h.problems.Write(w, r, err)
		return
	}
	if statements == nil {
		statements = []protocol.Statement{}
	}
	writeJSON(w, statements)
}

// law serves a policy set that is or was in force, by its hash; "current" is the one in force.
func (h *Hub) law(w http.ResponseWriter, r *http.Request) {
	hash := h.gate.Set().Hash()
	if want := r.PathValue("hash"); want != "current" {
		if err := hash.UnmarshalText([]byte(want)); err != nil {
			h.problems.Write(w, r, tribune.Hint(fmt.Errorf("policy set: %w", err), "/law/current is the set in force."))
			return
		}
	}
	files, err := h.gate.Law(hash)
	if err != nil {
		h.problems.Write(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(files)
}

// trustFile is what offline verification rests on.
func (h *Hub) trustFile() ([]byte, error) {
	text, err := os.ReadFile(h.cfg.Dir.Trust())
	if err != nil {
		return nil, fmt.Errorf("%w: the guardians have not finished their ceremony", tribune.ErrNotFound)
	}
	return text, nil
}

func (h *Hub) trust(w http.ResponseWriter, r *http.Request) {
	text, err := h.trustFile()
	if err != nil {
		h.problems.Write(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(text)
}

func (h *Hub) showGroup(w http.ResponseWriter, r *http.Request) {
	group := h.group.Load()
	if group == nil {
		h.problems.Write(w, r, fmt.Errorf("%w: the guardians have not finished their ceremony", tribune.ErrNotFound))
		return
	}
	writeJSON(w, group)
}

// act puts an act of power on record: POST /acts {act, private, salt, signature}, private being the JCS text in base64.
func (h *Hub) act(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Act       protocol.Act `json:"act"`
		Private   []byte       `json:"private"`
		Salt      []byte       `json:"salt"`
		Signature []byte       `json:"signature"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		h.problems.Write(w, r, tribune.Hint(fmt.Errorf("%w: %w", tribune.ErrInvalid, err), "Send {\"act\", \"private\", \"salt\", \"signature\"}."))
		return
	}
	caller := web.CallerOf(r.Context())
	one := h.way.Load()
	switch {
	case !caller.Known():
		h.problems.Write(w, r, tribune.Hint(tribune.ErrUnknown, "Send Authorization: Bearer with a token of yours."))
		return
	case one == nil:
		h.problems.Write(w, r, tribune.Hint(tribune.ErrNoQuorum, "The guardians have not finished their ceremony, or too few answer."))
		return
	}
	receipt, err := one.Do(r.Context(), way.Exercise{Caller: caller, Act: body.Act, Private: body.Private, Salt: body.Salt, Signature: body.Signature})
	if err != nil {
		h.problems.Write(w, r, err)
		return
	}
	web.SetReceipt(w.Header(), receipt)
	w.WriteHeader(http.StatusCreated)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

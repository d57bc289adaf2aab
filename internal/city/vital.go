package city

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/protocol"
)

// Vital interest over HTTP (docs/protocol.md). All but the state need a token of an office that the law names.
//
//	GET  /vital/state         what is on, how many keys there are, what was opened: anybody
//	POST /vital/holders       {"holder", "signature"}: a holder's own key
//	POST /vital/orders        {"class", "entity", "reason"}: begin; the answer is the order to sign, with the caller's shares
//	GET  /vital/orders        those that wait for the caller's office
//	POST /vital/orders/{id}   {"box", "signature"}: one person's part. 202: it waits for a second. 200: opened
//	GET  /vital/orders/{id}   what was opened, once more, to the two and for 15 minutes
//	GET  /vital/checks/{index} which guardians have checked the disclosure in that entry, signed: anybody

const (
	maxVitalBody = 32 << 10
	vitalReach   = 3 * time.Second // for all guardians together to answer
)

func (h *Hub) vitals(mux *http.ServeMux) {
	handle := func(pattern string, f func(http.ResponseWriter, *http.Request, *way.Way) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			one := h.way.Load()
			err := errNoKeys
			if one != nil {
				err = f(w, r, one)
			}
			if err != nil {
				h.problems.Write(w, r, err)
			}
		})
	}
	handle("GET /vital/state", h.vitalState)
	handle("POST /vital/holders", h.vitalJoin)
	handle("POST /vital/orders", h.vitalAsk)
	handle("GET /vital/orders", h.vitalPending)
	handle("POST /vital/orders/{id}", h.vitalApprove)
	handle("GET /vital/orders/{id}", h.vitalAnswer)
	handle("GET /vital/checks/{index}", h.vitalChecks)
}

// vitalConfig is what the way needs of the city.
func (h *Hub) vitalConfig() *way.VitalConfig {
	return &way.VitalConfig{Vault: h.vault.vault.Load(), Current: h.vitalCurrent, Reach: h.vitalReach, Checked: h.vitalChecked, Every: h.cfg.VitalEvery}
}

// vitalReach counts the guardians that answer now. Whether they would release anything is not asked: a guardian that refuses can be reached.
func (h *Hub) vitalReach(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, vitalReach)
	defer cancel()
	group := h.group.Load()
	answers := make([]bool, len(group.Guardians))
	var g errgroup.Group
	for i, m := range group.Guardians {
		g.Go(func() error {
			_, err := h.guardians.Status(ctx, m.Name)
			answers[i] = err == nil
			return nil
		})
	}
	g.Wait()
	n := 0
	for _, yes := range answers {
		if yes {
			n++
		}
	}
	return n
}

// vitalCurrent is what rests now of an entity in a class. It opens nothing.
func (h *Hub) vitalCurrent(ctx context.Context, class tribune.ClassID, entity tribune.EntityID) (all []tribune.Sealed, err error) {
	page, err := h.twin.Find(ctx, twin.Query{IDs: []tribune.EntityID{entity}})
	if err != nil {
		return nil, err
	}
	for _, view := range page.Views {
		for _, list := range view.Attrs {
			for _, a := range list {
				if a.Sealed != nil && a.Sealed.Class == class {
					all = append(all, *a.Sealed)
				}
			}
		}
	}
	return all, nil
}

func (h *Hub) vitalState(w http.ResponseWriter, r *http.Request, one *way.Way) error {
	s, err := one.Vital(r.Context())
	if err != nil {
		return err
	}
	type class struct {
		Class   tribune.ClassID  `json:"class"`
		Title   string           `json:"title"`
		Office  tribune.OfficeID `json:"office"`
		Holders int              `json:"holders"`
		Keys    int              `json:"keys"`
	}
	out := struct {
		Classes   []class  `json:"classes"`
		Counted   string   `json:"counted,omitempty"` // of the newest inventory on record
		Reachable bool     `json:"reachable"`         // guardians have answered just now
		Unwritten int      `json:"unwritten"`         // uses that wait to be disclosed
		Uses      []uint64 `json:"uses"`              // entries of the record
	}{Classes: []class{}, Reachable: s.Reachable, Unwritten: s.Unwritten, Uses: append([]uint64{}, s.Uses...)}
	if !s.Counted.IsZero() {
		out.Counted = s.Counted.UTC().Format(time.RFC3339)
	}
	for _, c := range s.Classes {
		out.Classes = append(out.Classes, class{c.Class.ID, c.Class.Title, c.Class.Vital, c.Holders, c.Keys})
	}
	writeJSON(w, out)
	return nil
}

// vitalBody reads a request's body, bounded and without members that are unknown.
func vitalBody(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxVitalBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return tribune.Hint(fmt.Errorf("%w: the request cannot be read", tribune.ErrInvalid), "tribune vital -h")
	}
	return nil
}

func (h *Hub) vitalJoin(w http.ResponseWriter, r *http.Request, one *way.Way) error {
	var body struct {
		Holder    protocol.VitalHolder `json:"holder"`
		Signature []byte               `json:"signature"`
	}
	if err := vitalBody(w, r, &body); err != nil {
		return err
	}
	if err := one.JoinVital(r.Context(), web.CallerOf(r.Context()), body.Holder, body.Signature); err != nil {
		return fmt.Errorf("joining the holders of single-use keys: %w", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Hub) vitalAsk(w http.ResponseWriter, r *http.Request, one *way.Way) error {
	var body struct {
		Class  tribune.ClassID  `json:"class"`
		Entity tribune.EntityID `json:"entity"`
		Reason string           `json:"reason"`
	}
	if err := vitalBody(w, r, &body); err != nil {
		return err
	}
	asked, err := one.PrepareVital(r.Context(), web.CallerOf(r.Context()), body.Class, body.Entity, body.Reason)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, asked)
	return nil
}

func (h *Hub) vitalPending(w http.ResponseWriter, r *http.Request, one *way.Way) error {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, append([]way.VitalAsked{}, one.VitalPending(web.CallerOf(r.Context()))...))
	return nil
}

func (h *Hub) vitalApprove(w http.ResponseWriter, r *http.Request, one *way.Way) error {
	var body protocol.VitalApproval
	if err := vitalBody(w, r, &body); err != nil {
		return err
	}
	opened, err := one.ApproveVital(r.Context(), web.CallerOf(r.Context()), r.PathValue("id"), body)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	if opened == nil {
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	writeJSON(w, opened)
	return nil
}

func (h *Hub) vitalAnswer(w http.ResponseWriter, r *http.Request, one *way.Way) error {
	opened, err := one.VitalAnswer(web.CallerOf(r.Context()), r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, opened)
	return nil
}

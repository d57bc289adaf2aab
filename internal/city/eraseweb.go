package city

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"tribune"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/protocol"
)

// POST /erasures asks for an erasure, in two steps as every act: {"name": {"type", "name"}, "note"}; with a key for one's own data
// without a name. The first answer is 428 with the act to sign, the second, with Tribune-Act and Tribune-Signature, 201 with the
// state. GET /erasures/INDEX is the state of the erasure whose leaf stands there: it names nobody, and anyone may ask.

// maxErasure bounds the request: a name and a note.
const maxErasure = 16 << 10

// erasureState is what is told of an erasure.
type erasureState struct {
	Act     string `json:"act"`
	Index   uint64 `json:"index"`
	State   string `json:"state"` // recorded, deleted, final
	Asked   string `json:"asked"`
	Deleted string `json:"deleted,omitempty"` // by the hub itself
	Due     string `json:"due,omitempty"`     // when it is final at the latest
	Final   string `json:"final,omitempty"`   // when the epoch key of that time was destroyed

	Guardians []protocol.ErasureStatement `json:"guardians,omitempty"` // who states that they obey it
}

func stateOf(e way.Erasure) erasureState {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	return erasureState{Act: e.Act, Index: e.Index, State: e.State(), Asked: at(e.Asked), Deleted: at(e.Deleted), Due: at(e.Due), Final: at(e.Final), Guardians: e.Stated}
}

func (h *Hub) erasures(mux *http.ServeMux) {
	mux.HandleFunc("POST /erasures", func(w http.ResponseWriter, r *http.Request) {
		if err := h.askErasure(w, r); err != nil {
			h.problems.Write(w, r, err)
		}
	})
	mux.HandleFunc("GET /erasures/{index}", func(w http.ResponseWriter, r *http.Request) {
		state, err := h.erasureAt(r)
		if err != nil {
			h.problems.Write(w, r, err)
			return
		}
		writeJSON(w, state)
	})
}

func (h *Hub) erasureAt(r *http.Request) (erasureState, error) {
	index, err := strconv.ParseUint(r.PathValue("index"), 10, 63)
	if err != nil {
		return erasureState{}, fmt.Errorf("%w: %q is not a leaf index", tribune.ErrInvalid, r.PathValue("index"))
	}
	one := h.way.Load()
	if one == nil {
		return erasureState{}, errNoKeys
	}
	e, err := one.ErasureAt(r.Context(), index)
	return stateOf(e), err
}

// askErasure takes the first or the second step.
func (h *Hub) askErasure(w http.ResponseWriter, r *http.Request) error {
	caller, one := web.CallerOf(r.Context()), h.way.Load()
	switch {
	case !caller.Known():
		return tribune.Hint(fmt.Errorf("%w: an erasure needs a known caller", tribune.ErrUnknown), "Send Authorization: Bearer with a token of yours.")
	case one == nil:
		return errNoKeys
	}
	if id := r.Header.Get(web.ActHeader); id != "" {
		return h.commitErasure(w, r, one, caller, id)
	}
	var body struct {
		Name *web.PersonName `json:"name"`
		Note string          `json:"note"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxErasure))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return tribune.Hint(fmt.Errorf("%w: the request cannot be read", tribune.ErrInvalid), `Send {"name": {"type": "plate", "name": "..."}, "note": "..."}; with a key for your own data, no name.`)
	}
	p, err := h.toErase(r.Context(), one, caller, body.Name)
	if err != nil {
		return err
	}
	act, err := one.PrepareErasure(r.Context(), caller, p, body.Note)
	if err != nil {
		return fmt.Errorf("preparing an erasure: %w", err)
	}
	return h.askSignature(w, r, act, "The policy permits this erasure. It is put on public record, and everything held of that person up to today is deleted, once its actor has signed it. It cannot be taken back.")
}

// toErase is whom an erasure concerns: the person named, or whose own key the caller holds. Nobody is named for a caller who may erase nobody:
// naming costs the guardians work.
func (h *Hub) toErase(ctx context.Context, one *way.Way, caller tribune.Caller, name *web.PersonName) (p tribune.Pseudonym, err error) {
	for _, a := range h.gate.Appointments() {
		if a.Actor == caller.Actor && a.Subject != nil {
			if name != nil {
				return p, tribune.Hint(fmt.Errorf("%w: this key is for the data of one person", tribune.ErrInvalid), "Leave the name out.")
			}
			return *a.Subject, nil
		}
	}
	if name == nil || name.Type == "" || name.Name == "" {
		return p, fmt.Errorf("%w: whose data are to be erased?", tribune.ErrInvalid)
	}
	if err := one.MayErase(ctx, caller); err != nil {
		return p, err
	}
	list, err := h.vault.Pseudonyms(ctx, name.Type, []string{protocol.NormalName(name.Type, name.Name)})
	if err != nil {
		return p, fmt.Errorf("finding a person's pseudonym: %w", err)
	}
	return list[0], nil
}

func (h *Hub) commitErasure(w http.ResponseWriter, r *http.Request, one *way.Way, caller tribune.Caller, id string) error {
	signature, err := signatureOf(r)
	if err != nil {
		return err
	}
	index, receipt, err := one.Erase(r.Context(), caller, id, signature)
	if err != nil {
		return fmt.Errorf("erasing: %w", err)
	}
	web.SetReceipt(w.Header(), receipt)
	e, err := one.ErasureAt(r.Context(), index)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(stateOf(e))
}

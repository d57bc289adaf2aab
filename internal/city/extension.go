package city

import (
	"encoding/json"
	"fmt"
	"net/http"

	"tribune"
	"tribune/internal/web"
	"tribune/protocol"
)

// POST /extensions puts off the day on which a person learns of an investigation, under a court's further warrant, in two steps as every
// act: {"name": {"type", "name"}, "quarter": "2026-Q4", "note"}. The first answer is 428 with the act to sign; the second, with
// Tribune-Act and Tribune-Signature, 201 with the entry that stands on record.

// maxExtensionBody bounds the request: a name, a quarter and a note.
const maxExtensionBody = 16 << 10

func (h *Hub) extensions(mux *http.ServeMux) {
	mux.HandleFunc("POST /extensions", func(w http.ResponseWriter, r *http.Request) {
		if err := h.extend(w, r); err != nil {
			h.problems.Write(w, r, err)
		}
	})
}

// extend takes the first or the second step.
func (h *Hub) extend(w http.ResponseWriter, r *http.Request) error {
	caller, one := web.CallerOf(r.Context()), h.way.Load()
	switch {
	case !caller.Known():
		return tribune.Hint(fmt.Errorf("%w: an extension needs a known caller", tribune.ErrUnknown), "Send Authorization: Bearer with a token of yours.")
	case one == nil:
		return errNoKeys
	}
	if id := r.Header.Get(web.ActHeader); id != "" {
		signature, err := signatureOf(r)
		if err != nil {
			return err
		}
		index, receipt, err := one.Extend(r.Context(), caller, id, signature)
		if err != nil {
			return fmt.Errorf("extending: %w", err)
		}
		web.SetReceipt(w.Header(), receipt)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		return json.NewEncoder(w).Encode(map[string]uint64{"index": index})
	}
	var body struct {
		Name    web.PersonName `json:"name"`
		Quarter string         `json:"quarter"`
		Note    string         `json:"note"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxExtensionBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil || body.Name.Type == "" || body.Name.Name == "" {
		return tribune.Hint(fmt.Errorf("%w: the request cannot be read", tribune.ErrInvalid), `Send {"name": {"type": "plate", "name": "..."}, "quarter": "2026-Q4", "note": "..."}.`)
	}
	quarter, err := protocol.ParseQuarter(body.Quarter)
	if err != nil {
		return err
	}
	if err := one.MayExtend(r.Context(), caller, quarter); err != nil {
		return err
	}
	list, err := h.vault.Pseudonyms(r.Context(), body.Name.Type, []string{protocol.NormalName(body.Name.Type, body.Name.Name)})
	if err != nil {
		return fmt.Errorf("finding a person's pseudonym: %w", err)
	}
	act, err := one.PrepareExtension(r.Context(), caller, list[0], quarter, body.Note)
	if err != nil {
		return fmt.Errorf("preparing an extension: %w", err)
	}
	return h.askSignature(w, r, act, "The policy permits this extension. It is put on public record with the court's warrant once its actor has signed it; whom it is about is not.")
}

package city

import (
	"encoding/json"
	"fmt"
	"net/http"

	"tribune"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/protocol"
)

// POST /warrants/names has the guardians evaluate a name for a court that writes a warrant about its holder: an act of power as at /acts,
// {"name": {"type", "name"}, "nameSalt", "act", "private", "salt", "signature"}, whose note is protocol.NamingNote of that name and salt. The answer is 201 with
// {"y"}, from which the court computes the pseudonym and checks it under the guardians' key. The act is on record first; the name is not.

// maxWarrantName bounds the request: an act of power with a short note.
const maxWarrantName = 64 << 10

func (h *Hub) warrantNames(mux *http.ServeMux) {
	mux.HandleFunc("POST /warrants/names", func(w http.ResponseWriter, r *http.Request) {
		if err := h.nameForWarrant(w, r); err != nil {
			h.problems.Write(w, r, err)
		}
	})
}

func (h *Hub) nameForWarrant(w http.ResponseWriter, r *http.Request) error {
	caller, one, safe := web.CallerOf(r.Context()), h.way.Load(), h.vault.vault.Load()
	switch {
	case !caller.Known():
		return tribune.Hint(fmt.Errorf("%w: names are evaluated for a court alone", tribune.ErrUnknown), "Send Authorization: Bearer with a token of yours.")
	case one == nil || safe == nil:
		return errNoKeys
	}
	// Who may decide for such a purpose is the law's to say; for any other purpose nobody gets a pseudonym.
	if purpose, ok := h.gate.Set().Purpose(caller.Purpose); !ok || !purpose.Hidden {
		return fmt.Errorf("%w: names are evaluated for warrants, for a purpose whose uses a court may keep hidden", tribune.ErrDenied)
	}
	var body struct {
		Name      protocol.PersonName `json:"name"`
		NameSalt  []byte              `json:"nameSalt"`
		Act       protocol.Act        `json:"act"`
		Private   []byte              `json:"private"`
		Salt      []byte              `json:"salt"`
		Signature []byte              `json:"signature"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxWarrantName))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil || body.Name.Type == "" || body.Name.Name == "" || len(body.NameSalt) != protocol.SaltSize {
		return tribune.Hint(fmt.Errorf("%w: the request cannot be read", tribune.ErrInvalid), `Send {"name": {"type", "name"}, "nameSalt", "act", "private", "salt", "signature"}.`)
	}
	private, err := protocol.DecodePrivate(body.Private)
	if err != nil {
		return err
	}
	if private.Inputs.Note != protocol.NamingNote(body.Name, body.NameSalt) {
		return fmt.Errorf("%w: the act that was signed has another name evaluated", tribune.ErrInvalid)
	}
	receipt, err := one.Do(r.Context(), way.Exercise{Caller: caller, Act: body.Act, Private: body.Private, Salt: body.Salt, Signature: body.Signature})
	if err != nil {
		return fmt.Errorf("putting the naming on record: %w", err)
	}
	web.SetReceipt(w.Header(), receipt)
	y, err := safe.NameOutput(r.Context(), body.Name.Type, protocol.NormalName(body.Name.Type, body.Name.Name))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(map[string][]byte{"y": y})
}

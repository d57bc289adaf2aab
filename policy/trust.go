package policy

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"tribune"
)

// Trust is what a reader of the law brings along, and no file of the law can change.
type Trust struct {
	Steward string       `json:"steward"` // note verifier key that signs every file of the set
	Council string       `json:"council"` // note verifier key that signs appointments; "" = as city.toml says
	Floors  tribune.Hash `json:"floors"`  // FloorsHash fixed at the ceremony; zero = not pinned
}

// What a key may sign, as city.toml lists it.
const (
	signsRegisters    = "registers"    // the files of the set
	signsMandates     = "mandates"     // legal bases
	signsAppointments = "appointments" // who holds an office
)

var everySigns = []string{signsRegisters, signsMandates, signsAppointments}

// Signer is a key the city's law knows.
type Signer struct {
	Name     string              // key name
	Key      string              // note verifier key
	Signs    []string            // registers, mandates, appointments
	Purposes []tribune.PurposeID // of mandates it may issue; none listed = every purpose
	verifier note.Verifier
}

func (s *Signer) may(what string) bool { return slices.Contains(s.Signs, what) }

// verifier reads a pinned key.
func verifier(what, vkey string) (note.Verifier, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("%w: the pinned key of the %s: %w", tribune.ErrInvalid, what, err),
			"A note verifier key looks like name+hash+base64.")
	}
	return v, nil
}

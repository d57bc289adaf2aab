package policy

import (
	"fmt"
	"slices"

	"tribune"
	"tribune/protocol"
)

// Trust is what a reader of the law brings along, and no file of the law can change.
type Trust struct {
	Steward string       `json:"steward"` // key that signs every file of the set: a note verifier key, or a JWK
	Council string       `json:"council"` // key that signs appointments; "" = as city.toml says
	Floors  tribune.Hash `json:"floors"`  // FloorsHash fixed at the ceremony; zero = not pinned
}

// What a key may sign, as city.toml lists it.
const (
	signsRegisters    = "registers"    // the files of the set
	signsMandates     = "mandates"     // legal bases
	signsAppointments = "appointments" // who holds an office
	signsWarrants     = "warrants"     // besides mandates: those whose uses are hidden for a time

	signsRepresentations = "representations" // who may act for a child or for somebody in their care
	signsVerdicts        = "verdicts"        // what an audit found of a model; whoever signs these signs nothing else
)

var everySigns = []string{signsRegisters, signsMandates, signsAppointments, signsWarrants, signsRepresentations, signsVerdicts}

// Signer is a key the city's law knows.
type Signer struct {
	Name     string              // key name
	Key      string              // note verifier key, JWK, or NAME+x5t#S256+HASH of a certificate
	Signs    []string            // registers, mandates, appointments
	Purposes []tribune.PurposeID // of mandates it may issue; none listed = every purpose
	key      protocol.DocumentKey
}

func (s *Signer) may(what string) bool { return slices.Contains(s.Signs, what) }

// pinned reads a pinned key.
func pinned(what, text string) (protocol.DocumentKey, error) {
	key, err := protocol.ParseDocumentKey(text)
	if err != nil {
		return key, tribune.Hint(fmt.Errorf("the pinned key of the %s: %w", what, err), "Give a note verifier key, name+hash+base64, or a JWK whose kid is the name.")
	}
	return key, nil
}

// isPinned reports whether a signer is the holder of a pinned key.
func (s *Signer) isPinned(text string) bool {
	key, err := protocol.ParseDocumentKey(text)
	return err == nil && s != nil && s.Name == key.Name && s.Key == key.Text
}

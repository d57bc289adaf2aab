// Package recovery is a person's side of getting their lost trace key back from the guardians (protocol 28), with no help of the hub.
//
// Who calls: tribune trace, and any program a person trusts. It makes the requests and checks the answers; sending them is the caller's. It
// promises that what it returns are the person's keys: y is verified under the guardians' NAME key, D under their SEAL key, both keys are
// vouched for by guardians of whom one at least is honest, and who sent a wrong share is named. Shares are sealed to a key that never
// leaves this process, so nobody on the way learns the person's keys, the hub included; t guardians together could.
package recovery

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
	"tribune/verify"
)

// Session is one recovery of the keys of one name. It is not safe for concurrent use.
type Session struct {
	trust     *verify.Trust
	group     protocol.Group
	recipient *protocol.Recipient
	name      protocol.PersonName
	y         []byte
	shown     *protocol.RepresentationProof
}

// Vouched is a guardian's word for the group that holds the keys: its signature over the group's digest.
type Vouched struct {
	Guardian  string
	Digest    tribune.Hash
	Signature []byte
}

// New begins a recovery. The group is believed where so many guardians have signed its digest that one of them is honest.
func New(trust *verify.Trust, group protocol.Group, digest tribune.Hash, words []Vouched) (*Session, error) {
	if err := group.Validate(); err != nil {
		return nil, fmt.Errorf("the guardians' group: %w", err)
	}
	var names []string
	for _, v := range words {
		key, known := trust.GuardianKey(v.Guardian)
		if known && v.Digest == digest && ed25519.Verify(key, digest[:], v.Signature) {
			names = append(names, v.Guardian)
		}
	}
	if err := trust.Believed(names); err != nil {
		return nil, fmt.Errorf("the guardians' group: %w", err)
	}
	recipient, err := protocol.NewRecipient()
	if err != nil {
		return nil, err
	}
	return &Session{trust: trust, group: group, recipient: recipient}, nil
}

// T is how many guardians' answers each round needs.
func (s *Session) T() int { return s.group.T }

// Nonce is what the ID token must be made with.
func (s *Session) Nonce() string { return protocol.PersonNonce(s.recipient.Public()) }

// Recipient is the public key that shares are sealed to.
func (s *Session) Recipient() []byte { return s.recipient.Public() }

// Represent says that the keys are asked for by a representative, who shows this. The name of the requests is then the ward's.
func (s *Session) Represent(proof *protocol.RepresentationProof) { s.shown = proof }

// NameRequest is the first round's, for one of the names in the token.
func (s *Session) NameRequest(token string, name protocol.PersonName) protocol.PersonRequest {
	s.name = name
	return protocol.PersonRequest{Token: token, Name: name, Recipient: s.recipient.Public(), Quarters: []uint32{}, Representation: s.shown}
}

// Named combines the answers of the first round. Culprits sent what is not their share.
func (s *Session) Named(answers []protocol.PersonAnswer) (culprits []string, err error) {
	parts, culprits := s.parts(protocol.PersonNamePath, answers, 1)
	master, err := ibe.NewNameMaster(s.group.Name.Key)
	if err != nil {
		return culprits, fmt.Errorf("reading the guardians' key: %w", err)
	}
	y, liars, err := master.CombineName(s.group.Name.Shares, s.group.T, protocol.NameInput(s.group.City, s.name.Type, s.name.Name), parts)
	if err != nil {
		return append(culprits, s.names(liars)...), err
	}
	s.y = y
	return append(culprits, s.names(liars)...), nil
}

// Pseudonym is the person's, once Named.
func (s *Session) Pseudonym() tribune.Pseudonym { return protocol.PseudonymOf(s.name.Type, s.y) }

// KeysRequest is the second round's: the trace key, and hidden chains of quarters that are over.
func (s *Session) KeysRequest(token string, quarters []uint32) protocol.PersonRequest {
	if quarters == nil {
		quarters = []uint32{}
	}
	return protocol.PersonRequest{Token: token, Name: s.name, Recipient: s.recipient.Public(), Quarters: quarters, Y: s.y, Representation: s.shown}
}

// Keys combines the answers of the second round to a request. Withheld are the quarters asked for that too few guardians disclose yet.
func (s *Session) Keys(req protocol.PersonRequest, answers []protocol.PersonAnswer) (keys protocol.TraceKeys, withheld []uint32, culprits []string, err error) {
	p := s.Pseudonym()
	shares := map[tribune.Identity][]ibe.Partial{}
	for _, a := range answers {
		ids := protocol.PersonIdentities(p, a.Quarters)
		if !s.stated(req, a, ids) {
			culprits = append(culprits, a.Guardian)
			continue
		}
		parts, more := s.parts(protocol.PersonKeysPath, []protocol.PersonAnswer{a}, len(ids))
		culprits = append(culprits, more...)
		for _, part := range parts {
			for i, id := range ids {
				shares[id] = append(shares[id], ibe.Partial{Index: part.Index, Points: part.Points[i : i+1]})
			}
		}
	}
	master, err := ibe.NewMaster(s.group.Seal.Key)
	if err != nil {
		return keys, nil, culprits, fmt.Errorf("reading the guardians' key: %w", err)
	}
	keys.City = s.group.City
	for _, id := range protocol.PersonIdentities(p, req.Quarters) {
		if id.Kind == tribune.IdentityHidden && len(shares[id]) < s.group.T {
			withheld = append(withheld, id.Quarter)
			continue
		}
		ds, liars, err := master.Combine(s.group.Seal.Shares, s.group.T, [][]byte{id.Bytes(s.group.City)}, shares[id])
		culprits = append(culprits, s.names(liars)...)
		if err != nil {
			return keys, withheld, culprits, err
		}
		keys.Keys = append(keys.Keys, protocol.KeptKey{Identity: id, D: ds[0]})
	}
	return keys, withheld, culprits, nil
}

// stated: a guardian signs for what it released, to us, and released nothing but what was asked for.
func (s *Session) stated(req protocol.PersonRequest, a protocol.PersonAnswer, ids []tribune.Identity) bool {
	key, known := s.trust.GuardianKey(a.Guardian)
	if !known || a.Statement == nil || a.Statement.Guardian != a.Guardian || a.Statement.Epoch != a.Epoch || len(a.Quarters) > len(req.Quarters) {
		return false
	}
	for i, q := range a.Quarters {
		if !slices.Contains(req.Quarters, q) || slices.Contains(a.Quarters[:i], q) { // named twice, one guardian would count for two
			return false
		}
	}
	return a.Statement.Verify(key, req.Recipient, protocol.HashIDs(s.group.City, []protocol.Subject{{IDs: ids}})) == nil
}

// parts opens the boxes. Whose box does not open, or is of another share epoch, is a culprit.
func (s *Session) parts(path string, answers []protocol.PersonAnswer, points int) (parts []ibe.Partial, culprits []string) {
	for _, a := range answers {
		index := 0
		for _, m := range s.group.Guardians {
			if m.Name == a.Guardian {
				index = m.Index
			}
		}
		raw, err := s.recipient.OpenPerson(path, a.Guardian, a.Epoch, a.Box)
		if index == 0 || err != nil || a.Epoch != s.group.Epoch || len(raw) != points*ibe.G1Size {
			culprits = append(culprits, a.Guardian)
			continue
		}
		part := ibe.Partial{Index: index}
		for ; len(raw) > 0; raw = raw[ibe.G1Size:] {
			part.Points = append(part.Points, raw[:ibe.G1Size])
		}
		parts = append(parts, part)
	}
	return parts, culprits
}

func (s *Session) names(indices []int) (names []string) {
	for _, m := range s.group.Guardians {
		for _, i := range indices {
			if m.Index == i {
				names = append(names, m.Name)
			}
		}
	}
	return names
}

// Saved is a Session between two rounds, for a desk where the answers are brought one by one. It holds a private key.
type Saved struct {
	Group     protocol.Group      `json:"group"`
	Name      protocol.PersonName `json:"name"`
	Recipient []byte              `json:"recipient"` // private
	Y         []byte              `json:"y,omitempty"`

	Representation *protocol.RepresentationProof `json:"representation,omitempty"`
}

// Save is the session as it is now.
func (s *Session) Save() Saved { return Saved{s.group, s.name, s.recipient.Secret(), s.y, s.shown} }

// Resume goes on with a saved session. Its group was believed when it began.
func Resume(trust *verify.Trust, saved Saved) (*Session, error) {
	if err := saved.Group.Validate(); err != nil {
		return nil, fmt.Errorf("the guardians' group: %w", err)
	}
	recipient, err := protocol.RecipientOf(saved.Recipient)
	if err != nil {
		return nil, err
	}
	return &Session{trust: trust, group: saved.Group, recipient: recipient, name: saved.Name, y: saved.Y, shown: saved.Representation}, nil
}

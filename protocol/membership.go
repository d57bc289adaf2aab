package protocol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"tribune"
)

// MaxChange bounds a signed change document: nine members and their addresses take 3 KB.
const MaxChange = 16 << 10

// changeHead begins a change's text: nothing else that a council signs is taken for one, nor the other way round.
const changeHead = "tribune: change of guardians, version 1\n"

// Change is a proposed successor of a group of guardians: the same city, the same two public keys, other shares, and perhaps
// other members or numbers. As a file it is a document whose text is a first line that says so, its JCS and a newline, signed with
// the council's key.
type Change struct {
	City    string       `json:"city"`
	Epoch   uint32       `json:"epoch"`   // the successor's share epoch: one more than the present one
	From    tribune.Hash `json:"from"`    // GroupDigest of the present group
	Lost    []string     `json:"lost"`    // emergency: the old members who are gone, sorted; else empty
	Members []Member     `json:"members"` // the successor's, in the order of their index, with their URLs
	T       int          `json:"t"`
	W       int          `json:"w"`
}

// GroupDigest is what guardians sign of a group: SHA-256(L(group) || JCS(group without URLs)).
func GroupDigest(g Group) (tribune.Hash, error) {
	g.Guardians = slices.Clone(g.Guardians)
	for i := range g.Guardians {
		g.Guardians[i].URL = ""
	}
	data, err := JCS(g)
	if err != nil {
		return tribune.Hash{}, fmt.Errorf("digest of the group: %w", err)
	}
	return sha256.Sum256(append(Label("group"), data...)), nil
}

// Digest names a change: SHA-256(L(change) || JCS(change)).
func (c Change) Digest() (tribune.Hash, error) {
	data, err := JCS(c)
	if err != nil {
		return tribune.Hash{}, fmt.Errorf("digest of the change: %w", err)
	}
	return sha256.Sum256(append(Label("change"), data...)), nil
}

// Text is the document's text, to be signed.
func (c Change) Text() (string, error) {
	data, err := JCS(c)
	return changeHead + string(data) + "\n", err
}

// DecodeChange reads the text of a change, in its one spelling.
func DecodeChange(text []byte) (Change, error) {
	var c Change
	data, ok := bytes.CutSuffix(text, []byte("\n"))
	data, head := bytes.CutPrefix(data, []byte(changeHead))
	switch {
	case len(text) > MaxChange:
		return c, fmt.Errorf("change of %d bytes: %w", len(text), tribune.ErrTooLarge)
	case !ok || !head:
		return c, fmt.Errorf("%w: a change is the line %q and one line of JSON", tribune.ErrInvalid, changeHead)
	}
	if err := DecodeJCS(data, &c); err != nil {
		return c, fmt.Errorf("change: %w", err)
	}
	return c, c.Validate()
}

// OpenChange reads a signed change and checks the council's signature.
func OpenChange(doc []byte, council string) (Change, error) {
	if len(doc) > MaxChange {
		return Change{}, fmt.Errorf("change of %d bytes: %w", len(doc), tribune.ErrTooLarge)
	}
	key, err := note.NewVerifier(council)
	if err != nil {
		return Change{}, fmt.Errorf("the council's key: %w: %w", tribune.ErrInvalid, err)
	}
	text, _, err := OpenDocument(doc, note.VerifierList(key))
	if err != nil {
		return Change{}, fmt.Errorf("change: %w", err)
	}
	return DecodeChange([]byte(text))
}

// Roster is the successor without its keys.
func (c Change) Roster() Group {
	return Group{City: c.City, N: len(c.Members), T: c.T, W: c.W, Epoch: c.Epoch, Guardians: slices.Clone(c.Members)}
}

// Emergency reports whether the change goes on without a quorum of the old group.
func (c Change) Emergency() bool { return len(c.Lost) > 0 }

// Validate checks what can be checked without the present group.
func (c Change) Validate() error {
	if err := c.Roster().Validate(); err != nil {
		return fmt.Errorf("change: %w", err)
	}
	if !slices.IsSorted(c.Lost) || len(slices.Compact(slices.Clone(c.Lost))) != len(c.Lost) || c.Lost == nil || len(c.Lost) > 9 {
		return fmt.Errorf("%w: change: lost must be a sorted list of different names", tribune.ErrInvalid)
	}
	return nil
}

// After checks that the change is one of that group.
func (c Change) After(g Group) error {
	from, err := GroupDigest(g)
	if err != nil {
		return err
	}
	if c.City != g.City || c.From != from || c.Epoch != g.Epoch+1 {
		return fmt.Errorf("%w: the change is of another group than the present one (epoch %d, %s)", tribune.ErrInvalid, g.Epoch, from)
	}
	for _, m := range c.Members {
		for _, old := range g.Guardians {
			if (m.Name == old.Name) != (m.Key == old.Key) {
				return tribune.Hint(fmt.Errorf("%w: %s has another key in the present group", tribune.ErrInvalid, m.Name), "A guardian that lost its key comes back under another name: its old key may be in other hands.")
			}
		}
		if slices.Contains(c.Lost, m.Name) {
			return fmt.Errorf("%w: %s is called lost, and is to be a guardian", tribune.ErrInvalid, m.Name)
		}
	}
	for _, name := range c.Lost {
		if !slices.ContainsFunc(g.Guardians, func(m Member) bool { return m.Name == name }) {
			return fmt.Errorf("%w: %s is called lost, and was no guardian", tribune.ErrInvalid, name)
		}
	}
	left := g.N - len(c.Lost)
	switch {
	case left < g.T:
		return tribune.Hint(fmt.Errorf("%w: %d of %d guardians are left, and %d shares make the key", tribune.ErrNoQuorum, left, g.N, g.T),
			"What is sealed cannot be recovered by anybody. Found a new city with new guardians; public data go on.")
	case c.Emergency() && left >= g.W:
		return fmt.Errorf("%w: %d guardians are left and %d suffice: an ordinary change calls nobody lost", tribune.ErrInvalid, left, g.W)
	}
	return nil
}

// Agreed reports whether those old members (by name) who accepted the change suffice for it: w of them, or in an
// emergency everyone who is not called lost.
func (c Change) Agreed(g Group, accepted func(name string) bool) bool {
	yes := 0
	for _, m := range g.Guardians {
		switch {
		case accepted(m.Name):
			yes++
		case c.Emergency() && !slices.Contains(c.Lost, m.Name):
			return false
		}
	}
	if c.Emergency() {
		return yes >= g.T
	}
	return yes >= g.W
}

// AcceptMessage is L(accept) || lp(guardian) || change digest: what a guardian signs when its operator has accepted a
// change. It accepts one successor a share epoch.
func AcceptMessage(guardian string, change tribune.Hash) []byte {
	return append(AppendLP(Label("accept"), []byte(guardian)), change[:]...)
}

// Closing is the public part of the last ceremony leaf of a key generation. A founding has no change and no accepts.
type Closing struct {
	Group      Group             `json:"group"`
	Signatures map[string][]byte `json:"signatures"`        // of GroupDigest, by each member of the group
	Change     []byte            `json:"change,omitempty"`  // the signed document
	Accepts    map[string][]byte `json:"accepts,omitempty"` // of AcceptMessage, by members of the group before
}

// Check checks that all n members of the group have signed it.
func (c Closing) Check() error {
	if err := c.Group.Validate(); err != nil {
		return err
	}
	digest, err := GroupDigest(c.Group)
	if err != nil {
		return err
	}
	for _, m := range c.Group.Guardians {
		_, key, err := PublicOf(m.Key)
		if err != nil {
			return err
		}
		if !ed25519.Verify(key, digest[:], c.Signatures[m.Name]) {
			return fmt.Errorf("%w: %s has not signed the group", tribune.ErrInvalid, m.Name)
		}
	}
	return nil
}

// Follows checks that the closing's group is the successor of g: as a change says that the council has signed, with the
// same public keys, accepted by enough of g and signed by all its own members.
func (c Closing) Follows(g Group, council string) (Change, error) {
	change, err := OpenChange(c.Change, council)
	if err != nil {
		return change, err
	}
	return change, c.follows(g, change)
}

// FollowsAccepted is Follows for somebody who has no council's key pinned and goes by the guardians, who have: each that
// accepted the change has checked the council's signature.
func (c Closing) FollowsAccepted(g Group) (Change, error) {
	text, _ := SplitDocument(c.Change)
	change, err := DecodeChange([]byte(text))
	if err != nil {
		return change, err
	}
	return change, c.follows(g, change)
}

func (c Closing) follows(g Group, change Change) error {
	if err := change.After(g); err != nil {
		return err
	}
	want := change.Roster()
	got := c.Group
	switch {
	case got.City != want.City || got.N != want.N || got.T != want.T || got.W != want.W || got.Epoch != want.Epoch ||
		!slices.EqualFunc(got.Guardians, want.Guardians, func(a, b Member) bool { return a.Index == b.Index && a.Key == b.Key && a.Name == b.Name }):
		return fmt.Errorf("%w: the group is not the one in the change", tribune.ErrInvalid)
	case !bytes.Equal(got.Seal.Key, g.Seal.Key) || !bytes.Equal(got.Name.Key, g.Name.Key):
		return fmt.Errorf("%w: the group has other public keys than the one before it", tribune.ErrInvalid)
	case len(got.Seal.Shares) != got.N || len(got.Name.Shares) != got.N:
		return fmt.Errorf("%w: the group has %d and %d public shares, want %d", tribune.ErrInvalid, len(got.Seal.Shares), len(got.Name.Shares), got.N)
	}
	if !change.Agreed(g, c.accepted(g, change)) {
		return fmt.Errorf("%w: too few of the present guardians have accepted the change", tribune.ErrInvalid)
	}
	return c.Check()
}

// accepted tells whose acceptance of the change the closing carries.
func (c Closing) accepted(g Group, change Change) func(name string) bool {
	digest, err := change.Digest()
	yes := map[string]bool{}
	for _, m := range g.Guardians {
		if _, key, kerr := PublicOf(m.Key); err == nil && kerr == nil && ed25519.Verify(key, AcceptMessage(m.Name, digest), c.Accepts[m.Name]) {
			yes[m.Name] = true
		}
	}
	return func(name string) bool { return yes[name] }
}

// Words explains the change of a group to people, line by line.
func (c Change) Words(g Group) []string {
	lines := []string{fmt.Sprintf("%s: share epoch %d becomes %d. Now %d guardians, %d open, %d publish; then %d, %d and %d. What is sealed stays sealed to the same key.",
		c.City, g.Epoch, c.Epoch, g.N, g.T, g.W, len(c.Members), c.T, c.W)}
	for _, m := range c.Members {
		if !slices.ContainsFunc(g.Guardians, func(old Member) bool { return old.Name == m.Name }) {
			lines = append(lines, fmt.Sprintf("  + %s comes, at %s, with the key %s", m.Name, m.URL, m.Key))
		}
	}
	for _, m := range g.Guardians {
		switch {
		case slices.Contains(c.Lost, m.Name):
			lines = append(lines, fmt.Sprintf("  - %s is called LOST", m.Name))
		case !slices.ContainsFunc(c.Members, func(now Member) bool { return now.Name == m.Name }):
			lines = append(lines, fmt.Sprintf("  - %s leaves", m.Name))
		}
	}
	if len(lines) == 1 {
		lines = append(lines, "  the same guardians get new shares")
	}
	if c.Emergency() {
		return append(lines, fmt.Sprintf("EMERGENCY: fewer than %d guardians are left. Every one of those not called lost must accept, and nobody checks whether the lost are lost but those who accept.", g.W))
	}
	return append(lines, fmt.Sprintf("It takes the acceptance of %d of the %d present guardians, and of everyone who will hold a share.", g.W, g.N))
}

package verify

import (
	"fmt"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

// maxChain bounds a chain: a city changes its guardians some times a year.
const maxChain = 1000

// Followed is where a chain of groups leads.
type Followed struct {
	Group     protocol.Group
	Trust     *Trust
	TrustFile string
	Emergency []uint32 // share epochs that came without a quorum of the group before
}

// Follow goes from the group that this trust file describes to the newest one, link by link. A link is the receipt of a
// closing leaf: the first is the one of this trust's own group, each other one of the group that followed, under w
// co-signatures of the group before it. The council's signatures are for guardians to check: w of them have, or the link
// would not hold.
func (t *Trust) Follow(links [][]byte) (*Followed, error) {
	if len(links) == 0 || len(links) > maxChain {
		return nil, fmt.Errorf("%w: a chain of %d groups", tribune.ErrInvalid, len(links))
	}
	logKey, err := note.NewEd25519VerifierKey(t.Origin(), t.LogKey())
	if err != nil {
		return nil, fmt.Errorf("%w: the log's key: %w", tribune.ErrInvalid, err)
	}
	f := &Followed{Trust: t}
	began := false
	for i, link := range links {
		if !began { // older links than this trust file are passed over
			began, err = f.begin(link)
		} else {
			err = f.next(link, logKey)
		}
		if err != nil {
			return nil, fmt.Errorf("link %d of the chain: %w", i+1, err)
		}
	}
	if !began {
		return nil, fmt.Errorf("%w: the chain does not pass the group of this trust file", tribune.ErrInvalid)
	}
	return f, nil
}

// begin looks whether a link closes the very group that the trust file describes.
func (f *Followed) begin(link []byte) (bool, error) {
	p, err := ParseProof(link)
	if err != nil || p.Extra == nil {
		return false, fmt.Errorf("%w: the receipt does not carry its leaf", tribune.ErrInvalid)
	}
	closing, err := closingOf(p.Extra)
	if err != nil {
		return false, err
	}
	if len(closing.Group.Guardians) != len(f.Trust.guardians) || closing.Group.W != f.Trust.quorum.need {
		return false, nil
	}
	for _, m := range closing.Group.Guardians {
		_, key, err := protocol.PublicOf(m.Key)
		known, ok := f.Trust.GuardianKey(m.Name)
		if err != nil || !ok || !known.Equal(key) {
			return false, nil
		}
	}
	// All of its members have signed it, and they are those of the trust file: no receipt is needed.
	f.Group = closing.Group
	return true, closing.Check()
}

// next follows one link.
func (f *Followed) next(link []byte, logKey string) error {
	p, err := ParseProof(link)
	if err != nil || p.Extra == nil {
		return fmt.Errorf("%w: the receipt does not carry its leaf", tribune.ErrInvalid)
	}
	closing, err := closingOf(p.Extra)
	if err != nil {
		return err
	}
	change, err := closing.FollowsAccepted(f.Group)
	if err != nil {
		return err
	}
	group := closing.Group
	for i := range group.Guardians {
		group.Guardians[i].URL = change.Members[i].URL
	}
	text, err := group.TrustFile(logKey, fnote.VKeyToCosignatureV1)
	if err != nil {
		return err
	}
	trust, err := ParseTrust([]byte(text))
	if err != nil {
		return err
	}
	under := f.Trust
	if change.Emergency() {
		under, f.Emergency = trust, append(f.Emergency, change.Epoch)
	}
	if _, err := under.Receipt(link); err != nil {
		return err
	}
	f.Group, f.Trust, f.TrustFile = group, trust, text
	return nil
}

func closingOf(data []byte) (c protocol.Closing, err error) {
	leaf, err := protocol.DecodeLeaf(data)
	if err != nil {
		return c, err
	}
	if leaf.Act.Kind != tribune.ActCeremony {
		return c, fmt.Errorf("%w: a leaf of kind %s closes no group", tribune.ErrInvalid, leaf.Act.Kind)
	}
	if err := protocol.DecodeJCS(leaf.Public, &c); err != nil {
		return c, fmt.Errorf("closing: %w", err)
	}
	return c, nil
}

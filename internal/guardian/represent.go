package guardian

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/protocol"
)

// Representatives (protocol, "Representatives"). Somebody may ask for their ward's trace key. The hub's word is not enough: we open the document
// against the law's signers, see its grant and no end of it in our own mirror, and demand a fresh entry on record that marks both the ward and the
// representative, whose marks t guardians have checked: so the ward can find out who was given their key.

// askFor is how long after its entry a ward's key may be given: the representative has to log in, or guardians to be reached one by one.
const (
	askFor     = 30 * time.Minute
	deskAskFor = 24 * time.Hour // papers are brought from one guardian to the next
)

// representations are the grants and ends on record. Memory: some 100 bytes each. The lock is the index's.
type representations struct {
	granted map[tribune.Hash]uint64
	ended   map[tribune.Hash]bool
}

// add takes each leaf in order. An end counts whoever has put it there: it takes power away, and gives none.
func (r *representations) add(i uint64, l protocol.Leaf) {
	public, err := protocol.RepresentedOf(l)
	if err != nil || public.Mark == nil {
		return
	}
	if r.granted == nil {
		r.granted, r.ended = map[tribune.Hash]uint64{}, map[tribune.Hash]bool{}
	}
	switch _, before := r.granted[*public.Mark]; {
	case public.Deed == protocol.DeedEnd:
		r.ended[*public.Mark] = true
	case !before:
		r.granted[*public.Mark] = i
	}
}

// represents refuses a mark that is not granted before a leaf, or is ended.
func (x *index) represents(mark tribune.Hash, before uint64) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	switch i, granted := x.represented.granted[mark]; {
	case !granted || i >= before:
		return refuse("this representation is not on record")
	case x.represented.ended[mark]:
		return refuse("this representation was ended, on record")
	}
	return nil
}

func (x *index) ended(mark tribune.Hash) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.represented.ended[mark]
}

// representing says of a person's request whether it is a representative's, and checks everything but the two pseudonyms, which follow
// later. vouched is what proves the representative's names: the claims of a token, or papers at the desk.
func (g *Guardian) representing(ctx context.Context, req protocol.PersonRequest, within time.Duration, vouched func(protocol.RepresentParty) bool) (ward tribune.Pseudonym, err error) {
	proof, now := req.Representation, g.cfg.Now()
	set, err := g.law.inForce(ctx, g.mirror.Head().Size, now)
	if err != nil {
		return ward, refuse("the law in force cannot be read")
	}
	doc, text, _, err := set.Representation(proof.Document)
	if err != nil {
		return ward, refuse("the representation does not count: %v", err)
	}
	switch {
	case !doc.InForce(now):
		return ward, refuse("the representation is not in force")
	case !doc.May(protocol.ScopeKey):
		return ward, refuse("the representation does not extend to the trace key")
	case !doc.Ward.Is(req.Name):
		return ward, refuse("the representation is for somebody else")
	case !vouched(doc.Representative):
		return ward, refuse("the representation is not yours")
	}
	mark := protocol.RepresentationMark(text)
	if err := g.index.represents(mark, proof.Index); err != nil {
		return ward, err
	}
	leaf, err := g.representLeaf(ctx, proof)
	if err != nil {
		return ward, err
	}
	at, err := leaf.Act.When()
	if seen := g.index.seen(proof.Index); !seen.IsZero() && seen.Before(at) {
		at = seen
	}
	if err != nil || now.Sub(at) > within || at.After(now.Add(maxSkew)) {
		return ward, refuse("the entry by which the key is asked for is not of these %d minutes", within/time.Minute)
	}
	ward, _, err = proof.Opened(leaf, mark, req.Recipient)
	if err != nil {
		return ward, refuse("%v", err)
	}
	return ward, nil
}

// representLeaf is the entry that a proof names, as our own mirror has it, with t guardians' words that its marks are right.
func (g *Guardian) representLeaf(ctx context.Context, proof *protocol.RepresentationProof) (protocol.Leaf, error) {
	wait, cancel := context.WithTimeout(ctx, mirrorWait)
	defer cancel()
	if err := g.mirror.Await(wait, proof.Index+1); err != nil {
		return protocol.Leaf{}, refuse("this guardian does not hold the entry named")
	}
	raw, err := g.mirror.Leaf(proof.Index)
	if err != nil {
		return protocol.Leaf{}, fmt.Errorf("reading the mirror: %w", err)
	}
	leaf, err := protocol.DecodeLeaf(raw)
	if err != nil {
		return leaf, refuse("the entry named cannot be read")
	}
	hash, group := protocol.LeafHash(raw), g.now().roster
	said := map[string]bool{}
	for _, s := range proof.Statements {
		key, known := g.now().trust.GuardianKey(s.Guardian)
		if known && s.Leaf == hash && s.IDs == protocol.HashIDs(g.cfg.City, nil) && s.Verify(key) == nil {
			said[s.Guardian] = true
		}
	}
	if len(said) < group.T {
		return leaf, refuse("%d guardians say that the entry's marks are right, want %d", len(said), group.T)
	}
	return leaf, nil
}

// sameWard: the person whose key is asked for is the one whom the entry marks.
func sameWard(req protocol.PersonRequest, p tribune.Pseudonym) error {
	if req.Representation == nil {
		return nil
	}
	priv, err := protocol.DecodePrivate(req.Representation.Private)
	if err != nil || len(priv.Subjects) != 2 || priv.Subjects[0].P != p {
		return refuse("the entry marks somebody else")
	}
	return nil
}

// representsBoth: an act of kind represent opens nothing, touches a ward and their representative, and says in private what it says in public, of a
// representation that is on record.
func (g *Guardian) representsBoth(h *hearing) error {
	public, err := protocol.RepresentedOf(h.v.Leaf)
	if err != nil {
		return refuse("%v", err)
	}
	var note protocol.RepresentNote
	if err := protocol.DecodeJCS([]byte(h.priv.Inputs.Note), &note); err != nil || note.Deed != public.Deed || public.Mark != nil && *public.Mark != note.Mark {
		return refuse("the private part says something else than the leaf")
	}
	if h.priv.Inputs.Class != "" || len(h.priv.Subjects) != 2 {
		return refuse("what a representative does concerns two people and no class of data")
	}
	switch {
	case public.Deed == protocol.DeedGrant && g.index.ended(note.Mark): // whoever has the document can hand it in again
		return refuse("this representation was ended, on record, and begins no second time")
	case public.Mark != nil:
		return nil
	}
	var no *refusal
	if err := g.index.represents(note.Mark, h.v.Index); errors.As(err, &no) {
		return err
	}
	return nil
}

package guardian

import (
	"context"
	"time"

	"tribune"
	"tribune/protocol"
)

// Hidden investigations (protocol 15, 25): under a warrant a use carries the tag of its subject's hidden chain, which opens to the
// subject when the warrant's quarter is over. The trace key is shown as well: whoever was erased stays erased.

// enrolAhead is how many quarters ahead the hub may have a hidden chain: a warrant of a year, its hiding, and an extension.
const enrolAhead = 16

// marks are the keys with which the act's tags must be made: of the traces or, under a warrant and never else, of the hidden
// chains of its quarter. Both have been checked against the city's key.
func (g *Guardian) marks(h *hearing) ([][]byte, error) {
	m, err := h.set.Mandate(h.req.Evidence.Mandate)
	if err != nil {
		return nil, refuse("%v", err)
	}
	if m.Disclose == 0 {
		if len(h.req.Hidden) != 0 {
			return nil, refuse("the act hides itself from its subjects, and its mandate is no warrant")
		}
		return h.req.Traces, nil
	}
	switch {
	case h.v.Leaf.Act.Kind != tribune.ActRead || m.Extends != "":
		return nil, refuse("under this warrant nothing is opened")
	case !h.onLog.Before(protocol.QuarterEnd(m.Disclose)):
		return nil, refuse("the quarter in which this warrant is disclosed is over")
	case len(h.req.Hidden) != len(h.priv.Subjects):
		return nil, refuse("%d keys of hidden chains for %d subjects", len(h.req.Hidden), len(h.priv.Subjects))
	}
	var ids [][]byte
	for _, s := range h.priv.Subjects {
		id := tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: s.P, Quarter: m.Disclose}
		ids = append(ids, id.Bytes(g.cfg.City))
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return h.req.Hidden, g.verifyKeys(h, ids, h.req.Hidden)
}

// enrolsHidden reports whether an identity is a hidden chain of this subject, of a quarter that is not over.
func enrolsHidden(id tribune.Identity, p tribune.Pseudonym, onLog time.Time) bool {
	now := protocol.QuarterOf(onLog)
	return id == tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: id.Quarter} && id.Quarter >= now && id.Quarter <= now+enrolAhead
}

// extends asks the law that was in force at its leaf about an extension. Where that law cannot be read the chain opens.
func (g *Guardian) extends(leaf uint64, at time.Time, e protocol.Extension) bool {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	set, err := g.law.inForce(ctx, leaf, at)
	if err != nil {
		return false
	}
	return set.Extends(e, at)
}

package verify

import (
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// IndexSigners are the guardians whose signatures on an index verify. It fails where they are too few to be believed.
func (t *Trust) IndexSigners(l protocol.IndexLeaf) (names []string, err error) {
	for _, g := range t.guardians {
		if l.Verify(t.Origin(), g.key, l.Signatures[g.name]) == nil {
			names = append(names, g.name)
		}
	}
	if err := t.Believed(names); err != nil {
		return names, fmt.Errorf("the index of size %d: %w", l.Size, err)
	}
	return names, nil
}

// Believed fails with ErrNoQuorum where these guardians could all be dishonest. Enough is one more than the dishonest guardians whom the quorum
// allows for (protocol.IndexNeed); where the trust file's quorum is not a plain number of all guardians, that whole quorum.
func (t *Trust) Believed(names []string) error {
	signed := map[string]bool{}
	for _, g := range t.guardians {
		signed[g.name] = slices.Contains(names, g.name)
	}
	enough, need := t.quorum.satisfied(signed), fmt.Sprintf("the quorum %q", t.quorum.alias)
	if w, plain := t.plainQuorum(); plain {
		n := protocol.IndexNeed(len(t.guardians), w)
		have := 0
		for _, yes := range signed {
			if yes {
				have++
			}
		}
		enough, need = have >= n, fmt.Sprint(n)
	}
	if !enough {
		return fmt.Errorf("%w: signed by %s, want %s of the guardians", tribune.ErrNoQuorum, orNone(names), need)
	}
	return nil
}

// signedAt is when one honest guardian at least has signed a checkpoint that a quorum has signed, or later: the others could sign an old one
// again today.
func (t *Trust) signedAt(c *Checkpoint) time.Time {
	var times []time.Time
	for _, s := range c.Cosignatures {
		times = append(times, s.Time)
	}
	slices.SortFunc(times, time.Time.Compare)
	if len(times) == 0 {
		return time.Time{}
	}
	if w, plain := t.plainQuorum(); plain {
		return times[max(0, len(times)-protocol.IndexNeed(len(t.guardians), w))]
	}
	return times[0]
}

// plainQuorum is w where any w of all guardians are a quorum.
func (t *Trust) plainQuorum() (w int, plain bool) {
	if len(t.quorum.members) != len(t.guardians) {
		return 0, false
	}
	for _, m := range t.quorum.members {
		if m.guardian == "" {
			return 0, false
		}
	}
	return t.quorum.need, true
}

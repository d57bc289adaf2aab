package way

import (
	"errors"
	"testing"

	"tribune"
	"tribune/protocol"
)

// A deed stands on record with the next marks of both before it takes effect, and with the words of t guardians.
func TestWhatARepresentativeDoesCarriesTheMarksOfBoth(t *testing.T) {
	w := newWorld(t)
	ward, other := tribune.Pseudonym{1}, tribune.Pseudonym{2}
	mark := tribune.Hash{7}
	for n, deed := range []string{protocol.DeedGrant, protocol.DeedLook} {
		public := protocol.Represented{Deed: deed}
		if deed == protocol.DeedGrant {
			public.Mark, public.By = &mark, "city/registry"
		}
		done, err := w.Represent(t.Context(), Deed{Ward: ward, Representative: other, Public: public, Note: protocol.RepresentNote{Deed: deed, Mark: mark}})
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := protocol.DecodeLeaf(w.log.leaves[done.Index])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := protocol.RepresentedOf(leaf); err != nil || got.Deed != deed || len(done.Statements) < w.cfg.Group.T {
			t.Errorf("%+v with %d statements, %v", got, len(done.Statements), err)
		}
		for i, p := range []tribune.Pseudonym{ward, other} {
			_, uses, err := w.Trace(t.Context(), p)
			if err != nil || len(uses) != n+1 || uses[n].Index != done.Index || uses[n].Tag != leaf.Tags[i] {
				t.Errorf("%s, subject %d: uses %v, %v", deed, i, uses, err)
			}
		}
	}
}

// Without t guardians who have checked it nobody could know that the ward sees it: it fails. One that cannot be used is replaced.
func TestADeedThatGuardiansDoNotCheckFails(t *testing.T) {
	w := newWorld(t)
	look := func() (Done, error) {
		return w.Represent(t.Context(), Deed{Ward: tribune.Pseudonym{1}, Representative: tribune.Pseudonym{2}, Public: protocol.Represented{Deed: protocol.DeedLook}, Note: protocol.RepresentNote{Deed: protocol.DeedLook}})
	}
	w.guards.bend = map[int]string{1: "epoch"}
	if done, err := look(); err != nil || len(done.Statements) != 2 {
		t.Errorf("beside one that cannot be used: %d statements, %v", len(done.Statements), err)
	}
	w.guards.bend = map[int]string{1: "epoch", 2: "epoch", 3: "epoch"}
	if _, err := look(); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("%v, want no quorum", err)
	}
}

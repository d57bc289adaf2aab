package way

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tribune"
)

// One dishonest guardian of four must neither stop an opening nor stay unnamed, however it spoils its share.
func TestGuardianWithUnusableSharesIsNamedAndRoutedAround(t *testing.T) {
	for _, how := range []string{"share", "points", "short", "box", "epoch", "leaf"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			w.guards.bend[1] = how
			s := w.seal(t, subject(1), "secret")
			w.read(t, w.reading(s), "secret")
			if !strings.Contains(w.words.String(), "guardian-1.example") {
				t.Errorf("the log does not name it:\n%s", w.words)
			}
			if got := w.guards.line[len(w.guards.line)-1]; got != 1 {
				t.Errorf("asked last is guardian %d, want the one that lied", got)
			}
			if others := strings.Count(w.words.String(), "guardian-2") + strings.Count(w.words.String(), "guardian-3"); others != 0 {
				t.Errorf("honest guardians are named too:\n%s", w.words)
			}
		})
	}
}

func TestTwoDishonestGuardiansOfFourAreRoutedAround(t *testing.T) {
	w := newWorld(t)
	w.guards.bend[1], w.guards.bend[2] = "share", "box"
	s := w.seal(t, subject(1), "secret")
	w.read(t, w.reading(s), "secret")
}

func TestThreeDishonestGuardiansOfFourOpenNothingAndItEnds(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	w.read(t, w.reading(s), "secret") // enrolled while all were honest
	w.guards.bend[1], w.guards.bend[2], w.guards.bend[3] = "share", "box", "points"
	asked := w.guards.calls()
	act, signature := w.prepareSigned(t, w.reading(s))
	values, receipt, err := w.Open(t.Context(), act.ID, signature)
	if !errors.Is(err, tribune.ErrNoQuorum) || values != nil {
		t.Errorf("got %q, %v; want ErrNoQuorum", values, err)
	}
	if len(receipt) == 0 {
		t.Error("the act is on record but its receipt was not given")
	}
	if got := w.guards.calls() - asked; got > w.cfg.Group.N {
		t.Errorf("%d rounds", got)
	}
}

// What a liar released it signed for: its statement belongs to the public beside the others.
func TestStatementsOfEveryRoundAreKept(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	w.read(t, w.reading(s), "secret")
	w.guards.bend[1] = "share"
	w.read(t, w.reading(s), "secret")
	last := uint64(w.log.size() - 1)
	statements, err := w.Statements(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range statements {
		names = append(names, s.Guardian)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"guardian-1.example", "guardian-2.example", "guardian-3.example"}) {
		t.Errorf("statements of %v, want of the liar and of the two who replaced it", names)
	}
	if none, err := w.Statements(t.Context(), last+1); err != nil || len(none) != 0 {
		t.Errorf("statements for a leaf that is not there: %v, %v", none, err)
	}
}

func TestRefusalOfGuardiansIsPassedOn(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	w.read(t, w.reading(s), "secret")
	act, signature := w.prepareSigned(t, w.reading(s))
	w.prepared.all[act.ID].salt[0] ^= 1 // the private part no longer opens the commitment
	values, _, err := w.Open(t.Context(), act.ID, signature)
	if !errors.Is(err, tribune.ErrRefused) || values != nil {
		t.Errorf("got %q, %v; want ErrRefused", values, err)
	}
}

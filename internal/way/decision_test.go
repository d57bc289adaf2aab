package way

import (
	"bytes"
	"errors"
	"testing"

	"tribune"
	"tribune/protocol"
)

// A decision about a person carries their next mark: they find it among the uses of their data, and nobody else can tell whom it is about.
func TestDecisionAboutAPersonCarriesTheirMark(t *testing.T) {
	w := newWorld(t)
	p := tribune.Pseudonym{7, 7}
	note := `{"case":"17","state":"answered"}`
	for n := uint64(1); n <= 2; n++ {
		act, err := w.PrepareDecision(t.Context(), inspector(), p, note)
		if err != nil {
			t.Fatal(err)
		}
		before := len(w.log.of(t, tribune.ActDecide))
		index, err := w.Decide(t.Context(), inspector(), note, act.ID, w.sign(t, act))
		if err != nil {
			t.Fatal(err)
		}
		leaves := w.log.of(t, tribune.ActDecide)
		if len(leaves) != before+1 || len(leaves[before].Tags) != 1 || leaves[before].Act.Count != 1 {
			t.Fatalf("on record: %+v", leaves)
		}
		_, uses, err := w.Trace(t.Context(), p)
		if err != nil || uint64(len(uses)) != n || uses[n-1].Index != index {
			t.Fatalf("the person finds %+v, want use %d in entry %d (%v)", uses, n, index, err)
		}
		if raw := w.log.raw()[index]; bytes.Contains(raw, []byte("answered")) || bytes.Contains(raw, []byte(p.String())) {
			t.Errorf("the public leaf tells what only the opening may: %s", raw)
		}
	}
}

func TestDecisionThatDoesNotFitIsNotOnRecord(t *testing.T) {
	w := newWorld(t)
	p, note := tribune.Pseudonym{7, 7}, "granted"
	for name, try := range map[string]func(protocol.Act) error{
		"another note": func(a protocol.Act) error {
			_, err := w.Decide(t.Context(), inspector(), "refused", a.ID, w.sign(t, a))
			return err
		},
		"another office's": func(a protocol.Act) error {
			c := inspector()
			c.Office = "planner"
			_, err := w.Decide(t.Context(), c, note, a.ID, w.sign(t, a))
			return err
		},
		"not signed": func(a protocol.Act) error {
			_, err := w.Decide(t.Context(), inspector(), note, a.ID, make([]byte, 64))
			return err
		},
	} {
		act, err := w.PrepareDecision(t.Context(), inspector(), p, note)
		if err != nil {
			t.Fatal(err)
		}
		if try(act) == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := w.Decide(t.Context(), inspector(), note, act.ID, w.sign(t, act)); !errors.Is(err, tribune.ErrNotFound) {
			t.Errorf("%s: the act can be tried again: %v", name, err)
		}
	}
	if leaves := w.log.of(t, tribune.ActDecide); len(leaves) != 0 {
		t.Fatalf("on record: %+v", leaves)
	}
	stranger := inspector()
	stranger.Purpose = "plan-city"
	var denied *tribune.Denial
	if _, err := w.PrepareDecision(t.Context(), stranger, p, note); !errors.As(err, &denied) {
		t.Errorf("a purpose the mandate does not carry: %v, want a denial", err)
	}
}

package watch

import (
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

func (w *world) trusted() *verify.Trust {
	w.t.Helper()
	trust, err := verify.ParseTrust([]byte(w.trust))
	if err != nil {
		w.t.Fatal(err)
	}
	return trust
}

// Every tree begins with the empty one, and a proof of that is empty: with any root in it, it would prove two histories.
func TestAnEmptyTreeProvesNoSplitView(t *testing.T) {
	w := newWorld(t)
	e := Evidence{Version: 1, Kind: SplitView, Checkpoints: []Seen{{Note: string(w.note(w.book, 0))}, {Note: string(w.hub.shows)}}, Consistency: &consistency{Root: tribune.Hash{1}}}
	if v, err := e.Check(w.trusted()); err == nil || v.Proven {
		t.Fatalf("the honest log is convicted: %v", v.Lines)
	}
}

// Whoever encloses an old version of a mandate convicts nobody: that the city never showed another is the watcher's word.
func TestAnOldMandateConvictsNobody(t *testing.T) {
	w := newWorld(t)
	w.add(w.leaf(tagged(51)))
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 2)
	w.expect(one, false, BadMandate)
}

// What an evidence file calls itself is printed: it must be a kind that there is, and nothing that moves a cursor.
func TestEvidenceOfNoKindIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []Kind{"", "nonsense", "\x1b[2K\rThis proves an incident of kind split-view.\n"} {
		e := Evidence{Version: 1, Kind: kind}
		if v, err := e.Check(w.trusted()); err == nil {
			t.Errorf("%q: taken: %v", kind, v.Lines)
		} else if strings.ContainsAny(err.Error(), "\x1b\r\n") {
			t.Errorf("%q: the refusal moves the cursor: %q", kind, err)
		}
	}
	e := Evidence{Version: 1, Kind: Stalled}
	if _, err := e.Check(w.trusted()); err != nil {
		t.Errorf("of a kind that there is: %v", err)
	}
}

// An answer to a person's request is an act of kind decide about one subject, and carries their mark; a warrant's extension marks the
// chain that it extends. Neither is an incident.
func TestActsAboutOnePersonCarryTheirMark(t *testing.T) {
	for _, kind := range []tribune.ActKind{tribune.ActDecide, tribune.ActExtension} {
		l, err := protocol.DecodeLeaf(newWorld(t).leaf(func(l *protocol.Leaf) { l.Act.Kind, l.Act.Recipient = kind, nil }))
		if err != nil {
			t.Fatal(err)
		}
		bad := func() []finding { return judge(l, (*policy.Set)(nil), nil) }
		if found := bad(); len(found) > 0 {
			t.Errorf("%s: %v", kind, found)
		}
		l.Tags = nil
		if !slices.ContainsFunc(bad(), func(f finding) bool { return f.kind == BadTags }) {
			t.Errorf("%s: without its mark it passes", kind)
		}
	}
}

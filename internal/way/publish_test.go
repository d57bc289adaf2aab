package way

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/law"
	"tribune/protocol"
)

var explained = []byte(`{"share": 0.7}`)

// publication is of an explanation that the auditor has passed.
func (w *world) publication(t *testing.T) protocol.Publication {
	t.Helper()
	now := w.clock.Now()
	text, err := protocol.VerdictText(protocol.ModelVerdict{
		Version: 1, Model: tribune.Hash{1}, Explanations: []string{"gradient"}, Plan: tribune.Hash{2}, Passed: true, Worst: map[string]float64{}, From: now.Add(-time.Hour).Unix(), Until: now.AddDate(0, 1, 0).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	auditor, err := note.NewSigner(w.audit)
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := protocol.SignDocument(text, auditor)
	if err != nil {
		t.Fatal(err)
	}
	return protocol.Publication{Version: 1, Model: "parking-demand", ModelHash: tribune.Hash{1}, Method: "gradient", Type: protocol.PublishedJSON, File: sha256.Sum256(explained), Size: len(explained), Verdict: verdict}
}

// publish builds the owner's act of it.
func (w *world) publish(t *testing.T, p protocol.Publication) (Exercise, []byte) {
	t.Helper()
	public, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return w.publishAs(t, protocol.PublicationNote(public)), public
}

func (w *world) publishAs(t *testing.T, note string) Exercise {
	t.Helper()
	c := tribune.Caller{Actor: law.Planner, Office: "planner", Purpose: "explain-models", Mandate: "model-explanations-2026"}
	private, err := protocol.JCS(protocol.Private{Actor: c.Actor, Inputs: protocol.Inputs{Attrs: []tribune.Name{}, Note: note}, Subjects: []protocol.Subject{}})
	if err != nil {
		t.Fatal(err)
	}
	x := Exercise{Caller: c, Private: private, Salt: protocol.NewSalt(), Act: protocol.Act{ID: protocol.NewID(), Kind: tribune.ActPublish, Office: c.Office, Purpose: c.Purpose, Mandate: c.Mandate, Time: protocol.Time(w.clock.Now())}}
	if x.Act.Com, err = protocol.Commitment(x.Salt, x.Private); err != nil {
		t.Fatal(err)
	}
	if x.Signature, err = x.Act.Sign(w.keys[law.Planner]); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExplanationIsKeptBeforeItIsOnRecordAndTheLeafSaysByWhichVerdict(t *testing.T) {
	w := newWorld(t)
	p := w.publication(t)
	x, public := w.publish(t, p)
	kept := 0
	index, receipt, err := w.Publish(t.Context(), x, public, explained, func(got protocol.Publication) error {
		kept++
		if got.File != p.File || len(w.log.of(t, tribune.ActPublish)) != 0 {
			t.Error("it was on record before its file was kept")
		}
		return nil
	})
	if err != nil || len(receipt) == 0 || kept != 1 {
		t.Fatalf("receipt %q, kept %d times, %v", receipt, kept, err)
	}
	if said, err := w.Statements(t.Context(), index); err != nil || len(said) != w.cfg.Group.T {
		t.Errorf("%d guardians state that it is right (%v)", len(said), err)
	}
	leaves := w.log.of(t, tribune.ActPublish)
	if len(leaves) != 1 || !leaves[0].Decision.Permit || !bytes.Equal(leaves[0].Public, public) || len(leaves[0].Tags) != 0 {
		t.Fatalf("on record: %+v", leaves)
	}
	if raw := w.log.raw()[0]; bytes.Contains(raw, []byte(law.Planner)) {
		t.Errorf("the public leaf names who published: %s", raw)
	}
	// Anybody decides again, from the leaf and the law that it names.
	decoded, err := protocol.DecodePublication(leaves[0].Public)
	if err != nil {
		t.Fatal(err)
	}
	if missing := w.gate.Set().Publishable(*decoded.Of(), w.clock.Now()); len(missing) > 0 {
		t.Errorf("what was published does not replay: %q", missing)
	}
	if _, _, err := w.Publish(t.Context(), x, public, explained, func(protocol.Publication) error { return nil }); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("the same act again: %v", err)
	}
}

func TestNothingIsPublishedThatItsActorDidNotSignOrNoAuditPassed(t *testing.T) {
	w := newWorld(t)
	other := w.publication(t)
	other.Method = "lime"
	swapped, err := other.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		want  error
		spoil func(x *Exercise, public, file *[]byte)
	}{
		"another file":                       {tribune.ErrInvalid, func(_ *Exercise, _, file *[]byte) { *file = []byte(`{"share": 0.8}`) }},
		"a longer file":                      {tribune.ErrInvalid, func(_ *Exercise, _, file *[]byte) { *file = append([]byte(" "), explained...) }},
		"a public part that was not signed":  {tribune.ErrInvalid, func(_ *Exercise, public, _ *[]byte) { *public = swapped }},
		"a decision in place of the act":     {tribune.ErrInvalid, func(x *Exercise, _, _ *[]byte) { x.Act.Kind = tribune.ActDecide }},
		"a signature that does not fit":      {tribune.ErrInvalid, func(x *Exercise, _, _ *[]byte) { x.Signature[0] ^= 1 }},
		"a public part that cannot be read":  {tribune.ErrInvalid, func(_ *Exercise, public, _ *[]byte) { *public = []byte("{}") }},
		"a method that no audit has covered": {tribune.ErrDenied, func(x *Exercise, public, _ *[]byte) { *x, *public = w.publish(t, other) }},
	} {
		x, public := w.publish(t, w.publication(t))
		file := bytes.Clone(explained)
		c.spoil(&x, &public, &file)
		before := len(w.log.of(t, tribune.ActPublish))
		_, _, err := w.Publish(t.Context(), x, public, file, func(protocol.Publication) error { t.Errorf("%s: its file was kept", name); return nil })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		for _, l := range w.log.of(t, tribune.ActPublish)[before:] {
			if l.Decision.Permit || len(l.Public) > 0 {
				t.Errorf("%s: on record as %+v", name, l)
			}
		}
	}
	x, public := w.publish(t, w.publication(t))
	disk := errors.New("the disk is full")
	before := len(w.log.of(t, tribune.ActPublish))
	if _, _, err := w.Publish(t.Context(), x, public, explained, func(protocol.Publication) error { return disk }); !errors.Is(err, disk) || len(w.log.of(t, tribune.ActPublish)) != before {
		t.Errorf("on record without a file: %v", err)
	}
}

// What is on record is not shown before guardians have decided it again: who has taken over a hub can put an act on record that no officer signed.
func TestNothingIsShownWithoutTheWordOfEnoughGuardians(t *testing.T) {
	w := newWorld(t)
	w.guards.bend = map[int]string{1: "leaf", 3: "leaf", 4: "leaf"}
	x, public := w.publish(t, w.publication(t))
	index, _, err := w.Publish(t.Context(), x, public, explained, func(protocol.Publication) error { return nil })
	if !errors.Is(err, tribune.ErrNoQuorum) || len(w.log.of(t, tribune.ActPublish)) != 1 {
		t.Errorf("entry %d, %v", index, err)
	}
	if said, err := w.Statements(t.Context(), index); err != nil || len(said) != 0 {
		t.Errorf("%d statements are kept (%v)", len(said), err)
	}
}

// A publication carries no tag: that its act is on record is all that keeps it from coming twice, also where the hub has forgotten.
func TestReplayedPublicationIsOnRecordOnce(t *testing.T) {
	w := newWorld(t)
	x, public := w.publish(t, w.publication(t))
	for _, again := range []bool{false, true} {
		if again {
			w.start(t) // memory is gone, the record is not
		}
		_, _, err := w.Publish(t.Context(), x, public, explained, func(protocol.Publication) error { return nil })
		if again != errors.Is(err, tribune.ErrConflict) || !again && err != nil {
			t.Errorf("again %t: %v", again, err)
		}
	}
	if n := len(w.log.of(t, tribune.ActPublish)); n != 1 {
		t.Errorf("%d leaves for one act", n)
	}
}

// Too few guardians to publish its leaf: the leaf comes later, the explanation does not, and whoever waits is told so.
func TestOwnerIsToldThatNothingIsShownByAnActThatWaits(t *testing.T) {
	w := newWorld(t)
	w.log.hooks(nil, func(uint64) error {
		return tribune.Hint(tribune.ErrNoQuorum, "A leaf that is on its way is published then.")
	})
	x, public := w.publish(t, w.publication(t))
	_, _, err := w.Publish(t.Context(), x, public, explained, func(protocol.Publication) error { return nil })
	if !errors.Is(err, tribune.ErrNoQuorum) || !strings.Contains(tribune.HintOf(err), "nothing is shown by it") {
		t.Errorf("%v, with the hint %q", err, tribune.HintOf(err))
	}
}

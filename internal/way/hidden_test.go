package way

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// suspect is whom the demo's warrant names.
var suspect = tribune.Pseudonym{5}

// investigator shows the warrant with what opens its names.
func (w *world) investigator() tribune.Caller {
	return tribune.Caller{Actor: law.Investigator, Office: "investigator", Purpose: "investigate-crime", Mandate: "warrant-2026-17", Salts: string(slices.Concat(w.salts...))}
}

// investigate reads a value under the demo's warrant and returns the leaf.
func (w *world) investigate(t *testing.T, v tribune.Sealed) protocol.Leaf {
	t.Helper()
	r := w.reading(v)
	r.Caller = w.investigator()
	act, err := w.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := act.Sign(w.keys[law.Investigator])
	if err != nil {
		t.Fatal(err)
	}
	values, receipt, err := w.Open(t.Context(), act.ID, sig)
	if err != nil || len(values) != 1 || len(receipt) == 0 {
		t.Fatalf("%d values, receipt of %d bytes, %v", len(values), len(receipt), err)
	}
	return w.lastLeaf(t)
}

func (w *world) lastLeaf(t *testing.T) (last protocol.Leaf) {
	t.Helper()
	for e, err := range w.log.Range(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if last, err = protocol.DecodeLeaf(e.Leaf); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

func TestInvestigationIsNotInTheTraceUntilItsQuarterIsOver(t *testing.T) {
	w := newWorld(t)
	p := tribune.Pseudonym{5}
	v := w.seal(t, p, "where it was parked")
	w.read(t, w.reading(v), "where it was parked") // one open use, in the trace
	leaf := w.investigate(t, v)
	if leaf.Act.Mandate != "warrant-2026-17" || leaf.Act.Count != 1 || len(leaf.Tags) != 1 {
		t.Fatalf("the public part of an investigation: %+v with %d tags", leaf.Act, len(leaf.Tags))
	}
	k, uses, err := w.Trace(t.Context(), p)
	if err != nil || len(uses) != 1 {
		t.Fatalf("%d uses in the trace, want the open one alone: %v", len(uses), err)
	}
	if leaf.Tags[0] == protocol.UseTag(k, 1) || leaf.Tags[0] == protocol.UseTag(k, 2) {
		t.Error("the trace key finds an investigation that is hidden")
	}
	if all, err := w.Disclosed(t.Context(), p); err != nil || len(all) != 0 {
		t.Fatalf("disclosed before its time: %v, %v", all, err)
	}
	w.start(t)
	w.clock.add(w.disclosure(t).Sub(w.clock.Now()))
	all, err := w.Disclosed(t.Context(), p)
	if err != nil || len(all) != 1 || len(all[0].Uses) != 1 || all[0].Uses[0].Tag != leaf.Tags[0] {
		t.Fatalf("when the quarter is over the person is shown %+v, %v", all, err)
	}
	if other, err := w.Disclosed(t.Context(), tribune.Pseudonym{6}); err != nil || len(other) != 0 {
		t.Errorf("somebody else is shown %+v, %v", other, err)
	}
}

// disclosure is when the demo's warrant is disclosed.
func (w *world) disclosure(t *testing.T) time.Time {
	t.Helper()
	m := w.mandate("warrant-2026-17")
	if m == nil {
		t.Fatal("there is no warrant")
	}
	return protocol.QuarterEnd(m.Disclose)
}

func TestHiddenUsesAreNumberedByThemselves(t *testing.T) {
	w := newWorld(t)
	p := tribune.Pseudonym{5}
	v := w.seal(t, p, "a")
	first, second := w.investigate(t, v), w.investigate(t, v)
	w.start(t)
	third := w.investigate(t, v)
	d, err := w.vault.HiddenKey(t.Context(), p, w.mandate("warrant-2026-17").Disclose)
	if err != nil {
		t.Fatal(err)
	}
	k, err := protocol.TraceKey(d)
	if err != nil {
		t.Fatal(err)
	}
	for i, leaf := range []protocol.Leaf{first, second, third} {
		if want := protocol.UseTag(k, uint64(i+1)); leaf.Tags[0] != want {
			t.Errorf("use %d carries another tag", i+1)
		}
	}
}

// issue has the court issue a warrant that extends the demo's, for a person's chain, and returns what opens its name.
func (w *world) issue(t *testing.T, id tribune.MandateID, quarter string, p tribune.Pseudonym) string {
	t.Helper()
	signer, err := note.NewSigner(w.court)
	if err != nil {
		t.Fatal(err)
	}
	m := *w.mandate("warrant-2026-17")
	chain := protocol.HiddenChain(testCity, tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: m.Disclose})
	salt := protocol.NewSalt()
	m.ID, m.Extends, m.Names = id, m.ID, []tribune.Hash{protocol.WarrantChain(testCity, id, salt, chain)}
	if m.Disclose, err = protocol.ParseQuarter(quarter); err != nil {
		t.Fatal(err)
	}
	text, err := policy.WarrantText(m)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := protocol.SignDocument(text, signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "mandates", string(id)+".toml"), signed, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.gate.Reload(); err != nil {
		t.Fatal(err)
	}
	return string(salt)
}

func TestOnlyAFurtherWarrantPutsADisclosureOff(t *testing.T) {
	w := newWorld(t)
	p := tribune.Pseudonym{5}
	w.investigate(t, w.seal(t, p, "a"))
	end := w.disclosure(t)
	q := w.mandate("warrant-2026-17").Disclose
	if _, err := w.PrepareExtension(t.Context(), w.investigator(), p, q, ""); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("under the warrant itself: %v", err)
	}
	caller := w.investigator()
	caller.Mandate, caller.Salts = "warrant-2026-18", w.issue(t, "warrant-2026-18", protocol.Quarter(q+1), p)
	if _, err := w.PrepareExtension(t.Context(), caller, tribune.Pseudonym{6}, q, ""); !errors.Is(err, tribune.ErrDenied) {
		t.Errorf("of somebody whom the warrant does not name: %v", err)
	}
	nobody := caller
	nobody.Mandate, nobody.Salts = "warrant-2026-19", w.issue(t, "warrant-2026-19", protocol.Quarter(q+1), tribune.Pseudonym{6})
	if _, err := w.PrepareExtension(t.Context(), nobody, tribune.Pseudonym{6}, q, ""); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("of somebody from whom nothing is hidden: %v", err)
	}
	forgetful := caller
	forgetful.Salts = ""
	if _, err := w.PrepareExtension(t.Context(), forgetful, p, q, ""); !errors.Is(err, tribune.ErrDenied) {
		t.Errorf("without what opens the warrant's name: %v", err)
	}
	act, err := w.PrepareExtension(t.Context(), caller, p, q, "the trial has not begun")
	if err != nil {
		t.Fatal(err)
	}
	sig, err := act.Sign(w.keys[law.Investigator])
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Extend(t.Context(), caller, act.ID, sig); err != nil {
		t.Fatal(err)
	}
	leaf := w.lastLeaf(t)
	var public protocol.Extension
	if err := json.Unmarshal(leaf.Public, &public); err != nil || leaf.Act.Kind != tribune.ActExtension || len(public.Warrant) == 0 {
		t.Fatalf("on record: %s, %s, %v", leaf.Act.Kind, leaf.Public, err)
	}
	later := protocol.QuarterEnd(q + 1)
	for _, restart := range []bool{false, true} {
		if restart {
			w.start(t)
		}
		w.clock.add(end.Add(time.Hour).Sub(w.clock.Now()))
		if all, err := w.Disclosed(t.Context(), p); err != nil || len(all) != 0 {
			t.Errorf("after a restart (%v): disclosed though it was put off: %v, %v", restart, all, err)
		}
	}
	w.clock.add(later.Sub(w.clock.Now()))
	if all, err := w.Disclosed(t.Context(), p); err != nil || len(all) != 1 || len(all[0].Uses) != 2 {
		t.Errorf("in the end the person is shown %+v, %v; want the use and its extension", all, err)
	}
	if _, err := w.PrepareExtension(t.Context(), caller, p, q, ""); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("an extension after the end: %v", err)
	}
}

// The office may try whom it likes: who is not named is denied, in public and without their name, and nothing of theirs is touched.
func TestAWarrantOpensNobodyWhomItDoesNotName(t *testing.T) {
	w := newWorld(t)
	other := tribune.Pseudonym{6}
	r := w.reading(w.seal(t, other, "where it was parked"))
	r.Caller = w.investigator()
	var denied *tribune.Denial
	if _, err := w.Prepare(t.Context(), r); !errors.As(err, &denied) {
		t.Fatalf("somebody whom the warrant does not name: %v", err)
	}
	if l := w.lastLeaf(t); l.Decision.Permit || len(l.Tags) != 0 || l.Act.Mandate != "warrant-2026-17" {
		t.Errorf("on record: %+v", l)
	}
	if _, err := w.vault.HiddenKey(t.Context(), other, w.mandate("warrant-2026-17").Disclose); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("a chain was begun: %v", err)
	}
	w.investigate(t, w.seal(t, suspect, "b")) // and whom it names it reaches
}

package way

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/law"
	"tribune/protocol"
)

func investigator() tribune.Caller {
	return tribune.Caller{Actor: law.Investigator, Office: "investigator", Purpose: "investigate-crime", Mandate: "warrant-2026-17"}
}

// investigate reads a value under the demo's warrant and returns the leaf.
func (w *world) investigate(t *testing.T, v tribune.Sealed) protocol.Leaf {
	t.Helper()
	r := w.reading(v)
	r.Caller = investigator()
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

// issue has the court issue a warrant that extends the demo's.
func (w *world) issue(t *testing.T, id, quarter string) {
	t.Helper()
	path := filepath.Join(w.dir, "mandates", "warrant-2026-17.toml")
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := protocol.SplitDocument(doc)
	text = strings.Replace(text, `id = "warrant-2026-17"`, `id = "`+id+`"`+"\n"+`extends = "warrant-2026-17"`, 1)
	text = regexp.MustCompile(`disclose = .*`).ReplaceAllString(text, `disclose = "`+quarter+`"`)
	signer, err := note.NewSigner(w.court)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := protocol.SignDocument(text, signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "mandates", id+".toml"), signed, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.gate.Reload(); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyAFurtherWarrantPutsADisclosureOff(t *testing.T) {
	w := newWorld(t)
	p := tribune.Pseudonym{5}
	w.investigate(t, w.seal(t, p, "a"))
	end := w.disclosure(t)
	q := w.mandate("warrant-2026-17").Disclose
	if _, err := w.PrepareExtension(t.Context(), investigator(), p, q, ""); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("under the warrant itself: %v", err)
	}
	w.issue(t, "warrant-2026-18", protocol.Quarter(q+1))
	caller := investigator()
	caller.Mandate = "warrant-2026-18"
	if _, err := w.PrepareExtension(t.Context(), caller, tribune.Pseudonym{6}, q, ""); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("of somebody from whom nothing is hidden: %v", err)
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

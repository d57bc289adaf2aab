package way

import (
	"encoding/json"
	"testing"

	"tribune"
	"tribune/protocol"
)

// An office reads a notice by an act that carries the person's mark; of somebody of whom nothing is here it carries none, and brings nothing back.
func TestReadingANoticeMarksWhoeverIsHere(t *testing.T) {
	w := newWorld(t)
	if err := w.enrolment.ensure(t.Context(), []protocol.Subject{{P: subject(1)}}); err != nil {
		t.Fatal(err)
	}
	caller := inspector()
	enrolled := len(w.log.of(t, tribune.ActEnrol))
	for p, want := range map[tribune.Pseudonym]int{subject(1): 1, subject(9): 0} {
		act, err := w.PrepareNotice(t.Context(), caller, p, 0, "note")
		if err != nil || act.Count != want || act.Kind != tribune.ActDecide {
			t.Errorf("got %+v, %v; want count %d", act, err, want)
			continue
		}
		signature, err := act.Sign(w.keys[caller.Actor])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Decide(t.Context(), caller, "another note", act.ID, signature); err == nil {
			t.Error("an act of another note")
		}
		if act, err = w.PrepareNotice(t.Context(), caller, p, 0, "note"); err != nil {
			t.Fatal(err)
		}
		if signature, err = act.Sign(w.keys[caller.Actor]); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Decide(t.Context(), caller, "note", act.ID, signature); err != nil {
			t.Fatal(err)
		}
		all := w.log.of(t, tribune.ActDecide)
		if newest := all[len(all)-1]; len(newest.Tags) != want || newest.Act.Count != want {
			t.Errorf("on record: %d marks, count %d, want %d", len(newest.Tags), newest.Act.Count, want)
		}
	}
	if got := len(w.log.of(t, tribune.ActEnrol)); got != enrolled {
		t.Errorf("%d enrolments, %d before", got, enrolled)
	}
}

// What an office was given under a warrant is hidden from the person. To read a notice about it must leave no mark that they find before the warrant is
// disclosed: it would tip them off.
func TestReadingANoticeTipsNobodyOff(t *testing.T) {
	w := newWorld(t)
	w.investigate(t, w.seal(t, suspect, "where it was parked"))
	_, before, err := w.Trace(t.Context(), suspect)
	if err != nil {
		t.Fatal(err)
	}
	hidden := w.mandate("warrant-2026-17").Disclose
	for quarter, want := range map[uint32]int{hidden: 0, 1: 1, 0: 1} { // hidden still; a quarter of 1970, over; given in the open
		act, err := w.PrepareNotice(t.Context(), inspector(), suspect, quarter, "note")
		if err != nil || act.Count != want {
			t.Errorf("given under quarter %d: got %+v, %v; want count %d", quarter, act, err, want)
		}
		if quarter != hidden {
			continue
		}
		signature, err := act.Sign(w.keys[inspector().Actor])
		if err == nil {
			_, err = w.Decide(t.Context(), inspector(), "note", act.ID, signature)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, after, err := w.Trace(t.Context(), suspect); err != nil || len(after) != len(before) {
			t.Errorf("the person finds %d uses, %d before: %v", len(after), len(before), err)
		}
	}
}

// What a leaf commits to comes back byte for byte, whatever people write: JSON in JSON is stored with its <, > and & escaped.
func TestAnOpeningKeepsWhatPeopleWrite(t *testing.T) {
	private, err := protocol.JCS(protocol.Private{Actor: "a", Inputs: protocol.Inputs{Attrs: []tribune.Name{}, Note: "fell & hurt <here>"}, Subjects: []protocol.Subject{}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(Opening{Private: private, Salt: protocol.NewSalt()})
	if err != nil {
		t.Fatal(err)
	}
	var o Opening
	if err := json.Unmarshal(data, &o); err != nil || string(o.Private) != string(private) {
		t.Errorf("got %s, want %s (%v)", o.Private, private, err)
	}
	if _, err := redact(data, []tribune.Pseudonym{subject(1)}, true); err != nil {
		t.Errorf("an erasure cannot take somebody out of it: %v", err)
	}
}

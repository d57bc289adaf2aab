package rights

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Acknowledged is durable: a case, an answer and a withdrawal survive a power cut right after they were acknowledged.
func TestAcknowledgedCasesSurviveACrash(t *testing.T) {
	w := begin(t)
	c := w.file(filing(1, Access))
	w.crash()
	got, err := w.Of(t.Context(), person(1).Owner, c.ID)
	if err != nil || got.Text() != "Please show me." || !got.Due.Equal(c.Due) {
		t.Fatalf("after the crash: %+v, %v", got, err)
	}
	w.put(c, Answered, "Here it is.")
	w.crash()
	got, err = w.Of(t.Context(), person(1).Owner, c.ID)
	if err != nil || got.State() != Answered || got.Events[1].Text != "Here it is." || got.Events[1].Leaf != 99 {
		t.Fatalf("after the second crash: %+v, %v", got, err)
	}
}

// Who has the disk learns nothing of anybody's: not what was asked, not by whom, not about which name.
func TestNothingRestsInTheClear(t *testing.T) {
	w := begin(t)
	f := filing(1, Rectification)
	f.Text = "My plate is read wrongly."
	w.file(f)
	rows := 0
	for pair, err := range w.store.Scan(t.Context(), store.Prefix(nil)) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
		for _, secret := range []string{f.Text, f.Name, string(f.Owner[:4]), string(f.Subject[:2]), "rectification", "parking-session"} {
			if bytes.Contains(pair.Value, []byte(secret)) || len(secret) > 4 && bytes.Contains(pair.Key, []byte(secret)) {
				t.Errorf("%q rests in the clear", secret)
			}
		}
	}
	if rows != 1 {
		t.Fatalf("%d rows; the test looks at nothing", rows)
	}
}

// A row moved to another's place must not be shown as theirs.
func TestRowsCannotBeSwapped(t *testing.T) {
	w := begin(t)
	a, b := w.file(filing(1, Access)), w.file(filing(2, Access))
	row, err := w.store.Get(t.Context(), rowKey(rowCase, a.ID))
	if err != nil {
		t.Fatal(err)
	}
	var batch store.Batch
	batch.Put(rowKey(rowCase, b.ID), row)
	if err := w.store.Commit(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Of(t.Context(), person(2).Owner, b.ID); err == nil {
		t.Fatalf("person 2 was shown %+v", got)
	}
}

func TestOnlyThePersonAndTheOfficeSeeACase(t *testing.T) {
	w := begin(t)
	c := w.file(filing(1, Access))
	if _, err := w.Of(t.Context(), person(1).Owner, c.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.For(t.Context(), "data-protection", c.ID); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"another person": second(w.Of(t.Context(), person(2).Owner, c.ID)), "nobody": second(w.Of(t.Context(), tribune.Hash{}, c.ID)),
		"another office": second(w.For(t.Context(), "parking-inspector", c.ID)), "no office": second(w.For(t.Context(), "", c.ID)),
		"an answer by another office": w.Put(t.Context(), "parking-inspector", c.ID, Answer{Answered, "x"}, 1),
		"a case that never was":       second(w.Of(t.Context(), person(1).Owner, strings.Repeat("0", 32))),
	} {
		if !errors.Is(err, tribune.ErrNotFound) {
			t.Errorf("%s: got %v, want not found", name, err)
		}
	}
	if len(w.List(person(2).Owner)) != 0 || len(w.Desk("parking-inspector")) != 0 || len(w.List(person(1).Owner)) != 1 {
		t.Error("a list shows what is somebody else's")
	}
}

func second[T any](_ T, err error) error { return err }

func TestExtensionIsOnceInTimeAndWithAReason(t *testing.T) {
	w := begin(t)
	c := w.file(filing(1, Access))
	if err := w.Put(t.Context(), c.Office, c.ID, Answer{Extended, " "}, 1); err == nil {
		t.Error("extended without a reason")
	}
	late := w.file(filing(2, Access))
	w.put(c, Extended, "We must search three archives.")
	got, err := w.Of(t.Context(), c.Owner, c.ID)
	if err != nil || w.Rules().LastDay(got.Due).Format(time.DateOnly) != "2027-02-22" {
		t.Fatalf("extended to %v, want 22 February 2027 (%v)", got.Due, err)
	}
	if err := w.Put(t.Context(), c.Office, c.ID, Answer{Extended, "And a fourth."}, 1); err == nil {
		t.Error("extended twice")
	}
	w.now = late.Due
	if err := w.Put(t.Context(), late.Office, late.ID, Answer{Extended, "Sorry."}, 1); err == nil {
		t.Error("extended after its end")
	}
	if err := w.Put(t.Context(), late.Office, late.ID, Answer{Answered, "Late, but here."}, 1); err != nil {
		t.Errorf("what is late cannot be answered any more: %v", err)
	}
}

func TestAnswersNeedWordsAndAreGivenOnce(t *testing.T) {
	w := begin(t)
	c := w.file(filing(1, Erasure))
	for name, a := range map[string]Answer{
		"no reason": {Refused, ""}, "no answer": {Answered, "\n"}, "unknown state": {"ignored", "x"}, "received again": {Received, "x"}, "too long": {Answered, strings.Repeat("x", MaxText+1)},
		"no text": {Answered, "a\x00b"}, "lifted before anything is in force": {Lifted, "x"},
	} {
		if err := w.Put(t.Context(), c.Office, c.ID, a, 1); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	w.put(c, Refused, "A court needs these data.")
	if err := w.Put(t.Context(), c.Office, c.ID, Answer{Answered, "Or not."}, 1); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("a second answer: %v, want a conflict", err)
	}
}

// One person must not be able to fill the room, nor ask the same twice.
func TestCasesAreBounded(t *testing.T) {
	w := begin(t)
	w.file(filing(1, Access))
	if _, err := w.File(t.Context(), filing(1, Access)); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("the same twice: %v", err)
	}
	for i := range uint64(maxOpen - 1) {
		f := filing(1, Why)
		f.Leaf = i
		w.file(f)
	}
	f := filing(1, Why)
	f.Leaf = 1000
	if _, err := w.File(t.Context(), f); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("one too many: %v, want busy", err)
	}
	w.file(filing(2, Access)) // somebody else still can
	f.Text = strings.Repeat("x", MaxText+1)
	f.Owner = tribune.Hash{9}
	if _, err := w.File(t.Context(), f); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("too long a text: %v", err)
	}
}

// What an office does not answer in time is public as a number, and so is what it answers too late.
func TestOverdueCasesAreCountedInPublic(t *testing.T) {
	w := begin(t)
	inTime, late, never := w.file(filing(1, Why)), w.file(filing(2, Why)), w.file(filing(3, Why))
	w.put(inTime, Answered, "You parked there.")
	w.now = never.Due.Add(-time.Millisecond)
	if c := w.Counts(); len(c) != 1 || c[0].Overdue != 0 || c[0].Soon != 2 {
		t.Fatalf("a moment before the end: %+v", c)
	}
	w.now = never.Due
	w.put(late, Refused, "No.")
	want := Count{Office: "parking-inspector", Kind: Why, Open: 1, Overdue: 1, Answered: 1, Refused: 1, Late: 1}
	if c := w.Counts(); len(c) != 1 || c[0] != want {
		t.Fatalf("got %+v, want %+v", c, want)
	}
	w.crash()
	if c := w.Counts(); len(c) != 1 || c[0] != want {
		t.Fatalf("after a crash %+v, want %+v", c, want)
	}
}

func TestClosedCasesAreDeletedAfterTheirKeepingTime(t *testing.T) {
	w := begin(t)
	done, open, held := w.file(filing(1, Access)), w.file(filing(2, Access)), w.file(filing(3, Restriction))
	w.put(done, Answered, "Here.")
	w.put(held, Answered, "Restricted.")
	w.now = w.now.Add(w.Rules().Keep + time.Hour)
	if n, err := w.Sweep(t.Context()); n != 1 || err != nil {
		t.Fatalf("swept %d (%v), want the one that is closed", n, err)
	}
	w.crash()
	if _, err := w.Of(t.Context(), done.Owner, done.ID); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("still there: %v", err)
	}
	for _, c := range []*Case{open, held} {
		if _, err := w.Of(t.Context(), c.Owner, c.ID); err != nil {
			t.Errorf("%s is gone, though it is open or in force: %v", c.Kind, err)
		}
	}
}

// A granted restriction stops every purpose but those the rules except; an objection stops its own. Both end when lifted.
func TestGrantedRestrictionsAndObjectionsStopUses(t *testing.T) {
	w := begin(t)
	act := func(n byte, class tribune.ClassID, purpose tribune.PurposeID) tribune.Act {
		return tribune.Act{Caller: tribune.Caller{Purpose: purpose}, Scope: tribune.Scope{Class: class, Subjects: []tribune.Pseudonym{{200}, person(n).Subject}}}
	}
	r, o := w.file(filing(1, Restriction)), w.file(filing(2, Objection))
	if w.Stopped(act(1, "parking-session", "enforce-parking")) != "" {
		t.Error("stopped before the office has decided")
	}
	w.put(r, Answered, "Until we know who is right.")
	w.put(o, Answered, "We stop.")
	for _, crash := range []bool{false, true} {
		if crash {
			w.crash()
		}
		for _, tt := range []struct {
			name string
			act  tribune.Act
			want bool
		}{
			{"restricted", act(1, "parking-session", "enforce-parking"), true},
			{"restricted, any purpose", act(1, "parking-session", "made-up-later"), true},
			{"restricted, their own access", act(1, "parking-session", "subject-access"), false},
			{"restricted, another class", act(1, "car-park", "enforce-parking"), false},
			{"objected, that purpose", act(2, "parking-session", "plan-city"), true},
			{"objected, another purpose", act(2, "parking-session", "enforce-parking"), false},
			{"somebody else", act(3, "parking-session", "plan-city"), false},
		} {
			if got := w.Stopped(tt.act) != ""; got != tt.want {
				t.Errorf("%s (after a crash: %v): stopped is %v, want %v", tt.name, crash, got, tt.want)
			}
		}
	}
	w.put(r, Lifted, "The plate was right.")
	if w.Stopped(act(1, "parking-session", "enforce-parking")) != "" {
		t.Error("still stopped after it was lifted")
	}
}

// The epoch key rotates: what is wrapped anew opens under the new one alone.
func TestRewrapMovesEverythingToTheNewKey(t *testing.T) {
	w := begin(t)
	c := w.file(filing(1, Access))
	old := w.epoch
	w.cfg.Wrap = rotating{new: newEpoch(t), old: old}
	n := 0
	err := w.Rewrap(t.Context(), func(label string, wrapped []byte) ([]byte, error) {
		data, err := old.Unwrap(label, wrapped)
		if err != nil {
			return nil, nil // as the vault: what no key opens stays
		}
		n++
		return w.cfg.Wrap.Wrap(label, data)
	})
	if n != 1 || err != nil {
		t.Fatalf("%d rows, %v", n, err)
	}
	w.epoch = w.cfg.Wrap.(rotating).new
	w.crash()
	if _, err := w.Of(t.Context(), c.Owner, c.ID); err != nil {
		t.Fatal(err)
	}
}

type rotating struct{ new, old epoch }

func (r rotating) Wrap(label string, data []byte) ([]byte, error) { return r.new.Wrap(label, data) }
func (r rotating) Unwrap(label string, wrapped []byte) ([]byte, error) {
	if data, err := r.new.Unwrap(label, wrapped); err == nil {
		return data, nil
	}
	return r.old.Unwrap(label, wrapped)
}

package way

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/law"
	"tribune/protocol"
)

// A hub from a backup knows nothing of an erasure, and holds nothing of that person. Who comes back later is not erased by the next start.
func TestWhoComesBackIsNotErasedByARestart(t *testing.T) {
	w, h, _, _ := erasable(t)
	index := w.erase(t, subject(1))
	w.until(t, index)
	w.Way.Close()
	var b store.Batch
	b.Delete(erasedKey(index))
	if err := w.cfg.Store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	w.start(t)
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if e, err := w.ErasureAt(t.Context(), index); err == nil && e.State() == "deleted" {
			break
		}
	}
	w.clock.add(24 * time.Hour)
	back := w.seal(t, subject(1), "back")
	w.read(t, w.reading(back), "back")
	h.mu.Lock()
	h.of[subject(1)] = 1
	h.mu.Unlock()
	w.Way.Close()
	w.start(t)
	time.Sleep(300 * time.Millisecond) // what would delete begins at once
	if !h.holds(subject(1)) {
		t.Fatal("what was collected after the erasure is gone, without any act on record")
	}
	w.read(t, w.reading(back), "back")
}

// Evidence of an act about several people names those who have consented.
func TestErasureTakesConsentsOutOfSharedOpenings(t *testing.T) {
	consent := func(p tribune.Pseudonym) []byte {
		c := protocol.Consent{
			City: testCity, Class: testClass, From: "2026-11-22T10:00:00.000Z", ID: strings.Repeat("0b", 16), Purpose: "plan-city", Recipient: "planner",
			Subject: p, Until: "2026-12-22T10:00:00.000Z", Version: protocol.ConsentVersion,
		}
		sig, err := c.Sign(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		data, err := protocol.SignedConsent{Appointment: []byte("appointment"), AppointmentIndex: 1, AppointmentSalt: protocol.NewSalt(), Consent: c, Signature: sig}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	private, err := protocol.JCS(protocol.Private{Actor: "a", Inputs: protocol.Inputs{Attrs: []tribune.Name{}}, Subjects: []protocol.Subject{
		{P: subject(1), N: 1, IDs: []tribune.Identity{}}, {P: subject(2), N: 1, IDs: []tribune.Identity{}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	whole := Opening{Private: private, Salt: protocol.NewSalt(), Evidence: tribune.Evidence{Consents: [][]byte{consent(subject(1)), consent(subject(2))}}}
	data, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	out, err := redact(data, []tribune.Pseudonym{subject(1)}, false)
	if err != nil {
		t.Fatal(err)
	}
	var left Opening
	if err := json.Unmarshal(out, &left); err != nil {
		t.Fatal(err)
	}
	if len(left.Evidence.Consents) != 1 || !bytes.Contains(left.Evidence.Consents[0], []byte(subject(2).String())) {
		t.Errorf("%d consents are left; the other's stays", len(left.Evidence.Consents))
	}
	for _, c := range left.Evidence.Consents {
		if bytes.Contains(c, []byte(subject(1).String())) {
			t.Error("a consent still names who was erased")
		}
	}
}

// A newcomer whose enrolment waits for quorum, and who is erased meanwhile, is not enrolled when quorum is back.
func TestErasedNewcomerIsNotEnrolledLate(t *testing.T) {
	w, _, _, _ := erasable(t)
	w.until(t, w.erase(t, subject(1)))
	waiting := []protocol.Subject{{P: subject(1)}, {P: subject(2)}}
	if batch := w.enrolment.gather(waiting); len(batch) != 1 || batch[0].P != subject(2) {
		t.Errorf("%d are enrolled, want the other alone", len(batch))
	}
}

// Acts of other kinds are not carried out by the way of readings, which would leave out what follows on them.
func TestAnExtensionIsNoReading(t *testing.T) {
	w := newWorld(t)
	p := tribune.Pseudonym{5}
	w.investigate(t, w.seal(t, p, "a"))
	q := w.mandate("warrant-2026-17").Disclose
	caller := w.investigator()
	caller.Mandate, caller.Salts = "warrant-2026-18", w.issue(t, "warrant-2026-18", protocol.Quarter(q+1), p)
	act, err := w.PrepareExtension(t.Context(), caller, p, q, "")
	if err != nil {
		t.Fatal(err)
	}
	sig, err := act.Sign(w.keys[law.Investigator])
	if err != nil {
		t.Fatal(err)
	}
	before := w.log.size()
	if _, _, err := w.Open(t.Context(), act.ID, sig); !errors.Is(err, tribune.ErrInvalid) || w.log.size() != before {
		t.Errorf("taken for a reading: %v, %d leaves more; this hub would disclose the chain too early", err, w.log.size()-before)
	}
}

// An overloaded record does not say in time whether it has taken the leaf. Where it has, the deletion follows without a restart.
func TestErasureThatIsLateOnRecordIsCarriedOut(t *testing.T) {
	w, h, _, _ := erasable(t)
	act, err := w.PrepareErasure(t.Context(), protection(), subject(1), "")
	if err != nil {
		t.Fatal(err)
	}
	signature, err := act.Sign(w.keys[law.Protection])
	if err != nil {
		t.Fatal(err)
	}
	w.log.hooks(func([]byte) (bool, error) { return true, tribune.ErrUncertain }, nil)
	if _, _, err := w.Erase(t.Context(), protection(), act.ID, signature); !errors.Is(err, tribune.ErrUncertain) {
		t.Fatalf("got %v, want uncertain", err)
	}
	w.log.hooks(nil, nil)
	for deadline := time.Now().Add(3 * time.Second); h.holds(subject(1)); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is on record, guardians refuse, and nothing is deleted")
		}
	}
	if e := w.until(t, uint64(w.log.size()-1)); e.State() != "deleted" {
		t.Errorf("state: %+v", e)
	}
}

// An extension that may be on record is honoured: the hub does not disclose what guardians keep.
func TestExtensionThatIsLateOnRecordIsHonoured(t *testing.T) {
	w := newWorld(t)
	p := tribune.Pseudonym{5}
	w.investigate(t, w.seal(t, p, "a"))
	end, q := w.disclosure(t), w.mandate("warrant-2026-17").Disclose
	caller := w.investigator()
	caller.Mandate, caller.Salts = "warrant-2026-18", w.issue(t, "warrant-2026-18", protocol.Quarter(q+1), p)
	act, err := w.PrepareExtension(t.Context(), caller, p, q, "")
	if err != nil {
		t.Fatal(err)
	}
	sig, err := act.Sign(w.keys[law.Investigator])
	if err != nil {
		t.Fatal(err)
	}
	w.log.hooks(func([]byte) (bool, error) { return true, tribune.ErrUncertain }, nil)
	if _, _, err := w.Extend(t.Context(), caller, act.ID, sig); !errors.Is(err, tribune.ErrUncertain) {
		t.Fatalf("got %v, want uncertain", err)
	}
	w.clock.add(end.Add(time.Hour).Sub(w.clock.Now()))
	if all, err := w.Disclosed(t.Context(), p); err != nil || len(all) != 0 {
		t.Errorf("disclosed though it was put off: %v, %v", all, err)
	}
}

// restricted is what one person has had restricted: every use of their data.
type restricted tribune.Pseudonym

func (restricted) Consents(tribune.Act) [][]byte { return nil }
func (r restricted) Stopped(a tribune.Act) string {
	if slices.Contains(a.Scope.Subjects, tribune.Pseudonym(r)) {
		return "the use of these data is restricted"
	}
	return ""
}

// A denial is public at once: were a warrant's use denied because a person has had their data restricted, that person would know whom the
// court looks for. What a court orders is not theirs to stop.
func TestARestrictionNeitherStopsAWarrantNorBetraysIt(t *testing.T) {
	w := newWorld(t)
	p := tribune.Pseudonym{5}
	v := w.seal(t, p, "a")
	w.gate.SetCitizens(restricted(p))
	if _, err := w.Prepare(t.Context(), w.reading(v)); !errors.Is(err, tribune.ErrDenied) {
		t.Fatalf("control: an inspector's reading: %v, want denied", err)
	}
	r := w.reading(v)
	r.Caller = w.investigator()
	if _, err := w.Prepare(t.Context(), r); err != nil {
		t.Errorf("under a warrant: %v", err)
	}
}

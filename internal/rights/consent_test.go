package rights

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

func key(n byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)) }

func signer(n byte) Signer {
	p := person(n).Subject
	return Signer{Subject: &p, Key: key(n).Public().(ed25519.PublicKey), Appointment: []byte("appointment"), Salt: bytes.Repeat([]byte{1}, 32), Index: 4}
}

func (w *world) asked(n byte) Asked {
	return Asked{Person: person(n), Ask: w.Rules().Asks[0], NameType: "plate", Name: "AB12CDE", Language: "en"}
}

// draft is what a page offers, and its signature by key k.
func (w *world) draft(a Asked, k ed25519.PrivateKey) (text, sig []byte) {
	w.t.Helper()
	c := w.Draft(a.Person, a.Ask)
	text, err := protocol.JCS(c)
	if err != nil {
		w.t.Fatal(err)
	}
	if sig, err = c.Sign(k); err != nil {
		w.t.Fatal(err)
	}
	return text, sig
}

func (w *world) give(n byte) *ConsentRecord {
	w.t.Helper()
	text, sig := w.draft(w.asked(n), key(n))
	c, err := w.Give(w.t.Context(), w.asked(n), signer(n), text, sig)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) act(subjects ...byte) tribune.Act {
	a := tribune.Act{At: w.now, Caller: tribune.Caller{Office: "planner", Purpose: "plan-city"}, Scope: tribune.Scope{Class: "parking-session"}}
	for _, n := range subjects {
		a.Scope.Subjects = append(a.Scope.Subjects, person(n).Subject)
	}
	return a
}

// What the gate puts into evidence verifies by itself, and is gone with the first act after the withdrawal was acknowledged.
func TestWithdrawalStopsTheNextAct(t *testing.T) {
	w := begin(t)
	c := w.give(1)
	evidence := w.Consents(w.act(1, 2))
	if len(evidence) != 1 {
		t.Fatalf("%d consents in evidence, want 1", len(evidence))
	}
	s, err := protocol.DecodeConsent(evidence[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(signer(1).Key); err != nil || !s.Consent.Permits(person(1).Subject, "parking-session", "plan-city", "planner", w.now) {
		t.Fatalf("the evidence does not permit: %v", err)
	}
	if _, err := w.Withdraw(t.Context(), person(2).Owner, c.ID); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("somebody else withdraws it: %v", err)
	}
	if _, err := w.Withdraw(t.Context(), person(1).Owner, c.ID); err != nil {
		t.Fatal(err)
	}
	if len(w.Consents(w.act(1))) != 0 {
		t.Error("still in evidence after the withdrawal")
	}
	w.crash()
	if len(w.Consents(w.act(1))) != 0 {
		t.Error("a crash has brought it back")
	}
	w.give(1) // and one can change one's mind
	if len(w.Consents(w.act(1))) != 1 {
		t.Error("a new consent does not count")
	}
}

func TestConsentCountsForWhatItSaysAlone(t *testing.T) {
	w := begin(t)
	c := w.give(1)
	w.crash()
	for name, change := range map[string]func(*tribune.Act){
		"another office":  func(a *tribune.Act) { a.Caller.Office = "parking-inspector" },
		"another purpose": func(a *tribune.Act) { a.Caller.Purpose = "enforce-parking" },
		"another class":   func(a *tribune.Act) { a.Scope.Class = "car-park" },
		"somebody else":   func(a *tribune.Act) { a.Scope.Subjects = []tribune.Pseudonym{person(2).Subject} },
		"nobody named":    func(a *tribune.Act) { a.Scope.Subjects = nil },
		"at its end":      func(a *tribune.Act) { a.At = c.Until },
		"before it":       func(a *tribune.Act) { a.At = c.From.Add(-time.Millisecond) },
	} {
		a := w.act(1)
		if len(w.Consents(a)) != 1 {
			t.Fatal("the act as consented to finds nothing")
		}
		change(&a)
		if len(w.Consents(a)) != 0 {
			t.Errorf("%s: in evidence", name)
		}
	}
}

// A consent is made by the signature of the person's own key under exactly what the page asked, or not at all.
func TestNobodyElseCanConsent(t *testing.T) {
	w := begin(t)
	for name, try := range map[string]func() error{
		"another's key": func() error {
			text, sig := w.draft(w.asked(1), key(2))
			return second(w.Give(t.Context(), w.asked(1), signer(1), text, sig))
		},
		"a key appointed to somebody else": func() error {
			text, sig := w.draft(w.asked(1), key(2))
			return second(w.Give(t.Context(), w.asked(1), signer(2), text, sig))
		},
		"a key bound to nobody": func() error {
			text, sig := w.draft(w.asked(1), key(1))
			s := signer(1)
			s.Subject = nil
			return second(w.Give(t.Context(), w.asked(1), s, text, sig))
		},
		"about somebody else": func() error {
			text, sig := w.draft(w.asked(2), key(1))
			return second(w.Give(t.Context(), w.asked(1), signer(1), text, sig))
		},
		"for longer than was asked": func() error {
			a := w.asked(1)
			a.Months = 12
			text, sig := w.draft(a, key(1))
			return second(w.Give(t.Context(), w.asked(1), signer(1), text, sig))
		},
		"for another office": func() error {
			a := w.asked(1)
			a.Recipient = "parking-inspector"
			text, sig := w.draft(a, key(1))
			return second(w.Give(t.Context(), w.asked(1), signer(1), text, sig))
		},
		"of yesterday": func() error {
			text, sig := w.draft(w.asked(1), key(1))
			w.now = w.now.Add(24 * time.Hour)
			return second(w.Give(t.Context(), w.asked(1), signer(1), text, sig))
		},
		"not signed": func() error {
			text, _ := w.draft(w.asked(1), key(1))
			return second(w.Give(t.Context(), w.asked(1), signer(1), text, make([]byte, 64)))
		},
	} {
		if try() == nil {
			t.Errorf("%s: consented", name)
		}
	}
	if len(w.Consents(w.act(1, 2))) != 0 {
		t.Error("something is in evidence")
	}
	w.give(1)
}

// A no is an answer: it is kept, it permits nothing, and it can become a yes.
func TestRefusingIsKeptAndPermitsNothing(t *testing.T) {
	w := begin(t)
	if _, err := w.Refuse(t.Context(), w.asked(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Refuse(t.Context(), w.asked(1)); err != nil {
		t.Fatal(err)
	}
	w.crash()
	all := w.Answers(person(1).Owner)
	if len(all) != 1 || all[0].State(w.now) != ConsentRefused || len(w.Consents(w.act(1))) != 0 {
		t.Fatalf("got %+v", all)
	}
	w.give(1)
	if all = w.Answers(person(1).Owner); len(all) != 1 || all[0].State(w.now) != ConsentGiven {
		t.Fatalf("got %+v, want the yes alone", all)
	}
	if _, err := w.Refuse(t.Context(), w.asked(1)); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("a no beside a yes: %v", err)
	}
	if len(w.Answers(person(2).Owner)) != 0 {
		t.Error("somebody else sees it")
	}
}

// The receipt is signed by the hub over everything it says, and carries the consent that the person has signed.
func TestReceiptVerifies(t *testing.T) {
	w := begin(t)
	c := w.give(1)
	hub := key(50)
	sign := func(m []byte) ([]byte, []byte) { return ed25519.Sign(hub, m), hub.Public().(ed25519.PublicKey) }
	set := demoSet(t)
	for _, withdrawn := range []bool{false, true} {
		if withdrawn {
			var err error
			if c, err = w.Withdraw(t.Context(), c.Owner, c.ID); err != nil {
				t.Fatal(err)
			}
		}
		receipt, err := w.Receipt(c, set, "https://city.example", "Sheffield", sign)
		if err != nil {
			t.Fatal(err)
		}
		file, err := json.Marshal(receipt)
		if err != nil {
			t.Fatal(err)
		}
		var read Receipt
		if err := json.Unmarshal(file, &read); err != nil {
			t.Fatal(err)
		}
		text, err := protocol.JCS(read.Receipt)
		if err != nil {
			t.Fatal(err)
		}
		if !ed25519.Verify(read.Key, append(protocol.Label("consent-receipt"), text...), read.Signature) {
			t.Error("the hub's signature does not verify")
		}
		if s, err := protocol.DecodeConsent(read.Receipt.Signed); err != nil || s.Verify(signer(1).Key) != nil {
			t.Errorf("the person's signature does not verify (%v)", err)
		}
		e := read.Receipt.Events
		if last := e[len(e)-1].State; (last == "dpv:ConsentWithdrawn") != withdrawn || e[0].State != "dpv:ConsentGiven" {
			t.Errorf("events %+v, withdrawn %v", e, withdrawn)
		}
		if p := read.Receipt.Processing; p.Purpose != "https://w3id.org/dpv#ImproveTransportMobility" || len(p.Data) == 0 || p.Retention != "P30D" {
			t.Errorf("processing %+v", p)
		}
	}
}

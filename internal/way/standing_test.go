package way

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tribune"
	"tribune/law"
)

// stand makes a standing act and puts it on record.
func (w *world) stand(t *testing.T, until time.Time) tribune.Standing {
	t.Helper()
	now := w.clock.Now()
	r := tribune.Reading{Caller: inspector(), Class: testClass, Attrs: []tribune.Name{vocab + "paidUntil"}, Standing: true, Note: "subscription", Window: tribune.Window{From: now, Until: until}}
	act, signature := w.prepareSigned(t, r)
	if act.Kind != tribune.ActStanding || act.Count != 0 || len(act.Recipient) != 0 {
		t.Fatalf("the act to sign: %+v", act)
	}
	if _, _, err := w.Open(t.Context(), act.ID, signature); err != nil {
		t.Fatal(err)
	}
	return tribune.Standing{Act: act.ID, Caller: r.Caller, Class: r.Class, Attrs: r.Attrs, From: now, Until: until}
}

func TestDeliverySpendsATagOfEachSubjectBeforeItReturns(t *testing.T) {
	w := newWorld(t)
	s := w.stand(t, w.clock.Now().Add(24*time.Hour))
	asked := w.guards.calls()
	both := []tribune.Pseudonym{subject(1), subject(2)}
	if told, err := w.Deliver(t.Context(), s, both); err != nil || !slices.Equal(told, both) {
		t.Fatalf("told %v, %v", told, err)
	}
	standing, deliveries := w.log.of(t, tribune.ActStanding), w.log.of(t, tribune.ActDelivery)
	if len(standing) != 1 || len(standing[0].Tags) != 0 || len(deliveries) != 1 {
		t.Fatalf("on record: %d standing acts, %d deliveries", len(standing), len(deliveries))
	}
	d := deliveries[0]
	if len(d.Tags) != 2 || d.Act.Count != 2 || string(d.Public) != `{"standing":"`+s.Act+`"}` || !d.Decision.Permit || d.Act.Office != "parking-inspector" {
		t.Errorf("delivery %+v, public %s", d, d.Public)
	}
	for i, p := range both {
		if n := w.number(t, p, d.Tags[i]); n != 1 {
			t.Errorf("subject %d: use %d, want 1", i, n)
		}
	}
	if err := d.Act.Verify(w.keys[law.Hub].Public().(ed25519.PublicKey), d.Signature); err != nil {
		t.Errorf("the hub's signature: %v", err)
	}
	if got := w.guards.calls() - asked; got != 1 {
		t.Errorf("guardians were asked %d times for keys, want once: for the trace of who is new", got)
	}
	// A reading comes after: its number is the next, and the guardians find all before it.
	w.read(t, w.reading(w.seal(t, subject(1), "x")), "x")
}

// What the mandate allows in one act bounds a delivery's leaf, too.
func TestManyDeliveriesTakeSeveralLeaves(t *testing.T) {
	w := newWorld(t)
	s := w.stand(t, w.clock.Now().Add(24*time.Hour))
	var many []tribune.Pseudonym
	for i := range 120 {
		many = append(many, subject(i))
	}
	told, err := w.Deliver(t.Context(), s, many)
	if err != nil || len(told) != len(many) {
		t.Fatalf("told %d, %v", len(told), err)
	}
	for _, d := range w.log.of(t, tribune.ActDelivery) {
		if d.Act.Count > 50 || len(d.Tags) != d.Act.Count {
			t.Errorf("a leaf about %d people with %d tags; the mandate allows 50", d.Act.Count, len(d.Tags))
		}
	}
}

func TestStandingActEnds(t *testing.T) {
	w := newWorld(t)
	s := w.stand(t, w.clock.Now().Add(time.Hour))
	one := []tribune.Pseudonym{subject(1)}
	if _, err := w.Deliver(t.Context(), s, one); err != nil {
		t.Fatal(err)
	}
	before := len(w.log.of(t, tribune.ActDelivery))
	refused := func(what string, want error) {
		t.Helper()
		var denied *tribune.Denial
		if told, err := w.Deliver(t.Context(), s, one); len(told) > 0 || want != nil && !errors.Is(err, want) || want == nil && !errors.As(err, &denied) {
			t.Errorf("%s: told %v, %v", what, told, err)
		}
		if n := len(w.log.of(t, tribune.ActDelivery)); n != before {
			t.Errorf("%s: %d deliveries more on record", what, n-before)
		}
	}
	other := s
	s.Attrs = []tribune.Name{vocab + "licensePlate"}
	refused("attributes that the law does not permit", nil)
	s = other
	s.Caller.Purpose = "plan-city"
	refused("another purpose", nil)
	s = other
	w.clock.add(2 * time.Hour)
	refused("after its end", tribune.ErrExpired)
	w.clock.add(-2 * time.Hour)
	withdrawn := filepath.Join(w.dir, "mandates", "parking-enforcement-2026.toml")
	if err := os.Remove(withdrawn); err != nil {
		t.Fatal(err)
	}
	if err := w.gate.Reload(); err != nil {
		t.Fatal(err)
	}
	refused("after its mandate was withdrawn", nil)
}

func TestStandingActThatOutlivesItsMandateIsRefused(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now()
	r := tribune.Reading{Caller: inspector(), Class: testClass, Attrs: []tribune.Name{vocab + "paidUntil"}, Standing: true, Window: tribune.Window{From: now, Until: now.AddDate(3, 0, 0)}}
	if _, err := w.Prepare(t.Context(), r); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	r.Window.Until = w.Until(r.Caller)
	r.Subjects = []tribune.Pseudonym{subject(1)}
	if _, err := w.Prepare(t.Context(), r); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("one that names somebody: got %v", err)
	}
	r.Subjects, r.Attrs = nil, []tribune.Name{vocab + "driver"}
	var denied *tribune.Denial
	if _, err := w.Prepare(t.Context(), r); !errors.As(err, &denied) {
		t.Errorf("attributes that the law does not permit: got %v", err)
	}
}

// Without quorum nothing may be told: Deliver fails, and says of nobody that they were.
func TestWithoutQuorumNothingIsDelivered(t *testing.T) {
	w := newWorld(t)
	s := w.stand(t, w.clock.Now().Add(time.Hour))
	one := []tribune.Pseudonym{subject(1)}
	if _, err := w.Deliver(t.Context(), s, one); err != nil { // enrols
		t.Fatal(err)
	}
	w.log.hooks(nil, func(uint64) error { return tribune.ErrNoQuorum })
	if told, err := w.Deliver(t.Context(), s, one); len(told) != 0 || !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("told %v, %v", told, err)
	}
}

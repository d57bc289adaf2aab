package policy_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// past is an act under a law that permits more than the one before: the inspector asks for a window that the first law does not know.
type past struct {
	*demo
	t         testing.TB
	old, new  *policy.Set
	act       tribune.Act
	evidence  tribune.Evidence
	reigns    []policy.Reign
	changed   time.Time // when the new law came
	person    ed25519.PrivateKey
	appointed []byte
}

func newPast(t testing.TB) *past {
	d := newDemo(t)
	p := &past{demo: d, t: t, old: load(t, d.files, d.trust), changed: now.AddDate(0, 0, -3).Add(8 * time.Hour)}
	p.new = load(t, d.amended(t, "policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400"), d.trust)
	p.act, p.evidence = d.lookup()
	p.act.Scope.Window = tribune.Window{From: now.AddDate(0, 0, -29), Until: now.AddDate(0, 0, 20)} // 49 days
	p.act.Scope.Subjects = []tribune.Pseudonym{{1}}
	p.reigns = []policy.Reign{{Set: p.old.Hash()}, {Set: p.new.Hash(), From: p.changed}}
	pub, key, _ := ed25519.GenerateKey(nil)
	p.person, p.appointed = key, p.bind(tribune.Pseudonym{1}, pub, d.council)
	if !p.new.Decide(p.act, p.evidence).Permit || p.old.Decide(p.act, p.evidence).Permit {
		t.Fatal("the new law does not permit more than the old one")
	}
	return p
}

// bind is the appointment of a person's own key.
func (p *past) bind(who tribune.Pseudonym, key ed25519.PublicKey, signer string) []byte {
	return sign(p.t, fmt.Sprintf("actor = \"person-1\"\noffice = \"data-subject\"\nkey = %q\nsubject = %q\nfrom = %s\nuntil = %s\n",
		base64.StdEncoding.EncodeToString(key), who, now.AddDate(0, 0, -2).Format(time.DateOnly), now.AddDate(0, 0, 30).Format(time.DateOnly)), signer)
}

// sealed is an identity of somebody's data that arrived at a time, or on its whole day.
func sealed(who tribune.Pseudonym, at time.Time, whole bool) tribune.Identity {
	id := tribune.Identity{Kind: tribune.IdentitySubject, Pseudonym: who, Class: "parking-session", Day: tribune.DayOf(at), Segment: tribune.SecondOf(at)}
	if whole {
		id.Segment = tribune.WholeDay
	}
	return id
}

func (p *past) load(h tribune.Hash) (*policy.Set, error) {
	for _, s := range []*policy.Set{p.old, p.new} {
		if s.Hash() == h {
			return s, nil
		}
	}
	return nil, tribune.ErrNotFound
}

// may reports whether the act goes on, and why not.
func (p *past) may() (bool, string) {
	p.t.Helper()
	missing, _, err := p.new.Earlier(p.act, p.evidence, p.reigns, p.load)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(missing) == 0, strings.Join(missing, "; ")
}

func TestNewLawDoesNotReachBackToWhatWasSealedBefore(t *testing.T) {
	me := tribune.Pseudonym{1}
	for name, c := range map[string]struct {
		ids    func(p *past) []tribune.Identity
		permit bool
	}{
		"arrived under the new law": {func(p *past) []tribune.Identity { return []tribune.Identity{sealed(me, p.changed, false)} }, true},
		"arrived a second before it": {func(p *past) []tribune.Identity {
			return []tribune.Identity{sealed(me, p.changed.Add(-time.Second), false)}
		}, false},
		"a whole day after the change": {func(p *past) []tribune.Identity {
			return []tribune.Identity{sealed(me, p.changed.AddDate(0, 0, 1), true)}
		}, true},
		"the whole day of the change": {func(p *past) []tribune.Identity { return []tribune.Identity{sealed(me, p.changed, true)} }, false},
		"a whole day before it": {func(p *past) []tribune.Identity {
			return []tribune.Identity{sealed(me, p.changed.AddDate(0, 0, -1), true)}
		}, false},
		"one old one among many new": {func(p *past) []tribune.Identity {
			return []tribune.Identity{sealed(me, p.changed, false), sealed(me, p.changed.Add(-time.Hour), false), sealed(me, p.changed.Add(time.Hour), false)}
		}, false},
		"a segment that stayed open into the law between": {func(p *past) []tribune.Identity {
			p.reigns = []policy.Reign{{Set: p.new.Hash()}, {Set: p.old.Hash(), From: p.changed.Add(-time.Hour)}, {Set: p.new.Hash(), From: p.changed}}
			return []tribune.Identity{sealed(me, p.changed.Add(-time.Hour-14*time.Minute), false)}
		}, false},
		"a segment that was closed before the law between": {func(p *past) []tribune.Identity {
			p.reigns = []policy.Reign{{Set: p.new.Hash()}, {Set: p.old.Hash(), From: p.changed.Add(-time.Hour)}, {Set: p.new.Hash(), From: p.changed}}
			return []tribune.Identity{sealed(me, p.changed.Add(-time.Hour-15*time.Minute), false)}
		}, true},
		"a trace key, which opens no data": {func(p *past) []tribune.Identity {
			return []tribune.Identity{{Kind: tribune.IdentityTrace, Pseudonym: me}}
		}, true},
		"nothing": {func(p *past) []tribune.Identity { return nil }, true},
		"old, and the law of now is that of then again": {func(p *past) []tribune.Identity {
			p.reigns = []policy.Reign{{Set: p.new.Hash()}, {Set: p.old.Hash(), From: p.changed.AddDate(0, 0, -5)}, {Set: p.new.Hash(), From: p.changed}}
			return []tribune.Identity{sealed(me, p.changed.AddDate(0, 0, -6), false)}
		}, true},
		"between, and the law of now is that of before again": {func(p *past) []tribune.Identity {
			p.reigns = []policy.Reign{{Set: p.new.Hash()}, {Set: p.old.Hash(), From: p.changed.AddDate(0, 0, -5)}, {Set: p.new.Hash(), From: p.changed}}
			return []tribune.Identity{sealed(me, p.changed.AddDate(0, 0, -4), false)}
		}, false},
	} {
		p := newPast(t)
		p.act.Scope.Identities = c.ids(p)
		if got, why := p.may(); got != c.permit {
			t.Errorf("%s: permit %v (%s)", name, got, why)
		} else if !got && (!strings.Contains(why, p.changed.Format(time.RFC3339)) || !strings.Contains(why, "parking-inspector")) {
			t.Errorf("%s: the reason does not say since when and what: %s", name, why)
		}
	}
	p := newPast(t)
	p.act.Scope.Window.From = now.AddDate(0, 0, -10)
	p.act.Scope.Window.Until = now
	p.act.Scope.Identities = []tribune.Identity{sealed(me, p.changed.Add(-time.Hour), false)}
	if got, why := p.may(); !got {
		t.Errorf("what the old law permitted, too: %s", why)
	}
	p.reigns[0].Set = tribune.Hash{9}
	if _, _, err := p.new.Earlier(p.act, p.evidence, p.reigns, p.load); err == nil {
		t.Error("a law of before that cannot be read is passed over")
	}
}

func TestOnlyTheSubjectsOwnConsentLetsTheNewLawReachBack(t *testing.T) {
	me, other := tribune.Pseudonym{1}, tribune.Pseudonym{2}
	good := func() protocol.Consent {
		return protocol.Consent{
			City: "birmingham.example", Class: "parking-session", From: protocol.Time(now.AddDate(0, 0, -1)), ID: protocol.NewID(), Purpose: "enforce-parking",
			Recipient: "parking-inspector", Subject: me, Until: protocol.Time(now.AddDate(0, 1, 0)), Version: protocol.ConsentVersion,
		}
	}
	for name, c := range map[string]struct {
		change func(p *past, c *protocol.Consent, s *protocol.SignedConsent)
		permit bool
	}{
		"positive control":   {func(*past, *protocol.Consent, *protocol.SignedConsent) {}, true},
		"of another purpose": {func(_ *past, c *protocol.Consent, _ *protocol.SignedConsent) { c.Purpose = "plan-city" }, false},
		"of another class":   {func(_ *past, c *protocol.Consent, _ *protocol.SignedConsent) { c.Class = "customer" }, false},
		"to another office":  {func(_ *past, c *protocol.Consent, _ *protocol.SignedConsent) { c.Recipient = "planner" }, false},
		"of another person":  {func(_ *past, c *protocol.Consent, _ *protocol.SignedConsent) { c.Subject = other }, false},
		"in another city":    {func(_ *past, c *protocol.Consent, _ *protocol.SignedConsent) { c.City = "leeds.example" }, false},
		"run out": {func(_ *past, c *protocol.Consent, _ *protocol.SignedConsent) {
			c.Until = protocol.Time(now.Add(-time.Minute))
		}, false},
		"not begun": {func(_ *past, c *protocol.Consent, _ *protocol.SignedConsent) {
			c.From = protocol.Time(now.Add(time.Minute))
		}, false},
		"withdrawn": {func(_ *past, c *protocol.Consent, _ *protocol.SignedConsent) {
			c.Withdrawn = protocol.Time(now.Add(-time.Minute))
		}, false},
		"given before the key was anybody's": {func(_ *past, c *protocol.Consent, _ *protocol.SignedConsent) {
			c.From = protocol.Time(now.AddDate(0, 0, -3))
		}, false},
		"signed with another key": {func(p *past, _ *protocol.Consent, _ *protocol.SignedConsent) {
			_, p.person, _ = ed25519.GenerateKey(nil)
		}, false},
		"by a key that a stranger bound": {func(p *past, _ *protocol.Consent, s *protocol.SignedConsent) {
			s.Appointment = p.bind(me, p.person.Public().(ed25519.PublicKey), newKey(p.t, "birmingham.example/council"))
		}, false},
		"by somebody else's key": {func(p *past, _ *protocol.Consent, s *protocol.SignedConsent) {
			s.Appointment = p.bind(other, p.person.Public().(ed25519.PublicKey), p.council)
		}, false},
		"by an officer's key, bound to nobody": {func(p *past, _ *protocol.Consent, s *protocol.SignedConsent) {
			s.Appointment = p.appointments["inspector-ward"]
		}, false},
	} {
		p := newPast(t)
		p.act.Scope.Identities = []tribune.Identity{sealed(me, p.changed.Add(-time.Hour), false)}
		consent := good()
		s := protocol.SignedConsent{Appointment: p.appointed, AppointmentIndex: 4, AppointmentSalt: protocol.NewSalt()}
		c.change(p, &consent, &s)
		sig, err := consent.Sign(p.person)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.Consent, s.Signature = consent, sig
		doc, err := s.Encode()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p.evidence.Consents = [][]byte{doc}
		if got, why := p.may(); got != c.permit {
			t.Errorf("%s: permit %v (%s)", name, got, why)
		}
		if !c.permit {
			continue
		}
		altered := []byte(strings.Replace(string(doc), `"parking-session"`, `"parking-sessiom"`, 1))
		p.evidence.Consents = [][]byte{altered}
		if got, _ := p.may(); got {
			t.Error("an altered consent counts")
		}
		p.evidence.Consents = [][]byte{doc}
		p.act.Count, p.act.Scope.Subjects = 1, []tribune.Pseudonym{me, other}
		p.act.Scope.Identities = append(p.act.Scope.Identities, sealed(other, p.changed.Add(-time.Hour), false))
		if got, _ := p.may(); got {
			t.Error("one person's consent opens another's data")
		}
	}
}

package protocol

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"tribune"
)

func consentKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)) }

func sampleConsent() Consent {
	from := time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC)
	return Consent{
		City: "Sheffield", Class: "parking-session", From: Time(from), ID: strings.Repeat("0b", 16), Purpose: "plan-city", Recipient: "planner",
		Subject: tribune.Pseudonym{1, 2, 3}, Until: Time(from.AddDate(0, 6, 0)), Version: ConsentVersion,
	}
}

func signedSample(t testing.TB, c Consent) SignedConsent {
	t.Helper()
	sig, err := c.Sign(consentKey())
	if err != nil {
		t.Fatal(err)
	}
	return SignedConsent{Appointment: []byte("appointment"), AppointmentIndex: 12, AppointmentSalt: bytes.Repeat([]byte{4}, SaltSize), Consent: c, Signature: sig}
}

func TestConsentRoundTrip(t *testing.T) {
	s := signedSample(t, sampleConsent())
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeConsent(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Verify(consentKey().Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32)).Public().(ed25519.PublicKey)
	if got.Verify(other) == nil || got.Verify(nil) == nil {
		t.Error("verified under a key that did not sign")
	}
}

// The signature is over every member: a consent cannot be stretched to somebody, something or some time else.
func TestConsentCannotBeStretched(t *testing.T) {
	pub := consentKey().Public().(ed25519.PublicKey)
	good := signedSample(t, sampleConsent())
	if err := good.Verify(pub); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Consent){
		"city":      func(c *Consent) { c.City = "Leeds" },
		"class":     func(c *Consent) { c.Class = "car-park" },
		"from":      func(c *Consent) { c.From = "2026-11-21T18:30:00.000Z" },
		"id":        func(c *Consent) { c.ID = strings.Repeat("0c", 16) },
		"purpose":   func(c *Consent) { c.Purpose = "enforce-parking" },
		"recipient": func(c *Consent) { c.Recipient = "parking-inspector" },
		"subject":   func(c *Consent) { c.Subject[0]++ },
		"until":     func(c *Consent) { c.Until = "2027-06-22T18:30:00.000Z" },
		"withdrawn": func(c *Consent) { c.Withdrawn = "2026-12-22T18:30:00.000Z" },
	} {
		s := good
		change(&s.Consent)
		if s.Verify(pub) == nil {
			t.Errorf("%s: verifies after the change", name)
		}
	}
}

// A withdrawn consent must not come back to life by leaving the withdrawal away, nor permit anything by itself.
func TestWithdrawalPermitsNothing(t *testing.T) {
	c := sampleConsent()
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	if !c.Permits(c.Subject, c.Class, c.Purpose, c.Recipient, at) {
		t.Fatal("the consent in force does not permit")
	}
	w := c
	w.Withdrawn = Time(at)
	s := signedSample(t, w)
	if err := s.Verify(consentKey().Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	if w.Permits(c.Subject, c.Class, c.Purpose, c.Recipient, at.Add(-time.Hour)) {
		t.Error("a withdrawal permits")
	}
	s.Consent.Withdrawn = ""
	if s.Verify(consentKey().Public().(ed25519.PublicKey)) == nil {
		t.Error("a withdrawal passes for a consent once its date is cut off")
	}
}

func TestConsentPermitsOnlyWhatItSays(t *testing.T) {
	c := sampleConsent()
	from, until, err := c.Span()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		subject tribune.Pseudonym
		class   tribune.ClassID
		purpose tribune.PurposeID
		office  tribune.OfficeID
		at      time.Time
		want    bool
	}{
		{"as said", c.Subject, c.Class, c.Purpose, c.Recipient, from, true},
		{"last moment", c.Subject, c.Class, c.Purpose, c.Recipient, until.Add(-time.Millisecond), true},
		{"at its end", c.Subject, c.Class, c.Purpose, c.Recipient, until, false},
		{"before it was given", c.Subject, c.Class, c.Purpose, c.Recipient, from.Add(-time.Millisecond), false},
		{"somebody else", tribune.Pseudonym{9}, c.Class, c.Purpose, c.Recipient, from, false},
		{"another class", c.Subject, "car-park", c.Purpose, c.Recipient, from, false},
		{"another purpose", c.Subject, c.Class, "enforce-parking", c.Recipient, from, false},
		{"another office", c.Subject, c.Class, c.Purpose, "parking-inspector", from, false},
	} {
		if got := c.Permits(tt.subject, tt.class, tt.purpose, tt.office, tt.at); got != tt.want {
			t.Errorf("%s: permits is %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestConsentRefusesWhatNobodyCanMean(t *testing.T) {
	if err := sampleConsent().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Consent){
		"version":                    func(c *Consent) { c.Version = 2 },
		"no city":                    func(c *Consent) { c.City = "" },
		"every purpose":              func(c *Consent) { c.Purpose = "*" },
		"no recipient":               func(c *Consent) { c.Recipient = "" },
		"no class":                   func(c *Consent) { c.Class = "" },
		"upper-case id":              func(c *Consent) { c.ID = strings.Repeat("0B", 16) },
		"ends before it begins":      func(c *Consent) { c.Until = c.From },
		"for ever":                   func(c *Consent) { c.Until = "2099-01-01T00:00:00.000Z" },
		"local time":                 func(c *Consent) { c.Until = "2027-01-01T00:00:00.000+01:00" },
		"withdrawn before given":     func(c *Consent) { c.Withdrawn = "2026-11-22T18:29:59.999Z" },
		"withdrawn at no known time": func(c *Consent) { c.Withdrawn = "yesterday" },
	} {
		c := sampleConsent()
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := c.Sign(consentKey()); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// A consent with two spellings could be counted twice, or withdrawn in one of them.
func TestConsentHasOneSpelling(t *testing.T) {
	data, err := signedSample(t, sampleConsent()).Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, bad := range map[string]string{
		"space":             strings.Replace(text, `{"appointment"`, `{ "appointment"`, 1),
		"unknown member":    strings.Replace(text, `"version":1`, `"version":1,"zzz":1`, 1),
		"repeated":          strings.Replace(text, `"version":1`, `"version":1,"version":1`, 1),
		"empty withdrawal":  strings.Replace(text, `"version":1`, `"version":1,"withdrawn":""`, 1),
		"no signature":      strings.Replace(text, `"signature":"`, `"signature":"","x":"`, 1),
		"trailing":          text + "{}",
		"longer than bound": strings.Replace(text, `"appointment":"`, `"appointment":"`+strings.Repeat("AAAA", MaxConsent), 1),
	} {
		if bad == text {
			t.Fatalf("%s: the attack changes nothing", name)
		}
		if _, err := DecodeConsent([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The vector was computed by an independent implementation (Python, with the Ed25519 of the cryptography library).
func TestConsentVector(t *testing.T) {
	raw, err := os.ReadFile("testdata/consent.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Seed, Message, Signature, Document string }
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	s, err := DecodeConsent([]byte(v.Document))
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(unhex(t, v.Seed))
	if err := s.Verify(key.Public().(ed25519.PublicKey)); err != nil {
		t.Error(err)
	}
	msg, err := s.Consent.Message()
	if err != nil || !bytes.Equal(msg, unhex(t, v.Message)) {
		t.Errorf("message %x, want %s (%v)", msg, v.Message, err)
	}
	if !bytes.Equal(s.Signature, unhex(t, v.Signature)) {
		t.Errorf("signature %x, want %s", s.Signature, v.Signature)
	}
}

func FuzzDecodeConsent(f *testing.F) {
	data, err := signedSample(f, sampleConsent()).Encode()
	if err != nil {
		f.Fatal(err)
	}
	w := sampleConsent()
	w.Withdrawn = w.Until
	withdrawn, err := signedSample(f, w).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(withdrawn)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeConsent(data)
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, wrote %q (%v)", data, again, err)
		}
	})
}

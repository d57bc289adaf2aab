package verify

import (
	"bytes"
	"errors"
	"testing"

	"tribune"
	"tribune/protocol"
)

func TestStatementMustFitLeafAndGuardian(t *testing.T) {
	l := logWithAct(t, 1, 4)
	v, err := l.trust.Receipt(l.receipt(t, 1, 4, 3, true))
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.SeedOf(l.seeds[1])
	if err != nil {
		t.Fatal(err)
	}
	subjects := []protocol.Subject{{P: tribune.Pseudonym{1}, N: 1, IDs: []tribune.Identity{{Kind: tribune.IdentitySubject, Pseudonym: tribune.Pseudonym{1}, Class: "parking-session", Day: 20000, Segment: 5}}}}
	good := protocol.Statement{Guardian: guardianNames[1], Leaf: v.LeafHash, IDs: protocol.HashIDs("birmingham.example", subjects), Epoch: 1, Time: 1}
	good.Sign(key)
	if err := l.trust.Statement(v, good); err != nil {
		t.Errorf("control: %v", err)
	}
	if err := Released(good, "birmingham.example", protocol.Private{Subjects: subjects}); err != nil {
		t.Errorf("control: %v", err)
	}
	if err := Released(good, "birmingham.example", protocol.Private{}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("other identities: got %v, want ErrInvalid", err)
	}
	for name, change := range map[string]func(*protocol.Statement){
		"unknown guardian":   func(s *protocol.Statement) { s.Guardian = "stranger.example"; s.Sign(key) },
		"another's name":     func(s *protocol.Statement) { s.Guardian = guardianNames[0]; s.Sign(key) },
		"another leaf":       func(s *protocol.Statement) { s.Leaf[0] ^= 1; s.Sign(key) },
		"altered identities": func(s *protocol.Statement) { s.IDs[0] ^= 1 },
		"altered epoch":      func(s *protocol.Statement) { s.Epoch++ },
		"altered time":       func(s *protocol.Statement) { s.Time++ },
		"no signature":       func(s *protocol.Statement) { s.Signature = nil },
	} {
		s := good
		change(&s)
		if err := l.trust.Statement(v, s); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	refusal := protocol.Refusal{Guardian: guardianNames[1], Leaf: v.LeafHash, Reason: "the mandate has expired", Time: 1}
	refusal.Sign(key)
	if err := l.trust.Refusal(v, refusal); err != nil {
		t.Errorf("control: %v", err)
	}
	refusal.Reason = "no reason"
	if err := l.trust.Refusal(v, refusal); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("altered reason: got %v, want ErrInvalid", err)
	}
}

func TestOpeningMustFitTheCommitments(t *testing.T) {
	private, err := protocol.JCS(protocol.Private{Actor: "inspector-ward", Subjects: []protocol.Subject{{P: tribune.Pseudonym{7}, N: 1, IDs: []tribune.Identity{}}}})
	if err != nil {
		t.Fatal(err)
	}
	salt, evidence := protocol.NewSalt(), tribune.Evidence{Mandate: []byte("a mandate")}
	v := &Verified{}
	v.Leaf.Act.Count = 1
	if v.Leaf.Act.Com, err = protocol.Commitment(salt, private); err != nil {
		t.Fatal(err)
	}
	if v.Leaf.Input, err = protocol.InputHash(salt, evidence); err != nil {
		t.Fatal(err)
	}
	if p, err := v.Opening(private, salt); err != nil || p.Actor != "inspector-ward" {
		t.Errorf("control: %+v, %v", p, err)
	}
	if err := v.Evidence(salt, evidence); err != nil {
		t.Errorf("control: %v", err)
	}
	if err := v.Document(private, salt); err != nil {
		t.Errorf("control: %v", err)
	}
	other := protocol.NewSalt()
	fits := map[string]error{
		"evidence under another salt": v.Evidence(other, evidence),
		"other evidence":              v.Evidence(salt, tribune.Evidence{}),
		"document under another salt": v.Document(private, other),
		"other document":              v.Document([]byte("x"), salt),
	}
	_, fits["private part under another salt"] = v.Opening(private, other)
	_, fits["other private part"] = v.Opening(bytes.Replace(private, []byte("ward"), []byte("hale"), 1), salt)
	_, fits["short salt"] = v.Opening(private, salt[1:])
	v.Leaf.Act.Count = 2
	_, fits["another count"] = v.Opening(private, salt)
	for name, err := range fits {
		if !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

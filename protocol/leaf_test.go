package protocol

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"tribune"
)

func sample() Leaf {
	return Leaf{
		Version: Version,
		Act: Act{
			ID: strings.Repeat("0a", 16), Kind: tribune.ActRead, Office: "parking-inspector", Purpose: "enforce-parking",
			Mandate: "parking-enforcement-2026", Count: 1, Recipient: bytes.Repeat([]byte{7}, 32),
			Time: Time(time.Date(2026, 11, 22, 8, 0, 0, 5e6, time.UTC)),
		},
		Decision:  tribune.Decision{Permit: true, Policies: []string{"inspector-enforces"}, Missing: []string{}},
		Signature: bytes.Repeat([]byte{9}, 64),
		Tags:      []tribune.Tag{{1, 2, 3}},
	}
}

func TestLeafRoundTrip(t *testing.T) {
	data, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeLeaf(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := got.Encode()
	if err != nil || !bytes.Equal(again, data) {
		t.Fatalf("got %s, want %s (%v)", again, data, err)
	}
}

// A leaf with two spellings would have two hashes: one on record, one shown.
func TestLeafHasOneSpelling(t *testing.T) {
	data, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, bad := range map[string]string{
		"space":          strings.Replace(text, `{"act"`, `{ "act"`, 1),
		"unknown member": strings.Replace(text, `{"act"`, `{"aaa":1,"act"`, 1),
		"repeated":       strings.Replace(text, `"version":1`, `"version":1,"version":1`, 1),
		"order":          `{"version":1,` + strings.TrimSuffix(text[1:], `,"version":1}`) + `}`,
		"upper-case tag": strings.Replace(text, `"010203`, `"01020A`, 1),
		"escape":         strings.Replace(text, `enforce`, `\u0065nforce`, 1),
		"version":        strings.Replace(text, `"version":1`, `"version":2`, 1),
		"trailing":       text + "{}",
		"time":           strings.Replace(text, `.005Z`, `.005+00:00`, 1),
		"tag too long":   strings.Replace(text, `"0102`, `"000102`, 1),
		"count":          strings.Replace(text, `"count":1`, `"count":2000`, 1),
	} {
		if _, err := DecodeLeaf([]byte(bad)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	if _, err := DecodeLeaf(data); err != nil {
		t.Errorf("the untouched leaf: %v", err)
	}
}

func TestSignatureCoversEveryMemberOfTheAct(t *testing.T) {
	pub, key, _ := ed25519.GenerateKey(nil)
	act := sample().Act
	sig, err := act.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := act.Verify(pub, sig); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	for name, change := range map[string]func(*Act){
		"com": func(a *Act) { a.Com[0] ^= 1 }, "count": func(a *Act) { a.Count++ }, "id": func(a *Act) { a.ID = strings.Repeat("0b", 16) },
		"kind": func(a *Act) { a.Kind = "decide" }, "mandate": func(a *Act) { a.Mandate += "x" }, "office": func(a *Act) { a.Office = "planner" },
		"purpose": func(a *Act) { a.Purpose = "plan-city" }, "recipient": func(a *Act) { a.Recipient = bytes.Repeat([]byte{8}, 32) }, "time": func(a *Act) { a.Time = Time(time.Unix(1, 0)) },
	} {
		changed := act
		change(&changed)
		if changed.Verify(pub, sig) == nil {
			t.Errorf("changing %s went unnoticed", name)
		}
	}
}

func TestBoxOpensOnlyForItsLeafAndEpoch(t *testing.T) {
	r, err := NewRecipient()
	if err != nil {
		t.Fatal(err)
	}
	leaf := LeafHash([]byte("leaf"))
	box, err := SealShares(r.Public(), leaf, 1, []byte("shares"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.OpenShares(box, leaf, 1); err != nil || string(got) != "shares" {
		t.Fatalf("positive control: got %q, %v", got, err)
	}
	if _, err := r.OpenShares(box, LeafHash([]byte("other")), 1); err == nil {
		t.Error("a box opened for another leaf")
	}
	if _, err := r.OpenShares(box, leaf, 2); err == nil {
		t.Error("a box opened under another share epoch")
	}
	other, _ := NewRecipient()
	if _, err := other.OpenShares(box, leaf, 1); err == nil {
		t.Error("a box opened for another recipient")
	}
	if _, err := r.OpenShares(box[:31], leaf, 1); err == nil {
		t.Error("a truncated box opened")
	}
}

func TestStatementAndRefusalCoverTheirFields(t *testing.T) {
	pub, key, _ := ed25519.GenerateKey(nil)
	s := Statement{Guardian: "court.example", Leaf: LeafHash(nil), Epoch: 1, Time: 1}
	s.Sign(key)
	if err := s.Verify(pub); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	for _, bad := range []Statement{
		{"ombudsman.example", s.Leaf, s.IDs, s.Epoch, s.Time, s.Signature}, {s.Guardian, s.IDs, s.IDs, s.Epoch, s.Time, s.Signature},
		{s.Guardian, s.Leaf, s.Leaf, s.Epoch, s.Time, s.Signature}, {s.Guardian, s.Leaf, s.IDs, 2, s.Time, s.Signature}, {s.Guardian, s.Leaf, s.IDs, s.Epoch, 2, s.Signature},
	} {
		if bad.Verify(pub) == nil {
			t.Errorf("altered statement verifies: %+v", bad)
		}
	}
	r := Refusal{Guardian: "court.example", Leaf: s.Leaf, Reason: "no", Time: 1}
	r.Sign(key)
	if err := r.Verify(pub); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	for _, bad := range []Refusal{
		{r.Guardian, r.Leaf, "yes", false, 1, r.Signature}, {r.Guardian, r.Leaf, "no", true, 1, r.Signature}, {r.Guardian, r.Leaf, "no", false, 2, r.Signature},
	} {
		if bad.Verify(pub) == nil {
			t.Errorf("altered refusal verifies: %+v", bad)
		}
	}
}

func TestGroupRefusesNumbersThatPermitASplitView(t *testing.T) {
	group := func(n, t, w int) Group {
		g := Group{City: "c", N: n, T: t, W: w}
		for i := range n {
			name := string(rune('a'+i)) + ".example"
			_, vkey, _ := NewKey(name)
			g.Guardians = append(g.Guardians, Member{Index: i + 1, Name: name, Key: vkey})
		}
		return g
	}
	for _, ok := range []Group{group(4, 2, 3), group(3, 2, 3), group(5, 3, 4), group(1, 1, 1)} {
		if err := ok.Validate(); err != nil {
			t.Errorf("n=%d t=%d w=%d: %v", ok.N, ok.T, ok.W, err)
		}
	}
	for _, bad := range []Group{group(4, 2, 2), group(4, 3, 4), group(5, 3, 3), group(4, 2, 5), group(4, 0, 3)} {
		if bad.Validate() == nil {
			t.Errorf("n=%d t=%d w=%d was accepted", bad.N, bad.T, bad.W)
		}
	}
}

func FuzzDecodeLeaf(f *testing.F) {
	data, _ := sample().Encode()
	f.Add(data)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := DecodeLeaf(data)
		if err != nil {
			return
		}
		if again, err := l.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, wrote %q (%v)", data, again, err)
		}
	})
}

func FuzzDecodePrivate(f *testing.F) {
	data, _ := JCS(Private{Actor: "a", Inputs: Inputs{Attrs: []tribune.Name{"x"}}, Subjects: []Subject{{N: 1, IDs: []tribune.Identity{{Kind: 1, Day: 3}}}}})
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodePrivate(data)
		if err != nil {
			return
		}
		if again, err := JCS(p); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, wrote %q (%v)", data, again, err)
		}
	})
}

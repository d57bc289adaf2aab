package protocol

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"time"

	"tribune"
)

// lawVector fixes the bytes of an approval and of a law's public part.
type lawVector struct {
	Seed    string       `json:"seed"` // of the guardian's key, hex
	Set     tribune.Hash `json:"set"`
	Before  tribune.Hash `json:"before"`
	Name    string       `json:"guardian"`
	Until   int64        `json:"until"`
	Message string       `json:"message"` // hex
	Public  string       `json:"public"`  // JCS of the public part of the leaf
}

func readLawVector(t testing.TB) (v lawVector, key ed25519.PrivateKey) {
	t.Helper()
	raw, err := os.ReadFile("testdata/law.json")
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	seed, errHex := hex.DecodeString(v.Seed)
	if err != nil || errHex != nil || len(seed) != ed25519.SeedSize {
		t.Fatal(err, errHex)
	}
	return v, ed25519.NewKeyFromSeed(seed)
}

func TestApprovalHasTheBytesOfTheVector(t *testing.T) {
	v, key := readLawVector(t)
	// Put together here from the specification, not by the code under test.
	want := append([]byte("tribune/v1/approve\x00"), 0, byte(len(v.Name)))
	want = append(want, v.Name...)
	want = append(append(want, v.Set[:]...), v.Before[:]...)
	for shift := 56; shift >= 0; shift -= 8 {
		want = append(want, byte(v.Until>>shift))
	}
	if hex.EncodeToString(want) != v.Message {
		t.Fatalf("the specification gives %x, the vector %s", want, v.Message)
	}
	a := Approval{Before: v.Before, Guardian: v.Name, Until: v.Until}
	a.Sign(v.Set, key)
	if !bytes.Equal(a.Signature, ed25519.Sign(key, want)) {
		t.Error("what is signed is something else")
	}
	public, err := JCS(LawPublic{Set: v.Set, Approvals: []Approval{a}, Withdraws: v.Before})
	if err != nil || string(public) != v.Public {
		t.Errorf("public part: %s, %v; want %s", public, err, v.Public)
	}
	if p, err := DecodeLawPublic([]byte(v.Public)); err != nil || p.Set != v.Set || len(p.Approvals) != 1 || p.Withdraws != v.Before {
		t.Errorf("read back: %+v, %v", p, err)
	}
	if plain, err := JCS(LawPublic{Set: v.Set}); err != nil || string(plain) != `{"set":"`+v.Set.String()+`"}` {
		t.Errorf("without approvals: %s, %v", plain, err)
	}
}

func TestApprovalCountsForWhatItSaysAlone(t *testing.T) {
	v, key := readLawVector(t)
	pub, at := key.Public().(ed25519.PublicKey), time.Unix(v.Until, 0).Add(-time.Hour)
	a := Approval{Before: v.Before, Guardian: v.Name, Until: v.Until}
	a.Sign(v.Set, key)
	if !a.Counts(v.Set, v.Before, pub, at) {
		t.Fatal("positive control")
	}
	other, _, _ := ed25519.GenerateKey(nil)
	later := a
	later.Until += 60
	renamed := a
	renamed.Guardian = "other.example"
	for name, counts := range map[string]bool{
		"another set":             a.Counts(v.Before, v.Before, pub, at),
		"in another's place":      a.Counts(v.Set, v.Set, pub, at),
		"another key":             a.Counts(v.Set, v.Before, other, at),
		"no key":                  a.Counts(v.Set, v.Before, nil, at),
		"at its end":              a.Counts(v.Set, v.Before, pub, time.Unix(v.Until, 0)),
		"more than 30 days early": a.Counts(v.Set, v.Before, pub, time.Unix(v.Until, 0).Add(-MaxApproval-time.Second)),
		"its end put off":         later.Counts(v.Set, v.Before, pub, at),
		"another guardian's name": renamed.Counts(v.Set, v.Before, pub, at),
	} {
		if counts {
			t.Errorf("%s: it counts", name)
		}
	}
}

func FuzzLawPublic(f *testing.F) {
	v, _ := readLawVector(f)
	f.Add([]byte(v.Public))
	f.Add([]byte(`{"set":"` + v.Set.String() + `"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodeLawPublic(data)
		if err != nil {
			return
		}
		if again, err := JCS(p); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%s is read, and written as %s", data, again)
		}
	})
}

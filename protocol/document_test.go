package protocol

import (
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestDocumentOpensOnlyUnderAKnownKey(t *testing.T) {
	skey, vkey, err := NewKey("birmingham.example/council")
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := note.NewSigner(skey)
	verifier, _ := note.NewVerifier(vkey)
	msg, err := SignDocument("id = \"m\"\n", signer)
	if err != nil {
		t.Fatal(err)
	}
	text, signers, err := OpenDocument(msg, note.VerifierList(verifier))
	if err != nil || text != "id = \"m\"\n" || len(signers) != 1 {
		t.Fatalf("positive control: %q %v %v", text, signers, err)
	}
	_, otherKey, _ := NewKey("birmingham.example/council")
	other, _ := note.NewVerifier(otherKey)
	if _, _, err := OpenDocument(msg, note.VerifierList(other)); err == nil {
		t.Error("opened under a key that did not sign")
	}
	changed := strings.Replace(string(msg), `"m"`, `"n"`, 1)
	if _, _, err := OpenDocument([]byte(changed), note.VerifierList(verifier)); err == nil {
		t.Error("opened after a change")
	}
	if text, sigs := SplitDocument(msg); text != "id = \"m\"\n" || !strings.Contains(sigs, "council") {
		t.Errorf("split into %q and %q", text, sigs)
	}
	key, err := SeedOf(skey)
	if err != nil {
		t.Fatal(err)
	}
	name, pub, err := PublicOf(vkey)
	if err != nil || name != "birmingham.example/council" || !pub.Equal(key.Public()) {
		t.Errorf("key pair does not fit: %s %v", name, err)
	}
}

func FuzzOpenDocument(f *testing.F) {
	skey, vkey, _ := NewKey("a")
	signer, _ := note.NewSigner(skey)
	verifier, _ := note.NewVerifier(vkey)
	msg, _ := SignDocument("x\n", signer)
	f.Add(msg)
	f.Fuzz(func(t *testing.T, data []byte) {
		if text, _, err := OpenDocument(data, note.VerifierList(verifier)); err == nil && text != "x\n" {
			t.Fatalf("opened a text nobody signed: %q", text)
		}
		SplitDocument(data)
		SeedOf(string(data))
		PublicOf(string(data))
	})
}

func TestOnePlateHasOneSpelling(t *testing.T) {
	for _, s := range []string{"QX16 KLM", "qx16klm", " QX16-KLM\t"} {
		if got := NormalName("plate", s); got != "QX16KLM" {
			t.Errorf("NormalName(plate, %q) = %q", s, got)
		}
	}
	if got := NormalName("entity", "urn:x:Y z"); got != "urn:x:Y z" {
		t.Errorf("NormalName(entity) = %q", got)
	}
}

package protocol

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
)

func publication() Publication {
	return Publication{File: tribune.Hash{1}, Method: "gradient+noise:0.5", Model: "parking-demand", ModelHash: tribune.Hash{2}, Size: 10, Type: PublishedJSON, Verdict: []byte("{}\n"), Version: 1}
}

// The vectors were computed by Python's hashlib and json.
func TestPublicationVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/publication.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Public, Note, Verdict, Hash string }
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	got, err := publication().Encode()
	if err != nil || string(got) != v.Public {
		t.Errorf("public part %s, want %s (%v)", got, v.Public, err)
	}
	if got := PublicationNote(got); got != v.Note {
		t.Errorf("note %q, want %q", got, v.Note)
	}
	verdict, err := ParseVerdictText(v.Verdict)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := VerdictText(verdict); err != nil || text != v.Verdict {
		t.Errorf("what is signed: %q, want %q (%v)", text, v.Verdict, err)
	}
	if hash, err := verdict.Hash(); err != nil || hash.String() != v.Hash {
		t.Errorf("hash %s, want %s", hash, v.Hash)
	}
}

func TestPublicationHasOneSpellingAndNoPlaceForWords(t *testing.T) {
	for name, spoil := range map[string]func(*Publication){
		"another version":       func(p *Publication) { p.Version = 2 },
		"no model":              func(p *Publication) { p.Model = "" },
		"a model with words":    func(p *Publication) { p.Model = "parking demand of Mrs Smith" },
		"no method":             func(p *Publication) { p.Method = "" },
		"a method with lines":   func(p *Publication) { p.Method = "gradient\nlime" },
		"a method that is text": func(p *Publication) { p.Method = strings.Repeat("a", maxMethod+1) },
		"an empty file":         func(p *Publication) { p.Size = 0 },
		"a large file":          func(p *Publication) { p.Size = MaxPublished + 1 },
		"a script":              func(p *Publication) { p.Type = "text/javascript" },
		"no verdict":            func(p *Publication) { p.Verdict = nil },
		"a long verdict":        func(p *Publication) { p.Verdict = make([]byte, MaxVerdictDoc+1) },
	} {
		p := publication()
		if _, err := p.Encode(); err != nil {
			t.Fatal(err)
		}
		spoil(&p)
		if _, err := p.Encode(); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
	good, err := publication().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{" " + string(good), string(good) + "\n", strings.Replace(string(good), `"size":10`, `"size":1e1`, 1), strings.Replace(string(good), `{`, `{"title":"x",`, 1)} {
		if _, err := DecodePublication([]byte(bad)); err == nil {
			t.Errorf("a second spelling was read: %s", bad)
		}
	}
}

// A verdict is JSON in a signed note: it must not be taken for a JWS in JSON, nor a JWS for a note.
func TestSignedVerdictIsANote(t *testing.T) {
	skey, vkey, err := NewKey("auditor.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v := ModelVerdict{Version: 1, Model: tribune.Hash{1}, Explanations: []string{"lime"}, Worst: map[string]float64{}, From: 1, Until: 2}
	text, err := VerdictText(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := SignDocument(text, signer)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseDocumentKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := OpenSigned(doc, key); err != nil || got != text {
		t.Errorf("read %q (%v), want %q", got, err, text)
	}
	if got, signatures := SplitDocument(doc); got != text || !strings.Contains(signatures, "auditor.example") {
		t.Errorf("split into %q and %q", got, signatures)
	}
	seed, err := SeedOf(skey)
	if err != nil {
		t.Fatal(err)
	}
	if !key.Is(seed.Public().(ed25519.PublicKey)) || key.Is(make(ed25519.PublicKey, 32)) || !key.SameKey(key) || key.SameKey(DocumentKey{}) {
		t.Error("keys are told apart by something else than what they are")
	}
}

func FuzzPublication(f *testing.F) {
	good, err := publication().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePublication(b)
		if err != nil {
			return
		}
		if again, err := p.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q has another spelling: %q (%v)", b, again, err)
		}
	})
}

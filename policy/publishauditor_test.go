package policy_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// verifierOf is the public key of a note secret key, as city.toml names it.
func verifierOf(t *testing.T, skey string) string {
	t.Helper()
	key, err := protocol.SeedOf(skey)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := note.NewEd25519VerifierKey(strings.Split(skey, "+")[2], key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return vkey
}

// An auditor whose key was stolen is replaced, or its models are taken off the register: what it signed before carries nothing from then on, and what stands
// published by it is taken down at the next look.
func TestVerdictOfAnAuditorWhoWasReplacedCarriesNothing(t *testing.T) {
	d := newDemo(t)
	old := load(t, d.files, d.trust)
	doc := signVerdict(t, audited(), d.auditor)
	p := tribune.Publication{Model: "parking-demand", Hash: tribune.Hash{1}, Method: "lime", File: tribune.Hash{9}, Verdict: doc}
	if missing := old.Publishable(p, now); len(missing) > 0 {
		t.Fatal(missing)
	}
	other, _, err := protocol.NewKey("birmingham.example/model-auditor")
	if err != nil {
		t.Fatal(err)
	}
	rekeyed := load(t, d.amended(t, policy.FileCity, verifierOf(t, d.auditor), verifierOf(t, other)), d.trust)
	if missing := rekeyed.Publishable(p, now); !strings.Contains(strings.Join(missing, "\n"), "nobody has signed it") {
		t.Errorf("a new key under the same name: %q", missing)
	}
	if ok, _ := policy.Tightens(old, rekeyed); ok {
		t.Error("a new key of the auditor counts at once")
	}
	second, _, err := protocol.NewKey("birmingham.example/second-auditor")
	if err != nil {
		t.Fatal(err)
	}
	files := d.amended(t, policy.FileCity, "", "\n[[signer]]\nkey = \""+verifierOf(t, second)+"\"\nsigns = [\"verdicts\"]\n")
	two := load(t, files, d.trust)
	p.Verdict = signVerdict(t, audited(), second)
	if missing := two.Publishable(p, now); !strings.Contains(strings.Join(missing, "\n"), "is audited by") {
		t.Errorf("an auditor of other models: %q", missing)
	}
	p.Verdict = doc
	if missing := two.Publishable(p, now.AddDate(2, 0, 0)); !strings.Contains(strings.Join(missing, "\n"), "entry of model parking-demand ended") {
		t.Errorf("after the entry's end: %q", missing)
	}
}

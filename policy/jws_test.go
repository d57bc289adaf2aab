package policy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune/policy"
	"tribune/protocol"
)

// seal is a court that signs as JWS: with a bare key, or under a certificate.
type seal struct {
	signer    *protocol.JWSSigner
	jwk, cert string
}

func newSeal(t *testing.T, name string, certified bool) seal {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var s seal
	if certified {
		template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Court"}, NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(1, 0, 0)}
		raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		s.cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	}
	if s.signer, err = protocol.NewJWSSigner(name, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), s.cert); err != nil {
		t.Fatal(err)
	}
	if s.jwk, err = s.signer.JWK(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s seal) sign(t *testing.T, text string, at time.Time) []byte {
	doc, err := s.signer.Sign(text, at)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestMandateByJWSCountsAsItsIssuerIsPinned(t *testing.T) {
	d := newDemo(t)
	bare, certified := newSeal(t, "court.example/bare", false), newSeal(t, "court.example/seal", true)
	stranger := newSeal(t, "court.example/bare", false)
	d.files = d.amended(t, "city.toml", "", fmt.Sprintf("\n[[signer]]\njwk = '%s'\nsigns = [\"mandates\"]\n\n[[signer]]\nname = \"court.example/seal\"\ncertificate = \"\"\"\n%s\"\"\"\nsigns = [\"mandates\"]\npurposes = [\"enforce-parking\"]\n", bare.jwk, certified.cert))
	set := load(t, d.files, d.trust)
	act, evidence := d.lookup()
	text, _ := protocol.SplitDocument(evidence.Mandate)
	issued := func(issuer, purpose string) string {
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			if strings.HasPrefix(line, "issuer") {
				lines[i] = fmt.Sprintf("issuer = %q", issuer)
			}
			if strings.HasPrefix(line, "purpose ") {
				lines[i] = fmt.Sprintf("purpose = %q", purpose)
			}
		}
		return strings.Join(lines, "\n")
	}
	for name, c := range map[string]struct {
		doc    []byte
		permit bool
	}{
		"with a bare key":                             {bare.sign(t, issued("court.example/bare", "enforce-parking"), now), true},
		"under a certificate":                         {certified.sign(t, issued("court.example/seal", "enforce-parking"), now), true},
		"under a certificate that had not begun":      {certified.sign(t, issued("court.example/seal", "enforce-parking"), now.AddDate(-1, 0, 0)), false},
		"by a stranger of that name":                  {stranger.sign(t, issued("court.example/bare", "enforce-parking"), now), false},
		"by one issuer in another's name":             {certified.sign(t, issued("court.example/bare", "enforce-parking"), now), false},
		"for a purpose that issuer may not serve":     {certified.sign(t, issued("court.example/seal", "plan-city"), now), false},
		"by an issuer who may sign no mandates":       {[]byte(`{"payload":"","signatures":[]}`), false},
		"the note of before, whose issuer is council": {evidence.Mandate, true},
	} {
		evidence.Mandate = c.doc
		if got := set.Decide(act, evidence); got.Permit != c.permit {
			t.Errorf("%s: permit %v, missing %q", name, got.Permit, got.Missing)
		}
	}
}

func TestStewardAndCouncilMayBePinnedAsJWK(t *testing.T) {
	d := newDemo(t)
	signer, err := protocol.NewJWSSigner("", d.steward, "")
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := signer.JWK()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := protocol.SplitDocument(d.files["city.toml"])
	city := strings.Replace(text, fmt.Sprintf("key = %q", d.trust.Steward), fmt.Sprintf("jwk = '%s'", jwk), 1)
	if city == text {
		t.Fatal("city.toml does not list the steward's key")
	}
	for name := range d.files {
		if text, _ := protocol.SplitDocument(d.files[name]); name != "city.toml" {
			d.files[name], err = signer.Sign(text, now)
		} else {
			d.files[name], err = signer.Sign(city, now)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := policy.Load(d.files, d.trust); err == nil {
		t.Error("the set lists another key for the steward than the one that is pinned, and loads")
	}
	d.trust.Steward = jwk
	set := load(t, d.files, d.trust)
	if again, err := policy.Load(set.Files(), d.trust); err != nil || again.Hash() != set.Hash() {
		t.Errorf("loaded again: %v", err)
	}
	d.files["offices.toml"] = append(d.files["offices.toml"][:40:40], d.files["offices.toml"][41:]...)
	if _, err := policy.Load(d.files, d.trust); err == nil {
		t.Error("a set with a byte less loads")
	}
}

func TestSignerWithMoreOrLessThanOneKeyIsRefused(t *testing.T) {
	d := newDemo(t)
	s := newSeal(t, "court.example/seal", true)
	for name, entry := range map[string]string{
		"none":                        `name = "court.example/x"`,
		"two":                         fmt.Sprintf("key = %q\njwk = '%s'", d.trust.Council, s.jwk),
		"a certificate without name":  fmt.Sprintf("certificate = \"\"\"\n%s\"\"\"", s.cert),
		"a JWK with a name besides":   fmt.Sprintf("name = \"x\"\njwk = '%s'", s.jwk),
		"a JWK as note key":           fmt.Sprintf("key = '%s'", s.jwk),
		"a private JWK":               fmt.Sprintf("jwk = '%s'", strings.Replace(s.jwk, "{", `{"d":"AAAA",`, 1)),
		"a certificate and something": fmt.Sprintf("name = \"x\"\ncertificate = \"\"\"\n%s%s\"\"\"", s.cert, s.cert),
	} {
		files := d.amended(t, "city.toml", "", "\n[[signer]]\n"+entry+"\nsigns = [\"mandates\"]\n")
		if _, err := policy.Load(files, d.trust); err == nil {
			t.Errorf("%s: it loads", name)
		}
	}
}

func TestCheckExplainsWhatIsWrongWithAJWS(t *testing.T) {
	d := newDemo(t)
	path := filepath.Join(d.dir, "offices.toml")
	if err := os.WriteFile(path, []byte(`{"payload":"AAAA","signatures":[{"protected":"eyJhbGciOiJub25lIn0","signature":""}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range policy.CheckAt(d.dir, now) {
		if f.File == "offices.toml" && strings.Contains(f.What, "alg is not EdDSA or ES256") {
			return
		}
	}
	t.Error("nothing says that its alg is none")
}

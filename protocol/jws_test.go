package protocol

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"tribune"
)

// jwsVectors are documents that another implementation has signed.
type jwsVectors struct {
	Text      string            `json:"text"`
	Keys      map[string]string `json:"keys"`
	Documents map[string]string `json:"documents"`
}

func readJWSVectors(t testing.TB) (v jwsVectors, ed, ec, cert DocumentKey) {
	t.Helper()
	raw, err := os.ReadFile("testdata/jws.json")
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	if ed, err = ParseDocumentKey(v.Keys["ed"]); err != nil {
		t.Fatal(err)
	}
	if ec, err = ParseDocumentKey(v.Keys["ec"]); err != nil {
		t.Fatal(err)
	}
	if cert, err = ParseCertificate("court.example/seal", v.Keys["certificate"]); err != nil {
		t.Fatal(err)
	}
	return v, ed, ec, cert
}

func TestJWSMadeByOthersIsRead(t *testing.T) {
	v, ed, ec, cert := readJWSVectors(t)
	want := map[string][]string{
		"compact EdDSA, JWK": {ed.Name}, "compact ES256, JWK, no kid": {ec.Name},
		"general ES256, certificate, sigT in crit": {cert.Name}, "flattened ES256, certificate, iat": {cert.Name},
		"general, two signers": {ed.Name, ec.Name},
	}
	if len(v.Documents) != len(want) {
		t.Fatalf("%d vectors, want %d", len(v.Documents), len(want))
	}
	for name, doc := range v.Documents {
		text, signers, err := OpenSigned([]byte(doc), ed, ec, cert)
		if err != nil || text != v.Text || !slices.Equal(signers, want[name]) {
			t.Errorf("%s: signers %v, %v; want %v", name, signers, err, want[name])
		}
		if text, signed := SplitDocument([]byte(doc)); text != v.Text || signed == "" {
			t.Errorf("%s: its text is not found without its signature", name)
		}
		for i := range 60 { // every altered byte shows
			at := i * len(doc) / 60
			altered := []byte(doc)
			altered[at] ^= 1
			if got, signers, err := OpenSigned(altered, ed, ec, cert); err == nil && (got != v.Text || len(signers) >= len(want[name])) {
				t.Errorf("%s: byte %d altered and still signed by %v", name, at, signers)
			}
		}
	}
}

// jwsWorld makes JWS by hand, so that it can make wrong ones.
type jwsWorld struct {
	t   testing.TB
	key ed25519.PrivateKey
	pin DocumentKey
}

func newJWSWorld(t testing.TB) jwsWorld {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := ParseJWK(`{"kty":"OKP","crv":"Ed25519","kid":"court.example","x":"` + base64.RawURLEncoding.EncodeToString(pub) + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	return jwsWorld{t, key, pin}
}

func (w jwsWorld) compact(head, payload string) string {
	p := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return p + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(w.key, []byte(p)))
}

func TestJWSThatIsNotInTheProfileIsRefused(t *testing.T) {
	w := newJWSWorld(t)
	const text, good = "law = 1\n", `{"alg":"EdDSA","iat":1795000000}`
	if _, _, err := OpenSigned([]byte(w.compact(good, text)), w.pin); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	if _, _, err := OpenSigned([]byte(w.compact(`{"alg":"EdDSA","iat":1795000000,"b64":true,"crit":["b64"]}`, text)), w.pin); err != nil {
		t.Fatalf("positive control, b64 true: %v", err)
	}
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	own := `{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(other.Public().(ed25519.PublicKey)) + `"}`
	forger := jwsWorld{t, other, w.pin}
	one := strings.Split(w.compact(good, text), ".")
	jsonForm := func(members string) string { return `{"payload":"` + one[1] + `",` + members + `}` }
	sig := `"protected":"` + one[0] + `","signature":"` + one[2] + `"`
	if _, _, err := OpenSigned([]byte(jsonForm(sig)), w.pin); err != nil {
		t.Fatalf("positive control, flattened: %v", err)
	}
	for name, doc := range map[string]string{
		"alg none":                       strings.Join([]string{base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","iat":1795000000}`)), one[1], ""}, "."),
		"alg HS256 by the public key":    w.compact(`{"alg":"HS256","iat":1795000000}`, text),
		"alg in capitals beside alg":     w.compact(`{"alg":"EdDSA","ALG":"none","iat":1795000000}`, text),
		"alg twice":                      w.compact(`{"alg":"none","alg":"EdDSA","iat":1795000000}`, text),
		"no alg":                         w.compact(`{"iat":1795000000}`, text),
		"another key, embedded":          forger.compact(`{"alg":"EdDSA","iat":1795000000,"jwk":`+own+`}`, text),
		"embedded, by the right key":     w.compact(`{"alg":"EdDSA","iat":1795000000,"jwk":`+own+`}`, text),
		"key by URL":                     w.compact(`{"alg":"EdDSA","iat":1795000000,"jku":"https://evil.example/keys"}`, text),
		"certificate by URL":             w.compact(`{"alg":"EdDSA","iat":1795000000,"x5u":"https://evil.example/c"}`, text),
		"a certificate where none is":    w.compact(`{"alg":"EdDSA","iat":1795000000,"x5c":["AAAA"]}`, text),
		"another's kid":                  w.compact(`{"alg":"EdDSA","iat":1795000000,"kid":"steward"}`, text),
		"b64 false":                      w.compact(`{"alg":"EdDSA","iat":1795000000,"b64":false,"crit":["b64"]}`, text),
		"b64 not in crit":                w.compact(`{"alg":"EdDSA","iat":1795000000,"b64":true}`, text),
		"crit unknown":                   w.compact(`{"alg":"EdDSA","iat":1795000000,"crit":["exp"]}`, text),
		"crit names what is not there":   w.compact(`{"alg":"EdDSA","iat":1795000000,"crit":["sigT"]}`, text),
		"crit names what RFC 7515 has":   w.compact(`{"alg":"EdDSA","iat":1795000000,"crit":["alg"]}`, text),
		"crit empty":                     w.compact(`{"alg":"EdDSA","iat":1795000000,"crit":[]}`, text),
		"crit null":                      w.compact(`{"alg":"EdDSA","iat":1795000000,"crit":null}`, text),
		"crit twice the same":            w.compact(`{"alg":"EdDSA","sigT":"2026-11-22T18:00:00Z","crit":["sigT","sigT"]}`, text),
		"no signing time":                w.compact(`{"alg":"EdDSA"}`, text),
		"two signing times":              w.compact(`{"alg":"EdDSA","iat":1795000000,"sigT":"2026-11-22T18:00:00Z"}`, text),
		"signing time without zone":      w.compact(`{"alg":"EdDSA","sigT":"2026-11-22T18:00:00"}`, text),
		"iat a text":                     w.compact(`{"alg":"EdDSA","iat":"1795000000"}`, text),
		"unknown header":                 w.compact(`{"alg":"EdDSA","iat":1795000000,"admin":true}`, text),
		"header is a list":               w.compact(`["alg"]`, text),
		"detached payload":               w.compact(good, ""),
		"control characters":             w.compact(good, "a\x00b"),
		"no UTF-8":                       w.compact(good, "a\xff\n"),
		"forged":                         forger.compact(good, text),
		"four parts":                     w.compact(good, text) + ".AAAA",
		"padding":                        w.compact(good, text) + "=",
		"another spelling of base64url":  one[0] + "." + one[1] + "." + one[2][:len(one[2])-1] + "_",
		"unprotected header":             jsonForm(sig + `,"header":{"kid":"x"}`),
		"both forms":                     jsonForm(sig + `,"signatures":[{` + sig + `}]`),
		"payload twice":                  jsonForm(`"payload":"` + one[1] + `",` + sig),
		"signatures empty":               jsonForm(`"signatures":[]`),
		"a signature without protection": jsonForm(`"signatures":[{"signature":"` + one[2] + `"}]`),
		"more behind it":                 jsonForm(sig) + `{}`,
		"unknown member":                 jsonForm(sig + `,"etsiU":[]`),
	} {
		if _, signers, err := OpenSigned([]byte(doc), w.pin); err == nil || !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: signed by %v, %v; want it refused", name, signers, err)
		}
	}
}

func TestJWSByACertificateFitsThePinnedOne(t *testing.T) {
	v, _, ec, cert := readJWSVectors(t)
	doc := []byte(v.Documents["flattened ES256, certificate, iat"])
	if _, _, err := OpenSigned(doc, cert); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	if _, _, err := OpenSigned(doc, ec); err == nil {
		t.Error("the same key, pinned as JWK: a named certificate counts")
	}
	if _, _, err := OpenSigned([]byte(v.Documents["compact ES256, JWK, no kid"]), cert); err == nil {
		t.Error("without x5t#S256 a certificate's key counts")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pemKey := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if _, err := NewJWSSigner("court.example/seal", pemKey, v.Keys["certificate"]); err == nil {
		t.Error("a key signs under another key's certificate")
	}
}

// Ours is read by go-jose, and go-jose's by us.
func TestJWSAgreesWithGoJose(t *testing.T) {
	skey, vkey, err := NewKey("city.example/steward")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewJWSSigner("", skey, "")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := signer.Sign("law = 1\n", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	seed, err := SeedOf(skey)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := jose.ParseSigned(string(doc), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, payload, err := theirs.VerifyMulti(seed.Public()); err != nil || string(payload) != "law = 1\n" {
		t.Errorf("go-jose reads %q, %v", payload, err)
	}
	pin, err := ParseDocumentKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if text, signers, err := OpenSigned(doc, pin); err != nil || text != "law = 1\n" || !slices.Equal(signers, []string{"city.example/steward"}) {
		t.Errorf("we read %q by %v, %v", text, signers, err)
	}
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: seed}, (&jose.SignerOptions{}).WithHeader("iat", time.Now().Unix()))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign([]byte("law = 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{compact, compact + "\n", signed.FullSerialize()} {
		if text, _, err := OpenSigned([]byte(doc), pin); err != nil || text != "law = 2\n" {
			t.Errorf("go-jose's is read as %q, %v", text, err)
		}
	}
}

func TestPinnedKeyThatCannotBeOneIsRefused(t *testing.T) {
	v, ed, _, _ := readJWSVectors(t)
	if again, err := ParseJWK(ed.Text); err != nil || again.Text != ed.Text {
		t.Errorf("a JWK's one spelling is %q, %v", again.Text, err)
	}
	for name, text := range map[string]string{
		"private":       strings.Replace(v.Keys["ed"], `{`, `{"d":"AAAA",`, 1),
		"no name":       strings.Replace(v.Keys["ed"], `city.example/steward`, ``, 1),
		"name of two":   strings.Replace(v.Keys["ed"], `city.example/steward`, `a b`, 1),
		"other curve":   strings.Replace(v.Keys["ed"], `Ed25519`, `X25519`, 1),
		"RSA":           `{"kty":"RSA","kid":"a","n":"AAAA","e":"AQAB"}`,
		"off the curve": `{"kty":"EC","crv":"P-256","kid":"a","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`,
		"twice":         strings.Replace(v.Keys["ed"], `{`, `{"kid":"other",`, 1),
		"other alg":     strings.Replace(v.Keys["ed"], `{`, `{"alg":"ES256",`, 1),
		"for secrets":   strings.Replace(v.Keys["ed"], `{`, `{"use":"enc",`, 1),
		"no key":        "hello",
	} {
		if key, err := ParseDocumentKey(text); err == nil {
			t.Errorf("%s: taken as %s", name, key.Text)
		}
	}
}

func FuzzJWS(f *testing.F) {
	v, ed, ec, cert := readJWSVectors(f)
	for _, doc := range v.Documents {
		f.Add([]byte(doc))
	}
	f.Add([]byte(`{"payload":"","signatures":[{}]}`))
	f.Add([]byte(`eyJ.eyJ.`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		text, signers, err := OpenSigned(doc, ed, ec, cert)
		if err == nil && (text != v.Text || len(signers) == 0) {
			t.Fatalf("%q is signed by %v", text, signers)
		}
		SplitDocument(doc)
		SignerNames(doc)
		ExplainDocument(doc)
	})
}

package senml

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/veraison/go-cose"
)

func key(t testing.TB, seed byte) ed25519.PrivateKey {
	t.Helper()
	b := make([]byte, ed25519.SeedSize)
	b[0] = seed
	return ed25519.NewKeyFromSeed(b)
}

// seal makes a COSE_Sign1; change may alter it before it is signed.
func seal(t testing.TB, key ed25519.PrivateKey, payload string, change func(*cose.Sign1Message)) []byte {
	t.Helper()
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, key)
	if err != nil {
		t.Fatal(err)
	}
	m := cose.NewSign1Message()
	m.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	m.Payload = []byte(payload)
	if change != nil {
		change(m)
	}
	if err := m.Sign(nil, nil, signer); err != nil {
		t.Fatal(err)
	}
	b, err := m.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	packJSON = `[{"n":"a","v":1,"t":1795341600}]`
	packCBOR = "\x81\xa3\x00\x61a\x02\x01\x06\x1a\x6b\x02\xbd\x20"
)

func TestSignedPacksOfBothKindsAreRead(t *testing.T) {
	k := key(t, 1)
	public := k.Public().(ed25519.PublicKey)
	set := func(v any) func(*cose.Sign1Message) {
		return func(m *cose.Sign1Message) { m.Headers.Protected[cose.HeaderLabelContentType] = v }
	}
	for name, body := range map[string][]byte{
		"JSON": seal(t, k, packJSON, nil), "CBOR": seal(t, k, packCBOR, nil), "JSON, typed": seal(t, k, packJSON, set(uint64(110))),
		"CBOR, typed": seal(t, k, packCBOR, set(uint64(112))), "JSON, typed in words": seal(t, k, packJSON, set("application/senml+json")),
		"untagged": seal(t, k, packJSON, nil)[1:],
	} {
		var p Pack
		if err := p.ParseCOSE(body, public); err != nil || len(p.Records) != 1 || string(p.Records[0].Name) != "a" {
			t.Errorf("%s: %v, %d records", name, err, len(p.Records))
		}
	}
}

func TestForgedEnvelopesAreRefused(t *testing.T) {
	k := key(t, 1)
	public := k.Public().(ed25519.PublicKey)
	good := seal(t, k, packJSON, nil)
	swapped := []byte(strings.Replace(string(good), `"v":1`, `"v":2`, 1))
	for name, body := range map[string][]byte{
		"another device's signature": seal(t, key(t, 2), packJSON, nil),
		"payload changed":            swapped,
		"not signed at all":          []byte(packJSON),
		"empty":                      nil,
		"cut off":                    good[:len(good)-1],
		"bytes after":                append(good[:len(good):len(good)], 0),
		"CBOR said to be JSON":       seal(t, k, packCBOR, func(m *cose.Sign1Message) { m.Headers.Protected[cose.HeaderLabelContentType] = uint64(110) }),
		"JSON said to be CBOR":       seal(t, k, packJSON, func(m *cose.Sign1Message) { m.Headers.Protected[cose.HeaderLabelContentType] = uint64(112) }),
		"a critical header": seal(t, k, packJSON, func(m *cose.Sign1Message) {
			m.Headers.Protected[cose.HeaderLabelCritical] = []any{"x"}
			m.Headers.Protected["x"] = int64(1)
		}),
		"no records": seal(t, k, `[]`, nil),
	} {
		var p Pack
		if err := p.ParseCOSE(body, public); err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), "1795341600") {
			t.Errorf("%s: the error quotes the message: %v", name, err)
		}
	}
}

// An algorithm that only the unprotected header names could be swapped on the way.
func TestAlgorithmMustBeProtected(t *testing.T) {
	k := key(t, 1)
	var m cose.Sign1Message
	if err := m.UnmarshalCBOR(seal(t, k, packJSON, nil)); err != nil {
		t.Fatal(err)
	}
	m.Headers.RawProtected = []byte{0x40}
	m.Headers.Protected = cose.ProtectedHeader{}
	m.Headers.Unprotected = cose.UnprotectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA}
	body, err := m.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	var p Pack
	if err := p.ParseCOSE(body, k.Public().(ed25519.PublicKey)); err == nil {
		t.Error("taken")
	}
}

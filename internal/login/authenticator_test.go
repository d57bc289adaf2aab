package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type authenticator struct {
	t       testing.TB
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	count   uint32
	origin  string
	rp      string
	noUser  bool // did not verify its user
	foreign bool // says that it was used inside another site's frame
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authenticator) data(attested []byte) []byte {
	rp := sha256.Sum256([]byte(a.rp))
	flags := byte(0x01 | 0x04)
	if a.noUser {
		flags = 0x01
	}
	if attested != nil {
		flags |= 0x40
	}
	out := append(rp[:], flags)
	out = binary.BigEndian.AppendUint32(out, a.count)
	return append(out, attested...)
}

func (a *authenticator) client(kind, challenge string) []byte {
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": a.foreign})
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

func (a *authenticator) create(options string) map[string]any {
	a.t.Helper()
	var o struct {
		PublicKey struct {
			Challenge string
			User      struct{ ID string }
			RP        struct{ ID string }
		}
	}
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		a.t.Fatal(err)
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		a.t.Fatal(err)
	}
	if a.id == nil {
		a.id = randomBytes(32)
	}
	if a.handle, err = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID); err != nil {
		a.t.Fatal(err)
	}
	if a.rp == "" {
		a.rp = o.PublicKey.RP.ID
	}
	point, err := a.key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		a.t.Fatal(err)
	}
	attested := append(make([]byte, 16), binary.BigEndian.AppendUint16(nil, uint16(len(a.id)))...)
	attested = append(append(attested, a.id...), cose...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.data(attested)})
	if err != nil {
		a.t.Fatal(err)
	}
	return map[string]any{
		"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}},
		"response": map[string]any{"clientDataJSON": b64(a.client("webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64(object), "transports": []string{"internal"}},
	}
}

func (a *authenticator) get(options string) map[string]any {
	a.t.Helper()
	var o struct{ PublicKey struct{ Challenge string } }
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		a.t.Fatal(err)
	}
	if a.count > 0 {
		a.count++
	}
	client, data := a.client("webauthn.get", o.PublicKey.Challenge), a.data(nil)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte(nil), data...), sum[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return map[string]any{
		"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(sig), "userHandle": b64(a.handle)},
	}
}

func (b *browser) authenticator() *authenticator {
	return &authenticator{t: b.t, origin: b.hub.url, count: 1}
}

func (b *browser) json(path, csrf string, v any) response {
	b.t.Helper()
	text := []byte{}
	if v != nil {
		var err error
		if text, err = json.Marshal(v); err != nil {
			b.t.Fatal(err)
		}
	}
	header := map[string]string{"Content-Type": "application/json", "Origin": b.hub.url}
	if csrf != "" {
		header["Tribune-CSRF"] = csrf
	}
	return b.do("POST", path, header, string(text))
}

func (b *browser) addPasskey(a *authenticator, label string) response {
	b.t.Helper()
	csrf := b.account().Session.CSRF
	begun := b.json("/account/passkeys/begin", csrf, nil)
	if begun.StatusCode != http.StatusOK {
		return begun
	}
	credential := a.create(begun.body)
	credential["label"] = label
	return b.json("/account/passkeys/finish", csrf, credential)
}

func (b *browser) passkeyLogin(a *authenticator, change func(map[string]any)) response {
	b.t.Helper()
	begun := b.json("/login/passkey/begin", "", map[string]string{"return": "/account"})
	if begun.StatusCode != http.StatusOK {
		return begun
	}
	answer := a.get(begun.body)
	if change != nil {
		change(answer)
	}
	return b.json("/login/passkey/finish", "", answer)
}

func respond(answer map[string]any) map[string]any { return answer["response"].(map[string]any) }

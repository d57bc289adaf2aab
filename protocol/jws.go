package protocol

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"tribune"
)

// A document may be a JSON Web Signature (RFC 7515) by its issuer instead of a signed note: the profile of ETSI TS 119 182-1 (JAdES)
// at baseline level B, which courts' software writes. Threat: whoever brings a document chooses every byte of it, so nothing in it says
// whom to trust. The key is pinned beforehand (DocumentKey); a header can only agree with it. What this profile leaves out is refused:
//
//   - serialization: compact, general or flattened JSON; one spelling of base64url, no member twice, none that is unknown
//   - alg EdDSA (Ed25519) or ES256, as the pinned key is; never none, never one that the key does not fit
//   - exactly one signing time, iat (seconds) or sigT (RFC 3339, UTC), and with a certificate within its validity
//   - x5t#S256 where a certificate is pinned, and x5c, if it is there, beginning with that certificate; neither where none is pinned
//   - crit names what is understood here, present, once: sigT, and b64 where it is true
//   - no unprotected header, no jwk, jku or x5u, no b64 = false, no detached payload

// Bounds of a JWS.
const (
	maxJWSSignatures = 8
	maxJWSHeader     = 16 << 10
	maxJWSCerts      = 8
)

// What an alg is called.
const (
	algEdDSA = "EdDSA"
	algES256 = "ES256"
)

// jwsDoc is a JWS as it was brought, taken apart and not verified.
type jwsDoc struct {
	payload    string // base64url
	text       string
	signatures []jwsSignature
}

type jwsSignature struct {
	protected string // base64url
	signature []byte
	head      jwsHeader
}

// jwsHeader is what a protected header may say.
type jwsHeader struct {
	Alg     string    `json:"alg"`
	Kid     string    `json:"kid"`
	Typ     string    `json:"typ"`
	Cty     string    `json:"cty"`
	IAT     *int64    `json:"iat"`
	SigT    *string   `json:"sigT"`
	X5tS256 *string   `json:"x5t#S256"`
	X5c     [][]byte  `json:"x5c"`
	Crit    *[]string `json:"crit"`
	B64     *bool     `json:"b64"`
	SigPId  any       `json:"sigPId"` // the policy under which the issuer signs: theirs, not ours
}

// isJWS tells the two kinds of document apart: no TOML and no Cedar begins with a brace or is three words of base64url. A note's text may be JSON
// (a model's verdict); it ends in signature lines, which no JSON can.
func isJWS(msg []byte) bool {
	if bytes.HasPrefix(msg, []byte("{")) {
		return !bytes.Contains(msg, []byte("\n\n— "))
	}
	return bytes.HasPrefix(msg, []byte("eyJ")) && bytes.Count(msg, []byte(".")) == 2 && !bytes.ContainsAny(bytes.TrimSuffix(msg, []byte("\n")), " \t\r\n")
}

// readJWS takes a JWS apart, strictly.
func readJWS(msg []byte) (jwsDoc, error) {
	if len(msg) > MaxDocument {
		return jwsDoc{}, fmt.Errorf("document of %d bytes: %w", len(msg), tribune.ErrTooLarge)
	}
	var d jwsDoc
	var err error
	if bytes.HasPrefix(msg, []byte("{")) {
		err = d.fromJSON(msg)
	} else {
		parts := strings.Split(strings.TrimSuffix(string(msg), "\n"), ".")
		if len(parts) != 3 {
			return d, jwsError("it has not three parts")
		}
		d.payload = parts[1]
		err = d.add(parts[0], parts[2])
	}
	if err != nil {
		return d, err
	}
	text, err := unbase64url(d.payload)
	if err != nil || len(text) == 0 {
		return d, jwsError("its payload is detached, or not base64url in its one spelling")
	}
	if !plainText(text) {
		return d, jwsError("its payload is no plain text")
	}
	d.text = string(text)
	return d, nil
}

func (d *jwsDoc) fromJSON(msg []byte) error {
	var all struct {
		Payload    *string `json:"payload"`
		Protected  *string `json:"protected"`
		Signature  *string `json:"signature"`
		Signatures []struct {
			Protected *string `json:"protected"`
			Signature *string `json:"signature"`
		} `json:"signatures"`
	}
	if err := strictJSON(msg, &all); err != nil {
		return err
	}
	flattened := all.Protected != nil && all.Signature != nil
	if all.Payload == nil || flattened == (all.Signatures != nil) || !flattened && (all.Protected != nil || all.Signature != nil) {
		return jwsError("it is neither the general nor the flattened JSON form")
	}
	d.payload = *all.Payload
	if flattened {
		return d.add(*all.Protected, *all.Signature)
	}
	if n := len(all.Signatures); n == 0 || n > maxJWSSignatures {
		return jwsError("it has %d signatures, 1 to %d are read", n, maxJWSSignatures)
	}
	for _, s := range all.Signatures {
		if s.Protected == nil || s.Signature == nil {
			return jwsError("a signature has no protected header, or is none")
		}
		if err := d.add(*s.Protected, *s.Signature); err != nil {
			return err
		}
	}
	return nil
}

// add reads one signature and its header.
func (d *jwsDoc) add(protected, signature string) error {
	head, err := unbase64url(protected)
	if err != nil || len(head) > maxJWSHeader {
		return jwsError("a protected header is too long, or not base64url in its one spelling")
	}
	s := jwsSignature{protected: protected}
	if s.signature, err = unbase64url(signature); err != nil {
		return jwsError("a signature is not base64url in its one spelling")
	}
	if err := strictJSON(head, &s.head); err != nil {
		return err
	}
	if err := s.head.check(); err != nil {
		return err
	}
	d.signatures = append(d.signatures, s)
	return nil
}

// check holds a header against the profile, whosever key it is.
func (h jwsHeader) check() error {
	if h.Alg != algEdDSA && h.Alg != algES256 {
		return jwsError("its alg is not EdDSA or ES256")
	}
	if h.B64 != nil && !*h.B64 {
		return jwsError("its payload is not encoded (b64 = false), which is not read here")
	}
	if (h.IAT == nil) == (h.SigT == nil) {
		return jwsError("it carries not exactly one signing time, iat or sigT")
	}
	if _, err := h.when(); err != nil {
		return err
	}
	if len(h.X5c) > maxJWSCerts {
		return jwsError("it carries more than %d certificates", maxJWSCerts)
	}
	if h.Crit == nil {
		if h.B64 != nil {
			return jwsError("it says b64, and crit does not")
		}
		return nil
	}
	present := map[string]bool{"sigT": h.SigT != nil, "b64": h.B64 != nil}
	for i, name := range *h.Crit {
		if !present[name] || slices.Contains((*h.Crit)[:i], name) {
			return jwsError("its crit names what is not there, not understood here, or named twice")
		}
	}
	if len(*h.Crit) == 0 || h.B64 != nil && !slices.Contains(*h.Crit, "b64") {
		return jwsError("its crit is empty, or leaves out b64")
	}
	return nil
}

// when is the signing time, as the issuer claims it.
func (h jwsHeader) when() (time.Time, error) {
	if h.IAT != nil {
		if *h.IAT <= 0 || *h.IAT > 1<<40 {
			return time.Time{}, jwsError("its iat is no time")
		}
		return time.Unix(*h.IAT, 0), nil
	}
	t, err := time.Parse("2006-01-02T15:04:05Z", *h.SigT)
	if err != nil {
		return time.Time{}, jwsError("its sigT is not a time in UTC like 2026-12-31T12:00:00Z")
	}
	return t, nil
}

// verify checks one signature under one pinned key.
func (s jwsSignature) verify(payload string, key DocumentKey) error {
	h := s.head
	if err := h.fits(key); err != nil {
		return err
	}
	input := []byte(s.protected + "." + payload)
	switch {
	case h.Alg == algEdDSA && key.ed != nil:
		if ed25519.Verify(key.ed, input, s.signature) {
			return nil
		}
	case h.Alg == algES256 && key.ec != nil && len(s.signature) == 64:
		sum := sha256.Sum256(input)
		if ecdsa.Verify(key.ec, sum[:], new(big.Int).SetBytes(s.signature[:32]), new(big.Int).SetBytes(s.signature[32:])) {
			return nil
		}
	default:
		return jwsError("its alg is not that of the key pinned for %s", key.Name)
	}
	return jwsError("the signature does not fit the key of %s", key.Name)
}

// fits: what the header says of its key agrees with the pinned one.
func (h jwsHeader) fits(key DocumentKey) error {
	if key.cert == nil {
		switch {
		case h.X5tS256 != nil || h.X5c != nil:
			return jwsError("it names a certificate, and the key pinned for %s is none", key.Name)
		case h.Kid != "" && h.Kid != key.Name:
			return jwsError("its kid is not %s", key.Name)
		}
		return nil
	}
	sum := sha256.Sum256(key.cert.Raw)
	if h.X5tS256 == nil || *h.X5tS256 != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return jwsError("its x5t#S256 is not that of the certificate pinned for %s", key.Name)
	}
	if h.X5c != nil && (len(h.X5c) == 0 || !bytes.Equal(h.X5c[0], key.cert.Raw)) {
		return jwsError("its x5c does not begin with the certificate pinned for %s", key.Name)
	}
	at, err := h.when()
	if err == nil && (at.Before(key.cert.NotBefore) || at.After(key.cert.NotAfter)) {
		err = jwsError("it was signed outside the validity of the certificate of %s", key.Name)
	}
	return err
}

// openJWS returns the text and the names of the keys among known that signed it.
func openJWS(msg []byte, known []DocumentKey) (text string, signers []string, err error) {
	d, err := readJWS(msg)
	if err != nil {
		return "", nil, err
	}
	why := jwsError("no known key has signed it")
	for _, s := range d.signatures {
		for _, key := range known {
			switch err := s.verify(d.payload, key); {
			case err == nil && !slices.Contains(signers, key.Name):
				signers = append(signers, key.Name)
			case err != nil && len(known) == 1:
				why = err
			}
		}
	}
	if len(signers) == 0 {
		return "", nil, why
	}
	return d.text, signers, nil
}

func jwsError(format string, args ...any) error {
	return fmt.Errorf("%w: JWS: %s", tribune.ErrInvalid, fmt.Sprintf(format, args...))
}

package protocol

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/note"

	"tribune"
)

// DocumentKey is a public key that signs documents, as it is pinned: a note key, a JWK or a certificate. A note key and an Ed25519 JWK
// can sign notes and JWS alike where the one key is the other; a note is opened with note keys only.
type DocumentKey struct {
	Name string
	Text string // in its one spelling: note verifier key, JWK, or NAME+x5t#S256+HASH of a certificate

	note note.Verifier
	ed   ed25519.PublicKey
	ec   *ecdsa.PublicKey
	cert *x509.Certificate
}

// maxKeyText bounds a pinned key.
const maxKeyText = 16 << 10

// keyName is how a JWK's or certificate's holder is called: like a note key, without + and spaces.
var keyName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,127}$`)

// ParseDocumentKey reads a pinned key: a note verifier key (name+hash+base64), or a JWK whose kid is the name.
func ParseDocumentKey(text string) (DocumentKey, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return ParseJWK(text)
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return DocumentKey{}, fmt.Errorf("%w: not a note verifier key (name+hash+base64)", tribune.ErrInvalid)
	}
	_, raw, err := PublicOf(text)
	if err != nil {
		return DocumentKey{}, err
	}
	return DocumentKey{Name: v.Name(), Text: text, note: v, ed: raw}, nil
}

// jwk is a public key as RFC 7517 and RFC 8037 write it.
type jwk struct {
	Alg string `json:"alg,omitempty"`
	Crv string `json:"crv"`
	Kid string `json:"kid"`
	Kty string `json:"kty"`
	Use string `json:"use,omitempty"`
	X   string `json:"x"`
	Y   string `json:"y,omitempty"`
}

var jwkMembers = []string{"alg", "crv", "kid", "kty", "use", "x", "y"}

// ParseJWK reads a public JWK: OKP Ed25519 or EC P-256, its kid being the holder's name. A private key is refused: it has leaked.
func ParseJWK(text string) (DocumentKey, error) {
	bad := func(what string) (DocumentKey, error) {
		return DocumentKey{}, fmt.Errorf("%w: the JWK %s", tribune.ErrInvalid, what)
	}
	if len(text) > maxKeyText {
		return bad("is too long")
	}
	var k jwk
	var members map[string]any
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if json.Unmarshal([]byte(text), &members) != nil || !jsontext.Value(text).IsValid() {
		return bad("is not JSON, or a member is there twice")
	}
	for name := range members {
		if !slices.Contains(jwkMembers, name) {
			return bad("has a member that a public key for documents has not")
		}
	}
	if dec.Decode(&k) != nil {
		return bad("cannot be read")
	}
	if !keyName.MatchString(k.Kid) {
		return bad("has no kid that can be a name")
	}
	if k.Use != "" && k.Use != "sig" {
		return bad("is not for signatures")
	}
	x, err := unbase64url(k.X)
	if err != nil {
		return bad("has an x that is not base64url")
	}
	key := DocumentKey{Name: k.Kid}
	alg := ""
	switch {
	case k.Kty == "OKP" && k.Crv == "Ed25519" && k.Y == "" && len(x) == ed25519.PublicKeySize:
		key.ed, alg = x, algEdDSA
	case k.Kty == "EC" && k.Crv == "P-256" && len(x) == 32:
		y, err := unbase64url(k.Y)
		if err != nil || len(y) != 32 {
			return bad("has no y of 32 bytes")
		}
		if key.ec, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y)); err != nil {
			return bad("is no point of P-256")
		}
		alg = algES256
	default:
		return bad("is neither OKP Ed25519 nor EC P-256")
	}
	if k.Alg != "" && k.Alg != alg {
		return bad("has another alg than its curve")
	}
	canonical, err := JCS(jwk{Crv: k.Crv, Kid: k.Kid, Kty: k.Kty, X: k.X, Y: k.Y})
	if err != nil {
		return DocumentKey{}, err
	}
	key.Text = string(canonical)
	return key, nil
}

// ParseCertificate reads a pinned certificate (PEM). Its chain, its issuer and its revocation do not count: what is pinned is this key,
// and what ends it is a change of law.
func ParseCertificate(name, text string) (DocumentKey, error) {
	if !keyName.MatchString(name) {
		return DocumentKey{}, fmt.Errorf("%w: a certificate needs a name, without spaces and +", tribune.ErrInvalid)
	}
	block, rest := pem.Decode([]byte(strings.TrimSpace(text) + "\n"))
	if len(text) > maxKeyText || block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return DocumentKey{}, fmt.Errorf("%w: not one certificate in PEM", tribune.ErrInvalid)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return DocumentKey{}, fmt.Errorf("%w: not a certificate", tribune.ErrInvalid)
	}
	sum := sha256.Sum256(c.Raw)
	key := DocumentKey{Name: name, Text: name + "+x5t#S256+" + base64.RawURLEncoding.EncodeToString(sum[:]), cert: c}
	switch pub := c.PublicKey.(type) {
	case ed25519.PublicKey:
		key.ed = pub
	case *ecdsa.PublicKey:
		if pub.Curve != elliptic.P256() {
			return DocumentKey{}, fmt.Errorf("%w: the certificate's key is not of P-256", tribune.ErrInvalid)
		}
		key.ec = pub
	default:
		return DocumentKey{}, fmt.Errorf("%w: the certificate's key is neither Ed25519 nor of P-256", tribune.ErrInvalid)
	}
	return key, nil
}

// SignsNotes reports whether it is a note key.
func (k DocumentKey) SignsNotes() bool { return k.note != nil }

// OpenSigned returns the text of a document, signed note or JWS, and the names of the keys among known that signed it. Without one valid
// signature by a known key it fails with ErrInvalid.
func OpenSigned(msg []byte, known ...DocumentKey) (text string, signers []string, err error) {
	if isJWS(msg) {
		return openJWS(msg, known)
	}
	var notes []note.Verifier
	for _, k := range known {
		if k.note != nil {
			notes = append(notes, k.note)
		}
	}
	return OpenDocument(msg, note.VerifierList(notes...))
}

// ExplainDocument says in words what keeps a document from being read as one, whoever signed it; nil = nothing.
func ExplainDocument(msg []byte) error {
	if !isJWS(msg) {
		return nil
	}
	_, err := readJWS(msg)
	return err
}

// SignerNames are the names that signature lines or headers of a document give, unverified: a note's key names, a JWS' kid, or its alg.
func SignerNames(msg []byte) (names []string) {
	if isJWS(msg) {
		d, _ := readJWS(msg)
		for _, s := range d.signatures {
			names = append(names, cmp.Or(s.head.Kid, "JWS "+s.head.Alg))
		}
		return names
	}
	_, signatures := SplitDocument(msg)
	for _, line := range strings.Split(signatures, "\n") {
		if rest, ok := strings.CutPrefix(line, "\u2014 "); ok {
			name, _, _ := strings.Cut(rest, " ")
			names = append(names, name)
		}
	}
	return names
}

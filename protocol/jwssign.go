package protocol

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"tribune"
)

// JWSSigner signs documents as JWS. Its zero value signs nothing; see NewJWSSigner.
type JWSSigner struct {
	name string
	key  crypto.Signer
	cert *x509.Certificate // nil = the key is pinned as note key or JWK
	alg  string
}

// NewJWSSigner reads a private key, a note secret key or PKCS #8 in PEM (Ed25519 or EC P-256), and its certificate in PEM where it is
// pinned as one. name is the signer's in the register; "" = a note key's own.
func NewJWSSigner(name, key, cert string) (*JWSSigner, error) {
	s := &JWSSigner{name: name}
	switch block, _ := pem.Decode([]byte(key)); {
	case block == nil:
		seed, err := SeedOf(key)
		if err != nil {
			return nil, fmt.Errorf("%w: the key is neither a note secret key nor PKCS #8 in PEM", tribune.ErrInvalid)
		}
		s.key = seed
		if s.name == "" {
			s.name = strings.SplitN(strings.TrimSpace(key), "+", 5)[2]
		}
	default:
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		signer, ok := parsed.(crypto.Signer)
		if err != nil || !ok {
			return nil, fmt.Errorf("%w: the key is not PKCS #8 in PEM", tribune.ErrInvalid)
		}
		s.key = signer
	}
	switch pub := s.key.Public().(type) {
	case ed25519.PublicKey:
		s.alg = algEdDSA
	case *ecdsa.PublicKey:
		if s.alg = algES256; pub.Curve.Params().BitSize != 256 {
			return nil, fmt.Errorf("%w: the key is not of P-256", tribune.ErrInvalid)
		}
	default:
		return nil, fmt.Errorf("%w: the key is neither Ed25519 nor of P-256", tribune.ErrInvalid)
	}
	if cert != "" {
		pinned, err := ParseCertificate(cmp.Or(s.name, "certificate"), cert)
		if err != nil {
			return nil, err
		}
		if pub, ok := pinned.cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(s.key.Public()) {
			return nil, fmt.Errorf("%w: the certificate is of another key", tribune.ErrConflict)
		}
		s.cert = pinned.cert
	} else if !keyName.MatchString(s.name) {
		return nil, fmt.Errorf("%w: name the signer as the register of signers does", tribune.ErrInvalid)
	}
	return s, nil
}

// Name is who signs. A certificate can be used without a name: it is found by its hash.
func (s *JWSSigner) Name() string { return cmp.Or(s.name, "certificate") }

// JWK is the signer's public key, as the register of signers pins it. A certificate is pinned itself.
func (s *JWSSigner) JWK() (string, error) {
	k := jwk{Kid: s.name}
	switch pub := s.key.Public().(type) {
	case ed25519.PublicKey:
		k.Kty, k.Crv, k.X = "OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(pub)
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			return "", fmt.Errorf("writing a JWK: %w", err)
		}
		k.Kty, k.Crv = "EC", "P-256"
		k.X, k.Y = base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])
	}
	text, err := JCS(k)
	return string(text), err
}

// Sign writes text as a JWS in the general JSON form, one line, with iat as its signing time.
func (s *JWSSigner) Sign(text string, at time.Time) ([]byte, error) {
	if !plainText([]byte(text)) || text == "" {
		return nil, fmt.Errorf("%w: only plain text can be signed", tribune.ErrInvalid)
	}
	head := map[string]any{"alg": s.alg, "iat": at.Unix()}
	if s.cert != nil {
		sum := sha256.Sum256(s.cert.Raw)
		head["x5t#S256"], head["x5c"] = base64.RawURLEncoding.EncodeToString(sum[:]), [][]byte{s.cert.Raw}
	} else {
		head["kid"] = s.name
	}
	protected, err := JCS(head)
	if err != nil {
		return nil, err
	}
	p, payload := base64.RawURLEncoding.EncodeToString(protected), base64.RawURLEncoding.EncodeToString([]byte(text))
	input := []byte(p + "." + payload)
	var sig []byte
	if key, ok := s.key.(ed25519.PrivateKey); ok {
		sig = ed25519.Sign(key, input)
	} else {
		sum := sha256.Sum256(input)
		r, v, err := ecdsa.Sign(rand.Reader, s.key.(*ecdsa.PrivateKey), sum[:])
		if err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
		sig = make([]byte, 64)
		r.FillBytes(sig[:32])
		v.FillBytes(sig[32:])
	}
	out, err := json.Marshal(map[string]any{"payload": payload, "signatures": []any{map[string]string{"protected": p, "signature": base64.RawURLEncoding.EncodeToString(sig)}}})
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

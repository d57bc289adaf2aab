// Package pinned is TLS between a hub and its guardians, with no authority between them. Each side has long pinned the
// other's Ed25519 key: the hub those of the guardians' co-signatures, the guardians that of the log. A certificate here is
// one that such a key has signed, for a TLS key that its process made when it started and keeps in memory only.
//
// Who calls: guardians serve with Server; hubs, the record's publisher, guardians among each other and whoever watches call
// with Transport.
//
// What it promises, against whoever sits on the network and against everyone who holds another key than the pinned one, every
// certificate authority included:
//
//   - Transport speaks only to the holder of a pinned key, under TLS 1.3; no older version, no other certificate, no fallback.
//   - Server knows whether the holder of a client's pinned key is asking (By). Who shows a certificate of anybody else, an
//     expired one or one made for the other direction does not get through the handshake; who shows none is the public.
//   - Messages carry their own signatures besides. TLS hides what is asked and answered, and keeps strangers from the
//     doors that are the hub's; a stolen TLS key is worth that, for one process's life and no longer than a certificate's.
//
// What it does not do: revoke. A pinned key that is stolen is replaced in the configurations that pin it.
//
// The key that signs certificates also signs notes, co-signatures and labelled messages. They cannot be mistaken for each other: what is
// signed here is DER of more than 127 bytes, thus begins with 30 81 or 30 82, and no text begins with that in UTF-8, no label either.
package pinned

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"time"
)

// ServerName is what callers who pin ask for by SNI. At the same address, anyone else gets the certificate that browsers trust,
// where there is one. The name can belong to nobody (RFC 6761).
const ServerName = "pinned.tribune.invalid"

const (
	// life of a certificate. Clocks are right to a minute, or nothing works; one that is an hour off should be found out by what
	// the protocol says about clocks, not here.
	life = 48 * time.Hour
	// early is how long before now a certificate begins.
	early = 2 * time.Hour
)

var errCertificate = errors.New("the other side's certificate is refused")

// Identity is one side's key, and the certificates it makes of itself. It is safe for concurrent use.
type Identity struct {
	key ed25519.PrivateKey
	now func() time.Time

	mu    sync.Mutex // guards made
	made  map[x509.ExtKeyUsage]*tls.Certificate
	until time.Time // when they are made anew
}

// NewIdentity is for the holder of a key that others pin. now may be nil.
func NewIdentity(key ed25519.PrivateKey, now func() time.Time) *Identity {
	if now == nil {
		now = time.Now
	}
	return &Identity{key: key, now: now}
}

// certificate is the one to show now.
func (i *Identity) certificate(usage x509.ExtKeyUsage) (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if now.After(i.until) || i.made == nil {
		i.made, i.until = map[x509.ExtKeyUsage]*tls.Certificate{}, now.Add(life/2)
	}
	if i.made[usage] == nil {
		c, err := certify(i.key, usage, now.Add(-early), now.Add(life))
		if err != nil {
			return nil, err
		}
		i.made[usage] = c
	}
	return i.made[usage], nil
}

// certify makes a fresh TLS key and signs its certificate.
func certify(key ed25519.PrivateKey, usage x509.ExtKeyUsage, from, until time.Time) (*tls.Certificate, error) {
	public, fresh, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a TLS key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making a TLS key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: ServerName}, DNSNames: []string{ServerName},
		NotBefore: from, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}, BasicConstraintsValid: true,
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "the pinned key"}}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, key)
	if err != nil {
		return nil, fmt.Errorf("signing a TLS certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: fresh}, nil
}

// signer is the one of the pinned keys that has signed what the other side shows.
func signer(state tls.ConnectionState, pins []ed25519.PublicKey, usage x509.ExtKeyUsage, now time.Time) (ed25519.PublicKey, error) {
	if state.Version != tls.VersionTLS13 || len(state.PeerCertificates) != 1 {
		return nil, fmt.Errorf("%w: want TLS 1.3 and one certificate", errCertificate)
	}
	leaf := state.PeerCertificates[0]
	switch {
	case leaf.SignatureAlgorithm != x509.PureEd25519 || leaf.PublicKeyAlgorithm != x509.Ed25519 || len(leaf.UnhandledCriticalExtensions) > 0:
		return nil, fmt.Errorf("%w: it is of another kind", errCertificate)
	case now.Before(leaf.NotBefore) || now.After(leaf.NotAfter):
		return nil, fmt.Errorf("%w: it is not valid at this time; are both clocks right?", errCertificate)
	case !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{usage}) || !slices.Equal(leaf.DNSNames, []string{ServerName}):
		return nil, fmt.Errorf("%w: it was made for something else", errCertificate)
	}
	for _, pin := range pins {
		if len(pin) == ed25519.PublicKeySize && ed25519.Verify(pin, leaf.RawTBSCertificate, leaf.Signature) {
			return pin, nil
		}
	}
	return nil, fmt.Errorf("%w: no key that is pinned here has signed it", errCertificate)
}

// By reports whether a request came over a connection of the holder of key.
func By(r *http.Request, key ed25519.PublicKey) bool {
	if r.TLS == nil || r.TLS.ServerName != ServerName || len(r.TLS.PeerCertificates) == 0 {
		return false
	}
	// The handshake has checked it in full, its times among that; a connection may outlive them.
	_, err := signer(*r.TLS, []ed25519.PublicKey{key}, x509.ExtKeyUsageClientAuth, r.TLS.PeerCertificates[0].NotAfter)
	return err == nil
}

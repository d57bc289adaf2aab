package pinned

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"tribune"
)

// handshakeTime bounds what a host may take that accepts a connection and then says nothing.
const handshakeTime = 5 * time.Second

// Pins are the keys one of whose holders must answer at an address HOST:PORT. nil = none is pinned there: the certificate
// authorities of this machine decide, as for any web site.
type Pins func(address string) []ed25519.PublicKey

// At pins one key at each URL. URLs of plain http are left out. Two keys at one address are refused: nobody could tell which
// was meant.
func At(keys map[string]ed25519.PublicKey) (Pins, error) {
	pins := map[string]ed25519.PublicKey{}
	for at, key := range keys {
		u, err := url.Parse(at)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%w: want https://HOST[:PORT]", tribune.ErrInvalid)
		}
		if u.Scheme == "http" {
			continue
		}
		address := Address(u)
		if other, taken := pins[address]; taken && !other.Equal(key) {
			return nil, fmt.Errorf("%w: two keys are pinned at %s", tribune.ErrInvalid, address)
		}
		pins[address] = key
	}
	return func(address string) []ed25519.PublicKey {
		if key, ok := pins[address]; ok {
			return []ed25519.PublicKey{key}
		}
		return []ed25519.PublicKey{} // nobody: an address that is not among them is not called by https
	}, nil
}

// Address is where an https URL leads, as Pins are asked for it.
func Address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Transport adds pins to base, whose dialer and limits it keeps. own shows who is calling; nil = the public. Plain http is untouched: who
// must not use it refuses such URLs where they are configured.
func Transport(base *http.Transport, own *Identity, pins Pins) *http.Transport {
	t := base.Clone()
	now := time.Now
	if own != nil {
		now = own.now
	}
	dial := t.DialContext
	if dial == nil {
		dial = (&net.Dialer{Timeout: handshakeTime}).DialContext
	}
	t.Proxy = nil // who stands between is a stranger
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		keys := pins(address)
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, caller(address, own, keys, now))
		ctx, cancel := context.WithTimeout(ctx, handshakeTime)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, fmt.Errorf("TLS with %s: %w", address, err)
		}
		return conn, nil
	}
	return t
}

// caller is the configuration for one address.
func caller(address string, own *Identity, keys []ed25519.PublicKey, now func() time.Time) *tls.Config {
	if keys == nil {
		host, _, _ := net.SplitHostPort(address)
		return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, NextProtos: []string{"http/1.1"}}
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: ServerName, NextProtos: []string{"http/1.1"}, Time: now,
		InsecureSkipVerify: true, // no authority vouches for a pinned key: VerifyConnection does, on every connection
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := signer(state, keys, x509.ExtKeyUsageServerAuth, now())
			return err
		},
	}
	if own != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return own.certificate(x509.ExtKeyUsageClientAuth)
		}
	}
	return c
}

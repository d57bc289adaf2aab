package pinned

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// Server is a TLS configuration for a listener that serves both who pins own's key and, with public (nil = none), browsers.
// clients are the keys whose holders By recognises.
func Server(own *Identity, public *Pair, clients ...ed25519.PublicKey) *tls.Config {
	web := &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return own.certificate(x509.ExtKeyUsageServerAuth)
	}}
	if public != nil {
		web.GetCertificate = public.Certificate
	}
	return Beside(web, own, clients...)
}

// Beside is Server for a listener that has its own TLS configuration for the web.
func Beside(web *tls.Config, own *Identity, clients ...ed25519.PublicKey) *tls.Config {
	inner := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, SessionTicketsDisabled: true, Time: own.now,
		ClientAuth: tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return own.certificate(x509.ExtKeyUsageServerAuth)
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return nil // one of the public
			}
			_, err := signer(state, clients, x509.ExtKeyUsageClientAuth, own.now())
			return err
		},
	}
	both := web.Clone() // which asks browsers for no certificate: they would ask their people for one
	both.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName == ServerName {
			return inner, nil
		}
		return nil, nil // as web has it
	}
	return both
}

// pairEvery is how often the files of a Pair are looked at: an authority's certificate is renewed weeks before it ends.
const pairEvery = time.Minute

// Pair is a certificate and its key in PEM files, read again when they have changed. It is safe for concurrent use.
type Pair struct {
	certificateFile, keyFile string

	mu     sync.Mutex // guards what follows
	pair   *tls.Certificate
	stamp  [2]time.Time // of both files, when pair was read
	looked time.Time
}

// OpenPair reads the files, which must hold a pair now.
func OpenPair(certificateFile, keyFile string) (*Pair, error) {
	p := &Pair{certificateFile: certificateFile, keyFile: keyFile}
	if err := p.read(); err != nil {
		return nil, fmt.Errorf("reading a TLS certificate: %w", err)
	}
	p.looked = time.Now()
	return p, nil
}

// Certificate is the pair of the moment, for tls.Config. Half a renewal (one file new, one old) leaves the one before in use.
func (p *Pair) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.looked) >= pairEvery {
		p.looked = now
		_ = p.read()
	}
	return p.pair, nil
}

// Ends is when the certificate in use does.
func (p *Pair) Ends() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pair.Leaf.NotAfter
}

func (p *Pair) read() error {
	var stamp [2]time.Time
	for i, file := range []string{p.certificateFile, p.keyFile} {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		stamp[i] = info.ModTime()
	}
	if p.pair != nil && stamp == p.stamp {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(p.certificateFile, p.keyFile)
	if err != nil {
		return err
	}
	p.pair, p.stamp = &pair, stamp
	return nil
}

package guardian

import (
	"crypto/ed25519"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"tribune"
	"tribune/internal/web/pinned"
)

// How a guardian is reached and reaches others: TLS with pinned keys, see package pinned. Only a demo's guardians, all on one
// machine, speak plain HTTP.

// maxIdle connections are kept to each of the few hosts that a guardian calls.
const maxIdle = 16

// httpClient calls hub and peers. A peer is any holder of a member's key: where peers are, the hub may have told, and what
// they say is signed besides.
func (c Config) httpClient(r resolved) *http.Client {
	hub := ""
	if u, err := url.Parse(c.Hub); err == nil {
		hub = pinned.Address(u)
	}
	pins := func(address string) []ed25519.PublicKey {
		switch {
		case address != hub:
			return r.peers.keys()
		case c.HubPinned:
			return []ed25519.PublicKey{r.logKey}
		}
		return nil
	}
	base := &http.Transport{
		DialContext: (&net.Dialer{Timeout: callTimeout}).DialContext, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTimeout,
		ResponseHeaderTimeout: callTimeout, MaxResponseHeaderBytes: maxHeader,
	}
	return &http.Client{Timeout: callTimeout, CheckRedirect: noRedirect, Transport: pinned.Transport(base, nil, pins)}
}

// TLS is what a listener of this guardian needs: its own key's certificate for who pins it, and public, where there is one, for everyone else.
func (g *Guardian) TLS(public *pinned.Pair) *tls.Config {
	return pinned.Server(pinned.NewIdentity(g.self.key, g.cfg.Now), public, g.logKey)
}

// fromHub refuses what did not come over a connection that the hub's certificate was shown on.
func (g *Guardian) fromHub(r *http.Request) error {
	if g.cfg.Plain || pinned.By(r, g.logKey) {
		return nil
	}
	return fmt.Errorf("%w: the hub's TLS certificate is missing", tribune.ErrInvalid)
}

// public is the certificate for browsers; nil = there is none.
func (f File) public() (*pinned.Pair, error) {
	if f.Certificate == "" && f.Key == "" {
		return nil, nil
	}
	p, err := pinned.OpenPair(f.Certificate, f.Key)
	if err != nil {
		return nil, tribune.Hint(err, "Give tls_certificate and tls_key, both in PEM and of one pair, or neither.")
	}
	if left := time.Until(p.Ends()); left < 0 {
		return nil, fmt.Errorf("%w: the certificate in %s ended %s ago", tribune.ErrExpired, f.Certificate, -left.Round(time.Hour))
	}
	return p, nil
}

// checkReach refuses plain HTTP between machines, and addresses that lead elsewhere than meant.
func (f File) checkReach() error {
	host, port, err := net.SplitHostPort(f.Listen)
	if err != nil || port == "" {
		return tribune.Hint(fmt.Errorf("configuration: %w: listen = %q", tribune.ErrInvalid, f.Listen), "Write HOST:PORT, like 0.0.0.0:8431.")
	}
	if f.Demo && !loopback(host) {
		return tribune.Hint(fmt.Errorf("configuration: %w: demo = true speaks plain HTTP, and %s is open to other machines", tribune.ErrInvalid, f.Listen), "Take demo away: a guardian speaks TLS then.")
	}
	if f.Hub != "" {
		u, err := baseURL(f.Hub)
		if err != nil {
			return fmt.Errorf("configuration: hub: %w", err)
		}
		if f.HubPinned && u.Scheme != "https" {
			return fmt.Errorf("configuration: %w: hub_pinned needs an https hub", tribune.ErrInvalid)
		}
	}
	for i, m := range f.Members {
		if m.URL == "" {
			continue
		}
		u, err := baseURL(m.URL)
		if err != nil {
			return fmt.Errorf("configuration: guardian %d: %w", i+1, err)
		}
		if u.Scheme != "https" && !f.Demo {
			return tribune.Hint(fmt.Errorf("configuration: %w: guardian %d is at %s", tribune.ErrInvalid, i+1, m.URL), "Write https: guardians speak TLS, and need no certificate authority for it.")
		}
	}
	return nil
}

func baseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, tribune.Hint(fmt.Errorf("%w: %q is not a scheme and a host", tribune.ErrInvalid, s), "Write https://HOST:PORT.")
	}
	return u, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

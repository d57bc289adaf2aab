package client

import (
	"crypto/ed25519"
	"net"
	"net/http"
	"net/url"

	"tribune/internal/web/pinned"
	"tribune/protocol"
)

// roster is whom a client asks at present.
type roster struct {
	group   protocol.Group
	members []*member
	http    *http.Client
}

// Adopt asks the guardians of another group from now on. A request under way with those before ends as it may: an answer of
// another share epoch than the one it was asked in counts as none.
func (c *Client) Adopt(g protocol.Group) {
	asking := http.Client{Transport: Transport(g.Guardians, c.cfg.Key)}
	if c.cfg.HTTP != nil {
		asking = *c.cfg.HTTP
	}
	asking.CheckRedirect = noRedirect
	r := &roster{group: g, http: &asking}
	for _, m := range g.Guardians {
		if _, key, err := protocol.PublicOf(m.Key); err == nil {
			r.members = append(r.members, &member{Member: m, key: key, epoch: g.Epoch})
		}
	}
	c.roster.Store(r)
}

// noRedirect: a guardian names no address but its own; a redirect would send the hub, and what it asks, about the city's inner network.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (c *Client) now() *roster { return c.roster.Load() }

// Transport speaks to guardians by https under their pinned keys, as the holder of the log's key; without one (nil) as anyone.
func Transport(members []protocol.Member, logKey ed25519.PrivateKey) *http.Transport {
	pins, err := pinned.At(addresses(members))
	if err != nil { // none is left
		pins = func(string) []ed25519.PublicKey { return []ed25519.PublicKey{} }
	}
	var own *pinned.Identity
	if len(logKey) == ed25519.PrivateKeySize {
		own = pinned.NewIdentity(logKey, nil)
	}
	return pinned.Transport(&http.Transport{
		DialContext:         (&net.Dialer{Timeout: connectTimeout}).DialContext,
		MaxIdleConnsPerHost: maxIdle, MaxIdleConns: 16 * maxIdle, IdleConnTimeout: idleFor,
	}, own, pins)
}

// addresses are whose key is pinned where. Of two at one address the first is: one guardian that names another's address must not cut
// the hub off from all of them.
func addresses(members []protocol.Member) map[string]ed25519.PublicKey {
	keys, taken := map[string]ed25519.PublicKey{}, map[string]bool{}
	for _, m := range members {
		_, key, err := protocol.PublicOf(m.Key)
		u, errURL := url.Parse(m.URL)
		if err != nil || errURL != nil || u.Scheme != "https" || u.Host == "" || taken[pinned.Address(u)] {
			continue
		}
		taken[pinned.Address(u)], keys[m.URL] = true, key
	}
	return keys
}

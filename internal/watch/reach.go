package watch

import (
	"crypto/ed25519"
	"net/http"
	"net/url"

	"tribune/internal/web/pinned"
)

// client speaks to guardians under the keys of the groups that the copy has followed, which no certificate authority knows, and to
// everyone else as a browser does. Any guardian's key counts at any guardian's address: what they answer is signed besides.
func (c *Copy) client() *http.Client {
	if c.cfg.HTTP != nil {
		return c.cfg.HTTP
	}
	pins := func(address string) (keys []ed25519.PublicKey) {
		for _, s := range c.peers() {
			if u, err := url.Parse(s.base); err != nil || u.Scheme != "https" || pinned.Address(u) != address {
				continue
			}
			for _, t := range c.members.trusts() {
				for _, name := range t.Guardians() {
					if key, ok := t.GuardianKey(name); ok {
						keys = append(keys, key)
					}
				}
			}
			return keys
		}
		return nil
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     pinned.Transport(http.DefaultTransport.(*http.Transport), nil, pins),
	}
}

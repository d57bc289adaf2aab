package watch

import (
	"crypto/ed25519"
	"net/http"
	"net/url"

	"tribune/internal/web/pinned"
)

// client speaks to guardians under the keys of the trust file, which no certificate authority knows, and to everyone else as a browser
// does. Any guardian's key counts at any guardian's address: what they answer is signed besides.
func (cfg CopyConfig) client() *http.Client {
	if cfg.HTTP != nil {
		return cfg.HTTP
	}
	var keys []ed25519.PublicKey
	for _, name := range cfg.Trust.Guardians() {
		if key, ok := cfg.Trust.GuardianKey(name); ok {
			keys = append(keys, key)
		}
	}
	guardians := map[string]bool{}
	for _, at := range cfg.Guardians {
		if u, err := url.Parse(at); err == nil && u.Scheme == "https" {
			guardians[pinned.Address(u)] = true
		}
	}
	pins := func(address string) []ed25519.PublicKey {
		if guardians[address] {
			return keys
		}
		return nil
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     pinned.Transport(http.DefaultTransport.(*http.Transport), nil, pins),
	}
}

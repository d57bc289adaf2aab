package city

import (
	"crypto/tls"
	"fmt"
	"net/http"

	"tribune/internal/guardian/client"
	"tribune/internal/web/pinned"
	"tribune/protocol"
)

// How the hub and its guardians reach each other: TLS under the keys that both have pinned, see package pinned.

// toGuardians speaks to the configured guardians, and shows them the log's certificate.
func (h *Hub) toGuardians() *http.Transport {
	var members []protocol.Member
	roster, _, _ := h.roster()
	for _, g := range roster {
		members = append(members, protocol.Member{Name: g.Name, Key: g.Key, URL: g.URL})
	}
	return client.Transport(members, h.logSeed)
}

// tls is for the hub's own listener: the certificate of the configuration for people and programs, read again when it is renewed, and one of
// the log's key for guardians that pin that.
func (h *Hub) tls() (*tls.Config, error) {
	pair, err := pinned.OpenPair(h.cfg.Certificate, h.cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("[http]: %w", err)
	}
	web := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.Certificate}
	return pinned.Beside(web, pinned.NewIdentity(h.logSeed, nil)), nil
}

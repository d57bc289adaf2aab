package provider

import (
	"net/netip"
	"net/url"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// nativeCallback is where programs on people's own machines take their answer: on loopback, at any port (RFC 8252, 7.3). Such a program is
// `tribune trace recover`: a person proves to guardians who they are, without the hub.
const nativeCallback = "http://127.0.0.1/callback"

// native is such a program. It is another client than the hub's login, so that a token for one is never taken for the other's.
type native struct{ client }

var _ op.Client = native{}

func (n native) GetID() string                       { return n.cfg.NativeID }
func (n native) RedirectURIs() []string              { return []string{nativeCallback} }
func (n native) PostLogoutRedirectURIs() []string    { return nil }
func (n native) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }

// mayAnswer reports whether a client may have its answer there.
func (c Config) mayAnswer(clientID, redirect string) bool {
	switch {
	case clientID == c.ClientID:
		return slices.Contains(c.RedirectURIs, redirect)
	case clientID != "" && clientID == c.NativeID:
		return isNativeCallback(redirect)
	}
	return false
}

// isNativeCallback: nativeCallback at some port, in one spelling. localhost will not do: it may be another machine's name.
func isNativeCallback(redirect string) bool {
	u, err := url.Parse(redirect)
	if err != nil {
		return false
	}
	at, err := netip.ParseAddrPort(u.Host)
	return err == nil && at.Port() != 0 && redirect == "http://"+netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()+"/callback"
}

// audience is whom an access token of a client is for: the hub accepts those that its own login asked for, and no others.
func (c Config) audience(clientID string) string {
	if clientID == c.NativeID && clientID != "" {
		return clientID
	}
	return c.Audience
}

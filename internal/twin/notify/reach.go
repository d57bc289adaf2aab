package notify

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"tribune"
)

// Reach says which addresses notifications may be sent to. A subscription names any endpoint, and the hub stands inside a
// city's network: without a bound, whoever may subscribe could make it call what only the inside can call. The zero Reach is
// the public internet alone.
type Reach struct {
	Anywhere bool           // loopback, private and link-local too: for a laboratory
	Allow    []netip.Prefix // what is allowed besides the public addresses
}

// ParseReach reads address ranges like 10.1.0.0/16 or single addresses.
func ParseReach(ranges []string) (Reach, error) {
	var r Reach
	for _, text := range ranges {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err == nil {
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil {
			return r, tribune.Hint(fmt.Errorf("%w: %q is not a range of addresses", tribune.ErrInvalid, text), "Write like 10.1.0.0/16 or 192.168.1.20.")
		}
		r.Allow = append(r.Allow, p.Masked())
	}
	return r, nil
}

// reserved are the ranges that are not the public internet and that netip does not name (RFC 6890 and IANA's registries). Those
// that carry an IPv4 address inside an IPv6 one are among them, or outside of global unicast: a translator would turn them into
// any inner address.
func reserved() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// globalUnicast6 is all that is handed out of IPv6 (RFC 4291, 2.4).
func globalUnicast6() netip.Prefix { return netip.MustParsePrefix("2000::/3") }

// allows decides about one address.
func (r *Reach) allows(a netip.Addr) bool {
	if r.Anywhere {
		return true
	}
	a = a.Unmap().WithZone("")
	for _, p := range r.Allow {
		if p.Contains(a) {
			return true
		}
	}
	if a.Is6() && !globalUnicast6().Contains(a) || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range reserved() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

func refused() error {
	return tribune.Hint(fmt.Errorf("%w: attribute \"endpoint\": its address is inside, where notifications are not sent", tribune.ErrInvalid),
		"Name a public address, or have the city allow this one in city.toml, [notify] allow.")
}

// Check refuses an endpoint whose host is plainly inside, when it is subscribed. What a name resolves to is checked at each
// connection, as it may change in between.
func (r *Reach) Check(e Endpoint) error {
	host := strings.TrimSuffix(strings.ToLower(e.target.Hostname()), ".")
	if a, err := netip.ParseAddr(host); err == nil && !r.allows(a) {
		return refused()
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		for _, loop := range []string{"127.0.0.1", "::1"} {
			if r.allows(netip.MustParseAddr(loop)) {
				return nil
			}
		}
		return refused()
	}
	return nil
}

// dialer connects to allowed addresses only. The check stands between the resolving of a name and the connection, so that no
// later answer of a name server gets past it.
func (r *Reach) dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !r.allows(at.Addr()) {
			return refused()
		}
		return nil
	}}
}

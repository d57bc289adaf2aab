package mqtt

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// door counts connections, in all and by address, and says which are too many.
type door struct {
	lim Limits

	mu       sync.Mutex // guards the rest
	total    int
	pending  int
	visitors map[netip.Prefix]*visitor
}

// visitor is one address, or for IPv6 one /64: whoever has one has all of it.
type visitor struct {
	total, pending int
	rate           *rate.Limiter
}

func (d *door) open(lim Limits) { d.lim, d.visitors = lim, map[netip.Prefix]*visitor{} }

func (d *door) counts() (total, pending, addresses int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.total, d.pending, len(d.visitors)
}

// admit counts a new connection in, or says why not.
func (d *door) admit(from netip.Prefix) reason {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.visitors[from]
	if v == nil {
		if len(d.visitors) >= 2*d.lim.Connections { // half of them at least have gone
			d.forget(true)
		}
		v = &visitor{rate: rate.NewLimiter(rate.Limit(d.lim.Rate), bursts*d.lim.Rate)}
		d.visitors[from] = v
	}
	switch {
	case d.total >= d.lim.Connections, d.pending >= d.lim.Pending, v.total >= d.lim.PerAddress, v.pending >= d.lim.Strangers:
		return reasonCrowded
	case !v.rate.Allow():
		return reasonRate
	}
	d.total++
	d.pending++
	v.total++
	v.pending++
	return reasonNone
}

// known notes that a connection's device is known.
func (d *door) known(from netip.Prefix) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pending--
	d.visitors[from].pending--
}

// leave counts a connection out.
func (d *door) leave(from netip.Prefix, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.visitors[from]
	d.total--
	v.total--
	if !known {
		d.pending--
		v.pending--
	}
}

// sweep forgets addresses without a connection whose allowance is whole again.
func (d *door) sweep() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(false)
}

func (d *door) forget(all bool) {
	for at, v := range d.visitors {
		if v.total == 0 && (all || v.rate.Tokens() >= float64(bursts*d.lim.Rate)) {
			delete(d.visitors, at)
		}
	}
}

// addressOf is the address of a peer; where there is none, as of a pipe in a test, the zero address stands for all.
func addressOf(c net.Conn) (netip.Addr, netip.Prefix) {
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.IPv6Unspecified(), netip.PrefixFrom(netip.IPv6Unspecified(), 64)
	}
	addr := at.Addr().Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits) // 32 and 64 bits are in range of either family
	return addr, prefix
}

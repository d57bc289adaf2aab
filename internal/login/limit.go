package login

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// maxCounted is how many keys a limiter tells apart: 4 MB at most. Past that newcomers share one place.
const maxCounted = 32 << 10

// sweepPause: looking at all of them takes a millisecond, which a flood of newcomers must not cost each time.
const sweepPause = time.Second

// limits of the room. They are kept in memory: a restart forgets them, and each hub of several counts for itself.
type limits struct {
	starts   *limiter // per address: beginning a login. Cheap, and an office of hundreds has one address
	answers  *limiter // per address: callbacks and passkeys, each of which costs an exchange or a signature
	guesses  *limiter // per address: cookies that no session has
	accounts *limiter // per account: logins that succeeded, each a synced write
	lockout  *limiter // per account: passkeys that were wrong
}

func newLimits(now func() time.Time) limits {
	return limits{
		starts:   newLimiter(now, 120, time.Second),
		answers:  newLimiter(now, 60, 2*time.Second),
		guesses:  newLimiter(now, 120, time.Second),
		accounts: newLimiter(now, 20, 3*time.Minute),
		lockout:  newLimiter(now, 5, 3*time.Minute),
	}
}

// limiter lets burst events of a key pass at once and one more after each interval: the generic cell rate algorithm (ITU-T
// I.371, annex A), which needs one time per key.
type limiter struct {
	now   func() time.Time
	every time.Duration
	burst time.Duration

	mu    sync.Mutex
	full  map[string]time.Time // when the key will have its whole burst again
	swept time.Time
}

func newLimiter(now func() time.Time, burst int, every time.Duration) *limiter {
	return &limiter{now: now, every: every, burst: time.Duration(burst) * every, full: map[string]time.Time{}}
}

// allow counts an event of key and reports whether it may pass; what may not pass does not count.
func (l *limiter) allow(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if _, known := l.full[key]; !known && len(l.full) >= maxCounted {
		if now.Sub(l.swept) >= sweepPause {
			l.sweep(now)
		}
		if len(l.full) >= maxCounted {
			key = "\x00others"
		}
	}
	next := l.full[key]
	if next.Before(now) {
		next = now
	}
	if next = next.Add(l.every); next.Sub(now) > l.burst {
		return false
	}
	l.full[key] = next
	return true
}

// blocked reports whether allow would refuse, without counting.
func (l *limiter) blocked(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full[key].Add(l.every).Sub(l.now()) > l.burst
}

func (l *limiter) sweep(now time.Time) {
	l.swept = now
	for key, full := range l.full {
		if !full.After(now) {
			delete(l.full, key)
		}
	}
}

// address is the key of whoever asks: a home or a phone has a whole /64 of IPv6.
func (l *Login) address(r *http.Request) string {
	a := l.cfg.Address(r).Unmap()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

func peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, _ := netip.ParseAddr(host)
	return a
}

package city

import (
	"fmt"
	"net"
	"strings"

	"tribune/internal/twin"
)

// Listening is closed once requests are answered; it stays open where Serve fails before that.
func (h *Hub) Listening() <-chan struct{} { return h.listening }

// Keyed reports whether the guardians' keys exist.
func (h *Hub) Keyed() bool { return h.group.Load() != nil }

// URL is where the hub listens.
func (h *Hub) URL() string {
	if h.cfg.Certificate != "" {
		return "https://" + h.listener.Addr().String()
	}
	return "http://" + h.listener.Addr().String()
}

// Public is the base URL under which people reach the hub. On loopback it is localhost: browsers hold passkeys for names, not
// for addresses.
func (h *Hub) Public() string {
	if h.cfg.URL != "" {
		return strings.TrimSuffix(h.cfg.URL, "/")
	}
	if addr, ok := h.listener.Addr().(*net.TCPAddr); ok && addr.IP.IsLoopback() {
		scheme, _, _ := strings.Cut(h.URL(), ":")
		return fmt.Sprintf("%s://localhost:%d", scheme, addr.Port)
	}
	return h.URL()
}

// Twin is the hub's twin: what feeds its intake.
func (h *Hub) Twin() *twin.Twin { return h.twin }

// Ready ends what /readyz waits for, for good: a hub that has lost its guardians since still serves the public.
func (h *Hub) Ready() {
	done := ""
	h.waiting.Store(&done)
}

// wait says what /readyz waits for; nothing where the hub has been ready before.
func (h *Hub) wait(reason string) {
	if before := h.waiting.Load(); before == nil || *before != "" {
		h.waiting.CompareAndSwap(before, &reason)
	}
}

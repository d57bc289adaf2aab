// Package web is what every HTTP surface of the platform shares: listeners and their limits, the one table from errors to
// problem details (RFC 9457), the middleware that finds out who calls, and an access log that keeps no secrets.
//
// Its callers are the rooms that serve HTTP (twin/api, portal, record, guardian) and the city that wires them. It
// imports the vocabulary only. It promises: a body is bounded before it is read; an error the table does not know says
// nothing but a request id; no query string, header, token, body or path ever reaches the log.
package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"tribune"
)

// Limits of every listener, with their reasons.
const (
	HeaderTimeout   = 5 * time.Second  // a slow client may not hold a connection open with half a header
	ReadTimeout     = 30 * time.Second // 1 MB on a poor mobile uplink
	WriteTimeout    = 90 * time.Second // an act is published and released within 30 s; the rest is download
	IdleTimeout     = 2 * time.Minute  // sensors report every minute and keep their connection
	ShutdownTimeout = 10 * time.Second // what is under way may end
	MaxHeader       = 32 << 10
	MaxBody         = 1 << 20 // a body, unless a surface says otherwise
	MaxInFlight     = 1024    // requests at once; more get 503 rather than memory
	MaxDepth        = 32      // nesting of a JSON body
)

// NewServer is an http.Server for h with the limits above. Its own error log is closed: it would print client addresses.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: HeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          discard(),
	}
}

// Listen listens on addr. Where the port is taken it tries up to next ports above it: 0 for an address the user chose,
// more for a default.
func Listen(ctx context.Context, addr string, next int) (net.Listener, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("%w: address %q", tribune.ErrInvalid, addr), "Write HOST:PORT, like 127.0.0.1:8080.")
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("%w: port %q", tribune.ErrInvalid, portText), "A port is a number up to 65535.")
	}
	var lc net.ListenConfig
	for i := 0; ; i++ {
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.FormatUint(port+uint64(i), 10)))
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || port+uint64(i) == 65535 {
			return nil, fmt.Errorf("listening on %s: %w", addr, err)
		}
		if i >= next {
			return nil, tribune.Hint(fmt.Errorf("listening on %s: %w", addr, err), "The port is taken. Stop what uses it, or choose another address.")
		}
	}
}

package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/sync/errgroup"

	"tribune"
)

// acceptPause is waited for after a failed accept: the process has too many files open, and trying again at once would
// only burn the processor that could close some.
const acceptPause = 50 * time.Millisecond

// Serve accepts connections in the clear from plain and under TLS from secure, either of which may be nil, until ctx ends or
// a listener fails. Then it stops reading, lets messages that are at the desk be acknowledged, and closes everything; the
// listeners are closed in any case. An Edge serves once.
func (e *Edge) Serve(ctx context.Context, plain, secure net.Listener, cert *tls.Config) error {
	var listeners []net.Listener
	if plain != nil {
		listeners = append(listeners, plain)
	}
	if secure != nil {
		listeners = append(listeners, secure)
	}
	closeAll := sync.OnceFunc(func() {
		for _, l := range listeners {
			l.Close()
		}
	})
	defer closeAll()
	if len(listeners) == 0 || (secure != nil) != (cert != nil) {
		return fmt.Errorf("%w: serving MQTT needs a listener, and one for TLS needs a certificate", tribune.ErrInvalid)
	}
	if err := e.server.Serve(); err != nil {
		return fmt.Errorf("serving MQTT: %w", err)
	}
	parts, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, closeAll)()
	if plain != nil {
		parts.Go(func() error { return e.accept(ctx, plain, nil) })
	}
	if secure != nil {
		parts.Go(func() error { return e.accept(ctx, secure, cert) })
	}
	parts.Go(func() error {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				e.sweep()
			}
		}
	})
	err := parts.Wait()
	e.stop()
	return err
}

// accept gives each connection a goroutine of its own, or closes it where there are too many.
func (e *Edge) accept(ctx context.Context, l net.Listener, cert *tls.Config) error {
	for {
		raw, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				raw.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting MQTT connections: %w", err)
		case err != nil:
			e.log.Warn("accepting an MQTT connection", slog.String("error", err.Error()))
			time.Sleep(acceptPause)
			continue
		}
		addr, from := addressOf(raw)
		if why := e.door.admit(from); why != reasonNone {
			raw.Close()
			e.refuse(why, "", addr, "")
			continue
		}
		if tcp, ok := raw.(*net.TCPConn); ok {
			tcp.SetReadBuffer(received) // where it fails the system's own bounds hold
			tcp.SetWriteBuffer(answering)
		}
		c := &conn{Conn: raw, raw: raw, edge: e, addr: addr, from: from, opened: time.Now()}
		if cert != nil {
			c.Conn = tls.Server(raw, cert)
		}
		e.attending.Go(func() { e.attend(ctx, c) })
	}
}

// attend sees one connection through.
func (e *Edge) attend(ctx context.Context, c *conn) {
	defer context.AfterFunc(ctx, c.drain)()
	defer func() {
		c.Close()
		e.large.Release(c.held)
		if c.session != nil {
			e.conns.leave(c.session)
		}
		e.door.leave(c.from, c.session != nil)
	}()
	defer func() {
		if c.taking {
			return // a panic of the house: its locks may be held, and nobody may go on
		}
		if p := recover(); p != nil { // of the library's parser, on bytes from outside: this connection ends, and no other
			e.panics.Add(1)
			e.log.Error("MQTT library panicked", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	c.raw.SetWriteDeadline(c.opened.Add(e.lim.Connect)) // of the TLS handshake
	err := e.server.EstablishConnection("mqtt", c)
	var code packets.Code
	switch {
	case err == nil, hungUp(err), errors.As(err, &code) && code.Code < packets.ErrUnspecifiedError.Code: // a DISCONNECT is one, too
	case c.session == nil:
		c.blame(reasonMalformed, "no CONNECT")
	default:
		c.blame(reasonMalformed, code.Reason)
	}
}

// hungUp reports whether a connection ended by itself, or by this package, which has said why.
func hungUp(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// stop waits for what is under way, for a while, and ends it. Every connection has been told to read no more.
func (e *Edge) stop() {
	done := make(chan struct{})
	go func() {
		e.attending.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(e.lim.Drain):
		e.cancel()
		for _, s := range e.conns.sweep() {
			s.conn.Close()
		}
		<-done
	}
	e.cancel()
	e.server.Close() // always nil
}

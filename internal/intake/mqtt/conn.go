package mqtt

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// conn is one connection. The library reads and writes through it; the bounds of time and size are kept here, since the
// library's own begin only after a whole CONNECT and let a packet take as long as it likes.
type conn struct {
	net.Conn // TLS or plain
	raw      net.Conn
	edge     *Edge
	addr     netip.Addr
	from     netip.Prefix
	opened   time.Time

	// Of the goroutine that reads.
	frames  frames
	waited  time.Duration // for the bytes of the packet under way
	held    int64         // of Edge.large
	session *session      // nil before CONNECT was accepted
	taking  bool          // a message is at the desk

	mu       sync.Mutex // guards the rest, and the order of read deadlines
	idle     time.Time  // until when the next packet must begin; zero = no CONNECT yet
	draining bool
	blamed   reason // why it ends, if it was refused
	closed   bool
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// SetDeadline is the library's: it calls it before it reads a packet, with what the keep-alive allows.
func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.idle = t
	c.mu.Unlock()
	c.release()
	return nil
}

// release gives back the memory of large packets, but for the one that has begun already behind the last.
func (c *conn) release() {
	keep := int64(0)
	if c.frames.inside() && c.frames.length > large {
		keep = int64(c.frames.length)
	}
	if c.held > keep {
		c.edge.large.Release(c.held - keep)
		c.held = keep
	}
}

// due is until when bytes must come.
func (c *conn) due(now time.Time) time.Time {
	switch {
	case c.draining:
		return past
	case c.session == nil:
		return c.opened.Add(c.edge.lim.Connect)
	case c.frames.inside():
		// Only waiting counts: while a message is at the desk nobody reads, and that is not the device's fault.
		return now.Add(c.edge.lim.Packet - c.waited)
	}
	return c.idle
}

// Read keeps the time of a packet and looks at its length before the library does.
func (c *conn) Read(p []byte) (int, error) {
	began, inside, packet := time.Now(), c.frames.inside(), c.frames.count
	c.mu.Lock()
	err := c.Conn.SetReadDeadline(c.due(began))
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		if refused := c.frames.advance(p[:n], c.begun); refused != nil {
			if errors.Is(refused, errFraming) {
				c.blame(reasonMalformed, "framing")
			}
			return 0, refused
		}
		c.waited += time.Since(began)
		if !inside || c.frames.count != packet {
			c.waited = 0
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.late()
	}
	return n, err
}

// begun looks at a packet whose length is known, and at nothing else of it.
func (c *conn) begun(kind byte, length int) error {
	// A device need not wait for CONNACK (MQTT 5, 3.1.4): what it sends behind CONNECT is read ahead, up to the buffer, and seen
	// by nobody before CONNECT is accepted. Only large packets must wait.
	limit, err := most(kind, c.session != nil || c.frames.count > 1)
	if c.session == nil {
		limit = min(limit, large)
	}
	switch {
	case err != nil:
		c.blame(reasonMalformed, "no CONNECT")
		return err
	case length > limit:
		c.farewell(packets.ErrPacketTooLarge)
		c.blame(reasonSize, packets.PacketNames[kind])
		return errTooLarge
	case length > large && !c.edge.large.TryAcquire(int64(length)):
		c.farewell(packets.ErrServerBusy)
		c.blame(reasonMemory, "")
		return errTooLarge
	case length > large:
		c.held += int64(length)
	}
	return nil
}

func (c *conn) late() {
	switch {
	case c.session == nil:
		c.blame(reasonSlow, "CONNECT")
	case c.frames.inside():
		c.blame(reasonSlow, "packet")
	default:
		c.mu.Lock()
		draining := c.draining
		c.mu.Unlock()
		if draining {
			c.farewell(packets.ErrServerShuttingDown)
			return
		}
		c.farewell(packets.ErrKeepAliveTimeout)
		c.blame(reasonIdle, "")
	}
}

// Write bounds the time that a device may take to take an answer.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.edge.lim.Write)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// farewell tells an MQTT 5 device why; MQTT 3.1.1 has no word for it. It is called by the goroutine that reads, which is
// the one that answers too.
func (c *conn) farewell(code packets.Code) {
	if c.session != nil && c.session.version == 5 {
		c.Write([]byte{packets.Disconnect << 4, 2, code.Code, 0}) // a device that cannot be told is cut all the same
	}
}

// blame counts why the connection ends; the first reason is the one.
func (c *conn) blame(why reason, detail string) {
	c.mu.Lock()
	first := c.blamed == reasonNone
	if first {
		c.blamed = why
	}
	c.mu.Unlock()
	if !first {
		return
	}
	id := ""
	if c.session != nil {
		id = c.session.id
		if told := why.told(); told != "" {
			c.session.device.Load().Refused(c.edge.cfg.Now(), told)
		}
	}
	c.edge.refuse(why, id, c.addr, detail)
}

// drain ends reading; a message that is at the desk is still answered.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	c.Conn.SetReadDeadline(past) // fails only where the connection has ended
}

// Close may be called by anyone, more than once, and does not wait for the device.
func (c *conn) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if !first {
		return nil
	}
	return c.raw.Close()
}

package notify

import (
	"errors"
	"io"
	"net"
)

// maxPacket is the remaining length of what a broker may send: acknowledgements with a reason, no messages.
const maxPacket = 16 << 10

var errPacket = errors.New("the broker sends what a publisher has not asked for, or too much of it")

// acknowledged reads from a broker, and ends at the first packet that is not an answer to a publisher. The broker is whoever a
// subscription names; the clients reserve what a packet claims to have, up to 256 MB, before any of it has come, and keep
// messages that nobody subscribed to.
//
// A packet begins with its type in the upper four bits, then its remaining length in one to four groups of seven bits, the
// lowest first; the upper bit of each says that another follows (MQTT 5.0 and 3.1.1, 2.1).
type acknowledged struct {
	net.Conn
	head  [5]byte // type and length as they came
	have  int     // bytes of head that have been read
	given int     // of them, handed on
	left  int     // bytes of the packet that are still to come
}

// Read is called by one goroutine, as the clients do.
func (c *acknowledged) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if c.given == c.have && c.left == 0 {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	if c.given < c.have {
		n := copy(b, c.head[c.given:c.have])
		c.given += n
		return n, nil
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// begin reads the head of the next packet.
func (c *acknowledged) begin() error {
	c.have, c.given, c.left = 0, 0, 0
	if err := c.next(); err != nil {
		return err
	}
	switch c.head[0] >> 4 {
	case 2, 4, 5, 7, 13, 14: // CONNACK, PUBACK, PUBREC, PUBCOMP, PINGRESP, DISCONNECT
	default:
		return errPacket
	}
	for shift := 0; ; shift += 7 {
		if c.have == len(c.head) {
			return errPacket
		}
		if err := c.next(); err != nil {
			return err
		}
		last := c.head[c.have-1]
		if c.left |= int(last&0x7f) << shift; c.left > maxPacket {
			return errPacket
		}
		if last < 0x80 {
			return nil
		}
	}
}

func (c *acknowledged) next() error {
	_, err := io.ReadFull(c.Conn, c.head[c.have:c.have+1])
	switch {
	case err == nil:
		c.have++
	case err == io.EOF && c.have > 0:
		return io.ErrUnexpectedEOF
	}
	return err
}

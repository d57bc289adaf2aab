// Package mqtt is the outside of the hub's MQTT surface: a lean device, as benchmarks and drills play many of them. It speaks
// MQTT 3.1.1, publishes at QoS 1 and lets its caller see every acknowledgement; it can also send what no device should.
//
// It is no general client: it subscribes to nothing, does not reconnect, and one goroutine writes while one reads.
package mqtt

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"tribune"
)

const (
	dialFor   = 5 * time.Second
	maxAnswer = 1 << 10 // bytes of an answer: none that is awaited here has more than a few
)

// The first bytes of the packets of MQTT 3.1.1 that pass here.
const (
	connect    = 0x10
	connack    = 0x20
	publish1   = 0x32 // PUBLISH at QoS 1
	puback     = 0x40
	disconnect = 0xe0
)

// Conn is one connection.
type Conn struct {
	net.Conn
	r *bufio.Reader
}

// Dial connects to host:port, from an own address where one is given. The connection closes with ctx.
func Dial(ctx context.Context, address string, from netip.Addr) (*Conn, error) {
	d := net.Dialer{Timeout: dialFor}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	nc, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connecting by MQTT: %w", err)
	}
	context.AfterFunc(ctx, func() { nc.Close() })
	return &Conn{nc, bufio.NewReaderSize(nc, 4<<10)}, nil
}

// Refused is the error of a CONNECT that the hub did not accept.
type Refused struct{ Code byte }

func (r *Refused) Error() string        { return fmt.Sprintf("the hub refused to connect: code %d", r.Code) }
func (r *Refused) Is(target error) bool { return target == tribune.ErrDenied }

// Login sends CONNECT for a device and waits for the answer.
func (c *Conn) Login(client, device, token string, keepAlive time.Duration) error {
	if _, err := c.Write(Connect(client, device, token, keepAlive)); err != nil {
		return fmt.Errorf("connecting by MQTT: %w", err)
	}
	kind, body, err := c.answer()
	switch {
	case err != nil:
		return fmt.Errorf("connecting by MQTT: %w", err)
	case kind != connack || len(body) != 2:
		return fmt.Errorf("%w: not an answer to CONNECT", tribune.ErrInvalid)
	case body[1] != 0:
		return &Refused{body[1]}
	}
	return nil
}

// Acknowledged waits for the next PUBACK and returns its packet identifier.
func (c *Conn) Acknowledged() (id uint16, err error) {
	kind, body, err := c.answer()
	if err != nil {
		return 0, err
	}
	if kind != puback || len(body) != 2 {
		return 0, fmt.Errorf("%w: not a PUBACK", tribune.ErrInvalid)
	}
	return binary.BigEndian.Uint16(body), nil
}

// Close says goodbye and closes.
func (c *Conn) Close() error {
	_, err := c.Write([]byte{disconnect, 0})
	return errors.Join(err, c.Conn.Close())
}

func (c *Conn) answer() (kind byte, body []byte, err error) {
	if kind, err = c.r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(c.r) // MQTT's remaining length is the same code
	if err != nil {
		return 0, nil, err
	}
	if n > maxAnswer {
		return 0, nil, fmt.Errorf("%w: an answer of %d bytes", tribune.ErrTooLarge, n)
	}
	body = make([]byte, n)
	_, err = io.ReadFull(c.r, body)
	return kind, body, err
}

// Connect is a CONNECT packet with a clean session.
func Connect(client, device, token string, keepAlive time.Duration) []byte {
	body := appendText(nil, "MQTT")
	body = append(body, 4, 0xc2) // version; user name, password, clean session
	body = binary.BigEndian.AppendUint16(body, uint16(keepAlive/time.Second))
	for _, s := range []string{client, device, token} {
		body = appendText(body, s)
	}
	return append(appendHead(nil, connect, len(body)), body...)
}

// AppendPublish appends a PUBLISH at QoS 1. Whether it is allowed is the hub's to decide.
func AppendPublish(b []byte, topic string, id uint16, payload []byte) []byte {
	b = AppendPublishHead(b, topic, id, len(payload))
	return append(b, payload...)
}

// AppendPublishHead appends all of a PUBLISH but its payload of size bytes.
func AppendPublishHead(b []byte, topic string, id uint16, size int) []byte {
	b = appendHead(b, publish1, 2+len(topic)+2+size)
	b = appendText(b, topic)
	return binary.BigEndian.AppendUint16(b, id)
}

func appendHead(b []byte, first byte, length int) []byte {
	return binary.AppendUvarint(append(b, first), uint64(length))
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

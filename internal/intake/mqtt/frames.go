package mqtt

import (
	"errors"

	"github.com/mochi-mqtt/server/v2/packets"
)

// frames follows the framing of MQTT control packets in a stream of bytes that somebody else parses, so that a packet
// which is too large ends before memory is set aside for it, and one that does not end is noticed.
//
// A packet is (MQTT 5, 2.1): one byte with its type in the upper half, one to four bytes of remaining length, 7 bits
// each with the least significant first and the top bit set on all but the last, and as many bytes.
type frames struct {
	kind   byte // of the packet under way
	length int  // its remaining length, as far as read
	left   int  // bytes of it still to come
	digits int  // bytes of the length read
	state  byte
	count  uint64 // packets begun
}

const (
	betweenPackets byte = iota
	inLength
	inBody
)

var (
	errFraming  = errors.New("not an MQTT packet")
	errTooLarge = errors.New("packet too large")
)

// inside reports whether a packet has begun and not ended.
func (f *frames) inside() bool { return f.state != betweenPackets }

// advance follows p. begun is called with each packet's type and length before its body passes, and may refuse it.
func (f *frames) advance(p []byte, begun func(kind byte, length int) error) error {
	for len(p) > 0 {
		switch f.state {
		case betweenPackets:
			*f = frames{kind: p[0] >> 4, state: inLength, count: f.count + 1}
			p = p[1:]
		case inLength:
			if f.digits == 4 {
				return errFraming
			}
			f.length |= int(p[0]&0x7f) << (7 * f.digits)
			f.digits++
			more := p[0]&0x80 != 0
			p = p[1:]
			if more {
				continue
			}
			if err := begun(f.kind, f.length); err != nil {
				return err
			}
			f.left, f.state = f.length, inBody
			if f.left == 0 {
				f.state = betweenPackets
			}
		default:
			n := min(f.left, len(p))
			f.left -= n
			p = p[n:]
			if f.left == 0 {
				f.state = betweenPackets
			}
		}
	}
	return nil
}

// most is how many bytes a packet of a type may have after its fixed header. A connection begins with CONNECT.
func most(kind byte, begun bool) (int, error) {
	switch {
	case !begun && kind != packets.Connect:
		return 0, errFraming
	case kind == packets.Publish:
		return maxPacket, nil
	case kind == packets.Connect:
		return maxConnect, nil
	}
	return maxOther, nil
}

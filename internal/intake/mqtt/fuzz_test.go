package mqtt

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"tribune/internal/intake"
)

// FuzzFrames holds the follower of frames against the plainest reading of the same bytes, however they are cut.
func FuzzFrames(f *testing.F) {
	for _, v := range versions {
		f.Add(slices.Concat(connectPacket(v, true, 9, "c", "", "u", "p"), publishPacket(v, qos1, 1, "a/b", "x"), []byte{0xe0, 0}), 3)
	}
	f.Add([]byte{0x30, 0x80, 0x80, 0x80, 0x80, 1}, 1)
	f.Add([]byte{0x30, 0xff, 0xff, 0x7f, 1}, 2)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		step = 1 + (step%7+7)%7
		type frame struct {
			kind   byte
			length int
		}
		var want, got []frame
		broken, inside := false, false
		for rest := data; len(rest) > 0 && !broken; {
			n, digits := 0, 0
			for inside = true; digits+1 < len(rest); {
				b := rest[digits+1]
				if digits == 4 {
					broken = true
					break
				}
				n |= int(b&0x7f) << (7 * digits)
				digits++
				if b < 0x80 {
					want = append(want, frame{rest[0] >> 4, n})
					inside = len(rest) < 1+digits+n
					break
				}
			}
			if inside {
				break
			}
			rest = rest[1+digits+n:]
		}
		var fr frames
		var err error
		for rest := data; len(rest) > 0 && err == nil; rest = rest[min(step, len(rest)):] {
			err = fr.advance(rest[:min(step, len(rest))], func(kind byte, length int) error {
				got = append(got, frame{kind, length})
				return nil
			})
		}
		if !slices.Equal(got, want) || (err != nil) != broken || !broken && fr.inside() != inside {
			t.Errorf("% x by %d: got %v %v inside %v, want %v broken %v inside %v", data, step, got, err, fr.inside(), want, broken, inside)
		}
	})
}

// FuzzConnection sends anything at all after a CONNECT: nothing but well-formed messages to the device's own topics may
// reach the desk, the library must not panic, and the connection must end.
func FuzzConnection(f *testing.F) {
	for _, v := range versions {
		for _, p := range [][]byte{
			publishPacket(v, qos1, 1, "devices/air-1/x", "1"), publishPacket(v, 0, 0, "devices/air-1/x", "1"), packet(0x82, []byte("\x00\x01\x00"), text("#"), []byte{0}),
			packet(0xa2, []byte("\x00\x01\x00"), text("#")), {0xc0, 0}, {0xe0, 0}, {0xe0, 2, 4, 0}, {0x40, 2, 0, 1}, {0x62, 2, 0, 1}, {0xf0, 2, 0, 0},
			packet(0x32, text("devices/air-1/x"), []byte{0, 1, 5, 2, 0, 0, 0, 1, 'x'}), packet(0x32, text(""), []byte{0, 1, 3, 35, 0, 1, 'x'}),
			packet(0x32, text("devices/air-1/x"), []byte{0, 1, 2, 11, 0xff}),
		} {
			f.Add(v == 5, p)
		}
	}
	w := found(f, Limits{Connect: time.Second, Packet: 50 * time.Millisecond, Idle: time.Second, Rate: 1 << 30, DeviceRate: 1 << 30})
	token := w.add("air-1")
	w.desk.set(func(_ context.Context, m intake.Message) error {
		if m.Topic != "devices/air-1/#" || len(m.Body) > maxPacket {
			panic("the desk was handed " + m.Topic)
		}
		return nil
	})
	if err := w.edge.server.Serve(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, five bool, data []byte) {
		version := byte(4)
		if five {
			version = 5
		}
		ours, theirs := net.Pipe()
		_, from := addressOf(theirs)
		if why := w.edge.door.admit(from); why != reasonNone {
			t.Fatal(why)
		}
		go io.Copy(io.Discard, ours)
		done := make(chan struct{})
		go func() {
			w.edge.attend(context.Background(), &conn{Conn: theirs, raw: theirs, edge: w.edge, from: from, opened: time.Now()})
			close(done)
		}()
		ours.Write(slices.Concat(connectPacket(version, true, 1, "c", "", "air-1", token), bytes.Clone(data)))
		ours.Close()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("the connection does not end")
		}
		if n := w.edge.panics.Load(); n > 0 {
			t.Fatalf("the library panicked on % x", data)
		}
		if s := w.edge.Stats(); s.Connections != 0 {
			t.Fatalf("counted wrong: %+v", s)
		}
	})
}

package mqtt

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/protocol"
)

// patience bounds every wait of a test: loaded machines are slow.
const patience = 20 * time.Second

// town is a running edge with a real register of devices and a desk that does as the test says.
type town struct {
	t       testing.TB
	devices *device.Register
	steward note.Signer
	desk    *desk
	edge    *Edge
	address string
	stop    func()
	log     *bytes.Buffer

	mu  sync.Mutex // guards now
	now time.Time
}

// desk takes messages as its function decides, and keeps what it took.
type desk struct {
	mu   sync.Mutex // guards both
	take func(context.Context, intake.Message) error
	got  []intake.Message // where take returned nil
}

func (d *desk) Take(ctx context.Context, m intake.Message) (intake.Taken, error) {
	d.mu.Lock()
	take := d.take
	d.mu.Unlock()
	if take != nil {
		if err := take(ctx, m); err != nil {
			return intake.Taken{}, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m.Body = bytes.Clone(m.Body)
	d.got = append(d.got, m)
	return intake.Taken{Readings: 1}, nil
}

func (d *desk) set(take func(context.Context, intake.Message) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.take = take
}

func (d *desk) bodies() (all []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.got {
		all = append(all, string(m.Body))
	}
	return all
}

func (d *desk) messages() []intake.Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.got)
}

// found makes a town whose edge is not running yet.
func found(t testing.TB, lim Limits) *town {
	t.Helper()
	skey, vkey, err := protocol.NewKey("city.example/steward")
	if err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, desk: &desk{}, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), log: &bytes.Buffer{}}
	if w.steward, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	if w.devices, err = device.New(device.Config{Dir: t.TempDir(), Steward: vkey, Now: w.clock}); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&lockedWriter{w: w.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if w.edge, err = New(Config{Desk: w.desk, Devices: w.devices, Limits: lim, Now: w.clock, Log: log}); err != nil {
		t.Fatal(err)
	}
	return w
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// start serves on a port of its own until the test ends.
func start(t testing.TB, lim Limits) *town {
	t.Helper()
	w := found(t, lim)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.edge.Serve(ctx, listener, nil, nil) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("serving: %v", err)
			}
		case <-time.After(patience):
			t.Error("the edge does not stop")
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *town) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *town) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// add registers a device that begins now and returns its token.
func (w *town) add(id string, more ...string) (token string) {
	w.t.Helper()
	token, sum := device.NewToken()
	w.register(id, sum.String(), more...)
	return token
}

func (w *town) register(id, sum string, more ...string) {
	w.t.Helper()
	text := fmt.Sprintf(`id = %q
title = "Air"
kind = "sensor"
owner = "City Council"
contact = "air@city.example"
place = { name = "High Street", longitude = -1.9, latitude = 52.5 }
need = "to know the air"
alternative = "walk elsewhere"
cost = "nothing"
fallback = "a visit"
cannot_sense = ["faces"]
from = %s
until = 2027-11-22
token_sha256 = %q
`, id, w.clock().Format(time.RFC3339), sum)
	for _, m := range more {
		text += m + "\n"
	}
	text += `[[senses]]
title = "Dust"
name = "pm25"
entity = "urn:ngsi-ld:Air:1"
type = "https://uri.example/Air"
attribute = "https://uri.example/pm25"
`
	signed, err := protocol.SignDocument(text, w.steward)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.devices.Add(signed); err != nil {
		w.t.Fatal(err)
	}
}

// wants waits until a count of refusals is at least n.
func (w *town) wants(reason string, n uint64) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d refusals: %s", n, reason), func() bool { return w.edge.Stats().Refused[reason] >= n })
}

func (w *town) until(what string, f func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain for %s; stats are %+v", what, w.edge.Stats())
		}
	}
}

// wire is a client that can say anything.
type wire struct {
	t testing.TB
	net.Conn
	r       *bufio.Reader
	version byte
}

func (w *town) dial(version byte) *wire { return w.dialFrom(version, "127.0.0.1") }

func (w *town) dialFrom(version byte, from string) *wire {
	w.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &wire{w.t, c, bufio.NewReader(c), version}
}

// packet frames a body.
func packet(first byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	out := []byte{first}
	for n := len(body); ; n >>= 7 {
		if n < 128 {
			out = append(out, byte(n))
			break
		}
		out = append(out, byte(n)|0x80)
	}
	return append(out, body...)
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

// connectPacket is a CONNECT. will is its topic, "" = none.
func connectPacket(version byte, clean bool, keepalive uint16, client, will, user, password string) []byte {
	flags := byte(0xc0)
	if clean {
		flags |= 2
	}
	var props, testament []byte
	if version == 5 {
		props = []byte{0}
	}
	if will != "" {
		flags |= 4
		testament = slices.Concat(props, text(will), text("gone"))
	}
	return packet(0x10, text("MQTT"), []byte{version, flags}, binary.BigEndian.AppendUint16(nil, keepalive), props, text(client), testament, text(user), text(password))
}

func publishPacket(version, flags byte, id uint16, topic, payload string) []byte {
	var number, props []byte
	if flags&6 != 0 {
		number = binary.BigEndian.AppendUint16(nil, id)
	}
	if version == 5 {
		props = []byte{0}
	}
	return packet(0x30|flags, text(topic), number, props, []byte(payload))
}

const qos1 = 2 // in the flags of a PUBLISH

func (w *wire) send(p []byte) {
	w.t.Helper()
	if _, err := w.Write(p); err != nil {
		w.t.Fatalf("sending: %v", err)
	}
}

// connect connects cleanly and returns CONNACK's code.
func (w *wire) connect(device, token string) byte {
	w.t.Helper()
	return w.connectAs("client-of-"+device, device, token)
}

func (w *wire) connectAs(client, device, token string) byte {
	w.t.Helper()
	w.send(connectPacket(w.version, true, 60, client, "", device, token))
	return w.connack()
}

func (w *wire) connack() byte {
	w.t.Helper()
	kind, body, err := w.read()
	if err != nil || kind != 2 || len(body) < 2 || body[0] != 0 {
		w.t.Fatalf("got packet %d % x %v, want a CONNACK without a session", kind, body, err)
	}
	return body[1]
}

// read reads one packet.
func (w *wire) read() (kind byte, body []byte, err error) {
	first, err := w.r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(w.r) // MQTT's length is the same code
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(w.r, body)
	return first >> 4, body, err
}

// publish publishes at QoS 1 and waits for the PUBACK.
func (w *wire) publish(id uint16, topic, payload string) {
	w.t.Helper()
	w.send(publishPacket(w.version, qos1, id, topic, payload))
	kind, body, err := w.read()
	if err != nil || kind != 4 || len(body) < 2 || binary.BigEndian.Uint16(body) != id {
		w.t.Fatalf("got packet %d % x %v, want the PUBACK of %d", kind, body, err, id)
	}
}

// cut waits for the end of the connection. On the way there may be a DISCONNECT of MQTT 5, whose reason it returns; a
// PUBACK is an error.
func (w *wire) cut() (code byte) {
	w.t.Helper()
	for {
		kind, body, err := w.read()
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			w.t.Fatal("the connection stays open")
		case err != nil:
			return code
		case kind == 14 && w.version == 5 && len(body) > 0:
			code = body[0]
		default:
			w.t.Fatalf("got packet %d % x instead of the end", kind, body)
		}
	}
}

// alive holds that the connection answers a ping.
func (w *wire) alive() {
	w.t.Helper()
	w.send([]byte{0xc0, 0})
	if kind, _, err := w.read(); err != nil || kind != 13 {
		w.t.Fatalf("got packet %d %v, want a PINGRESP", kind, err)
	}
}

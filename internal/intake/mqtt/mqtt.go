// Package mqtt is where devices hand in readings by MQTT. The city calls New and Serve; it hands every message to the
// desk (package intake) and acknowledges it only once the desk has said that it is durable.
//
// What a device may rely on, in MQTT 3.1.1 and MQTT 5, in the clear (port 1883) and under TLS (port 8883):
//
//   - CONNECT: user name = the device's id, password = its token. A client id belongs to the device: the same one used by
//     another device is another client, and used again by the same device it ends the older connection.
//   - PUBLISH at QoS 0 or 1, to a topic the device's document allows, at most 1 MB a packet. The content type is the MQTT 5
//     property, else it goes by the topic's last level: "senml", "senml-cbor", "cose", else plain JSON.
//   - PUBACK means durable: in the city's twin, or in quarantine where the message was the device's but cannot be
//     used (MQTT 5 hears of that by reason code 0x99). Whatever else happens, the connection ends without a PUBACK and
//     the message is still the device's to send again. QoS 0 is taken alike, and nobody is told.
//   - Refused: QoS 2, retained messages, topics of others, wildcards and "$" in topics, topic aliases and enhanced
//     authentication end the connection; a will refuses it. SUBSCRIBE is answered with failure: nothing is ever sent to
//     a device, so its readings cannot reach another one from here.
//   - A newer document of the device holds at once. A connection ends within seconds of the device's end date, of a
//     document with another token, and of the device being withdrawn.
//
// What the city may rely on: no session, no retained message and no queue outlives a connection, and nothing is written to
// disk here. Memory, connections, packets and time are bounded, each device's and each address's own part too; what was
// refused is counted in Stats. Messages of one connection are taken one after the other, so a device that is slow or
// floods waits for itself. No payload and no token is ever logged.
package mqtt

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
)

// Desk takes messages; *intake.Desk is one. nil and *intake.Quarantined mean durable, any other error that nothing is.
type Desk interface {
	Take(context.Context, intake.Message) (intake.Taken, error)
}

// Devices knows the city's devices; *device.Register is one.
type Devices interface {
	Authenticate(id, token string) (*device.Device, error)
}

// Config is what an edge needs. Desk and Devices are required.
type Config struct {
	Desk    Desk
	Devices Devices
	Limits  Limits
	Now     func() time.Time // nil = time.Now; decides only whether a device's document is in force
	Log     *slog.Logger     // nil = none
}

// Limits bound what a device, an address and all of them together may hold. A zero is the default.
type Limits struct {
	Connections int // open at once, in all; 8192
	Pending     int // of these, before CONNECT was accepted; 1024
	PerAddress  int // open at once from one address (IPv6: one /64); 2048
	Strangers   int // of these, before CONNECT was accepted; 128
	PerDevice   int // open at once of one device; a further one ends the oldest; 8
	Rate        int // new connections a second from one address, with bursts of ten times as many; 50
	DeviceRate  int // new connections a second of one device, with bursts of ten times as many; 5
	Large       int // bytes of packets above 64 KB under way at once, in all; 128 MB

	Connect time.Duration // for TLS handshake and CONNECT together; 5 s
	Packet  time.Duration // for the bytes of one packet, once its first is there; 30 s: 1 MB at 280 kbit/s
	Idle    time.Duration // longest keep-alive, also of a device that asks for none; 20 min, for batteries' sake
	Take    time.Duration // for the desk to make a message durable; 30 s
	Write   time.Duration // for the device to take an answer; 10 s
	Drain   time.Duration // for messages under way when the edge stops; 10 s
}

func (l *Limits) fill() {
	for v, def := range map[*int]int{
		&l.Connections: 8192, &l.Pending: 1024, &l.PerAddress: 2048, &l.Strangers: 128, &l.PerDevice: 8, &l.Rate: 50, &l.DeviceRate: 5, &l.Large: 128 << 20,
	} {
		*v = cmp.Or(*v, def)
	}
	for v, def := range map[*time.Duration]time.Duration{
		&l.Connect: 5 * time.Second, &l.Packet: 30 * time.Second, &l.Idle: 20 * time.Minute, &l.Take: 30 * time.Second, &l.Write: 10 * time.Second, &l.Drain: 10 * time.Second,
	} {
		*v = cmp.Or(*v, def)
	}
}

// Bounds that no configuration moves.
const (
	maxPacket  = 1 << 20           // bytes of a PUBLISH after its fixed header: thousands of readings
	maxConnect = 8 << 10           // bytes of a CONNECT: id, token and properties need a few hundred
	maxOther   = 4 << 10           // bytes of any other packet: a SUBSCRIBE's filters cost many times their length in memory
	large      = 64 << 10          // bytes from which a packet counts against Limits.Large
	maxTopic   = 512               // bytes of a topic
	maxClient  = 256               // bytes of a client id
	receiveMax = 64                // messages an MQTT 5 device may send ahead; the rest waits in its own memory
	chatter    = 10                // packets a second of a connection that carry no message, like pings
	sweepEvery = time.Second       // how often open connections are held against the devices' documents
	bursts     = 10                // seconds' worth that may come at once: after a power cut connections do
	logEvery   = time.Second       // refusals logged: a burst of twenty, then one in this time; all of them are counted
	received   = 256 << 10         // bytes the system may hold of what a device has sent and nobody has read
	answering  = 16 << 10          // bytes it may hold of answers that a device does not take: thousands of them
	buffered   = 4 << 10           // bytes read ahead of one connection
	never      = math.MaxInt32 - 1 // seconds; for what the library does on its own clock and nobody needs
)

// Edge is a running or startable edge.
type Edge struct {
	cfg    Config
	lim    Limits
	server *mochi.Server
	log    *slog.Logger
	quiet  *rate.Limiter
	large  *semaphore.Weighted

	work   context.Context // of messages at the desk: outlives Serve's by Limits.Drain
	cancel context.CancelFunc
	door   door
	conns  conns

	sessions, messages, acknowledged, quarantined, panics atomic.Uint64
	taking                                                atomic.Int64
	refused                                               [reasons]atomic.Uint64
	unlogged                                              atomic.Uint64
	attending                                             sync.WaitGroup
}

// New makes an edge. It listens nowhere before Serve.
func New(cfg Config) (*Edge, error) {
	if cfg.Desk == nil || cfg.Devices == nil {
		return nil, fmt.Errorf("%w: an MQTT edge needs a desk and the devices", tribune.ErrInvalid)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Limits.fill()
	e := &Edge{cfg: cfg, lim: cfg.Limits, log: cfg.Log, quiet: rate.NewLimiter(rate.Every(logEvery), 20), large: semaphore.NewWeighted(int64(cfg.Limits.Large))}
	e.work, e.cancel = context.WithCancel(context.Background())
	e.door.open(e.lim)
	e.conns.open(e.lim)
	e.server = mochi.New(&mochi.Options{
		// The library logs whole packets, payloads and passwords with them: it is never given a place to do so.
		Logger:                  slog.New(slog.DiscardHandler),
		ClientNetReadBufferSize: buffered,
		SysTopicResendInterval:  never,
		Capabilities: &mochi.Capabilities{
			MaximumClients:             math.MaxInt64, // the door counts
			MaximumClientWritesPending: 1,             // nothing is ever sent but answers
			MaximumPacketSize:          maxPacket + 1,
			ReceiveMaximum:             receiveMax,
			MaximumInflight:            receiveMax,
			MinimumProtocolVersion:     4,
			MaximumQos:                 1,
			Compatibilities:            mochi.Compatibilities{NoInheritedPropertiesOnAck: true}, // else a PUBACK repeats what was sent
		},
	})
	if err := e.server.AddHook(&hook{edge: e}, nil); err != nil {
		return nil, fmt.Errorf("preparing the MQTT edge: %w", err)
	}
	return e, nil
}

// Package gateway is where readings come in by HTTP: from gateways, scripts, LoRaWAN network servers and home automation.
// The city calls New and puts Routes into its mux; every message goes to the desk (package intake), and an answer says what
// became of it.
//
//	POST /intake/{device}             one message, an array of messages, or a CSV
//	POST /intake/{device}/chirpstack  an event of ChirpStack 4 (package uplink)
//	POST /intake/{device}/ttn         a message of The Things Stack 3
//	GET  /intake/{device}/payload     how the network server's raw payloads are read: the signed layouts, for anybody
//
// A device says who it is with HTTP Basic (its id and token) or with its token as a bearer token; its id is in the path, and
// must be the same. What it may send, by content type:
//
//	application/json                     {"name": value, ..., "time"?: RFC 3339}, or an array of up to 8,192 readings of these
//	application/senml+json, +cbor        SenML (RFC 8428)
//	application/cose                     SenML in a COSE_Sign1, from devices with a signing key
//	text/csv                             RFC 4180 with a header row (csv.go), up to 16 MB and 100,000 rows of 128 KB
//
// Answers: 204 = all of it is durable. 200 = durable, and the body says what was left out. 202 = it has arrived, is bad, and
// its entry in quarantine is durable: do not send it again. After anything else it is not durable: 401 not the device's
// token; 403 its document has ended or does not permit this; 413, 415 and 400 not like this; 429, 503 and 500 again later,
// 429 and 503 after the seconds in Retry-After. Sent again, a message with times changes nothing; one without is known by its
// Idempotency-Key, where it has one, else by its bytes for ten minutes.
//
// The package promises: what is under way is bounded, each device's part of it too; a body is bounded before it is read; no
// token and no value reaches a log, a count or an answer.
package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/internal/intake/uplink/payload"
	"tribune/internal/web"
)

// Prefix is of all paths; MaxBody bounds every body. web.Config.Own must have both: what stands in Authorization under
// them is a device's.
const (
	Prefix  = "/intake/"
	MaxBody = 16 << 20
)

// Bounds and times.
const (
	takeTimeout  = 30 * time.Second // for the desk to make a message durable: it answers within seconds or not at all
	streamPause  = 30 * time.Second // for a CSV's sender to bring the next batch: 64 KB on a very poor uplink
	streamTime   = 10 * time.Minute // for a whole CSV: 16 MB at 220 kbit/s
	maxUnderWay  = 256              // requests, of all devices together: a quarter of what the hub takes
	maxPerDevice = 32               // requests of one device: the desk lets 16 wait, the rest are being read
	maxStreams   = 8                // CSVs: each holds a batch in memory
	maxOwnStream = 2                // CSVs of one device: each may take its ten minutes
)

// Desk takes readings; *intake.Desk is one. nil and *intake.Quarantined mean durable, any other error that nothing is.
type Desk interface {
	Take(context.Context, intake.Message) (intake.Taken, error)
	TakeReadings(context.Context, *device.Device, []intake.Reading) (intake.Taken, error)
	Reject(ctx context.Context, m intake.Message, reason string) error
}

// Devices knows the city's devices; *device.Register is one.
type Devices interface {
	Authenticate(id, token string) (*device.Device, error)
}

// Payloads knows how raw payloads are read; *payload.Register is one.
type Payloads interface {
	Get(device string) (*payload.Document, bool)
}

// Config is what a gateway needs. Desk and Devices are required.
type Config struct {
	Desk     Desk
	Devices  Devices
	Payloads Payloads         // nil = network servers decode themselves, or send Cayenne LPP
	Now      func() time.Time // nil = time.Now
	Log      *slog.Logger     // nil = none; it never sees a value
}

// Gateway is the HTTP intake. It is safe for concurrent use.
type Gateway struct {
	cfg      Config
	problems *web.Problems

	mu       sync.Mutex     // guards what follows
	underWay int            // requests
	byDevice map[string]int // requests
	streams  int            // CSVs
	streamOf map[string]int // CSVs, by device

	messages, readings, quarantined, refused, strangers, ignored, leftOut atomic.Uint64
}

// Stats counts requests since the start.
type Stats struct {
	Messages    uint64 // durable
	Readings    uint64 // in them
	Quarantined uint64
	Refused     uint64 // of known devices
	Strangers   uint64 // without a device's token
	Ignored     uint64 // events of network servers that carry no reading
	LeftOut     uint64 // decoded values of uplinks that no document names
	UnderWay    int
}

// New makes a gateway.
func New(cfg Config) (*Gateway, error) {
	if cfg.Desk == nil || cfg.Devices == nil {
		return nil, fmt.Errorf("%w: an HTTP intake needs a desk and the devices", tribune.ErrInvalid)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Gateway{cfg: cfg, problems: problems(cfg.Log), byDevice: map[string]int{}, streamOf: map[string]int{}}, nil
}

// Routes puts the gateway's paths into a mux.
func (g *Gateway) Routes(mux *http.ServeMux) {
	mux.HandleFunc("POST "+Prefix+"{device}", g.from(g.message))
	mux.HandleFunc("POST "+Prefix+"{device}/chirpstack", g.from(g.chirpStack))
	mux.HandleFunc("POST "+Prefix+"{device}/ttn", g.from(g.theThingsStack))
	mux.HandleFunc("GET "+Prefix+"{device}/payload", g.showPayload)
}

// Stats is what has passed.
func (g *Gateway) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Stats{Messages: g.messages.Load(), Readings: g.readings.Load(), Quarantined: g.quarantined.Load(), Refused: g.refused.Load(),
		Strangers: g.strangers.Load(), Ignored: g.ignored.Load(), LeftOut: g.leftOut.Load(), UnderWay: g.underWay}
}

// outcome is what became of a request that was not refused.
type outcome struct {
	readings int
	body     any  // of a 200 or 202; nil = 204
	partly   bool // 202: something of it is in quarantine
}

// from is the handler of a device's requests.
func (g *Gateway) from(h func(context.Context, http.ResponseWriter, *http.Request, *device.Device) (outcome, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		dev, err := g.authenticate(r)
		if err != nil {
			g.strangers.Add(1)
			g.refuse(w, r, err)
			return
		}
		if err := g.enter(dev.ID); err != nil {
			dev.Refused(g.cfg.Now(), "more requests at once than one device may have")
			g.refused.Add(1)
			g.refuse(w, r, err)
			return
		}
		defer g.leave(dev.ID)
		out, err := h(r.Context(), w, r, dev)
		g.answer(w, r, out, err)
	}
}

func (g *Gateway) enter(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.byDevice[id] == maxPerDevice:
		return tribune.Hint(fmt.Errorf("%w: %d requests of this device are under way", tribune.ErrBusy, maxPerDevice), "Wait for an answer before sending more.")
	case g.underWay == maxUnderWay:
		return tribune.Hint(fmt.Errorf("%w: %d requests of devices are under way", tribune.ErrBusy, maxUnderWay), "Try again in a second.")
	}
	g.underWay++
	g.byDevice[id]++
	return nil
}

func (g *Gateway) leave(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underWay--
	if g.byDevice[id]--; g.byDevice[id] == 0 {
		delete(g.byDevice, id)
	}
}

func (g *Gateway) beginStream(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.streamOf[id] == maxOwnStream:
		return tribune.Hint(fmt.Errorf("%w: %d CSVs of this device are being read", tribune.ErrBusy, maxOwnStream), "Wait for an answer before sending more.")
	case g.streams == maxStreams:
		return tribune.Hint(fmt.Errorf("%w: %d CSVs are being read", tribune.ErrBusy, maxStreams), "Try again in a few seconds.")
	}
	g.streams++
	g.streamOf[id]++
	return nil
}

func (g *Gateway) endStream(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams--
	if g.streamOf[id]--; g.streamOf[id] == 0 {
		delete(g.streamOf, id)
	}
}

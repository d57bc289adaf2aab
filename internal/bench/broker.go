package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/internal/client"
)

// BrokerConfig says which NGSI-LD broker to measure and with how much in it.
type BrokerConfig struct {
	Config          // Binary, Dir, Duration, Connections, Profile, Log
	URL    string   // http://HOST:PORT of a broker that runs already and is empty; "" = this program's laboratory
	PID    int      // of that broker; 0 = its memory and processor are not looked at
	Sizes  []int    // entities it holds, growing; none = 100,000. A laboratory is a fresh one for each, so that it holds no more than that
	Rows   []string // which; none = all, or with several sizes those whose cost may grow with them
	Points int      // values of the attribute that row aggregate is about; 0 = 1,000,000

	Soak time.Duration // of row soak; 0 = that row is left out
}

// BrokerRows are the rows of `tribune bench broker`, in the order in which they are measured at each size: what leaves more behind
// comes later.
func BrokerRows() []Kind {
	return []Kind{
		{"broker-load", "create all the entities, 500 in a request", "entities", nil},
		{"broker-start", "start again with them", "starts", nil},
		{"broker-update", "change one attribute of an entity", "requests", nil},
		{"broker-get", "retrieve an entity", "requests", nil},
		{"broker-query", "20 entities by one comparison", "requests", nil},
		{"broker-equal", "20 entities by an equality that a thousandth fulfils", "requests", nil},
		{"broker-near", "20 entities within 1 km of a point", "requests", nil},
		{"broker-create", "create an entity", "requests", nil},
		{"broker-aggregate", "hourly averages of an attribute's whole history", "requests", nil},
		{"broker-notify", "1,000 updates a second under 1,000 subscriptions, every tenth with a dead endpoint", "notifications", nil},
		{"broker-soak", "a mix at 70% of what the broker can, for a long time: memory stays flat", "requests", nil},
	}
}

// apart are the rows that several sizes are not measured in unless they are named: their cost does not grow with entities.
var apart = []string{"broker-aggregate", "broker-notify", "broker-soak"}

// broker is a broker under measurement. Entities are numbered from 0; each is about 1 KB.
type broker struct {
	*Bench
	bc      BrokerConfig
	proc    *process // nil = somebody else's
	address string   // host:port
	http    *client.Client
	held    int // entities loaded
	soaked  *Soak
	points  int // values of the history that row aggregate is about, written
}

// MeasureBroker measures the rows at each size and hands each result to take as it is there.
func MeasureBroker(ctx context.Context, bc BrokerConfig, take func(Result) error) (err error) {
	b, err := openBroker(ctx, bc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	var failed []error
	for i, n := range b.bc.Sizes {
		if i > 0 {
			if err := b.empty(ctx); err != nil {
				return err
			}
		}
		for _, k := range BrokerRows() {
			if !b.wanted(k.Name) && (k.Name != "broker-load" || n <= b.held) {
				continue
			}
			fmt.Fprintf(b.cfg.Log, "%s with %d entities\n", k.Name, n)
			r, err := b.measure(ctx, k, n)
			if err != nil { // the other rows say something all the same
				failed = append(failed, fmt.Errorf("bench %s with %d entities: %w", k.Name, n, err))
				if ctx.Err() != nil || k.Name == "broker-start" || k.Name == "broker-load" {
					return errors.Join(failed...)
				}
				continue
			}
			if !b.wanted(k.Name) {
				continue
			}
			if err := take(r); err != nil {
				return err
			}
		}
	}
	return errors.Join(failed...)
}

// measure measures one row with n entities.
func (b *broker) measure(ctx context.Context, k Kind, n int) (Result, error) {
	k.run = b.row(k.Name, n)
	b.calls++
	r, err := b.run(ctx, k)
	if err != nil {
		return r, err
	}
	r.Entities = n
	switch {
	case k.Name == "broker-start":
		r.StartS = r.P50 / 1000
	case k.Name == "broker-load" && b.proc != nil:
		if r.Disk, err = diskMB(b.lab()); err != nil {
			return r, err
		}
	case k.Name == "broker-soak":
		r.Soak = b.soaked
	}
	return r, nil
}

// wanted reports whether a row was asked for and can be measured: only who started a broker can start it again.
func (b *broker) wanted(name string) bool {
	switch {
	case name == "broker-start" && b.proc == nil, name == "broker-soak" && b.bc.Soak == 0:
		return false
	case len(b.bc.Rows) > 0:
		return slices.Contains(b.bc.Rows, name)
	}
	return len(b.bc.Sizes) == 1 || !slices.Contains(apart, name)
}

func (b *broker) row(name string, n int) func(context.Context, *Bench) (measured, error) {
	f := map[string]func(context.Context) (measured, error){
		"broker-load":   func(ctx context.Context) (measured, error) { return b.load(ctx, n) },
		"broker-update": b.updates, "broker-create": b.creates, "broker-get": b.gets, "broker-query": b.comparisons, "broker-equal": b.equalities,
		"broker-near": b.circles, "broker-aggregate": b.aggregates, "broker-notify": b.notifications, "broker-soak": b.soak, "broker-start": b.restarts,
	}[name]
	return func(ctx context.Context, _ *Bench) (measured, error) { return f(ctx) }
}

func openBroker(ctx context.Context, bc BrokerConfig) (b *broker, err error) {
	if bc.Binary == "" {
		if bc.Binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("finding this program: %w", err)
		}
	}
	bc.Connections, bc.Points = cmp.Or(bc.Connections, 64), cmp.Or(bc.Points, 1_000_000)
	bc.Duration = cmp.Or(bc.Duration, 10*time.Second)
	if len(bc.Sizes) == 0 {
		bc.Sizes = []int{100_000}
	}
	if bc.Log == nil {
		bc.Log = io.Discard
	}
	if err := bc.check(); err != nil {
		return nil, err
	}
	b = &broker{Bench: &Bench{cfg: bc.Config, pid: bc.PID}, bc: bc}
	if err := b.scratch(); err != nil {
		return nil, err
	}
	if bc.URL == "" {
		err = b.start(ctx)
	} else {
		var u *url.URL
		if u, err = url.Parse(bc.URL); err == nil {
			b.address = u.Host
		}
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.http = &client.Client{Base: "http://" + b.address, HTTP: &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: preparing}}}
	return b, nil
}

// maxHeld bounds the disk that a run takes: a million entities take half a gigabyte or so.
const (
	maxHeld = 5_000_000
	maxSoak = 24 * time.Hour
)

func (bc *BrokerConfig) check() error {
	if bc.Connections < 1 || bc.Points < 1 || bc.Duration < 0 || bc.Duration > maxDuration || bc.Soak < 0 || bc.Soak > maxSoak {
		return fmt.Errorf("%w: a row lasts at most %s, row soak %s, and takes a connection and a value", tribune.ErrInvalid, maxDuration, maxSoak)
	}
	if !slices.IsSorted(bc.Sizes) || bc.Sizes[0] < bc.Connections || bc.Sizes[len(bc.Sizes)-1] > maxHeld {
		return fmt.Errorf("%w: sizes grow, from an entity a connection to %d", tribune.ErrInvalid, maxHeld)
	}
	for _, name := range bc.Rows {
		if !slices.ContainsFunc(BrokerRows(), func(k Kind) bool { return k.Name == name }) {
			return tribune.Hint(fmt.Errorf("%w: there is no row %q", tribune.ErrNotFound, strings.TrimPrefix(name, "broker-")), "The rows are listed by tribune bench broker -h.")
		}
	}
	return nil
}

func (b *broker) meter() *meter { return &meter{hub: b.pid} }

// batch is how many entities one request of row load creates.
const batch = 500

// load fills the broker up to n entities, and then waits until it has nothing left to do for them.
func (b *broker) load(ctx context.Context, n int) (measured, error) {
	m := measured{per: batch, connections: preparing, ceiling: none}
	from, most := b.held, b.meter()
	var mu sync.Mutex // guards m
	began := time.Now()
	most.start()
	err := each(ctx, (n-from+batch-1)/batch, func(i int) error {
		body := []byte{'['}
		for j := from + i*batch; j < min(n, from+(i+1)*batch); j++ {
			if len(body) > 1 {
				body = append(body, ',')
			}
			body = appendSensor(body, "Sensor", sensorID+strconv.Itoa(j), j)
		}
		sent := time.Now()
		_, err := ok(b.http.Do(ctx, http.MethodPost, "/ngsi-ld/v1/entityOperations/create", append(body, ']'), nil))
		mu.Lock()
		defer mu.Unlock()
		m.tally.note(time.Since(sent), 0, err)
		return err
	})
	if err != nil {
		return m, fmt.Errorf("creating entities: %w", err)
	}
	m.tally.elapsed, m.tally.within, m.tally.cpu = time.Since(began), -1, most.stop()
	m.per = float64(n-from) / float64(m.tally.ops())
	b.held = n
	fmt.Fprintf(b.cfg.Log, "%.0f a second\n", float64(n-from)/m.tally.elapsed.Seconds())
	b.settle(ctx)
	return m, nil
}

const (
	sensorID = "urn:ngsi-ld:Sensor:bench:"
	span     = 0.5 // degrees that the sensors' places cover, both ways from 52.2 north, 2 west
)

// filling brings an entity to about 1 KB.
var filling = bytes.Repeat([]byte("what a sensor's maker says of it; "), 18)

// place scatters sensors evenly.
func place(i int) (lon, lat float64) {
	h := uint64(i)*0x9E3779B97F4A7C15 + 1
	return -2 + span*float64(h>>40&0xffff)/0x10000, 52.2 + span*float64(h>>20&0xffff)/0x10000
}

func appendSensor(b []byte, typ, id string, i int) []byte {
	lon, lat := place(i)
	return fmt.Appendf(b, `{"id":"%s","type":"%s","name":{"type":"Property","value":"sensor %d"},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[%.5f,%.5f]}},`+
		`"free":{"type":"Property","value":%d},"temperature":{"type":"Property","value":%d.5,"unitCode":"CEL","observedAt":"2026-01-02T03:04:05Z"},`+
		`"description":{"type":"Property","value":"%s"}}`, id, typ, i, lon, lat, i%spots, i%40, filling)
}

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
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"tribune"
	"tribune/internal/client"
)

// BrokerConfig says which NGSI-LD broker to measure and with how much in it.
type BrokerConfig struct {
	Config          // Binary, Dir, Duration, Connections, Profile, Log
	URL    string   // http://HOST:PORT of a broker that runs already and is empty; "" = this program's laboratory
	PID    int      // of that broker; 0 = its memory and processor are not looked at
	Sizes  []int    // entities it holds, growing; none = 100,000
	Rows   []string // which; none = all
	Points int      // values of the attribute that row aggregate is about; 0 = 1,000,000

	Soak time.Duration // of row soak; 0 = that row is left out
}

// BrokerRows are the rows of `tribune bench broker`, in the order in which they are measured at each size.
func BrokerRows() []Kind {
	return []Kind{
		{"broker-update", "change one attribute of an entity", "requests", nil},
		{"broker-create", "create an entity", "requests", nil},
		{"broker-get", "retrieve an entity", "requests", nil},
		{"broker-query", "20 entities by one comparison", "requests", nil},
		{"broker-equal", "20 entities by an equality that a thousandth fulfils", "requests", nil},
		{"broker-near", "20 entities within 1 km of a point", "requests", nil},
		{"broker-aggregate", "hourly averages of an attribute's whole history", "requests", nil},
		{"broker-notify", "1,000 updates a second under 1,000 subscriptions, every tenth with a dead endpoint", "notifications", nil},
		{"broker-soak", "a mix at 70% of what the broker can, for a long time: memory stays flat", "requests", nil},
		{"broker-start", "start again with everything in it", "starts", nil},
	}
}

// broker is a broker under measurement. Entities are numbered from 0; each is about 1 KB.
type broker struct {
	*Bench
	bc      BrokerConfig
	proc    *process // nil = somebody else's
	address string   // host:port
	http    *client.Client
	held    int // entities loaded
	tz      int // history loaded
}

// MeasureBroker measures the rows at each size and hands each result to take as it is there.
func MeasureBroker(ctx context.Context, bc BrokerConfig, take func(Result) error) (err error) {
	b, err := openBroker(ctx, bc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	var failed []error
	for _, n := range b.bc.Sizes {
		if err := b.load(ctx, n); err != nil {
			return err
		}
		for _, k := range BrokerRows() {
			if len(bc.Rows) > 0 && !slices.Contains(bc.Rows, k.Name) || !b.can(k.Name) {
				continue
			}
			k.run = b.row(k.Name)
			b.calls++
			fmt.Fprintf(b.cfg.Log, "%s with %d entities\n", k.Name, n)
			r, err := b.run(ctx, k)
			if err != nil { // the other rows say something all the same
				failed = append(failed, fmt.Errorf("bench %s with %d entities: %w", k.Name, n, err))
				if ctx.Err() != nil || k.Name == "broker-start" {
					return errors.Join(failed...)
				}
				continue
			}
			r.Entities = n
			if k.Name == "broker-start" {
				r.StartS = r.P50 / 1000
			}
			if err := take(r); err != nil {
				return err
			}
		}
	}
	return errors.Join(failed...)
}

// can reports whether a row can be measured: only who started a broker can start it again.
func (b *broker) can(name string) bool {
	return (name != "broker-start" || b.proc != nil) && (name != "broker-soak" || b.bc.Soak > 0)
}

func (b *broker) row(name string) func(context.Context, *Bench) (measured, error) {
	f := map[string]func(context.Context) (measured, error){
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
	if bc.Connections < 1 || bc.Points < 1 || bc.Duration < 0 || bc.Duration > maxDuration || !slices.IsSorted(bc.Sizes) || bc.Sizes[0] < bc.Connections {
		return nil, fmt.Errorf("%w: sizes grow and hold an entity a connection at least; a row lasts at most %s", tribune.ErrInvalid, maxDuration)
	}
	b = &broker{Bench: &Bench{cfg: bc.Config, pid: bc.PID}, bc: bc}
	if b.cfg.Dir == "" {
		if b.temp, err = os.MkdirTemp("", "tribune-bench-"); err != nil {
			return nil, fmt.Errorf("making a scratch directory: %w", err)
		}
		b.cfg.Dir = b.temp
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

// start starts the laboratory, on what an earlier one has left, and waits until it answers.
func (b *broker) start(ctx context.Context) (err error) {
	dir := filepath.Join(b.cfg.Dir, "lab")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making a laboratory: %w", err)
	}
	if b.address == "" {
		if b.address, err = freeAddress(); err != nil {
			return err
		}
	}
	args := []string{"serve", "--lab", "--dir", dir, "--http", b.address}
	if b.cfg.Profile != "" {
		args = append(args, "--cpuprofile", b.cfg.Profile)
	}
	if b.proc, err = spawn(ctx, b.cfg.Binary, filepath.Join(b.cfg.Dir, "lab.log"), args...); err != nil {
		return err
	}
	b.pid = b.proc.pid()
	lean := make([]byte, 0, 256)
	return b.proc.until(ctx, startFor, "the laboratory to answer", func() error {
		c, err := dial(ctx, b.address)
		if err != nil {
			return err
		}
		defer c.close()
		c.nc.SetDeadline(time.Now().Add(callFor))
		status, _, err := c.do(appendRequest(lean[:0], http.MethodGet, entities+"?type=Sensor&limit=1", "", nil))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%w: it answers %d", tribune.ErrBusy, status)
		}
		return err
	})
}

func (b *broker) close() error {
	var err error
	if b.proc != nil {
		err = b.proc.stop()
	}
	if b.temp != "" {
		err = errors.Join(err, os.RemoveAll(b.temp))
	}
	return err
}

func (b *broker) meter() *meter { return &meter{hub: b.pid} }

// batch is how many entities one request of the preparation creates.
const batch = 500

// load fills the broker up to n entities.
func (b *broker) load(ctx context.Context, n int) error {
	if n <= b.held {
		return nil
	}
	fmt.Fprintf(b.cfg.Log, "creating %d entities\n", n-b.held)
	began, from := time.Now(), b.held
	err := each(ctx, (n-from+batch-1)/batch, func(i int) error {
		body := []byte{'['}
		for j := from + i*batch; j < min(n, from+(i+1)*batch); j++ {
			if len(body) > 1 {
				body = append(body, ',')
			}
			body = appendSensor(body, "Sensor", sensorID+strconv.Itoa(j), j)
		}
		_, err := ok(b.http.Do(ctx, http.MethodPost, "/ngsi-ld/v1/entityOperations/create", append(body, ']'), nil))
		return err
	})
	if err != nil {
		return fmt.Errorf("creating entities: %w", err)
	}
	b.held = n
	fmt.Fprintf(b.cfg.Log, "%.0f a second\n", float64(n-from)/time.Since(began).Seconds())
	return nil
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

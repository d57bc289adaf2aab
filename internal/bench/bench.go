// Package bench measures a hub from outside and holds each figure against what this machine could do at best.
//
// `tribune bench` and the package's own test call it. A bench starts the built binary as a fresh demo city in a scratch
// directory and drives it over HTTP as integrators and office holders do; it imports no room. Beside it, in the same
// run, the same client calls a server in another process that does nothing but return ready bytes of the same size: the
// ceiling. A share of the ceiling says more than a rate, since machines differ and are shared.
//
// What it promises: answers are checked, and more than 0.1% wrong ones fail the bench; latencies of the open loop count
// from when a request was due, not from when the client got round to it; every process it started ends with it.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"tribune"
)

// Config says what to measure with. The zero value measures this program in a temporary directory.
type Config struct {
	Binary      string        // the tribune program; "" = this one
	Dir         string        // scratch directory, kept afterwards; "" = a temporary one that is removed
	Duration    time.Duration // of the measured part; 0 = 10 s; at most maxDuration
	Connections int           // of the public benches; 0 = 64
	Rate        int           // acts offered a second; 0 = 800
	Readers     int           // acts under way at once (sealed-read, release); 0 = 1: the latency of one
	Subjects    int           // people in one act of release; 0 = 500
	Guardians   int           // of the city; 0 = 4
	Entities    int           // car parks that are updated, read and queried; 0 = 1000
	People      int           // synthetic drivers of the city; 0 = 200
	Profile     string        // file for the hub's CPU profile; "" = none
	Log         io.Writer     // progress, one line a step; nil = none
}

const (
	// maxDuration keeps acts that are signed before the run inside the hub's tolerance of clocks, 60 s.
	maxDuration = 40 * time.Second
	// maxErrors is the share of wrong answers beyond which a figure means nothing.
	maxErrors = 0.001
)

// Result is one bench. Rates are a second, latencies milliseconds, sizes megabytes (10^6).
type Result struct {
	Bench       string  `json:"bench"`
	Unit        string  `json:"unit"` // what ops_per_s counts
	OpsPerS     float64 `json:"ops_per_s"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	RSS         float64 `json:"rss_mb"`      // of the hub's process, after the run
	RSSIdle     float64 `json:"rss_idle_mb"` // seeded, before the run
	RSSPeak     float64 `json:"rss_peak_mb"` // the most since the process started
	Fdatasync   float64 `json:"fdatasync_p50_ms"`
	Ceiling     float64 `json:"ceiling_per_s"`
	Share       float64 `json:"share"`
	Offered     int     `json:"offered_per_s,omitempty"` // open loop
	Ops         int     `json:"ops"`
	Errors      int     `json:"errors"`
	FirstError  string  `json:"first_error,omitempty"`
	Seconds     float64 `json:"seconds"`
	Connections int     `json:"connections"`
	CPU         CPU     `json:"cpu"`
	CPUPerOp    float64 `json:"cpu_ms_per_op"` // of hub and guardians together: what a busy machine changes least
	Machine     Machine `json:"machine"`
	BoundedBy   string  `json:"bounded_by"`

	Entities int     `json:"entities,omitempty"` // that the broker holds
	StartS   float64 `json:"start_s,omitempty"`  // seconds that a restart with them took
	Disk     float64 `json:"disk_mb,omitempty"`  // that they take
	Soak     *Soak   `json:"soak,omitempty"`
}

// CPU is how many cores were busy during the run, and with what. Others are programs that have nothing to do with it.
type CPU struct {
	Hub       float64 `json:"hub"`
	Guardians float64 `json:"guardians"`
	Bench     float64 `json:"bench"`
	Others    float64 `json:"others"`
}

func (c CPU) busy() float64 { return c.Hub + c.Guardians + c.Bench + c.Others }

// Kind is one of the benches.
type Kind struct {
	Name, Line string
	unit       string
	run        func(context.Context, *Bench) (measured, error)
}

// All are the benches, in the order in which `tribune bench all` runs them.
func All() []Kind {
	return []Kind{
		{"update", "change one attribute of a public entity, durably", "requests", runUpdate},
		{"create", "create a public entity, durably", "requests", runCreate},
		{"get", "retrieve one public entity", "requests", runGet},
		{"query", "find 20 public entities by the value of an attribute", "requests", runQuery},
		{"mqtt", "hand in messages of 200 sensors by MQTT at QoS 1, durably", "readings", runMQTT},
		{"act", "put acts of power on record, at a rate that does not wait for answers", "acts published", runAct},
		{"sealed-read", "ask for a plate's parking sessions: act, publication, release, opening", "readings", runSealedRead},
		{"release", "open many people's sessions in one act", "identities opened", runRelease},
	}
}

// measured is what a bench itself finds out.
type measured struct {
	tally       tally
	per         float64 // ops in one answer; 0 = 1
	connections int
	offered     int
	request     []byte // the like of which is sent to the ceiling
	exchanges   int    // requests in one answer; 0 = 1

	ceiling func() (float64, error) // in answers a second, where it is not HTTP's; nil = it is
}

// Bench is a running city that is measured. One goroutine uses it.
type Bench struct {
	cfg   Config
	temp  string
	city  *city
	pid   int // of the process that is measured
	calls int // benches run so far: what they create must differ
}

// Open starts a fresh city; Close ends it.
func Open(ctx context.Context, cfg Config) (b *Bench, err error) {
	if cfg.Binary == "" {
		if cfg.Binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("finding this program: %w", err)
		}
	}
	for v, def := range map[*int]int{&cfg.Connections: 64, &cfg.Rate: 800, &cfg.Readers: 1, &cfg.Subjects: 500, &cfg.Guardians: 4, &cfg.Entities: 1000, &cfg.People: 200} {
		if *v == 0 {
			*v = def
		}
		if *v < 1 {
			return nil, fmt.Errorf("%w: connections, rate, readers, subjects, entities and people are positive numbers", tribune.ErrInvalid)
		}
	}
	if cfg.Duration == 0 {
		cfg.Duration = 10 * time.Second
	}
	if cfg.Duration < 0 || cfg.Duration > maxDuration || cfg.Subjects > maxPage || cfg.Entities > maxEntities || cfg.Readers > readPlates {
		return nil, fmt.Errorf("%w: a bench lasts at most %s, with at most %d subjects an act, %d entities and %d readers", tribune.ErrInvalid, maxDuration, maxPage, maxEntities, readPlates)
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	b = &Bench{cfg: cfg}
	if err := b.scratch(); err != nil {
		return nil, err
	}
	if b.city, err = startCity(ctx, b.cfg); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.pid = b.city.proc.pid()
	return b, nil
}

// scratch makes a scratch directory where none is given.
func (b *Bench) scratch() (err error) {
	if b.cfg.Dir == "" {
		if b.temp, err = os.MkdirTemp("", "tribune-bench-"); err != nil {
			return fmt.Errorf("making a scratch directory: %w", err)
		}
		b.cfg.Dir = b.temp
	}
	return nil
}

// Close ends the city and removes the scratch directory where it is temporary.
func (b *Bench) Close() error {
	var err error
	if b.city != nil {
		err = b.city.close()
	}
	if b.temp == "" {
		return err
	}
	removed := os.RemoveAll(b.temp)
	for end := time.Now().Add(stopFor); removed != nil && time.Now().Before(end); removed = os.RemoveAll(b.temp) {
		time.Sleep(pollEvery) // guardians of a hub that was killed write until they notice
	}
	return errors.Join(err, removed)
}

// Run runs one bench. The result is valid, but not a speed, where it fails because answers were wrong.
func (b *Bench) Run(ctx context.Context, name string) (Result, error) {
	i := slices.IndexFunc(All(), func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Result{}, tribune.Hint(fmt.Errorf("%w: there is no bench %q", tribune.ErrNotFound, name), "The benches are: %s.", strings.Join(names(), ", "))
	}
	b.calls++
	r, err := b.run(ctx, All()[i])
	if err != nil {
		return r, fmt.Errorf("bench %s: %w", name, err)
	}
	return r, nil
}

func (b *Bench) run(ctx context.Context, k Kind) (Result, error) {
	r := Result{Bench: k.Name, Unit: k.unit, Machine: machine()}
	var err error
	if r.Fdatasync, err = fdatasync(ctx, b.cfg.Dir); err != nil {
		return r, err
	}
	if r.RSSIdle, err = residentMB(b.pid); err != nil {
		return r, err
	}
	m, err := k.run(ctx, b)
	if err != nil {
		return r, err
	}
	if r.RSS, err = residentMB(b.pid); err != nil {
		return r, err
	}
	if r.RSSPeak, err = peakMB(b.pid); err != nil {
		return r, err
	}
	t := &m.tally
	per := max(m.per, 1)
	r.OpsPerS, r.Ops, r.Errors, r.Seconds = per*t.rate(), t.ops(), t.errors, t.elapsed.Seconds()
	r.P50, r.P99 = milliseconds(t.latency.quantile(0.50)), milliseconds(t.latency.quantile(0.99))
	r.Connections, r.Offered, r.CPU = m.connections, m.offered, t.cpu
	if r.OpsPerS > 0 {
		r.CPUPerOp = 1000 * (t.cpu.Hub + t.cpu.Guardians) / r.OpsPerS
	}
	if t.first != nil {
		r.FirstError = t.first.Error()
	}
	if t.ops() == 0 || float64(t.errors) > maxErrors*float64(t.ops()+t.errors) {
		return r, fmt.Errorf("%w: %d of %d answers were wrong, so a figure means nothing; the first: %w", errWrong, t.errors, t.ops()+t.errors, cmp.Or(t.first, errNone))
	}
	fmt.Fprintf(b.cfg.Log, "%s: measuring the ceiling: ready answers of the same size\n", k.Name)
	if m.ceiling == nil {
		m.ceiling = func() (float64, error) { return b.ceiling(ctx, m.request, int(t.bytes/int64(t.ops()))) }
	}
	ceiling, err := m.ceiling()
	if err != nil {
		return r, err
	}
	if ceiling > 0 {
		r.Ceiling = ceiling * per / float64(max(m.exchanges, 1))
		r.Share = r.OpsPerS / r.Ceiling
	}
	r.BoundedBy = r.bound()
	r.round()
	return r, nil
}

var (
	errWrong = errors.New("no speed")
	errNone  = errors.New("there was none")
)

// bound says what held the figure down, as far as it can be seen from outside.
func (r Result) bound() string {
	cores := float64(runtime.NumCPU())
	ours := r.CPU.Hub + r.CPU.Guardians + r.CPU.Bench
	cpu := fmt.Sprintf("%.1f of %d cores busy: hub %.1f, guardians %.1f, this client %.1f, other programs %.1f",
		r.CPU.busy(), runtime.NumCPU(), r.CPU.Hub, r.CPU.Guardians, r.CPU.Bench, r.CPU.Others)
	switch {
	case r.Offered > 0 && r.OpsPerS > 0.97*float64(r.Offered):
		return "the rate offered; " + cpu
	case r.CPU.busy() > 0.85*cores && ours > 0.25*cores: // else whoever else is busy leaves enough
		return "processor: " + cpu
	case r.CPU.busy() == 0:
		return "unknown: this system does not tell who uses its processor"
	}
	return fmt.Sprintf("waiting, at a synced write of %.2f ms; %s", r.Fdatasync, cpu)
}

// round drops digits that say nothing.
func (r *Result) round() {
	for _, v := range []*float64{
		&r.OpsPerS, &r.P50, &r.P99, &r.RSS, &r.RSSIdle, &r.RSSPeak, &r.Disk, &r.Fdatasync, &r.Ceiling, &r.Seconds, &r.CPU.Hub, &r.CPU.Guardians, &r.CPU.Bench, &r.CPU.Others, &r.CPUPerOp,
	} {
		*v = math.Round(*v*1000) / 1000
	}
	r.Share = math.Round(r.Share*1e6) / 1e6
}

func names() (all []string) {
	for _, k := range All() {
		all = append(all, k.Name)
	}
	return all
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

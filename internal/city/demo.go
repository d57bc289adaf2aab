package city

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/BurntSushi/toml"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/guardian"
	"tribune/internal/sim"
	"tribune/policy"
	"tribune/protocol"
)

// The demo city. One machine plays every institution, which is the one thing a city must never do: every page and
// answer says so.
const (
	demoCity   = "birmingham.example"
	demoOrigin = demoCity + "/record"
	demoBanner = "One machine plays the city and all its guardians, so nobody is independent of anybody. Car parks and air are real measurements replayed; people and positions are made up."

	// A demo's people all arrive in one morning, and a benchmark's in a minute: its guardians name faster than an
	// institution's would.
	demoNameRate, demoNameBurst = 2000, 20_000

	// A newcomer wants to see today's index, not tomorrow's.
	demoTraceEvery = 2 * time.Minute

	// Nor does a newcomer wait an hour for an inventory of single-use keys.
	demoVitalEvery = 15 * time.Second
)

// DemoConfig is what `tribune demo` can be told.
type DemoConfig struct {
	Dir          Dir
	Address      string
	Next         int
	People       int
	Speed        float64
	StoreURL     string
	ContextMap   string // see Config
	Founders     int    // with how many guardians a new city is founded; 0 = as it was founded, else four
	Guardians    int    // how many of them to start; below 0 = all
	HourlyFactor int64
	MQTT         string // HOST:PORT of MQTT, and how many ports above to try
	MQTTNext     int
	Vital        bool          // a new city's law lets two dispatchers open addresses while guardians cannot be reached
	Notify       []string      // as in Config
	Patrol       time.Duration // how often the demo's inspector looks somebody up; 0 = never
	Out          io.Writer
	Log          *slog.Logger
}

// RunDemo runs a whole city until ctx ends.
func RunDemo(ctx context.Context, cfg DemoConfig) error {
	if cfg.People < 0 || cfg.People > sim.MaxPeople {
		return fmt.Errorf("%w: 0 to %d people", tribune.ErrInvalid, sim.MaxPeople)
	}
	d := &demo{DemoConfig: cfg}
	if err := d.found(); err != nil {
		return err
	}
	if d.Guardians < 0 {
		d.Guardians = len(d.members)
	}
	if d.Guardians > len(d.members) {
		return fmt.Errorf("%w: the city has %d guardians", tribune.ErrInvalid, len(d.members))
	}
	if err := d.listenProvider(ctx); err != nil {
		return err
	}
	defer d.providerListener.Close()
	if err := d.employ(); err != nil {
		return fmt.Errorf("writing the demo's accounts: %w", err)
	}
	hub, err := Open(ctx, Config{
		Dir: cfg.Dir, City: demoCity, Origin: demoOrigin, Address: cfg.Address, Next: cfg.Next, StoreURL: cfg.StoreURL, ContextMap: cfg.ContextMap,
		T: d.t, W: d.w, Trust: d.trust, TraceMandate: "trace-keeping-2026", TraceEvery: demoTraceEvery, TraceBuilt: d.sayIndex, VitalEvery: demoVitalEvery, Demo: demoBanner, DeviceClock: d.clock, Facts: d.facts, Log: cfg.Log,
		Notify:    cfg.Notify,
		MQTT:      MQTT{Address: cfg.MQTT, Next: cfg.MQTTNext},
		Providers: []Provider{{ID: demoProvider, Title: "Demo login", Issuer: d.issuer(), ClientID: demoClient}},
	})
	if err != nil {
		return err
	}
	d.hub = hub
	hub.keys.sign = d.appoint
	defer func() {
		for _, p := range d.processes {
			p.stop()
		}
	}()
	err = d.run(ctx)
	return errors.Join(err, hub.Close())
}

type demo struct {
	DemoConfig
	hub       *Hub
	sim       *sim.Sim
	trust     policy.Trust
	members   []protocol.Member
	t, w      int // shares that open, co-signatures that publish
	processes []*process

	providerListener net.Listener
	indexSaid        sync.Once
}

// run starts what depends on each other in order and waits for the first to end.
func (d *demo) run(ctx context.Context) error {
	fmt.Fprintf(d.Out, "Tribune demo: starting %s in %s\n", demoCity, d.Dir)
	if !d.hub.Keyed() && d.Guardians < len(d.members) {
		fmt.Fprintf(d.Out, "The guardians' keys do not exist yet, and founding them takes all %d guardians: until then this city serves public data at %s and stores nothing personal\n", len(d.members), d.hub.URL())
	}
	if asked := "http://" + d.Address; d.Next > 0 && d.hub.URL() != asked {
		fmt.Fprintf(d.Out, "%s is taken; the city is at %s instead\n", asked, d.hub.URL())
	}
	if err := d.startGuardians(ctx); err != nil {
		return err
	}
	if err := writeFile(d.Dir.Address(), []byte(d.hub.URL()+"\n"), 0o600); err != nil {
		return err
	}
	var err error
	if err := writeFile(d.Dir.MQTT(), []byte(d.hub.intake.plain.Addr().String()+"\n"), 0o600); err != nil {
		return err
	}
	devices := &sensors{hub: d.hub, path: d.Dir.Tokens()}
	defer devices.close()
	d.sim, err = sim.New(sim.Config{Dir: d.Dir.Sim(), People: d.People, Speed: d.Speed, Twin: devices, Log: d.Log})
	if err != nil {
		return fmt.Errorf("preparing the outside world: %w", err)
	}
	steward, _, err := noteKey(d.Dir.Institution("steward"), demoCity+"/steward")
	if err == nil {
		err = devices.equip(d.sim.Sensors(), steward)
	}
	if err != nil {
		return fmt.Errorf("equipping the outside world: %w", err)
	}
	parts, ctx := errgroup.WithContext(ctx)
	guarded := make(chan struct{})
	parts.Go(func() error { return d.hub.Serve(ctx) })
	parts.Go(func() error { return d.guard(ctx, guarded) })
	parts.Go(func() error { return d.live(ctx, guarded) })
	if err := parts.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	fmt.Fprintln(d.Out, "stopped; the next start goes on from here")
	return nil
}

// guard completes the hub and closes guarded. It is a part of its own: the rooms it uses close only once it has ended.
func (d *demo) guard(ctx context.Context, guarded chan<- struct{}) error {
	select {
	case <-d.hub.Listening():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := d.hub.complete(ctx); err != nil {
		return err
	}
	close(guarded)
	return nil
}

func (d *demo) live(ctx context.Context, guarded <-chan struct{}) error {
	// A first start has nothing to show before its guardians' keys exist; a later one shows public data at once.
	ready := guarded
	if d.hub.Keyed() && d.Guardians < d.w {
		ready = d.hub.Listening()
	}
	select {
	case <-ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	d.hub.wait("the city is seeded")
	if err := d.sim.Seed(ctx); err != nil {
		return fmt.Errorf("seeding the city: %w", err)
	}
	d.hub.Ready()
	d.greet()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return d.sim.Run(ctx) })
	parts.Go(func() error { return d.vouch(ctx) })
	parts.Go(func() error { d.investigate(ctx); return nil })
	parts.Go(func() error {
		if d.Patrol > 0 {
			d.patrol(ctx)
		}
		return nil
	})
	return parts.Wait()
}

// appoint signs an appointment as the council at once, which a demo may and no city should.
func (d *demo) appoint(text string) ([]byte, error) {
	council, _, err := noteKey(d.Dir.Institution("council"), demoCity+"/council")
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(council)
	if err != nil {
		return nil, fmt.Errorf("reading the council's key: %w", err)
	}
	return protocol.SignDocument(text, signer)
}

func (d *demo) startGuardians(ctx context.Context) error {
	for i, m := range d.members {
		dir := d.Dir.Guardian(i + 1)
		if i >= d.Guardians {
			// Not started: an address of its own at which nobody answers.
			d.hub.cfg.Guardians = append(d.hub.cfg.Guardians, Guardian{Name: m.Name, Key: m.Key, URL: fmt.Sprintf("http://127.0.0.1:%d", i+1)})
			continue
		}
		if err := d.configure(dir); err != nil {
			return fmt.Errorf("configuring guardian %s: %w", m.Name, err)
		}
		p, err := startGuardian(ctx, m.Name, dir, d.Log)
		if err != nil {
			return err
		}
		d.processes = append(d.processes, p)
		d.hub.cfg.Guardians = append(d.hub.cfg.Guardians, Guardian{Name: m.Name, Key: m.Key, URL: p.Address})
	}
	return d.startLater(ctx)
}

// configure writes a guardian's configuration anew: the hub's address may have changed.
func (d *demo) configure(dir string) error {
	f := guardian.File{
		Dir: dir, Listen: "127.0.0.1:0", City: demoCity, Hub: d.hub.URL(), LogKey: d.hub.logKey, T: d.t, W: d.w, Demo: true,
		Steward: d.trust.Steward, Council: d.trust.Council, Floors: d.trust.Floors, NameRate: demoNameRate, NameBurst: demoNameBurst,
		Issuers: []guardian.Issuer{{URL: d.issuer(), ClientID: demoProgram}},
	}
	for _, m := range d.members {
		f.Members = append(f.Members, guardian.FileMember{Key: m.Key})
	}
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(f); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, guardianConfig), text.Bytes(), 0o600)
}

// Package sim is the demo city: 30 real car parks and 12 real air stations replayed onto a demo clock (internal/intake/replay),
// and synthetic drivers who park so that named and anonymous sessions add up to the real occupancy.
//
// It plays the outside world. internal/city starts it and gives it the twin's intake; it writes nothing else, reads nothing
// of the hub, and keeps its own state in Config.Dir, which lies beside the hub's directory and never inside: that folder
// holds the seed and people.csv, from which every plate and driver of the demo can be told, so that a copy of the hub's
// directory holds none of them.
//
// What it promises. Nobody real: see people.go. At every moment and in every car park, open named sessions <= the last
// reported occupancy; the rest is anonymous. The same seed and the same first moment give the same city: what is written
// follows from the state alone, so after a crash the same changes come again under the same IDs, and applying them twice
// equals once. When the twin cannot take people's data (no quorum of guardians), drivers wait and public data go on.
// Memory is bounded: a slow twin makes the city late, never large.
package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
	_ "time/tzdata" // the city's time zone, on machines that have none installed

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/data"
	"tribune/internal/intake/replay"
)

// Twin takes changes: nil means they are durable.
type Twin interface {
	Apply(context.Context, []tribune.Change) error
}

// Config is all the demo city needs.
type Config struct {
	Dir    string  // its own folder, created 0700; outside the hub's directory
	People int     // synthetic drivers, 0 to MaxPeople; may differ from the last start
	Speed  float64 // of the demo clock; 1 = real time
	Twin   Twin
	Zone   string           // of the city's clock; "" = Europe/London
	Now    func() time.Time // real time; nil = time.Now
	Log    *slog.Logger     // nil = discard; never sees a plate or a name
}

// Bounds and defaults.
const (
	MaxPeople     = 100_000
	DefaultPeople = 2000

	firstParked = 200             // drivers parked at the first start: sealing a new subject costs about 2 ms, and a start must be quick
	saveEvery   = 5 * time.Second // what a crash repeats at most, harmless as changes keep their IDs
)

// Sim is one running demo city.
type Sim struct {
	cfg     Config
	zone    *time.Location
	parking *replay.Feed[replay.Parking]
	air     *replay.Feed[replay.Air]
	reports []replay.Report
	clock   *replay.Clock
	people  people
	public  *publicLane
	drivers *driverLane

	mu      sync.Mutex // guards what follows
	state   state      // only what the twin has acknowledged
	saved   time.Time
	waiting map[string]string // lane -> why it waits
	example string
}

// New reads the shipped data and the state of the last run, or begins a city at the real moment's wall-clock time.
func New(cfg Config) (*Sim, error) {
	if cfg.People < 0 || cfg.People > MaxPeople {
		return nil, tribune.Hint(fmt.Errorf("%d people: %w", cfg.People, tribune.ErrInvalid), "choose 0 to %d people", MaxPeople)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Zone == "" {
		cfg.Zone = "Europe/London"
	}
	s := &Sim{cfg: cfg, waiting: map[string]string{}}
	var err error
	if s.zone, err = time.LoadLocation(cfg.Zone); err != nil {
		return nil, fmt.Errorf("loading the city's time zone: %w", err)
	}
	if err := s.readFeeds(); err != nil {
		return nil, err
	}
	if s.state, err = loadState(cfg.Dir, s.parking, s.air); errors.Is(err, tribune.ErrNotFound) {
		s.state, err = newState(replay.WallOf(cfg.Now(), s.zone))
		if err == nil {
			err = s.state.save(cfg.Dir)
		}
	}
	if err != nil {
		return nil, err
	}
	if s.people, err = newPeople(s.state.Seed, cfg.People); err != nil {
		return nil, err
	}
	if err := s.people.write(cfg.Dir); err != nil {
		return nil, err
	}
	if s.clock, err = replay.NewClock(s.state.Wall, cfg.Speed, cfg.Now); err != nil {
		return nil, err
	}
	s.saved = cfg.Now()
	s.public = newPublicLane(s.parking, s.air, s.zone, s.state.Public)
	s.drivers = newDriverLane(s.parking, s.people, s.zone, s.state.Drivers)
	s.example = s.drivers.shown()
	return s, nil
}

func (s *Sim) readFeeds() error {
	src, err := data.Parking()
	if err != nil {
		return err
	}
	defer src.Close()
	var report replay.Report
	if s.parking, report, err = replay.ReadParking(src, "Birmingham car parks, 2016"); err != nil {
		return err
	}
	s.reports = append(s.reports, report)
	more, err := data.Air()
	if err != nil {
		return err
	}
	defer more.Close()
	if s.air, report, err = replay.ReadAir(more, "Beijing air quality, January 2017"); err != nil {
		return err
	}
	s.reports = append(s.reports, report)
	return nil
}

// Seed writes the city as it is at its first moment: every car park and station, and the drivers already parked. It
// returns when the twin has acknowledged all of it, at once where that was done before.
func (s *Sim) Seed(ctx context.Context) error {
	s.mu.Lock()
	start, public, drivers := s.state.Start, s.state.Public.Seeded, s.state.Drivers.Seeded
	s.mu.Unlock()
	if !public {
		s.public.seed(start)
		if err := s.settle(ctx, s.public); err != nil {
			return fmt.Errorf("seeding public data: %w", err)
		}
	}
	if !drivers {
		s.drivers.seed(start)
		if err := s.settle(ctx, s.drivers); err != nil {
			return fmt.Errorf("seeding drivers: %w", err)
		}
	}
	return s.save()
}

// Run plays the city until ctx ends, then saves its state; call Seed first. It fails only where going on would be wrong:
// the twin calls a change invalid or reports that integrity is at risk.
func (s *Sim) Run(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	for _, l := range []lane{s.public, s.drivers} {
		group.Go(func() error {
			return replay.Pace(inner, s.clock, replay.Tick, func(ctx context.Context, until time.Time) error {
				return s.advance(ctx, l, until)
			})
		})
	}
	err := group.Wait()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	return errors.Join(err, s.save())
}

// save writes what the twin has acknowledged, and the demo time to go on from.
func (s *Sim) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = s.cfg.Now()
	s.state.Wall = s.clock.Wall()
	return s.state.save(s.cfg.Dir)
}

// Park is what is known of one car park. Occupied = Named + Anonymous.
type Park struct {
	Code                               string
	Entity                             tribune.EntityID
	Places, Occupied, Named, Anonymous int
}

// Totals is the city in numbers, for the portal. The sums are as the drivers' ledger stands: Occupied = Named + Anonymous.
type Totals struct {
	Seeded   bool
	DemoTime time.Time // what observedAt is taken from; real UTC serves everything else
	Speed    float64
	Behind   time.Duration // demo time by which the slower half of the city is late
	Waiting  string        // why it is late, "" = it is not waiting

	Parks               []Park // by code
	Stations            int
	Places, Occupied    int
	Named, Anonymous    int
	Sessions            uint64          // named sessions begun since the first start
	Feeds               []replay.Report // rows read, refused, clamped, left out
	People, TurnedAway  int             // TurnedAway: since this start, drivers who found no place the real data leave for them
	PublicTo, DriversTo time.Time       // demo time up to which each half has been written
}

// Time is the demo time: what observations are dated with.
func (s *Sim) Time() time.Time { return replay.Instant(s.clock.Wall(), s.zone) }

// Totals reports what the twin has acknowledged.
func (s *Sim) Totals() Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	wall := s.clock.Wall()
	p, d := s.state.Public, s.state.Drivers
	t := Totals{
		Seeded: p.Seeded && d.Seeded, DemoTime: replay.Instant(wall, s.zone), Speed: s.clock.Speed(),
		Feeds: slices.Clone(s.reports), Stations: stations, Sessions: d.Sessions, People: s.cfg.People, TurnedAway: d.turnedAway,
		PublicTo: replay.Instant(p.Until, s.zone), DriversTo: replay.Instant(d.Until, s.zone),
	}
	if t.Seeded {
		t.Behind = max(0, wall.Sub(p.Until), wall.Sub(d.Until)).Truncate(time.Second)
	}
	for _, name := range []string{s.public.name(), s.drivers.name()} {
		if why := s.waiting[name]; why != "" && t.Waiting == "" {
			t.Waiting = name + ": " + why
		}
	}
	named := map[string]int{}
	for _, open := range d.Open {
		named[open.Park]++
	}
	for code, stand := range d.Parks {
		k := Park{Code: code, Entity: parkID(code), Places: stand.Places, Occupied: stand.Occupied, Named: named[code]}
		k.Anonymous = k.Occupied - k.Named
		t.Parks = append(t.Parks, k)
		t.Places += k.Places
		t.Occupied += k.Occupied
		t.Named += k.Named
		t.Anonymous += k.Anonymous
	}
	slices.SortFunc(t.Parks, func(a, b Park) int { return cmpCode(a.Code, b.Code) })
	return t
}

// ExamplePlate is the plate of a driver who is parked now, for the commands the demo prints: of one who has not paid, where
// there is one; "" = nobody is parked.
// It stays the same for as long as that driver stays.
func (s *Sim) ExamplePlate() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.example
}

// Resident is a driver of the demo whom somebody can log in as: the holder of a plate, or of the example's where that is "".
// ok is false where nobody has that plate.
func (s *Sim) Resident(plate string) (name, of string, ok bool) {
	if plate == "" {
		plate = s.ExamplePlate()
	}
	for i := range s.people.count {
		if s.people.plate(i) == plate {
			return s.people.driver(i), plate, true
		}
	}
	return "", "", false
}

// Parked are plates of drivers who are parked now, at most n of them.
func (s *Sim) Parked(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var plates []string
	for _, o := range s.state.Drivers.Open[:min(n, len(s.state.Drivers.Open))] {
		plates = append(plates, s.people.plate(o.Person))
	}
	return plates
}

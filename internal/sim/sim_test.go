package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/intake/replay"
)

// recorder is a twin that remembers what it was given, in order, and refuses when told to.
type recorder struct {
	mu      sync.Mutex
	changes []tribune.Change
	batches [][]tribune.Change
	refuse  func([]tribune.Change) error
}

func (r *recorder) Apply(ctx context.Context, changes []tribune.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.refuse != nil {
		if err := r.refuse(changes); err != nil {
			return err
		}
	}
	r.changes = append(r.changes, changes...)
	r.batches = append(r.batches, slices.Clone(changes))
	return nil
}

func (r *recorder) lines(typ tribune.Name) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, c := range r.changes {
		if (c.Types[0] == typeSession) == (typ == typeSession) {
			out = append(out, fmt.Sprintf("%s %s %s %s %s", c.ID, c.Entity, c.Attr, c.Value, c.ObservedAt.Format(time.RFC3339)))
		}
	}
	return out
}

// saturday is a busy moment of the real data's calendar as it is played in 2026.
var saturday = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// city starts a demo city of a fixed seed at a fixed moment in dir, or goes on with the one that is there.
func city(t testing.TB, dir string, twin Twin, people int, start time.Time) *Sim {
	t.Helper()
	if _, err := os.Stat(stateFile(dir)); err != nil {
		first := state{Version: 1, Seed: strings.Repeat("a1", 32), Start: start, Wall: start}
		if err := first.save(dir); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(Config{Dir: dir, People: people, Speed: 1, Twin: twin})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Sim) playTo(t testing.TB, until time.Time) {
	t.Helper()
	for _, l := range []lane{s.public, s.drivers} {
		if err := s.advance(t.Context(), l, until); err != nil {
			t.Fatal(err)
		}
	}
}

// ledger is what a reader of the twin alone would know.
type ledger struct {
	seen     int
	occupied map[tribune.EntityID]int
	park     map[tribune.EntityID]string // open session -> car park
	named    map[string]int
}

func (l *ledger) read(t testing.TB, r *recorder) {
	t.Helper()
	for _, c := range r.changes[l.seen:] {
		var in struct {
			Value  json.RawMessage
			Object string
		}
		if err := json.Unmarshal(c.Value, &in); err != nil {
			t.Fatal(err)
		}
		switch c.Attr {
		case attributeName("occupiedSpotNumber"):
			var n int
			if err := json.Unmarshal(in.Value, &n); err != nil {
				t.Fatal(err)
			}
			l.occupied[c.Entity] = n
		case attributeName("refParking"):
			l.park[c.Entity] = in.Object
			l.named[in.Object]++
		case attributeName("endedAt"):
			l.named[l.park[c.Entity]]--
			delete(l.park, c.Entity)
		}
	}
	l.seen = len(r.changes)
}

// A city that shows more named drivers than cars is not believed: the sums must hold everywhere and always.
func TestNamedAndAnonymousAddUpToTheRealOccupancy(t *testing.T) {
	twin := &recorder{}
	s := city(t, t.TempDir(), twin, DefaultPeople, saturday)
	if err := s.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	weeks := time.Duration(s.parking.Align(saturday).Weeks) * replay.Week
	l := ledger{occupied: map[tribune.EntityID]int{}, park: map[tribune.EntityID]string{}, named: map[string]int{}}
	most, least := 0, 1<<30
	for minute := 0; minute <= 3*24*60; minute += 7 {
		now := saturday.Add(time.Duration(minute) * time.Minute)
		s.playTo(t, now)
		l.read(t, twin)
		real := map[string]int{}
		for _, r := range s.parking.Records() {
			if !r.At.Add(weeks).After(now) {
				real[r.Value.Park] = r.Value.Occupied
			}
		}
		totals := s.Totals()
		if len(totals.Parks) != 30 {
			t.Fatalf("%d car parks, want 30", len(totals.Parks))
		}
		named := 0
		for _, p := range totals.Parks {
			if want, known := real[p.Code]; known && p.Occupied != want {
				t.Fatalf("%v %s: occupied %d, the real data say %d", now, p.Code, p.Occupied, want)
			}
			if got := l.named[string(p.Entity)] + p.Anonymous; p.Anonymous < 0 || got != l.occupied[p.Entity] || p.Occupied != l.occupied[p.Entity] {
				t.Fatalf("%v %s: %d named in the twin + %d anonymous, occupied %d in the twin", now, p.Code, l.named[string(p.Entity)], p.Anonymous, l.occupied[p.Entity])
			}
			named += p.Named
		}
		if named != totals.Named || totals.Named+totals.Anonymous != totals.Occupied || len(l.park) != named {
			t.Fatalf("%v: %+v, %d open sessions in the twin", now, totals, len(l.park))
		}
		most, least = max(most, named), min(least, named)
	}
	totals := s.Totals()
	t.Logf("named between %d and %d, %d sessions in three days, %d turned away", least, most, totals.Sessions, totals.TurnedAway)
	if most < 400 || totals.Sessions < 2000 {
		t.Errorf("a dead city: at most %d named, %d sessions", most, totals.Sessions)
	}
}

// The inspector of the demo needs somebody to look for, and most people must have paid.
func TestSomeDoNotPayAndOneOfThemIsShown(t *testing.T) {
	twin := &recorder{}
	s := city(t, t.TempDir(), twin, DefaultPeople, saturday)
	if err := s.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	plate := s.ExamplePlate()
	session := map[tribune.EntityID]map[tribune.Name]string{}
	for _, c := range twin.changes {
		if c.Types[0] == typeSession {
			if session[c.Entity] == nil {
				session[c.Entity] = map[tribune.Name]string{}
			}
			session[c.Entity][c.Attr] = string(c.Value)
		}
	}
	unpaid, shown := 0, false
	for _, a := range session {
		_, paid := a[attributeName("paidUntil")]
		if !paid {
			unpaid++
		}
		if strings.Contains(a[attributeName("licensePlate")], `"`+plate+`"`) {
			shown = !paid
		}
	}
	if len(session) != firstParked || unpaid == 0 || unpaid > len(session)/5 || !shown {
		t.Errorf("%d sessions, %d unpaid, example %q unpaid %v", len(session), unpaid, plate, shown)
	}
	s.playTo(t, saturday.Add(10*time.Minute))
	if got := s.ExamplePlate(); got != plate {
		t.Errorf("the example changed from %s to %s within minutes", plate, got)
	}
}

func BenchmarkNewAndSeed(b *testing.B) {
	for b.Loop() {
		s := city(b, b.TempDir(), &recorder{}, DefaultPeople, saturday)
		if err := s.Seed(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tribune"
	"tribune/internal/intake/replay"
)

// A crash repeats what was not saved; it must repeat it exactly, whatever the ticks were.
func TestSameStateGivesTheSameChangesHoweverTimeIsCut(t *testing.T) {
	end := saturday.Add(30 * time.Hour)
	whole, ticks := &recorder{}, &recorder{}
	a, b := city(t, t.TempDir(), whole, 500, saturday), city(t, t.TempDir(), ticks, 500, saturday)
	for _, s := range []*Sim{a, b} {
		if err := s.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a.playTo(t, end)
	for now := saturday; now.Before(end); now = now.Add(137 * time.Second) {
		b.playTo(t, now)
	}
	b.playTo(t, end)
	for _, typ := range []tribune.Name{typePark, typeSession} {
		if x, y := whole.lines(typ), ticks.lines(typ); !slices.Equal(x, y) {
			t.Errorf("%s: %d changes in one go, %d in ticks, or others", typ, len(x), len(y))
		}
	}
	seen := map[string]bool{}
	for _, c := range whole.changes {
		if seen[c.ID] {
			t.Fatalf("ID %s twice", c.ID)
		}
		seen[c.ID] = true
	}
}

func TestRestartGoesOnAndACrashRepeatsTheSame(t *testing.T) {
	middle, end := saturday.Add(5*time.Hour), saturday.Add(9*time.Hour)
	unbroken := &recorder{}
	s := city(t, t.TempDir(), unbroken, 500, saturday)
	if err := s.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.playTo(t, end)

	for _, c := range []struct {
		name  string
		crash bool
	}{{"clean stop", false}, {"crash", true}} {
		dir, twin := t.TempDir(), &recorder{}
		s := city(t, dir, twin, 500, saturday)
		if err := s.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.playTo(t, middle)
		open := s.Totals().Named
		if !c.crash {
			if err := s.save(); err != nil {
				t.Fatal(err)
			}
		}
		s = city(t, dir, twin, 500, saturday)
		if err := s.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.Totals().Named; !c.crash && (got != open || got == 0) {
			t.Errorf("%s: %d open sessions survived, want %d", c.name, got, open)
		}
		s.playTo(t, end)
		for _, typ := range []tribune.Name{typePark, typeSession} {
			got, want := twin.lines(typ), unbroken.lines(typ)
			if c.crash {
				if len(got) <= len(want) {
					t.Errorf("%s: nothing was repeated, the test tests nothing", c.name)
				}
				slices.Sort(got)
				got = slices.Compact(got)
				slices.Sort(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s: %d changes, want %d, or others", c.name, typ, len(got), len(want))
			}
		}
	}
}

// Fail closed for the personal, never for the public.
func TestWithoutQuorumPublicDataGoOnAndDriversCatchUp(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		twin := &recorder{}
		s := city(t, dir, twin, 500, saturday)
		if err := s.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.clock = mustClock(t, saturday, 60)
		quorum := false
		twin.refuse = func(changes []tribune.Change) error {
			if !quorum && changes[0].Types[0] == typeSession {
				return fmt.Errorf("naming subjects: %w", tribune.ErrNoQuorum)
			}
			return nil
		}
		before := [2]int{len(twin.lines(typePark)), len(twin.lines(typeSession))}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(3 * time.Minute) // three hours of the city
		twin.mu.Lock()
		stuck := s.Totals()
		quorum = true
		twin.mu.Unlock()
		if got := len(twin.lines(typePark)); got < before[0]+200 {
			t.Errorf("public data stopped: %d changes, %d before", got, before[0])
		}
		if got := len(twin.lines(typeSession)); got != before[1] {
			t.Errorf("%d changes of people without quorum, want %d", got, before[1])
		}
		if !strings.Contains(stuck.Waiting, "no quorum") || stuck.Behind < 2*time.Hour {
			t.Errorf("waiting %q, behind %v", stuck.Waiting, stuck.Behind)
		}
		time.Sleep(30 * time.Second)
		if after := s.Totals(); after.Waiting != "" || after.Behind > time.Minute || len(twin.lines(typeSession)) < before[1]+100 {
			t.Errorf("after quorum: waiting %q, behind %v, %d changes", after.Waiting, after.Behind, len(twin.lines(typeSession)))
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("a stop is no failure: %v", err)
		}
		again, err := loadState(dir, s.parking, s.air)
		if err != nil || again.Wall.Before(saturday.Add(3*time.Hour)) {
			t.Errorf("saved %v, %v", again.Wall, err)
		}
	})
}

func mustClock(t testing.TB, origin time.Time, speed float64) *replay.Clock {
	t.Helper()
	c, err := replay.NewClock(origin, speed, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRunStopsWhereTheTwinCallsAChangeInvalid(t *testing.T) {
	twin := &recorder{}
	s := city(t, t.TempDir(), twin, 10, saturday)
	if err := s.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.clock = mustClock(t, saturday.Add(time.Hour), 1)
	twin.refuse = func([]tribune.Change) error { return fmt.Errorf("an attribute: %w", tribune.ErrInvalid) }
	if err := s.Run(t.Context()); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

// The subject of a session is named by its plate: a session stored without it could not be sealed to its subject.
func TestBatchesAreBoundedAndNeverSplitASession(t *testing.T) {
	twin := &recorder{}
	s := city(t, t.TempDir(), twin, DefaultPeople, saturday)
	if err := s.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.playTo(t, saturday.Add(48*time.Hour)) // far too much for one batch
	for i, batch := range twin.batches {
		if len(batch) > maxBatch {
			t.Errorf("batch %d has %d changes, want at most %d", i, len(batch), maxBatch)
		}
		plates := map[tribune.EntityID]bool{}
		for _, c := range batch {
			if c.Attr == attributeName("licensePlate") {
				plates[c.Entity] = true
			}
			if c.Attr == attributeName("driver") && !plates[c.Entity] {
				t.Fatalf("batch %d has the driver of %s without the plate", i, c.Entity)
			}
		}
	}
}

func TestReportBelowNamedMakesTheFirstWhoCameLeave(t *testing.T) {
	at := func(day int, occupied int) replay.Record[replay.Parking] {
		return replay.Record[replay.Parking]{At: saturday.AddDate(0, 0, day), Value: replay.Parking{Park: "A", Places: 9, Occupied: occupied}}
	}
	feed, err := replay.NewFeed("t", []replay.Record[replay.Parking]{at(0, 3), at(8, 1), at(30, 3)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPeople(strings.Repeat("07", 32), 0)
	if err != nil {
		t.Fatal(err)
	}
	l := newDriverLane(feed, p, time.UTC, driverState{Seeded: true, Until: saturday.AddDate(0, 0, 7), Parking: replay.Cursor{Next: 1}, Parks: map[string]stand{"A": {9, 3}}})
	far := saturday.AddDate(1, 0, 0).Unix()
	for i := range 3 {
		l.begin(session{Person: i, Park: "A", Start: saturday.Unix() + int64(i), Leave: far})
	}
	l.queue = nil
	l.step(saturday.AddDate(0, 0, 9))
	if len(l.Open) != 1 || l.Open[0].Person != 2 {
		t.Errorf("still parked: %+v, want person 2 alone", l.Open)
	}
	if len(l.queue) != 2 || l.queue[0].Entity != l.sessionID(1) || l.queue[1].Entity != l.sessionID(2) {
		t.Errorf("got %+v, want sessions 1 and 2 to end", l.queue)
	}
}

// What is refused of anything but a person's session says nothing of an erasure: it must not be left out in silence.
func TestOnlySessionsAreLeftOut(t *testing.T) {
	twin := &recorder{refuse: func([]tribune.Change) error { return tribune.ErrDenied }}
	s := city(t, t.TempDir(), twin, 20, saturday)
	park := tribune.Change{Entity: "urn:ngsi-ld:OffStreetParking:x", Types: []tribune.Name{typePark}, ID: "sim:park:1"}
	if err := s.apart(t.Context(), []tribune.Change{park}); !errors.Is(err, tribune.ErrDenied) {
		t.Errorf("a refused car park: %v", err)
	}
	session := tribune.Change{Entity: "urn:ngsi-ld:ParkingSession:x", Types: []tribune.Name{typeSession}, ID: "sim:urn:ngsi-ld:ParkingSession:x:start"}
	if err := s.apart(t.Context(), []tribune.Change{session}); err != nil {
		t.Errorf("a session of somebody erased: %v", err)
	}
}

// Somebody is erased while they park: the city goes on without the end of that session, and without them for the rest of the day.
func TestTheCityGoesOnWithoutWhoWasErased(t *testing.T) {
	for name, refused := range map[string]struct {
		err   error
		which string // in the ID of the changes that nobody takes
	}{
		"the session's plate is gone":       {tribune.ErrInvalid, ended},
		"nothing of them is taken that day": {tribune.ErrDenied, ":start"},
	} {
		t.Run(name, func(t *testing.T) {
			twin := &recorder{}
			s := city(t, t.TempDir(), twin, 200, saturday)
			if err := s.Seed(t.Context()); err != nil {
				t.Fatal(err)
			}
			var erased tribune.EntityID
			twin.refuse = func(all []tribune.Change) error {
				for _, c := range all {
					if strings.Contains(c.ID, refused.which) && c.Types[0] == typeSession && (erased == "" || c.Entity == erased) {
						erased = c.Entity
						return fmt.Errorf("sealing: %w", refused.err)
					}
				}
				return nil
			}
			s.playTo(t, saturday.Add(8*time.Hour))
			others := 0
			for _, c := range twin.changes {
				switch {
				case c.Types[0] != typeSession || !strings.Contains(c.ID, refused.which):
				case c.Entity == erased:
					t.Errorf("%s was taken all the same", c.ID)
				default:
					others++
				}
			}
			if erased == "" || others == 0 {
				t.Errorf("%d changes of other sessions after that of %q", others, erased)
			}
		})
	}
}

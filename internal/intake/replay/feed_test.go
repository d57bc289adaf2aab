package replay_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // the same wall clock on machines without time zones

	"tribune/internal/intake/replay"
)

// Whatever real moment a demo starts at, a Monday 8:00 of the source must be played at a Monday 8:00, for ever.
func TestShiftKeepsWeekdayAndTimeOfDayAcrossTheEnd(t *testing.T) {
	feed, _ := realParking(t)
	for _, start := range []time.Time{
		time.Date(2026, 11, 22, 6, 43, 0, 0, time.UTC),
		time.Date(2027, 3, 28, 1, 30, 0, 0, time.UTC),
		time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), // before the source
		feed.Records()[0].At.Add(replay.Week),
	} {
		c := feed.Align(start)
		last := start
		for range 3 * len(feed.Records()) {
			src, got := feed.Records()[c.Next].At, feed.Peek(c).At
			if src.Weekday() != got.Weekday() || src.Hour() != got.Hour() || src.Minute() != got.Minute() || src.Second() != got.Second() {
				t.Fatalf("start %v: %v is played at %v", start, src, got)
			}
			if got.Before(last) || got.Sub(last) > 4*24*time.Hour {
				t.Fatalf("start %v: %v follows %v", start, got, last)
			}
			last = got
			c = feed.Advance(c)
			if err := feed.Check(c); err != nil {
				t.Fatal(err)
			}
		}
		if first := feed.Peek(feed.Align(start)).At; !first.After(start) || first.Sub(start) > 2*24*time.Hour {
			t.Errorf("start %v: first record at %v", start, first)
		}
	}
}

func TestPastTellsOfEveryPlaceAndNothingOfTheFuture(t *testing.T) {
	parking, _ := realParking(t)
	air, _ := realAir(t)
	for h := range 7 * 24 {
		now := time.Date(2026, 11, 22, 6, 43, 0, 0, time.UTC).Add(time.Duration(h) * time.Hour)
		parks, stations := map[string]time.Time{}, map[string]time.Time{}
		for _, r := range parking.Past(parking.Align(now), now) {
			if r.At.After(now) || r.At.Before(parks[r.Value.Park]) {
				t.Fatalf("%s at %v, after %v, now %v", r.Value.Park, r.At, parks[r.Value.Park], now)
			}
			parks[r.Value.Park] = r.At
		}
		for _, r := range air.Past(air.Align(now), now) {
			stations[r.Value.Station] = r.At
		}
		if len(parks) != 30 || len(stations) != 12 {
			t.Fatalf("now %v: %d car parks, %d stations", now, len(parks), len(stations))
		}
		for s, at := range stations {
			if now.Sub(at) >= time.Hour {
				t.Fatalf("now %v: %s last at %v", now, s, at)
			}
		}
	}
}

func TestCheckRefusesACursorOfAnotherFeed(t *testing.T) {
	feed, _ := realParking(t)
	for _, c := range []replay.Cursor{{Next: -1}, {Next: len(feed.Records())}, {Weeks: 1 << 40}, {Weeks: -1 << 40}} {
		if feed.Check(c) == nil {
			t.Errorf("%+v accepted", c)
		}
	}
	if err := feed.Check(replay.Cursor{Next: 5, Weeks: 522}); err != nil {
		t.Error(err)
	}
}

func TestWallClockSurvivesSummerTime(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ real, wall string }{
		{"2026-11-22T06:43:07Z", "2026-11-22T06:43:07Z"},
		{"2026-07-01T06:43:07Z", "2026-07-01T07:43:07Z"},
	} {
		at, _ := time.Parse(time.RFC3339, c.real)
		wall := replay.WallOf(at, london)
		if got := wall.Format(time.RFC3339); got != c.wall {
			t.Errorf("wall of %s: got %s, want %s", c.real, got, c.wall)
		}
		if got := replay.Instant(wall, london); !got.Equal(at) {
			t.Errorf("instant of %s: got %v, want %v", c.wall, got, at)
		}
	}
}

func TestPaceRunsAtSpeedAndStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
		clock, err := replay.NewClock(origin, 60, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var calls int
		var last time.Time
		err = replay.Pace(ctx, clock, replay.Tick, func(_ context.Context, until time.Time) error {
			calls++
			last = until
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's end", err)
		}
		if calls < 39 || calls > 41 || last.Before(origin.Add(9*time.Minute+30*time.Second)) || last.After(origin.Add(10*time.Minute)) {
			t.Errorf("got %d calls, the last at %v", calls, last)
		}
		stop := errors.New("stop")
		if err := replay.Pace(t.Context(), clock, replay.Tick, func(context.Context, time.Time) error { return stop }); err != stop {
			t.Errorf("got %v, want %v", err, stop)
		}
	})
}

func TestClockRefusesSpeedsItCannotKeep(t *testing.T) {
	for _, speed := range []float64{0, -1, replay.MaxSpeed + 1} {
		if _, err := replay.NewClock(time.Time{}, speed, time.Now); err == nil {
			t.Errorf("speed %v accepted", speed)
		}
	}
}

package replay

import (
	"context"
	"fmt"
	"math"
	"time"

	"tribune"
)

// Tick is how often what has come due is handed out: often enough that a page shows a living city.
const Tick = 250 * time.Millisecond

// MaxSpeed bounds how much faster than real time a demo clock may run: a week in about three minutes.
const MaxSpeed = 3600

// Clock is a demo clock: it shows wall-clock time that begins at an origin and runs at a speed.
type Clock struct {
	origin time.Time // wall
	start  time.Time // real
	speed  float64
	now    func() time.Time
}

// NewClock starts a clock that shows origin (a wall-clock reading) now.
func NewClock(origin time.Time, speed float64, now func() time.Time) (*Clock, error) {
	if math.IsNaN(speed) || speed <= 0 || speed > MaxSpeed {
		return nil, tribune.Hint(fmt.Errorf("demo clock speed %v: %w", speed, tribune.ErrInvalid),
			"choose a speed above 0 and up to %d; 1 is real time", MaxSpeed)
	}
	return &Clock{origin: origin, start: now(), speed: speed, now: now}, nil
}

// Wall is what the clock shows.
func (c *Clock) Wall() time.Time {
	return c.origin.Add(time.Duration(float64(c.now().Sub(c.start)) * c.speed))
}

// Speed is how much faster than real time it runs.
func (c *Clock) Speed() float64 { return c.speed }

// WallOf is what the clock on a wall in loc shows at a real instant, in whole seconds.
func WallOf(t time.Time, loc *time.Location) time.Time {
	t = t.In(loc)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// Instant is a real instant, in UTC, at which the clock on a wall in loc shows wall. A reading that summer time skips
// or repeats gives one of the two instants it could be.
func Instant(wall time.Time, loc *time.Location) time.Time {
	return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, loc).UTC()
}

// Pace calls due with the clock's time, at once and then every tick, until ctx ends or due fails. Calls never overlap: a
// slow one makes the next one cover more time, so the caller must bound its own work.
func Pace(ctx context.Context, c *Clock, tick time.Duration, due func(ctx context.Context, until time.Time) error) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := due(ctx, c.Wall()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

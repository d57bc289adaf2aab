package policy

import (
	"errors"
	"time"
)

// When is a day or an instant, as people write it in a document: 2026-12-31 or 2026-12-31T12:00:00Z.
type When struct {
	at  time.Time // midnight UTC for a day
	day bool
}

// UnmarshalTOML reads a local date or an offset date-time. Local date-times are refused: they mean another instant on
// another machine.
func (w *When) UnmarshalTOML(v any) error {
	t, ok := v.(time.Time)
	if !ok {
		return errors.New("want a day like 2026-12-31 or a time like 2026-12-31T12:00:00Z")
	}
	switch t.Location().String() {
	case "date-local":
		*w = When{at: time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC), day: true}
	case "datetime-local", "time-local":
		return errors.New("a time needs its zone, like 2026-12-31T12:00:00Z")
	default:
		*w = When{at: t.UTC()}
	}
	return nil
}

// parseWhen reads the same two forms from an annotation.
func parseWhen(s string) (When, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return When{at: t, day: true}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return When{at: t.UTC()}, nil
	}
	return When{}, errors.New("want a day like 2026-12-31 or a time like 2026-12-31T12:00:00Z")
}

// Set reports whether it was given and lies in a range that every part of the platform can write.
func (w When) Set() bool {
	return w.at.Year() >= 2000 && w.at.Year() <= 9000
}

// Start is the first instant.
func (w When) Start() time.Time { return w.at }

// End is the first instant after: a day is included as a whole, in UTC.
func (w When) End() time.Time {
	if w.day {
		return w.at.AddDate(0, 0, 1)
	}
	return w.at
}

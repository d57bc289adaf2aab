package temporal

import "time"

// Periods cut time into periods of one duration, one of them beginning at Origin. With a duration of zero there is one
// period, from Origin to End.
type Periods struct {
	Origin, End time.Time
	Every       Duration
}

// Period is from From to before To.
type Period struct{ From, To time.Time }

// Of is the period that a time lies in.
func (p Periods) Of(t time.Time) Period {
	if p.Every.Zero() {
		return Period{p.Origin, p.End}
	}
	n := p.index(t)
	return Period{p.Every.after(p.Origin, n), p.Every.after(p.Origin, n+1)}
}

// index is the number of a time's period. Where months are in it, it is guessed by their mean length and put right.
func (p Periods) index(t time.Time) int64 {
	d := p.Every
	if d.Months == 0 {
		return floorDiv(nanoseconds(t)-nanoseconds(p.Origin), int64(d.Span))
	}
	const month = 30.436875 * 24 * float64(time.Hour)
	n := int64(float64(nanoseconds(t)-nanoseconds(p.Origin)) / (float64(d.Months)*month + float64(d.Span)))
	for t.Before(d.after(p.Origin, n)) {
		n--
	}
	for !t.Before(d.after(p.Origin, n+1)) {
		n++
	}
	return n
}

// nanoseconds since 1970, as far as half of an int64 holds them: differences of two never overflow.
func nanoseconds(t time.Time) int64 {
	const most = 1 << 62
	switch s := t.Unix(); {
	case s >= most/1_000_000_000:
		return most
	case s <= -most/1_000_000_000:
		return -most
	}
	return t.UnixNano()
}

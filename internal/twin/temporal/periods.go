package temporal

import (
	"math/bits"
	"time"
)

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
	d := p.Every
	switch {
	case d.Zero():
		return Period{p.Origin, p.End}
	case d.Months == 0:
		from := t.Add(-remainder(t, p.Origin, d.Span)).UTC()
		return Period{from, from.Add(d.Span)}
	}
	n := p.index(t)
	return Period{d.after(p.Origin, n), d.after(p.Origin, n+1)}
}

// remainder is what is left of the time from origin to t when whole spans are taken away; never negative. Times may lie thousands of years
// apart, which nanoseconds in 64 bits do not hold.
func remainder(t, origin time.Time, span time.Duration) time.Duration {
	back := t.Before(origin)
	if back {
		t, origin = origin, t
	}
	seconds, nanos := t.Unix()-origin.Unix(), int64(t.Nanosecond()-origin.Nanosecond())
	if nanos < 0 {
		seconds, nanos = seconds-1, nanos+1e9
	}
	hi, lo := bits.Mul64(uint64(seconds), 1e9)
	lo, carry := bits.Add64(lo, uint64(nanos), 0)
	left := time.Duration(bits.Rem64(hi+carry, lo, uint64(span)))
	if back && left > 0 {
		return span - left
	}
	return left
}

// index is the number of a time's period. Months have no fixed length: it is guessed by their mean one and put right.
func (p Periods) index(t time.Time) int64 {
	d := p.Every
	const month = 30.436875 * 24 * 60 * 60
	n := int64(float64(t.Unix()-p.Origin.Unix()) / (float64(d.Months)*month + d.Span.Seconds()))
	for t.Before(d.after(p.Origin, n)) {
		n--
	}
	for !t.Before(d.after(p.Origin, n+1)) {
		n++
	}
	return n
}

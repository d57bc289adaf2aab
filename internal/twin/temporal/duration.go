package temporal

import (
	"math"
	"strings"
	"time"
)

// Duration is a duration of ISO 8601: months have no fixed length, so they stand apart. Zero means the whole time that a
// query asks for.
type Duration struct {
	Months int
	Span   time.Duration
}

// Zero reports whether the duration is none.
func (d Duration) Zero() bool { return d == Duration{} }

// maxDuration bounds a duration: 250 years. Longer ones would leave the range of time.Duration.
const maxDuration = 250 * 365 * 24 * time.Hour

// ParseDuration reads P[n]Y[n]M[n]DT[n]H[n]M[n]S or P[n]W (clause 4.5.19.1). The number of seconds may have a fraction of
// nine digits.
func ParseDuration(text string) (Duration, error) {
	var d Duration
	bad := bad("write aggrPeriodDuration as an ISO 8601 duration, like PT1H, P1D or P1M", "aggrPeriodDuration is not a duration")
	rest, ok := strings.CutPrefix(text, "P")
	if !ok || rest == "" || len(text) > 64 {
		return d, bad
	}
	units, clock, weeks := "YMD", false, false
	for n := 0; rest != ""; n++ {
		if rest[0] == 'T' && !clock {
			units, clock, rest = "HMS", true, rest[1:]
			if rest == "" {
				return Duration{}, bad
			}
		}
		whole, fraction, unit, after, ok := component(rest)
		at := strings.IndexByte(units, unit)
		if unit == 'W' && n == 0 && !clock {
			at, weeks = 0, true
		}
		if !ok || at < 0 || fraction != 0 && unit != 'S' || weeks && after != "" {
			return Duration{}, bad
		}
		if !weeks {
			units = units[at+1:]
		}
		if rest = after; !d.add(whole, fraction, unit, clock) {
			return Duration{}, bad
		}
	}
	return d, nil
}

// component reads digits, a fraction in nanoseconds, and a letter.
func component(s string) (whole, fraction int64, unit byte, rest string, ok bool) {
	i := 0
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		if whole = whole*10 + int64(s[i]-'0'); whole > math.MaxInt32 {
			return 0, 0, 0, "", false
		}
	}
	digits := i
	if i > 0 && i < len(s) && (s[i] == '.' || s[i] == ',') {
		scale := int64(100_000_000)
		start := i + 1
		for i = start; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			fraction += int64(s[i]-'0') * scale
			scale /= 10
		}
		if i == start || i-start > 9 {
			return 0, 0, 0, "", false
		}
	}
	if digits == 0 || i >= len(s) {
		return 0, 0, 0, "", false
	}
	return whole, fraction, s[i], s[i+1:], true
}

func (d *Duration) add(whole, fraction int64, unit byte, clock bool) bool {
	var of time.Duration
	switch {
	case unit == 'Y':
		d.Months += int(whole) * 12
	case unit == 'M' && !clock:
		d.Months += int(whole)
	case unit == 'W':
		of = 7 * 24 * time.Hour
	case unit == 'D':
		of = 24 * time.Hour
	case unit == 'H':
		of = time.Hour
	case unit == 'M':
		of = time.Minute
	default:
		of = time.Second
	}
	if of > 0 && whole > int64((maxDuration-d.Span)/of) || d.Months > 250*12 {
		return false
	}
	d.Span += time.Duration(whole)*of + time.Duration(fraction)
	return true
}

// after is the time n durations later, for durations with months in them. A day that its month does not have is the month's last.
func (d Duration) after(t time.Time, n int64) time.Time {
	if d.Months != 0 {
		months := int64(t.Year())*12 + int64(t.Month()) - 1 + n*int64(d.Months)
		year, month := int(floorDiv(months, 12)), time.Month(months-floorDiv(months, 12)*12+1)
		last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
		t = time.Date(year, month, min(t.Day(), last), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	}
	seconds, rest := int64(d.Span/time.Second), int64(d.Span%time.Second) // together they may be more than a Duration holds
	return time.Unix(t.Unix()+n*seconds, int64(t.Nanosecond())+n*rest).UTC()
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

package model

import (
	"strings"
	"time"
)

// Clients compare what they read with what they wrote, so a moment keeps how many digits of the second it was written with
// where these are more than it needs: 12:00:00.000Z does not become 12:00:00Z. The time's location tells; every one of these is
// UTC, and moments compare by Equal, as times do.
var written = func() (zones [10]*time.Location) {
	for digits := range zones {
		zones[digits] = time.FixedZone("UTC", 0)
	}
	return zones
}()

// ParseMoment reads an RFC 3339 date and time.
func ParseMoment(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, err
	}
	_, fraction, _ := strings.Cut(s, ".")
	digits := len(fraction) - len(strings.TrimLeft(fraction, "0123456789"))
	return WithDigits(t, digits), nil
}

// WithDigits is the moment in UTC, written with so many digits of the second, 9 at most; with more where it needs them.
func WithDigits(t time.Time, digits int) time.Time {
	needs := 9
	for n := t.Nanosecond(); needs > 0 && n%10 == 0; n /= 10 {
		needs--
	}
	if digits = min(digits, 9); digits <= needs {
		return t.UTC()
	}
	return t.In(written[digits])
}

// Digits is with how many digits of the second a moment was written; 0 = with as many as it needs.
func Digits(t time.Time) int {
	at := t.Location()
	if at == time.UTC { // nearly all
		return 0
	}
	for digits := 1; digits < len(written); digits++ {
		if at == written[digits] {
			return digits
		}
	}
	return 0
}

// AppendMoment writes a date and time in UTC as it was written.
func AppendMoment(b []byte, t time.Time) []byte {
	const whole = "2006-01-02T15:04:05"
	if digits := Digits(t); digits > 0 {
		return t.AppendFormat(b, whole+".000000000"[:1+digits]+"Z")
	}
	return t.UTC().AppendFormat(b, whole+".999999999Z")
}

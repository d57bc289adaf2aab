package model

import (
	"testing"
	"time"
)

func TestMomentsAreWrittenAsTheyWereRead(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-22T12:00:00Z":            "",
		"2026-11-22T12:00:00.0Z":          "",
		"2026-11-22T12:00:00.000Z":        "",
		"2026-11-22T12:00:00.120Z":        "",
		"2026-11-22T12:00:00.123Z":        "",
		"2026-11-22T12:00:00.000000Z":     "",
		"2026-11-22T12:00:00.123456789Z":  "",
		"2026-11-22T12:00:00.100000000Z":  "",
		"2026-11-22T12:00:00.1000000000Z": "2026-11-22T12:00:00.100000000Z",
		"2026-11-22T13:00:00.500+01:00":   "2026-11-22T12:00:00.500Z",
	} {
		at, err := ParseMoment(text)
		if want == "" {
			want = text
		}
		if got := string(AppendMoment(nil, at)); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
		plain, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || !at.Equal(plain) || at.Hour() != 12 {
			t.Errorf("%s: got the moment %v, want %v (%v)", text, at, plain, err)
		}
	}
}

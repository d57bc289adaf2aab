package policy_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tribune"
	"tribune/policy"
)

func TestCapsCountByOfficePurposeAndHour(t *testing.T) {
	var caps policy.Caps
	limits := policy.Limits{Acts: 3, Subjects: 10}
	n := 0
	admit := func(office, purpose string, count int, at time.Time) error {
		n++
		return caps.Admit(tribune.Act{ID: fmt.Sprint(n), Count: count, At: at, Caller: tribune.Caller{Office: tribune.OfficeID(office), Purpose: tribune.PurposeID(purpose)}}, limits)
	}
	start := now.Truncate(time.Hour)
	steps := []struct {
		office, purpose string
		count           int
		at              time.Time
		denied          bool
	}{
		{"a", "p", 4, start, false},
		{"a", "p", 7, start, true},  // 11 people
		{"a", "p", 6, start, false}, // what was denied did not count
		{"a", "p", 0, start, false},
		{"a", "p", 0, start, true}, // a fourth act
		{"a", "q", 10, start, false},
		{"b", "p", 10, start, false},
		{"a", "p", 10, start.Add(time.Hour), false},
		{"a", "p", 1, start.Add(59 * time.Minute), true}, // late, and the hour is still full
		{"a", "p", 1, start.Add(-time.Hour), true},       // an hour that is over
	}
	for i, s := range steps {
		if err := admit(s.office, s.purpose, s.count, s.at); errors.Is(err, tribune.ErrDenied) != s.denied || (err == nil) == s.denied {
			t.Errorf("step %d: got %v, want denied %v", i, err, s.denied)
		}
	}
}

func TestRepeatedRequestCountsOnce(t *testing.T) {
	var caps policy.Caps
	act := tribune.Act{ID: "x", Count: 1, At: now}
	for range 5 {
		if err := caps.Admit(act, policy.Limits{Acts: 1, Subjects: 1}); err != nil {
			t.Fatal(err)
		}
	}
	act.ID = "y"
	if err := caps.Admit(act, policy.Limits{Acts: 1, Subjects: 1}); err == nil {
		t.Error("a second act was admitted")
	}
}

func TestFloodOfOfficesStaysBounded(t *testing.T) {
	var caps policy.Caps
	var busy error
	for i := range 5000 {
		busy = caps.Admit(tribune.Act{ID: "x", At: now, Caller: tribune.Caller{Office: tribune.OfficeID(fmt.Sprint(i))}}, policy.Limits{Acts: 1})
	}
	if !errors.Is(busy, tribune.ErrBusy) {
		t.Errorf("got %v, want busy", busy)
	}
	if err := caps.Admit(tribune.Act{ID: "x", At: now.Add(2 * time.Hour)}, policy.Limits{Acts: 1}); err != nil {
		t.Errorf("two hours later: %v", err)
	}
}

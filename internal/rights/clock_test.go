package rights

import (
	"strings"
	"testing"
	"time"
)

// The dates follow Regulation 1182/71, article 3, and the examples that the European Data Protection Board gives in its guidelines
// 01/2022, paragraph 158 and following: received on 5 March, due to the end of 5 April; received on 31 August, of 30 September.
func TestClockEndsWhereTheRegulationSays(t *testing.T) {
	r := shippedRules(t)
	for _, tt := range []struct {
		name, received string
		months         int
		last           string
	}{
		{"same date of the next month", "2026-11-10T09:00:00Z", 1, "2026-12-10"},
		{"the hour does not matter", "2026-11-10T23:59:59Z", 1, "2026-12-10"},
		{"31 August has no 31 September", "2026-08-31T12:00:00Z", 1, "2026-09-30"},
		{"31 January of a common year; its 28 February 2027 is a Sunday", "2027-01-31T12:00:00Z", 1, "2027-03-01"},
		{"31 January of a leap year", "2028-01-31T12:00:00Z", 1, "2028-02-29"},
		{"29 February, three months", "2028-02-29T12:00:00Z", 3, "2028-05-30"}, // 29 May is a holiday
		{"a Saturday goes to Monday", "2026-11-05T12:00:00Z", 1, "2026-12-07"},
		{"a Sunday goes to Monday", "2026-11-06T12:00:00Z", 1, "2026-12-07"},
		{"Christmas, then a weekend, then its substitute", "2026-11-25T12:00:00Z", 1, "2026-12-29"},
		{"over the new year", "2026-12-02T12:00:00Z", 1, "2027-01-04"},
		{"extended: three months from receipt, not from the first end", "2026-11-25T12:00:00Z", 3, "2027-02-25"},
		{"EDPB: received 5 March", "2027-03-05T12:00:00Z", 1, "2027-04-05"},
		{"before midnight in the city, after it in UTC", "2026-07-01T23:30:00Z", 1, "2026-08-03"}, // 2 July in London; 2 August is a Sunday
		{"the clock change is in between", "2026-10-12T12:00:00Z", 1, "2026-11-12"},
	} {
		at, err := time.Parse(time.RFC3339, tt.received)
		if err != nil {
			t.Fatal(err)
		}
		due := r.Due(at, tt.months)
		if got := r.LastDay(due).Format(time.DateOnly); got != tt.last {
			t.Errorf("%s: received %s, last day %s, want %s", tt.name, tt.received, got, tt.last)
		}
		if h, m, s := due.In(r.zone).Clock(); h+m+s != 0 {
			t.Errorf("%s: it ends at %s, not at midnight in the city", tt.name, due.In(r.zone))
		}
	}
}

func TestDaysLeftCountDownToZeroOnTheLastDay(t *testing.T) {
	r := shippedRules(t)
	due := r.Due(time.Date(2026, 11, 10, 9, 0, 0, 0, time.UTC), 1) // last day 10 December
	for at, want := range map[string]int{
		"2026-12-01T10:00:00Z": 9, "2026-12-10T23:59:59Z": 0, "2026-12-11T00:00:00Z": -1, "2026-12-20T00:00:00Z": -10,
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.DaysLeft(due, now); got != want {
			t.Errorf("at %s: %d days left, want %d", at, got, want)
		}
	}
}

// A mistake in the city's own file must not become a deadline that nobody meant.
func TestRulesAreReadStrictly(t *testing.T) {
	if _, err := ParseRules(shipped); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"unknown key":      {"keep_days = 1095", "keep_dayz = 1095"},
		"no zone":          {"Europe/London", "Europe/Atlantis"},
		"this machine's":   {"Europe/London", "Local"},
		"no holiday":       {"2026-12-25", "2026-13-25"},
		"a kind missing":   {`kind = "erasure"`, `kind = "access"`},
		"endless":          {"months = 1\nextend = 2\nbasis = \"GDPR, articles 12(3) and 15\"", "months = 100\nextend = 2\nbasis = \"x\""},
		"no basis":         {`basis = "GDPR, articles 12(3) and 17"`, `basis = ""`},
		"no authority":     {`name = "Information Commissioner’s Office"`, `name = ""`},
		"a vague question": {`recipient = "planner"`, `recipient = "*"`},
		"for ever":         {"months = 6", "months = 60"},
		"kept for nothing": {"keep_days = 1095", "keep_days = 0"},
	} {
		text := strings.Replace(shipped, change[0], change[1], 1)
		if text == shipped {
			t.Fatalf("%s: the mistake is not made", name)
		}
		if _, err := ParseRules(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add(shipped)
	f.Add("zone = \"UTC\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRules(text)
		if err != nil {
			return
		}
		for _, k := range Kinds() {
			p, ok := r.Period(k)
			if !ok {
				t.Fatalf("accepted without a period for %s", k)
			}
			at := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
			if due := r.Due(at, p.Months+p.Extend); due.Before(at.AddDate(0, 0, 27)) {
				t.Fatalf("%s: due %s after %s", k, due, at)
			}
		}
	})
}

func shippedRules(t testing.TB) *Rules {
	t.Helper()
	r, err := ParseRules(shipped)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

package protocol

import (
	"testing"
	"time"

	"tribune"
)

// The hidden chain of a quarter opens when the quarter is over, or on the later day that was on record before that; a year later at most.
func TestAHiddenChainOpensWhenItsQuarterIsOver(t *testing.T) {
	id := tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: tribune.Pseudonym{1}, Quarter: QuarterOf(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))}
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := QuarterEnd(id.Quarter); !got.Equal(end) {
		t.Fatalf("the quarter ends on %s, want %s", got, end)
	}
	leaf := func(at time.Time, until string, permit bool) Leaf {
		public, err := JCS(Extension{Chain: HiddenChain("city.example", id), Until: until})
		if err != nil {
			t.Fatal(err)
		}
		return Leaf{Act: Act{Kind: tribune.ActExtension, Time: Time(at)}, Public: public, Decision: tribune.Decision{Permit: permit}}
	}
	other := func(at time.Time) Leaf {
		return Leaf{Act: Act{Kind: tribune.ActRead, Time: Time(at)}}
	}
	before, after := end.AddDate(0, 0, -10), end.AddDate(0, 0, 10)
	for what, c := range map[string]struct {
		leaves []Leaf
		opens  time.Time
	}{
		"as it is":              {nil, end},
		"extended":              {[]Leaf{leaf(before, "2027-02-15", true)}, time.Date(2027, 2, 15, 0, 0, 0, 0, time.UTC)},
		"extended, not allowed": {[]Leaf{leaf(before, "2027-02-15", false)}, end},
		"extended too late":     {[]Leaf{leaf(after, "2027-02-15", true)}, end},
		"dated back":            {[]Leaf{other(after), leaf(before, "2027-02-15", true)}, end},
		"shortened":             {[]Leaf{leaf(before, "2026-12-01", true)}, end},
		"for ever":              {[]Leaf{leaf(before, "2999-01-01", true)}, end.Add(MaxExtension)},
	} {
		var h HiddenEnds
		for i, l := range c.leaves {
			h.Leaf(uint64(i), l)
		}
		if got := h.Until("city.example", id); !got.Equal(c.opens) {
			t.Errorf("%s: opens on %s, want %s", what, got, c.opens)
		}
	}
}

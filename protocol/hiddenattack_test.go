package protocol

import (
	"testing"
	"time"

	"tribune"
)

// A hub that was taken over for an hour dates one leaf far ahead. It must not make every extension of a court after it come too late.
func TestALeafFromTheFutureDoesNotEndExtensions(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	id := tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: tribune.Pseudonym{1}, Quarter: QuarterOf(now)}
	public, err := JCS(Extension{Chain: HiddenChain("city.example", id), Until: "2027-02-15"})
	if err != nil {
		t.Fatal(err)
	}
	end, later := QuarterEnd(id.Quarter), time.Date(2027, 2, 15, 0, 0, 0, 0, time.UTC)
	for what, c := range map[string]struct {
		before, clock time.Time
		opens         time.Time
	}{
		"an honest record":                        {now, now, later},
		"a leaf of the year 2099":                 {now.AddDate(73, 0, 0), now, later},
		"put on record when the quarter was over": {end.Add(time.Hour), end.Add(time.Hour), end},
	} {
		h := HiddenEnds{Now: func() time.Time { return c.clock }}
		h.Leaf(0, Leaf{Act: Act{Kind: tribune.ActRead, Time: Time(c.before)}})
		h.Leaf(1, Leaf{Act: Act{Kind: tribune.ActExtension, Time: Time(now)}, Public: public, Decision: tribune.Decision{Permit: true}})
		if got := h.Until("city.example", id); !got.Equal(c.opens) {
			t.Errorf("%s: opens on %s, want %s", what, got, c.opens)
		}
	}
}

// A hub that was taken over for an hour puts extensions on record that no court has signed. What the court orders, before or after, counts
// all the same; else whoever had the hub for an hour could have tipped off somebody under investigation for ever.
func TestAnExtensionThatNoCourtAllowsTakesNoOthersPlace(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	id := tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: tribune.Pseudonym{1}, Quarter: QuarterOf(now)}
	end, later := QuarterEnd(id.Quarter), time.Date(2027, 2, 15, 0, 0, 0, 0, time.UTC)
	leaf := func(until, warrant string) Leaf {
		public, err := JCS(Extension{Chain: HiddenChain("city.example", id), Until: until, Warrant: []byte(warrant)})
		if err != nil {
			t.Fatal(err)
		}
		return Leaf{Act: Act{Kind: tribune.ActExtension, Time: Time(now)}, Public: public, Decision: tribune.Decision{Permit: true}}
	}
	court, forged, same := leaf("2027-02-15", "court"), leaf("2027-06-01", "forged"), leaf("2027-02-15", "forged")
	for what, c := range map[string]struct {
		leaves []Leaf
		opens  time.Time
	}{
		"the court's alone":       {[]Leaf{court}, later},
		"a forged one alone":      {[]Leaf{forged}, end},
		"a longer one before it":  {[]Leaf{forged, court}, later},
		"a longer one after it":   {[]Leaf{court, forged}, later},
		"one as long before it":   {[]Leaf{same, court}, later},
		"the court's second wins": {[]Leaf{court, forged, leaf("2027-03-15", "court")}, later.AddDate(0, 1, 0)},
	} {
		h := HiddenEnds{Valid: func(_ uint64, _ time.Time, e Extension) bool { return string(e.Warrant) == "court" }}
		for i, l := range c.leaves {
			h.Leaf(uint64(i), l)
		}
		if got := h.Until("city.example", id); !got.Equal(c.opens) {
			t.Errorf("%s: opens on %s, want %s", what, got, c.opens)
		}
	}
}

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

package guardian

import (
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// An erasure that is dated ahead erases what there was when it came, and nothing of the years to come.
func TestErasureDatedAheadErasesNoFuture(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	k, today := make([]byte, protocol.TraceKeySize), tribune.DayOf(now)
	for what, c := range map[string]struct {
		at   time.Time
		want uint32
	}{
		"of today":   {now, today},
		"of 2099":    {now.AddDate(73, 0, 0), today},
		"dated back": {now.AddDate(-1, 0, 0), today},
	} {
		var e erasures
		e.add(0, protocol.Leaf{Act: protocol.Act{Kind: tribune.ActRead, Time: protocol.Time(now)}}, now)
		public, err := protocol.JCS(protocol.NewErasure(c.at, []tribune.Tag{protocol.ErasedTag(k, 1)}))
		if err != nil {
			t.Fatal(err)
		}
		l := protocol.Leaf{Act: protocol.Act{Kind: tribune.ActErase, Count: 1, Time: protocol.Time(c.at)}, Public: public, Tags: []tribune.Tag{protocol.UseTag(k, 1)}}
		l.Decision.Permit = true
		for _, later := range []time.Time{now, now.AddDate(0, 0, 30)} { // as it comes, and read back after a restart
			again := e
			again.days = nil
			again.add(1, l, later)
			if day, ok := again.until(k, later); !ok || day != c.want {
				t.Errorf("%s, read on %s: until day %d, %v; want %d", what, later.Format(time.DateOnly), day, ok, c.want)
			}
		}
	}
}

package twin

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// A pattern of 512 bytes costs a millisecond for each entity: whoever asks must not keep a processor for an hour.
func TestCostlyQueryEndsInTime(t *testing.T) {
	tw := open(t, Config{Store: memory(t)})
	for i := range 4 * lookEvery {
		must(t, tw.do(t, Create, ent(fmt.Sprintf("urn:e:%d", i), "A", map[tribune.Name][]model.Attr{"n": prop(`"aaaaaaaa"`)})))
	}
	q, err := query.Parse(`n~="(a|a)*b"`, func(s string) (tribune.Name, error) { return tribune.Name(s), nil })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for until, most := range map[time.Time]int{now.Add(-time.Second): lookEvery, now.Add(time.Hour): 1 << 20} {
		snap, err := tw.cfg.Store.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f := &finder{t: tw, q: &Query{Types: query.Type("A"), Q: q, Limit: 10}, r: snap, parts: 1, until: until}
		_, err = f.find(t.Context())
		if late := until.Before(now); late != errors.Is(err, tribune.ErrTooLarge) || late != (tribune.HintOf(err) != "") || f.visited > most {
			t.Errorf("until %v: got %v after %d entities, want at most %d", until.Sub(now), err, f.visited, most)
		}
		past := &pastFinder{t: tw, q: &EvolutionQuery{Query: Query{Types: query.Type("A"), Q: q, Limit: 10}}, r: snap, until: until}
		if _, err := past.find(t.Context()); until.Before(now) != errors.Is(err, tribune.ErrTooLarge) {
			t.Errorf("of the past, until %v: got %v", until.Sub(now), err)
		}
		snap.Close()
	}
}

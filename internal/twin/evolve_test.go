package twin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// A class is a class in the past too: nothing personal rests in the clear, and to queries and aggregates it is absent.
func TestPersonalInstancesOfThePastAreSealed(t *testing.T) {
	vault := newSafe()
	tw := open(t, Config{ClassOf: classes, Sealer: vault})
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	e := ent("urn:1", "Session", map[tribune.Name][]model.Attr{"plate": {}, "paid": {}, "speed": {}})
	for i := range 3 {
		seen := at.Add(time.Duration(i) * time.Minute)
		e.Attrs["plate"] = append(e.Attrs["plate"], model.Attr{Kind: model.Property, Value: json.RawMessage(fmt.Sprintf(`"PLATE%d"`, i)), ObservedAt: seen})
		e.Attrs["paid"] = append(e.Attrs["paid"], model.Attr{Kind: model.Property, Value: json.RawMessage("40"), ObservedAt: seen})
		e.Attrs["speed"] = append(e.Attrs["speed"], model.Attr{Kind: model.Property, Value: json.RawMessage("7"), ObservedAt: seen})
	}
	must(t, tw.Evolve(t.Context(), Past{Entity: e}))
	for p := range tw.cfg.Store.Scan(t.Context(), store.Range{}) {
		if bytes.Contains(p.Value, []byte("PLATE")) || bytes.Contains(p.Key, []byte("PLATE")) {
			t.Errorf("in the clear: %q: %q", p.Key, p.Value)
		}
	}
	ask := EvolutionQuery{Query: Query{IDs: []tribune.EntityID{"urn:1"}}, Time: temporal.Query{Any: true}, Sealed: true}
	got, err := tw.Evolutions(t.Context(), ask)
	if err != nil || len(got.List) != 1 {
		t.Fatalf("%d evolutions (%v)", len(got.List), err)
	}
	if list := got.List[0].Attrs["plate"]; len(list) != 3 || list[0].Sealed == nil || string(vault.open(t, list[0].Sealed).Value) != `"PLATE0"` || vault.open(t, list[0].Sealed).ObservedAt != at {
		t.Errorf("plates: %+v", list)
	}
	ask.Aggregate = &Aggregation{Methods: temporal.TotalCount}
	if got, err = tw.Evolutions(t.Context(), ask); err != nil || len(got.List[0].Aggregates) != 1 || got.List[0].Aggregates["speed"] == nil {
		t.Errorf("aggregates: %+v (%v), want those of speed alone", got.List, err)
	}
	must(t, tw.Evolve(t.Context(), Past{Entity: ent("urn:2", "Session", map[tribune.Name][]model.Attr{"plate": prop(`"P"`)})}))
	got, err = tw.Evolutions(t.Context(), EvolutionQuery{Query: Query{Q: q(t, `plate=="P"`), Count: true}, Time: temporal.Query{Rel: temporal.After, At: at, Property: temporal.CreatedAt}, Sealed: true})
	if err != nil || got.Count != 0 {
		t.Errorf("%d entities found by what is sealed (%v)", got.Count, err)
	}
	bare := open(t, Config{ClassOf: classes})
	if r := bare.Evolve(t.Context(), Past{Entity: e}); r.Err == nil {
		t.Error("personal instances were taken without a vault")
	}
}

// Walking from page to page by where each ended must meet every instance, in both directions.
func TestPagesOfThePastLeaveNothingOut(t *testing.T) {
	tw := open(t, Config{})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for n, id := range []string{"urn:1", "urn:2"} {
		e := observations(start.Add(time.Duration(n)*13*time.Minute), 0, 40, nil)
		e.ID = tribune.EntityID(id)
		must(t, tw.Evolve(t.Context(), Past{Entity: e}))
	}
	for name, when := range map[string]temporal.Query{"forward": {Rel: temporal.After, At: start}, "backward": {Rel: temporal.Before, At: start.Add(time.Hour), LastN: 1000}} {
		seen := map[string]bool{}
		for pages := 0; ; pages++ {
			got, err := tw.Evolutions(t.Context(), EvolutionQuery{Query: Query{Q: q(t, "speed>=0")}, Time: when, Page: 9})
			if err != nil || pages > 40 {
				t.Fatalf("%s: page %d: %v", name, pages, err)
			}
			n := 0
			for _, e := range got.List {
				for _, a := range e.Attrs["speed"] {
					seen[a.Rare.Instance] = true
					n++
				}
			}
			if !got.Cut {
				break
			}
			if n < 9 || n > 10 { // two may have the time where it ends
				t.Errorf("%s: a page of %d", name, n)
			}
			if when.At = got.Last.Add(time.Nanosecond); when.LastN > 0 {
				when.At = got.First
			}
		}
		if len(seen) != 80 {
			t.Errorf("%s: %d instances, want 80", name, len(seen))
		}
	}
}

// The packer finds by itself what has become long.
func TestPackerPacksWhatIsWritten(t *testing.T) {
	tw := open(t, Config{})
	done := make(chan error, 1)
	go func() { done <- tw.Pack(t.Context(), slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	for !tw.packer.on.Load() {
		time.Sleep(time.Millisecond)
	}
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	must(t, tw.Evolve(t.Context(), Past{Entity: observations(start, 0, 1200, nil)}))
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		blocks := 0
		for range tw.cfg.Store.Scan(t.Context(), prefixOf("H")) {
			blocks++
		}
		if blocks == 2 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("%d blocks, want 2", blocks)
		}
	}
	verify(t, tw)
}

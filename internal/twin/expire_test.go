package twin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// transient is an entity that lives for an hour, with an attribute that lives for half of it.
func transient(id tribune.EntityID, from time.Time) model.Entity {
	e := ent(string(id), "Alert", map[tribune.Name][]model.Attr{"a": prop("1"), "b": prop("2"), "place": prop("3")})
	e.ExpiresAt = from.Add(time.Hour)
	e.Attrs["b"][0].Rare = &model.Rare{ExpiresAt: from.Add(time.Hour / 2)}
	sub := prop("4")
	sub[0].Rare = &model.Rare{ExpiresAt: from.Add(time.Hour / 4)}
	e.Attrs["place"][0].Sub = map[tribune.Name][]model.Attr{"acc": sub, "by": prop("5")}
	return e
}

func TestWhatHasExpiredIsNotThere(t *testing.T) {
	c := newClock()
	tw := open(t, Config{Now: c.now})
	must(t, tw.do(t, Create, transient("urn:1", c.at)))
	verify(t, tw)
	c.at = c.at.Add(time.Hour / 4)
	if v, _ := tw.Get(t.Context(), "", "urn:1"); show(v) != "a=1 b=2 place=3" || spell(v.Instance("place", "")) != "Property 3 by(Property 5)" {
		t.Errorf("after a quarter: got %s with %s", show(v), spell(v.Instance("place", "")))
	}
	must(t, tw.do(t, Expire, ent("urn:1", "", nil)))
	if v, _ := tw.Get(t.Context(), "", "urn:1"); spell(v.Instance("place", "")) != "Property 3 by(Property 5)" {
		t.Errorf("after a sweep: got %s", spell(v.Instance("place", "")))
	}
	verify(t, tw)
	c.at = c.at.Add(time.Hour / 4)
	if v, err := tw.Get(t.Context(), "", "urn:1"); err != nil || show(v) != "a=1 place=3" {
		t.Errorf("after half an hour: got %s (%v), want the attribute that lives on", show(v), err)
	}
	must(t, tw.do(t, Append, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": prop("5")})))
	verify(t, tw)
	c.at = c.at.Add(time.Hour / 2)
	if _, err := tw.Get(t.Context(), "", "urn:1"); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("after an hour: got %v, want ErrNotFound", err)
	}
	if page, err := tw.Find(t.Context(), Query{Attrs: []tribune.Name{"a"}}); err != nil || len(page.Views) != 0 {
		t.Errorf("after an hour a query finds %d (%v)", len(page.Views), err)
	}
	if res := tw.do(t, Append, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": prop("6")})); !errors.Is(res.Err, tribune.ErrNotFound) {
		t.Errorf("appending to what has expired: got %v, want ErrNotFound", res.Err)
	}
	must(t, tw.do(t, Create, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"c": prop("1")})))
	if v, err := tw.Get(t.Context(), "", "urn:1"); err != nil || show(v) != "c=1" || !slices.Equal(v.Types, []tribune.Name{"Car"}) {
		t.Errorf("created again: got %s %v (%v)", show(v), v.Types, err)
	}
	verify(t, tw)
}

func TestSweepTakesWhatHasExpiredAlsoAfterRestart(t *testing.T) {
	st, c := memory(t), newClock()
	tw := open(t, Config{Store: st, Now: c.now})
	for _, id := range []tribune.EntityID{"urn:1", "urn:2", "urn:3"} {
		must(t, tw.do(t, Create, transient(id, c.at)))
	}
	must(t, tw.do(t, Create, ent("urn:4", "Car", map[tribune.Name][]model.Attr{"a": prop("1")})))
	keep := ent("urn:3", "", nil) // it shall stay after all
	keep.Unset = model.ExpiresAt
	must(t, tw.do(t, Merge, keep))
	c.at = c.at.Add(2 * time.Hour)

	var events []Event
	tw = open(t, Config{Store: st, Now: c.now, Observer: observer(func(e Event) { events = append(events, e) })})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- tw.Sweep(ctx, slog.New(slog.DiscardHandler)) }()
	for range 500 {
		if census, err := tw.Verify(t.Context()); err == nil && census.Entities == 2 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if census := verify(t, tw); census.Entities != 2 {
		t.Errorf("%d entities are left, want 2", census.Entities)
	}
	if v, _ := tw.Get(t.Context(), "", "urn:3"); show(v) != "a=1 place=3" || !v.ExpiresAt.IsZero() {
		t.Errorf("what stays: got %s", show(v))
	}
	gone := 0
	for _, e := range events {
		if e.After == nil {
			gone++
		}
	}
	if len(events) != 3 || gone != 2 {
		t.Errorf("%d events with %d deletions, want 3 with 2", len(events), gone)
	}
}

func TestExpiryOfWhatIsSealedIsKnown(t *testing.T) {
	a := model.Attr{Kind: model.Property, Value: json.RawMessage(`1`), Rare: &model.Rare{ExpiresAt: time.Unix(5, 0).UTC(), ValueType: "urn:t"}}
	sealed := model.Attr{Rare: a.Rare, Sealed: &tribune.Sealed{Value: []byte("x")}}
	for name, one := range map[string]model.Attr{"clear": a, "sealed": sealed} {
		got, err := decodeRow("urn:1", "a", appendAttr([]byte{docFormat}, &one))
		if err != nil || !got.Expires().Equal(time.Unix(5, 0)) {
			t.Errorf("%s: got %v %v", name, got.Expires(), err)
		}
		if (got.ValueType() != "") != (name == "clear") {
			t.Errorf("%s: got value type %q", name, got.ValueType())
		}
	}
}

package twin

import (
	"encoding/json"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// seenAt is instances of a Property: pairs of the minute after seven at which each was observed, -1 = not said, and its value.
func seenAt(pairs ...int) (list []model.Attr) {
	for i := 0; i < len(pairs); i += 2 {
		a := model.Attr{Kind: model.Property, Value: appendJSON(nil, pairs[i+1])}
		if pairs[i] >= 0 {
			a.ObservedAt = time.Date(2026, 11, 22, 7, pairs[i], 0, 0, time.UTC)
		}
		list = append(list, a)
	}
	return list
}

// What is newest is the present, whoever said it; what is older, predicted, deleted since or personal is not.
func TestCurrentStateFollowsThePast(t *testing.T) {
	type world struct {
		*Twin
		events int
	}
	speeds := func(list []model.Attr) model.Entity {
		return ent("urn:1", "Car", map[tribune.Name][]model.Attr{"speed": list})
	}
	null := model.Attr{Kind: model.Property, Value: json.RawMessage(`"` + model.NullURI + `"`), ObservedAt: time.Date(2026, 11, 22, 7, 50, 0, 0, time.UTC)}
	past := func(w *world, t *testing.T, mode PastMode, e model.Entity) {
		t.Helper()
		must(t, w.Evolve(t.Context(), Past{Mode: mode, Entity: e}))
	}
	for name, c := range map[string]struct {
		do     func(t *testing.T, w *world)
		want   string // the speed; "" = none, "-" = there is no entity
		events int
	}{
		"the newest of a request": {func(t *testing.T, w *world) { past(w, t, PastUpsert, speeds(seenAt(5, 5, 9, 9, 7, 7))) }, "9", 1},
		"older ones later": {func(t *testing.T, w *world) {
			past(w, t, PastUpsert, speeds(seenAt(9, 9)))
			past(w, t, PastUpsert, speeds(seenAt(3, 3)))
		}, "9", 1},
		"the same again": {func(t *testing.T, w *world) {
			past(w, t, PastUpsert, speeds(seenAt(9, 9)))
			past(w, t, PastUpsert, speeds(seenAt(9, 9)))
		}, "9", 1},
		"newer ones later": {func(t *testing.T, w *world) {
			past(w, t, PastUpsert, speeds(seenAt(3, 3)))
			past(w, t, PastAppend, speeds(seenAt(9, 9)))
		}, "9", 2},
		"predictions alone":  {func(t *testing.T, w *world) { past(w, t, PastUpsert, speeds(seenAt(59, 1, 1000, 2)[1:])) }, "-", 0},
		"predictions behind": {func(t *testing.T, w *world) { past(w, t, PastUpsert, speeds(seenAt(3, 3, 1000, 2))) }, "3", 1},
		"without a time":     {func(t *testing.T, w *world) { past(w, t, PastUpsert, speeds(seenAt(-1, 8))) }, "8", 1},
		"older than what the core has": {func(t *testing.T, w *world) {
			must(t, w.do(t, Create, speeds(seenAt(9, 9))))
			past(w, t, PastAppend, speeds(seenAt(3, 3)))
		}, "9", 1},
		"newer than what the core has": {func(t *testing.T, w *world) {
			must(t, w.do(t, Create, speeds(seenAt(3, 3))))
			past(w, t, PastAppend, speeds(seenAt(9, 9)))
		}, "9", 2},
		"older than what the core said without a time": {func(t *testing.T, w *world) {
			must(t, w.do(t, Create, speeds(seenAt(-1, 3))))
			past(w, t, PastAppend, speeds(seenAt(9, 9)))
		}, "3", 1},
		"older than the deletion of the attribute": {func(t *testing.T, w *world) {
			must(t, w.do(t, Create, speeds(seenAt(3, 3))))
			must(t, w.do(t, DeleteAttr, speeds(nil)))
			past(w, t, PastAppend, speeds(seenAt(9, 9)))
		}, "", 2},
		"older than the deletion of the entity": {func(t *testing.T, w *world) {
			must(t, w.do(t, Create, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"x": prop("1")})))
			must(t, w.do(t, Delete, speeds(nil)))
			past(w, t, PastAppend, speeds(seenAt(9, 9)))
		}, "-", 2},
		"deleted in the past": {func(t *testing.T, w *world) {
			past(w, t, PastUpsert, speeds(seenAt(3, 3)))
			past(w, t, PastAppend, speeds([]model.Attr{null}))
			past(w, t, PastAppend, speeds(seenAt(9, 9)))
		}, "", 2},
		"deleted with the evolution": {func(t *testing.T, w *world) {
			past(w, t, PastUpsert, speeds(seenAt(3, 3)))
			past(w, t, PastAppend, speeds(seenAt(9, 9)))
			past(w, t, PastDelete, speeds(nil))
		}, "-", 3},
		"deleted with the attribute's evolution": {func(t *testing.T, w *world) {
			past(w, t, PastUpsert, speeds(seenAt(3, 3)))
			past(w, t, PastDeleteAttr, speeds([]model.Attr{{}}))
		}, "", 2},
		"what the core wrote stays": {func(t *testing.T, w *world) {
			past(w, t, PastUpsert, speeds(seenAt(3, 3)))
			must(t, w.do(t, Upsert, speeds(seenAt(5, 5))))
			past(w, t, PastDelete, speeds(nil))
		}, "5", 2},
		"created again": {func(t *testing.T, w *world) {
			past(w, t, PastUpsert, speeds(seenAt(3, 3)))
			must(t, w.do(t, Delete, speeds(nil)))
			must(t, w.do(t, Create, speeds(seenAt(5, 5))))
			past(w, t, PastDelete, speeds(nil))
		}, "5", 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			w.Twin = open(t, Config{Observer: observer(func(e Event) {
				if e.Entity == "urn:1" {
					w.events++
				}
			})})
			c.do(t, w)
			v, err := w.Get(t.Context(), "", "urn:1")
			got := "-"
			if err == nil {
				if got = ""; v.Instance("speed", "") != nil {
					got = string(v.Instance("speed", "").Value)
				}
			}
			if got != c.want || w.events != c.events {
				t.Errorf("speed is %q after %d events (%v), want %q after %d", got, w.events, err, c.want, c.events)
			}
			if _, err := w.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A correction of the instance that is the present corrects the present, where nobody else said it.
func TestCorrectionOfThePresent(t *testing.T) {
	for name, c := range map[string]struct {
		core bool
		want string
	}{"that the past alone says": {false, "7"}, "that the core has said": {true, "9"}} {
		tw := open(t, Config{})
		e := ent("urn:1", "Car", map[tribune.Name][]model.Attr{"speed": seenAt(3, 3, 9, 9)})
		must(t, tw.Evolve(t.Context(), Past{Entity: e}))
		if c.core {
			must(t, tw.do(t, Upsert, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"x": prop("1")})))
		}
		h, err := tw.History(t.Context(), TemporalQuery{ID: "urn:1", Property: "observedAt"})
		if err != nil {
			t.Fatal(err)
		}
		e.Attrs = map[tribune.Name][]model.Attr{"speed": seenAt(9, 7)}
		must(t, tw.Evolve(t.Context(), Past{Mode: PastReplace, Entity: e, Instance: h.Attrs["speed"][1].Rare.Instance}))
		v, err := tw.Get(t.Context(), "", "urn:1")
		if err != nil || string(v.Instance("speed", "").Value) != c.want {
			t.Errorf("%s: %v (%v), want %s", name, v.Attrs, err, c.want)
		}
		verify(t, tw)
	}
}

// A scope is followed as attributes are.
func TestScopeFollowsThePast(t *testing.T) {
	tw := open(t, Config{})
	scope := func(minute int, value string) map[tribune.Name][]model.Attr {
		return map[tribune.Name][]model.Attr{model.ScopeName: {{Kind: model.Property, Value: json.RawMessage(value), ObservedAt: time.Date(2026, 11, 22, 7, minute, 0, 0, time.UTC)}}}
	}
	must(t, tw.Evolve(t.Context(), Past{Entity: ent("urn:1", "Car", scope(5, `["/a","/b"]`))}))
	must(t, tw.Evolve(t.Context(), Past{Entity: ent("urn:1", "Car", scope(3, `"/old"`))}))
	v, err := tw.Get(t.Context(), "", "urn:1")
	if err != nil || len(v.Scope) != 2 {
		t.Errorf("scope %v (%v)", v.Scope, err)
	}
	verify(t, tw)
}

// What is personal stays sealed in the past: it is neither in the clear nor in the current state.
func TestNothingPersonalBecomesThePresentByThePast(t *testing.T) {
	tw := open(t, Config{ClassOf: classes, Sealer: newSafe()})
	must(t, tw.Evolve(t.Context(), Past{Entity: ent("urn:1", "Session", map[tribune.Name][]model.Attr{"plate": prop(`"P"`), "speed": seenAt(3, 3)})}))
	v, err := tw.Get(t.Context(), "", "urn:1")
	if err != nil || v.Instance("plate", "") != nil || v.Instance("speed", "") == nil {
		t.Errorf("current state %v (%v)", v.Attrs, err)
	}
	must(t, tw.Evolve(t.Context(), Past{Entity: ent("urn:2", "Session", map[tribune.Name][]model.Attr{"plate": prop(`"P"`)})}))
	if v, err := tw.Get(t.Context(), "", "urn:2"); err == nil {
		t.Errorf("an entity of nothing but what is personal: %v", v)
	}
	verify(t, tw)
}

// A bulk import of old points costs the current state nothing: no word in the change log, no other version.
func TestOldPointsLeaveTheCurrentStateAlone(t *testing.T) {
	tw := open(t, Config{})
	must(t, tw.do(t, Create, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"speed": seenAt(59, 1)})))
	count := func() (n int) {
		for range tw.cfg.Store.Scan(t.Context(), prefixOf("c")) {
			n++
		}
		return n
	}
	before, logged := func() uint64 { v, _ := tw.Get(t.Context(), "", "urn:1"); return v.Version }(), count()
	for i := range 20 {
		must(t, tw.Evolve(t.Context(), Past{Entity: observations(time.Date(2020, 1, 1+i, 0, 0, 0, 0, time.UTC), 0, 100, nil)}))
	}
	if v, _ := tw.Get(t.Context(), "", "urn:1"); v.Version != before || count() != logged {
		t.Errorf("version %d, %d rows of the change log; want %d and %d", v.Version, count(), before, logged)
	}
	verify(t, tw)
}

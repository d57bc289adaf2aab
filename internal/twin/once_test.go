package twin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// reading is a change as a device's message makes it: its ID ends in its time.
func reading(entity string, attr tribune.Name, at time.Time, value string) tribune.Change {
	return tribune.Change{ID: fmt.Sprintf("dev/%s/%d", attr, at.UnixNano()), Entity: tribune.EntityID(entity), Types: []tribune.Name{"Session"}, Attr: attr,
		Value: json.RawMessage(`{"type":"Property","value":` + value + `}`), ObservedAt: at, Source: "dev"}
}

// Every way in which a gateway delivers again: what was applied changes nothing, what was not is applied.
func TestReadingsApplyOnce(t *testing.T) {
	base := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	at := func(n int, value string) tribune.Change {
		return reading("urn:1", "n", base.Add(time.Duration(n)*time.Second), value)
	}
	for name, c := range map[string]struct {
		then func(t *testing.T, w *onceWorld) // after readings 1, 3 and 5 were applied
		want string                           // value then
		past int
	}{
		"again at once":           {func(t *testing.T, w *onceWorld) { w.apply(t, at(3, "3"), at(5, "5"), at(1, "1")) }, "5", 3},
		"again with a restart":    {func(t *testing.T, w *onceWorld) { w.restart(t); w.apply(t, at(3, "3")); w.apply(t, at(5, "5")) }, "5", 3},
		"again after three weeks": {func(t *testing.T, w *onceWorld) { w.clock.at = w.clock.at.Add(3 * DedupeSpan); w.apply(t, at(5, "5")) }, "5", 3},
		"late, but new":           {func(t *testing.T, w *onceWorld) { w.apply(t, at(4, "4"), at(2, "2")) }, "2", 5},
		"late and again": {func(t *testing.T, w *onceWorld) {
			w.apply(t, at(4, "4"))
			w.restart(t)
			w.apply(t, at(4, "4"), at(3, "3"))
		}, "4", 4},
		"twice in one batch":      {func(t *testing.T, w *onceWorld) { w.apply(t, at(6, "6"), at(7, "7"), at(6, "6"), at(7, "7")) }, "7", 5},
		"late twice in one batch": {func(t *testing.T, w *onceWorld) { w.apply(t, at(4, "4"), at(2, "2"), at(4, "4")) }, "2", 5},
		"after the attribute was deleted": {func(t *testing.T, w *onceWorld) {
			must(t, w.tw.do(t, DeleteAttr, ent("urn:1", "", map[tribune.Name][]model.Attr{"n": nil})))
			w.apply(t, at(5, "5"))
		}, "", 4}, // and the row of the deletion
		"after another life of the entity": {func(t *testing.T, w *onceWorld) {
			must(t, w.tw.do(t, Delete, ent("urn:1", "", nil)))
			must(t, w.tw.do(t, Create, ent("urn:1", "Session", map[tribune.Name][]model.Attr{"m": prop("1")})))
			w.apply(t, at(5, "5"), at(1, "1"))
		}, "", 6}, // and the rows of the deletion, of entity and attribute, and m
		"another with the same time": {func(t *testing.T, w *onceWorld) {
			c := at(5, "50")
			c.ID = "other/" + c.ID
			w.apply(t, c, c)
			w.apply(t, c)
		}, "50", 4},
		"the same of another attribute instance": {func(t *testing.T, w *onceWorld) {
			c := at(5, "55")
			c.Dataset = "urn:d"
			w.apply(t, c)
			w.apply(t, c)
		}, "5", 4},
		"beside a hub that has not heard of it": {func(t *testing.T, w *onceWorld) {
			other := open(t, Config{Store: w.st, Hub: "other", Now: w.clock.now, ClassOf: w.law, Sealer: w.vault})
			if _, err := other.Get(t.Context(), "", "urn:1"); err != nil { // it has the entity, and knows the series
				t.Fatal(err)
			}
			if err := other.Apply(t.Context(), []tribune.Change{at(6, "6")}); err != nil {
				t.Fatal(err)
			}
			w.apply(t, at(8, "8"))
			if err := other.Apply(t.Context(), []tribune.Change{at(8, "8"), at(6, "6")}); err != nil {
				t.Fatal(err)
			}
		}, "8", 5},
		"once its class is personal": {func(t *testing.T, w *onceWorld) { w.personal = true; w.apply(t, at(5, "5"), at(3, "3")) }, "5", 3},
		"sealed, and again": {func(t *testing.T, w *onceWorld) {
			w.personal = true
			w.apply(t, at(6, "6"))
			w.apply(t, at(6, "6"))
			w.restart(t)
			w.apply(t, at(6, "6"), at(6, "6"))
		}, "sealed", 4},
		"sealed, and again once its class is public": {func(t *testing.T, w *onceWorld) {
			w.personal = true
			w.apply(t, at(6, "6"))
			w.personal = false
			w.apply(t, at(6, "6"))
			w.restart(t)
			w.apply(t, at(6, "6"))
			w.apply(t, at(5, "5"))
		}, "sealed", 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOnceWorld(t)
			w.apply(t, at(1, "1"), at(3, "3"))
			w.apply(t, at(5, "5"))
			c.then(t, w)
			v, err := w.tw.Get(t.Context(), "", "urn:1")
			got := ""
			if a := v.Instance("n", ""); a != nil {
				if got = string(a.Value); a.Sealed != nil {
					got = "sealed"
				}
			}
			if got != c.want || err != nil {
				t.Errorf("value %s (%v), want %s", got, err, c.want)
			}
			if census := verify(t, w.tw); census.Past != c.past {
				t.Errorf("%d history rows, want %d", census.Past, c.past)
			}
		})
	}
}

// What remembers readings is their history, nothing beside it.
func TestReadingsNeedNoRowToBeRemembered(t *testing.T) {
	w := newOnceWorld(t)
	at := w.clock.at
	timed, untimed := reading("urn:1", "n", at, "1"), reading("urn:1", "n", at, "2")
	untimed.ID = strings.Replace(untimed.ID, "dev/n/", "dev/n/~", 1)
	w.apply(t, timed)
	count := func() (n int) {
		for range w.st.Scan(t.Context(), prefixOf("c", "")) {
			n++
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d rows remember a reading, want none", n)
	}
	w.apply(t, untimed)
	if n := count(); n != 1 {
		t.Errorf("%d rows remember a change whose ID has no time, want 1", n)
	}
}

func TestTimesInIDs(t *testing.T) {
	at := time.Date(2026, 11, 22, 7, 0, 0, 5, time.UTC)
	for id, want := range map[string]bool{
		fmt.Sprint("d/n/", at.UnixNano()): true, fmt.Sprint("/", at.UnixNano()): true, fmt.Sprint(at.UnixNano()): false, fmt.Sprint("d/", at.UnixNano()+1): false,
		fmt.Sprint("d/0", at.UnixNano()): false, fmt.Sprint("d/+", at.UnixNano()): false, "d/": false, "": false, "d/" + strings.Repeat("1", 40): false, fmt.Sprint("d/", at.Unix()): false,
	} {
		if got := timed(id, &model.Attr{Kind: model.Property, Value: json.RawMessage("1"), ObservedAt: at}); got != want {
			t.Errorf("%q: got %v, want %v", id, got, want)
		}
	}
	for _, far := range []time.Time{{}, time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if timed(fmt.Sprint("d/", far.UnixNano()), &model.Attr{Value: json.RawMessage("1"), ObservedAt: far}) {
			t.Errorf("%v passes for a time that a key can hold", far)
		}
	}
	if timed(fmt.Sprint("d/", at.UnixNano()), &model.Attr{Value: json.RawMessage(`"urn:ngsi-ld:null"`), ObservedAt: at}) {
		t.Error("a deletion passes for a reading")
	}
}

// onceWorld is a twin whose law can make n personal.
type onceWorld struct {
	tw       *Twin
	st       store.Store
	vault    *safe
	clock    *clock
	personal bool
}

func newOnceWorld(t *testing.T) *onceWorld {
	w := &onceWorld{st: memory(t), vault: newSafe(), clock: newClock()}
	w.restart(t)
	return w
}

func (w *onceWorld) law(_ []tribune.Name, attr tribune.Name) tribune.Class {
	return tribune.Class{ID: "air", Personal: w.personal && attr == "n"}
}

func (w *onceWorld) restart(t *testing.T) {
	w.tw = open(t, Config{Store: w.st, Now: w.clock.now, ClassOf: w.law, Sealer: w.vault})
}

func (w *onceWorld) apply(t *testing.T, list ...tribune.Change) {
	t.Helper()
	if err := w.tw.Apply(context.WithoutCancel(t.Context()), list); err != nil {
		t.Fatal(err)
	}
}

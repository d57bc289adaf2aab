package twin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

func TestPlainInstances(t *testing.T) {
	for text, want := range map[string]bool{
		`{"type":"Property","value":21.5}`: true, `{"value":-1e5,"type":"Property","unitCode":"CEL"}`: true,
		`{"type":"Property","value":"open, {}","observedAt":"2026-11-22T10:00:00.5Z"}`: true, `{"type":"Property","value":true}`: true,
		`{"type":"Property","value":"a","unitCode":"","observedAt":"2026-11-22T10:00:00+01:00"}`: true,
		`{"value":1}`: false, `{"type":"Property"}`: false, `{}`: false, `{`: false, ``: false, `[]`: false, `{"type":"Property","value":}`: false,
		`{"type":"Property","value":01}`: false, `{"type":"Property","value":1 }`: false, `{"type":"Property","value":null}`: false, `{"type":"Property","value":1}}`: false,
		`{"type":"Property","value":1,"value":2}`: false, `{"type":"Property","value":"\u00e9"}`: false, `{"type":"Property","value":"é"}`: false,
		`{"type":"Property","value":[1]}`: false, `{"type":"Property","value":1,"observedAt":"soon"}`: false, `{"type":"Property","value":1,"urn:s":2}`: false,
		`{"type":"Property","value":1,}`: false, `{"type":"Relationship","object":"urn:1"}`: false, `{"type":"Property","value":1,"unitCode":5}`: false,
	} {
		if _, ok := openPlain([]byte(text)); ok != want {
			t.Errorf("%s: plain %v, want %v", text, ok, want)
		}
	}
}

// The short way must read nothing otherwise than the long one.
func FuzzPlainInstance(f *testing.F) {
	for _, s := range []string{`{"type":"Property","value":21.5,"unitCode":"CEL","observedAt":"2026-11-22T10:00:00Z"}`, `{"value":"\"coordinates\"","type":"Property"}`,
		`{"type":"Property","value":1,"value":2}`, `{"type":"Property","value":false,"datasetId":"urn:d"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := openPlain(b)
		if !ok {
			return
		}
		want, err := parseInstance(b, 0)
		if err != nil || !reflect.DeepEqual(a, want) {
			t.Fatalf("%s: %+v, the long way %+v (%v)", b, a, want, err)
		}
	})
}

// The cache keeps entities as they were written instead of reading them again. They must be what the store holds, and hold on to
// nothing that the caller may change.
func TestCachedEntityIsWhatTheStoreHolds(t *testing.T) {
	now := time.Now // with a monotonic clock, which documents have not
	tw := open(t, Config{ClassOf: classes, Sealer: newSafe(), Now: now})
	value := func(v string, more func(*model.Attr)) []model.Attr {
		a := model.Attr{Kind: model.Property, Value: json.RawMessage(v)}
		if more != nil {
			more(&a)
		}
		return []model.Attr{a}
	}
	here := time.FixedZone("here", 3600)
	check := func(what string) {
		t.Helper()
		cached, err := tw.Get(t.Context(), "", "urn:1")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		stored, err := read(t.Context(), tw.cfg.Store, tw.key(entityKey{id: "urn:1"}), "urn:1")
		if err != nil || stored.version != cached.Version || !reflect.DeepEqual(*stored.entity, cached.Entity) {
			t.Errorf("%s: the cache has %+v, the store %+v (%v)", what, cached.Entity, stored.entity, err)
		}
	}
	for i, m := range []struct {
		mode  Mode
		attrs map[tribune.Name][]model.Attr
	}{
		{Create, map[tribune.Name][]model.Attr{"a": value("1", nil), "b": value(`"x"`, func(a *model.Attr) { a.UnitCode = "CEL" })}},
		{Update, map[tribune.Name][]model.Attr{"a": value("2", nil)}},
		{Update, map[tribune.Name][]model.Attr{"a": value("3", func(a *model.Attr) { a.ObservedAt = now().In(here) })}},
		{Update, map[tribune.Name][]model.Attr{"b": value(`"y"`, func(a *model.Attr) { a.UnitCode = "CEL" })}},
		{Append, map[tribune.Name][]model.Attr{"b": value(`"z"`, func(a *model.Attr) { a.UnitCode = "FAH" }), "c": value("1", nil)}},
		{Append, map[tribune.Name][]model.Attr{"c": value("1", func(a *model.Attr) { a.Dataset = "urn:d" })}},
		{Append, map[tribune.Name][]model.Attr{"c": value("2", func(a *model.Attr) { a.Dataset = "urn:d" })}},
		{Append, map[tribune.Name][]model.Attr{"a": value("4", func(a *model.Attr) { a.Sub = map[tribune.Name][]model.Attr{"s": prop("1")} })}},
		{Merge, map[tribune.Name][]model.Attr{"a": value("5", nil)}},
		{Partial, map[tribune.Name][]model.Attr{"b": {{UnitCode: "K"}}}},
		{DeleteAttr, map[tribune.Name][]model.Attr{"c": {{}}}},
		{Append, map[tribune.Name][]model.Attr{"secret": prop(`"hidden"`), "a": prop("6")}},
	} {
		e := ent("urn:1", "", m.attrs)
		if m.mode == Create {
			e.Types = []tribune.Name{"Car"}
		}
		must(t, tw.do(t, m.mode, e))
		what := fmt.Sprint("mutation ", i)
		check(what)
		for _, list := range m.attrs {
			for j := range list {
				copy(list[j].Value, "777")
				for _, sub := range list[j].Sub {
					copy(sub[0].Value, "7")
				}
				list[j].Dataset = "changed"
			}
		}
		check(what + ", its values overwritten")
	}
	body := []byte(`{"type":"Property","value":8}`)
	if err := tw.Apply(t.Context(), []tribune.Change{{Entity: "urn:1", Attr: "a", Value: body, ObservedAt: now().In(here)}}); err != nil {
		t.Fatal(err)
	}
	check("a change")
	copy(body, `{"type":"Property","value":9}`)
	check("a change, its value overwritten")
}

package twin

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// whole is every kind of attribute once, before a merge.
func whole() model.Entity {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := ent("urn:1", "Car", map[tribune.Name][]model.Attr{
		"geo":   {{Kind: model.GeoProperty, Value: raw(`{"type":"Point","coordinates":[1,2]}`)}},
		"json":  {{Kind: model.JSONProperty, Value: raw(`{"a":{"b":1}}`)}},
		"lang":  {{Kind: model.LanguageProperty, Value: raw(`{"en":"one","fr":"un"}`)}},
		"list":  {{Kind: model.ListProperty, Value: raw(`[1,2]`)}},
		"rel":   {{Kind: model.Relationship, Value: raw(`"urn:2"`), ObjectType: []tribune.Name{"Shop"}}},
		"route": {{Kind: model.ListRelationship, Value: raw(`["urn:2"]`)}},
		"seen":  {{Kind: model.Property, Value: raw(`1`), ObservedAt: at, UnitCode: "KMH", Sub: map[tribune.Name][]model.Attr{"acc": {{Kind: model.Property, Value: raw(`0.5`), UnitCode: "P1"}}}}},
		"vocab": {{Kind: model.VocabProperty, Value: raw(`"urn:v"`)}},
	})
	e.Scope = []string{"/a"}
	return e
}

// written out: kind, value and the members beside it.
func spell(a *model.Attr) string {
	s := string(a.Kind) + " " + string(a.Value)
	if a.UnitCode != "" {
		s += " " + a.UnitCode
	}
	if !a.ObservedAt.IsZero() {
		s += " " + a.ObservedAt.Format("15:04")
	}
	if len(a.ObjectType) > 0 {
		s += fmt.Sprint(" ", a.ObjectType)
	}
	for _, name := range sortedNames(a.Sub) {
		s += " " + string(name) + "(" + spell(&a.Sub[name][0]) + ")"
	}
	return s
}

func TestMergeGoesIntoWhatIsThere(t *testing.T) {
	noon := Common{ObservedAt: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	bare := func(v string) model.Attr { return model.Attr{Value: raw(v)} }
	for name, c := range map[string]struct {
		attr   tribune.Name
		frag   model.Attr
		common Common
		want   string // "" = the attribute is gone; "!" = refused
	}{
		"bare number":                  {"seen", bare("2"), Common{}, `Property 2 KMH 00:00 acc(Property 0.5 P1)`},
		"common observedAt":            {"seen", bare("2"), noon, `Property 2 KMH 12:00 acc(Property 0.5 P1)`},
		"own observedAt":               {"seen", model.Attr{ObservedAt: noon.ObservedAt.Add(time.Hour)}, noon, `Property 1 KMH 13:00 acc(Property 0.5 P1)`},
		"common where there was none":  {"json", bare(`{"c":2}`), noon, `JsonProperty {"a":{"b":1},"c":2}`},
		"observedAt away":              {"seen", model.Attr{Rare: &model.Rare{Unset: model.ObservedAt}}, Common{}, `Property 1 KMH acc(Property 0.5 P1)`},
		"unitCode away":                {"seen", model.Attr{Rare: &model.Rare{Unset: model.UnitCode}}, Common{}, `Property 1 00:00 acc(Property 0.5 P1)`},
		"objectType away":              {"rel", model.Attr{Rare: &model.Rare{Unset: model.ObjectType}}, Common{}, `Relationship "urn:2"`},
		"sub-attribute in part":        {"seen", model.Attr{Sub: map[tribune.Name][]model.Attr{"acc": {bare("0.7")}}}, Common{}, `Property 1 KMH 00:00 acc(Property 0.7 P1)`},
		"sub-attribute away":           {"seen", model.Attr{Sub: map[tribune.Name][]model.Attr{"acc": {bare(`"urn:ngsi-ld:null"`)}}}, Common{}, `Property 1 KMH 00:00`},
		"new sub-attribute":            {"rel", model.Attr{Sub: map[tribune.Name][]model.Attr{"by": {bare(`"x"`)}}}, Common{}, `Relationship "urn:2" [Shop] by(Property "x")`},
		"bare URI of a relationship":   {"rel", bare(`"urn:3"`), Common{}, `Relationship "urn:3" [Shop]`},
		"number for a relationship":    {"rel", bare(`3`), Common{}, "!"},
		"text in a language":           {"lang", bare(`"deux"`), Common{Lang: "fr"}, `LanguageProperty {"en":"one","fr":"deux"}`},
		"text in no language":          {"lang", bare(`"deux"`), Common{}, "!"},
		"language away":                {"lang", model.Attr{Kind: model.LanguageProperty, Value: raw(`{"fr":"urn:ngsi-ld:null"}`)}, Common{}, `LanguageProperty {"en":"one"}`},
		"language map away":            {"lang", model.Attr{Kind: model.LanguageProperty, Value: raw(`{"@none":"urn:ngsi-ld:null"}`)}, Common{}, ""},
		"text for a place":             {"geo", bare(`"x"`), Common{}, "!"},
		"bare place":                   {"geo", bare(`{"type":"Point","coordinates":[3,4]}`), Common{}, `GeoProperty {"coordinates":[3,4],"type":"Point"}`},
		"bare list":                    {"list", bare(`[3]`), Common{}, `ListProperty [3]`},
		"list away":                    {"list", model.Attr{Kind: model.ListProperty, Value: raw(`["urn:ngsi-ld:null"]`)}, Common{}, ""},
		"bare list of URIs":            {"route", bare(`["urn:3"]`), Common{}, `ListRelationship ["urn:3"]`},
		"bare word for a vocab":        {"vocab", bare(`"x"`), Common{}, "!"},
		"deep null":                    {"json", model.Attr{Kind: model.JSONProperty, Value: raw(`{"a":{"b":"urn:ngsi-ld:null","d":"<&>"}}`)}, Common{}, `JsonProperty {"a":{"d":"<&>"}}`},
		"new bare place":               {"new", bare(`{"type":"Point","coordinates":[3,4]}`), Common{}, `GeoProperty {"type":"Point","coordinates":[3,4]}`},
		"new with a null within":       {"new", bare(`{"a":"urn:ngsi-ld:null","b":1}`), Common{}, `Property {"b":1}`},
		"new without value":            {"new", model.Attr{UnitCode: "KMH"}, Common{}, "!"},
		"new with sub without value":   {"new", model.Attr{Value: raw("1"), Sub: map[tribune.Name][]model.Attr{"acc": {{UnitCode: "P1"}}}}, Common{}, "!"},
		"null of what is not there":    {"new", bare(`"urn:ngsi-ld:null"`), Common{}, ""},
		"whole attribute of new type":  {"rel", model.Attr{Kind: model.Property, Value: raw("1")}, Common{}, `Property 1`},
		"another type, simplified":     {"rel", model.Attr{Kind: model.JSONProperty, Value: raw("{}")}, Common{KeepTypes: true}, "!"},
		"part of an attribute of type": {"rel", model.Attr{Kind: model.Property, UnitCode: "KMH"}, Common{}, "!"},
	} {
		t.Run(name, func(t *testing.T) {
			tw := open(t, Config{})
			must(t, tw.do(t, Create, whole()))
			m := Mutation{Mode: Merge, Entity: ent("urn:1", "", map[tribune.Name][]model.Attr{c.attr: {c.frag}}), Common: c.common}
			res := tw.Mutate(t.Context(), []Mutation{m})[0]
			if refused := errors.Is(res.Err, tribune.ErrInvalid) && tribune.HintOf(res.Err) != ""; refused != (c.want == "!") || res.Err != nil && !refused {
				t.Fatalf("got %v, want %q", res.Err, c.want)
			}
			v, err := tw.Get(t.Context(), "", "urn:1")
			if err != nil || len(v.Attrs) < 7 {
				t.Fatalf("%d attributes are left (%v)", len(v.Attrs), err)
			}
			got := ""
			if a := v.Instance(c.attr, ""); a != nil {
				if got = spell(a); a.Unset() != 0 {
					t.Errorf("what was to be taken away is kept: %b", a.Unset())
				}
			}
			if c.want != "!" && got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			verify(t, tw)
		})
	}
}

func TestScopesByMode(t *testing.T) {
	for _, c := range []struct {
		mode        Mode
		before, say string
		want        string // scopes afterwards, and whether it was ignored
	}{
		{Append, "/a", "/b", "/b"}, {Append, "", "/b", "/b"},
		{AppendNew, "/a", "/b /a", "/a /b"}, {AppendNew, "", "/b", "/b"},
		{Update, "/a", "/b", "/b"}, {Update, "", "/b", " ignored"}, {Update, "/a", "null", ""},
		{Merge, "/a", "/b", "/b"}, {Merge, "", "/b", "/b"}, {Merge, "/a", "null", ""}, {Merge, "/a", "", "/a"},
		{Upsert, "/a", "/b", "/b"}, {UpsertReplace, "/a", "/b", "/b"}, {UpsertReplace, "/a", "", ""}, {Replace, "/a", "", ""},
	} {
		tw := open(t, Config{})
		e, f := ent("urn:1", "Car", nil), ent("urn:1", "", nil)
		e.Scope, f.Scope = strings.Fields(c.before), strings.Fields(c.say)
		if c.say == "null" {
			f.Scope, f.Unset = nil, model.Scope
		}
		must(t, tw.do(t, Create, e))
		res := tw.do(t, c.mode, f)
		must(t, res)
		v, _ := tw.Get(t.Context(), "", "urn:1")
		got := strings.Join(v.Scope, " ")
		if slices.Contains(res.Ignored, model.ScopeName) {
			got += " ignored"
		}
		if got != c.want {
			t.Errorf("mode %d, %q over %q: got %q, want %q", c.mode, c.say, c.before, got, c.want)
		}
		if wrote := slices.Contains(res.Updated, model.ScopeName); wrote != (strings.Join(v.Scope, " ") != c.before) {
			t.Errorf("mode %d, %q over %q: updated are %v", c.mode, c.say, c.before, res.Updated)
		}
	}
}

func TestScopeIsDeletedByName(t *testing.T) {
	tw := open(t, Config{})
	must(t, tw.do(t, Create, whole()))
	gone := ent("urn:1", "", map[tribune.Name][]model.Attr{model.ScopeName: nil})
	must(t, tw.do(t, DeleteAttr, gone))
	if v, _ := tw.Get(t.Context(), "", "urn:1"); len(v.Scope) > 0 || len(v.Attrs) != 8 {
		t.Errorf("got scope %v and %d attributes", v.Scope, len(v.Attrs))
	}
	if res := tw.do(t, DeleteAttr, gone); !errors.Is(res.Err, tribune.ErrNotFound) {
		t.Errorf("again: got %v, want ErrNotFound", res.Err)
	}
}

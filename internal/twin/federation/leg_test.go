package federation

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

func plainContext(t testing.TB) *jsonld.Context {
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return contexts.Core()
}

func TestWhatASourceNotifiesIsReadWithWhatIsGone(t *testing.T) {
	ctx, at := plainContext(t), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for name, x := range map[string]struct{ entity, after, before, updated, deleted string }{
		"a new value":              {`{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":2}}`, "map[speed:2]", "map[]", "[speed]", "[]"},
		"with the value before":    {`{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":2,"previousValue":1}}`, "map[speed:2]", "map[speed:1]", "[speed]", "[]"},
		"a deleted attribute":      {`{"id":"urn:c:1","type":"Car","speed":"urn:ngsi-ld:null","name":{"type":"Property","value":"n"}}`, `map[name:"n"]`, "map[speed:true]", "[name]", "[speed]"},
		"deleted, and what it was": {`{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":"urn:ngsi-ld:null","previousValue":7}}`, "map[]", "map[speed:7]", "[]", "[speed]"},
		"a deleted language map":   {`{"id":"urn:c:1","type":"Car","name":{"type":"LanguageProperty","languageMap":{"@none": "urn:ngsi-ld:null"}}}`, "map[]", "map[name:true]", "[]", "[name]"},
		"a deleted entity":         {`{"id":"urn:c:1","type":"Car","deletedAt":"2026-11-21T00:00:00Z"}`, "nil", "map[]", "[]", "[]"},
		"one instance of two":      {`{"id":"urn:c:1","type":"Car","speed":[{"type":"Property","value":3},{"type":"Property","value":"urn:ngsi-ld:null","datasetId":"urn:d:1"}]}`, "map[speed:3]", "map[speed:true]", "[speed]", "[]"},
	} {
		doc, err := jsonld.Read([]byte(x.entity))
		if err != nil {
			t.Fatal(err)
		}
		a, err := arrival(ctx, doc, at)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		values := func(attrs map[string]string) string { return fmt.Sprint(attrs) }
		after, before := "nil", map[string]string{}
		if a.After != nil {
			is := map[string]string{}
			for n, list := range a.After.Attrs {
				is[ctx.Compact(n)] = string(list[0].Value)
			}
			after = values(is)
		}
		if a.Before != nil {
			for n, list := range a.Before.Attrs {
				before[ctx.Compact(n)] = string(list[0].Value)
			}
		}
		short := func(all []tribune.Name) string {
			out := []string{}
			for _, n := range all {
				out = append(out, ctx.Compact(n))
			}
			slices.Sort(out)
			return fmt.Sprint(out)
		}
		if after != x.after || values(before) != x.before || short(a.Updated) != x.updated || short(a.Deleted) != x.deleted {
			t.Errorf("%s: after %s before %v updated %s deleted %s", name, after, before, short(a.Updated), short(a.Deleted))
		}
	}
}

func FuzzArrival(f *testing.F) {
	for _, s := range []string{`{"id":"urn:c:1","type":"Car","speed":"urn:ngsi-ld:null"}`, `{"id":"urn:c:1","type":"Car","speed":[{"type":"Property","value":3,"previousValue":{}},{"object":"urn:ngsi-ld:null"}]}`,
		`{"id":"urn:c:1","type":["A","B"],"deletedAt":"2026-11-21T00:00:00Z","a":{"type":"ListProperty","valueList":["urn:ngsi-ld:null"]}}`, `{"a":null}`, `[]`} {
		f.Add(s)
	}
	ctx := plainContext(f)
	f.Fuzz(func(t *testing.T, s string) {
		doc, err := jsonld.Read([]byte(s))
		if err != nil {
			return
		}
		a, err := arrival(ctx, doc, time.Time{})
		if err == nil && a.After == nil && a.Before == nil {
			t.Error("it is about nothing")
		}
		if err == nil && a.After != nil && (a.After.ID == "" || len(a.After.Types) == 0) {
			t.Error("an entity without a name or type")
		}
	})
}

func TestAnUpdateTakesAwayWhatIsNoLongerThere(t *testing.T) {
	got, err := difference(json.RawMessage(`{"id":"urn:s:1","type":"Subscription","q":"a>1","watchedAttributes":["a"]}`), json.RawMessage(`{"id":"urn:s:1","type":"Subscription","watchedAttributes":["b"]}`))
	if err != nil || string(got) != `{"q":"urn:ngsi-ld:null","type":"Subscription","watchedAttributes":["b"]}` {
		t.Errorf("%s %v", got, err)
	}
}

func TestWhichSourceHasWhichCopySurvivesARestart(t *testing.T) {
	s, c := memory(t), newClock()
	g := open(t, s, c.now)
	r := register(t, g, "town", `"id":"urn:r:1","information":[{"entities":[{"type":"Car"}]}],"endpoint":"http://a.example"`)
	legs := func() *Legs {
		return &Legs{cfg: LegsConfig{Registry: g, Store: s}, byID: map[string]*leg{}, of: map[subKey]map[string]*leg{}}
	}
	one := &leg{id: "urn:s:copy", sub: subKey{"town", "urn:s:1"}, reg: r}
	if err := legs().save(t.Context(), one, r, json.RawMessage(`{"id":"urn:s:copy"}`)); err != nil {
		t.Fatal(err)
	}
	if err := g.Delete(t.Context(), "town", r.ID); err != nil { // and its source is still to be told
		t.Fatal(err)
	}
	again := legs()
	if err := again.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := again.byID["urn:s:copy"]
	if got == nil || got.sub != one.sub || got.reg.Endpoint != r.Endpoint || got.reg.Tenant != "town" || string(got.have) != `{"id":"urn:s:copy"}` || again.of[one.sub]["urn:r:1"] != got {
		t.Fatalf("read back: %+v", got)
	}
	if err := again.erase(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	last := legs()
	if err := last.load(t.Context()); err != nil || len(last.byID) != 0 {
		t.Errorf("%d legs after all were ended, %v", len(last.byID), err)
	}
}

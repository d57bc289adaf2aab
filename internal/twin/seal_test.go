package twin

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

const plate, driver = "BX24ZQP", "Imogen Fairweather"

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

func session(id string) model.Entity {
	return ent(id, "Session", map[tribune.Name][]model.Attr{
		"plate": prop(quoted(plate)), "driver": prop(quoted(driver)), "kind": prop(`"named"`), "secret": prop(`"` + driver + `"`),
		"place": {{Kind: model.GeoProperty, Value: json.RawMessage(`{"type":"Point","coordinates":[-1.8904,52.4862]}`)}},
	})
}

func TestClearTextReachesNeitherStoreNorCacheNorErrors(t *testing.T) {
	st, vault := memory(t), newSafe()
	tw := open(t, Config{Store: st, ClassOf: classes, Sealer: vault})
	must(t, tw.do(t, Create, session("urn:s:1")))
	must(t, tw.do(t, Append, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": prop(quoted(driver))})))
	must(t, tw.do(t, Merge, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": prop(quoted(driver)), "plate": prop(quoted(plate))})))
	if err := tw.Apply(t.Context(), []tribune.Change{{ID: "x", Entity: "urn:s:1", Attr: "driver", Dataset: "urn:d", Value: json.RawMessage(`{"value":` + quoted(driver) + `}`)}}); err != nil {
		t.Fatal(err)
	}
	// a public attribute becomes personal when the entity gets the type that says so
	must(t, tw.do(t, Create, ent("urn:p:1", "Car", map[tribune.Name][]model.Attr{"kind": prop(`"planted-in-the-clear"`), "seats": prop("5")})))
	failures := fmt.Sprint(
		tw.do(t, Partial, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": {{Value: json.RawMessage(quoted(driver))}}})).Err,
		tw.do(t, Create, ent("urn:s:2", "Session", map[tribune.Name][]model.Attr{"driver": prop(quoted(driver))})).Err,
		tw.do(t, Append, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": {{Kind: "Nonsense", Value: json.RawMessage(quoted(driver))}}})).Err,
		tw.do(t, Append, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"plate": prop(`["` + plate + `"]`)})).Err,
		tw.Apply(t.Context(), []tribune.Change{{Entity: "urn:s:1", Attr: "driver", Value: json.RawMessage(`{"type":"` + driver + `","value":"` + driver + `"}`)},
			{Entity: "urn:s:1", Attr: "driver", Value: json.RawMessage(`"` + driver + `"`)}, {Entity: "urn:s:1", Attr: "driver", Value: json.RawMessage(`{"value":1,"observedAt":"` + driver + `"}`)}}))
	if strings.Count(failures, "invalid") < 7 {
		t.Fatalf("not all refused: %s", failures)
	}
	for _, needle := range []string{plate, driver, "52.4862"} {
		for name, form := range map[string][]byte{"raw": []byte(needle), "hex": []byte(hex.EncodeToString([]byte(needle))), "base64": []byte(strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(needle)), "="))} {
			if bytes.Contains(dump(t, st), form) {
				t.Errorf("%s in %s is in the store", needle, name)
			}
			for i := range tw.cache.shards {
				for _, el := range tw.cache.shards[i].byKey {
					if shown, _ := json.Marshal(el.Value.(*item).entry.entity); bytes.Contains(shown, form) {
						t.Errorf("%s in %s is in the cache", needle, name)
					}
				}
			}
			if strings.Contains(failures, string(form)) {
				t.Errorf("%s is in an error: %s", needle, failures)
			}
		}
	}
	if !bytes.Contains(dump(t, st), []byte("planted-in-the-clear")) { // the search itself works
		t.Error("the public value that was planted is not found in the store")
	}
	v, _ := tw.Get(t.Context(), "", "urn:s:1")
	for _, a := range v.Attrs["driver"] {
		if got := vault.open(t, a.Sealed); string(got.Value) != quoted(driver) || a.Sealed.Pseudonym != pseudonymOf("plate", plate) || a.Sealed.Time != stamp(a.ModifiedAt) {
			t.Errorf("sealed driver: got %s for %s at %s", got.Value, a.Sealed.Pseudonym, a.Sealed.Time)
		}
	}
	if s := v.Attrs["secret"][0].Sealed; s.Pseudonym != pseudonymOf("entity", "urn:s:1") || s.Class != tribune.ClassUnclassified {
		t.Errorf("what no class describes: got %+v, want the entity as subject", s)
	}
	if vault.committed == 0 {
		t.Error("the vault was never told that its writes are durable")
	}
	verify(t, tw)
}

func TestTypeThatMakesAnAttributePersonalSealsIt(t *testing.T) {
	st, vault := memory(t), newSafe()
	tw := open(t, Config{Store: st, ClassOf: classes, Sealer: vault})
	must(t, tw.do(t, Create, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"driver": prop(quoted(driver)), "seats": prop("5")})))
	must(t, tw.do(t, Append, ent("urn:1", "Session", map[tribune.Name][]model.Attr{"plate": prop(quoted(plate))})))
	v, _ := tw.Get(t.Context(), "", "urn:1")
	if a := v.Attrs["driver"][0]; a.Sealed == nil || a.Value != nil {
		t.Fatalf("driver is still in the clear: %s", a.Value)
	}
	if got := vault.open(t, v.Attrs["driver"][0].Sealed); string(got.Value) != quoted(driver) {
		t.Errorf("got %s", got.Value)
	}
	if p, err := tw.Find(t.Context(), Query{Q: q(t, `driver`), Count: true}); err != nil || p.Count != 0 {
		t.Errorf("found by a sealed attribute: %v %v", p.Count, err)
	}
	verify(t, tw)
}

func TestSealedAttributesAreAbsentToEveryQuery(t *testing.T) {
	tw := open(t, Config{ClassOf: classes, Sealer: newSafe()})
	must(t, tw.do(t, Create, session("urn:s:1")))
	must(t, tw.do(t, Create, ent("urn:s:2", "Session", map[tribune.Name][]model.Attr{"kind": prop(`"anonymous"`)})))
	for _, text := range []string{`plate=="` + plate + `"`, `plate`, `plate!="x"`, `plate~=.*`, `plate!~=x`, `driver>"A"`, `secret`, `plate.unitCode`, `plate.modifiedAt>2020-01-01T00:00:00Z`, `driver=="A".."Z"`, `driver[a]`} {
		for _, types := range []query.TypeExpr{{}, query.Type("Session")} {
			p, err := tw.Find(t.Context(), Query{Types: types, Q: q(t, text), Count: true})
			if err != nil || p.Count != 0 || len(p.Views) != 0 {
				t.Errorf("%s: found %d of %d (%v)", text, len(p.Views), p.Count, err)
			}
		}
	}
	here := near(t, -1.8904, 52.4862, 1000)
	here.Property = "place"
	for name, qu := range map[string]Query{"near": {Geo: here}, "attrs": {Attrs: []tribune.Name{"plate", "driver", "secret"}}} {
		qu.Types, qu.Count = query.Type("Session"), true
		if p, err := tw.Find(t.Context(), qu); err != nil || p.Count != 0 {
			t.Errorf("%s: found %d (%v)", name, p.Count, err)
		}
	}
	if p, _ := tw.Find(t.Context(), Query{Q: q(t, `kind=="named"|plate=="x"`), Count: true}); p.Count != 1 {
		t.Errorf("the public attribute beside them: found %d, want 1", p.Count)
	}
	of := pseudonymOf("plate", plate)
	p, err := tw.Find(t.Context(), Query{Subject: &of, Class: "session", Types: query.Type("Session")})
	if err != nil || ids(p) != "urn:s:1" {
		t.Errorf("by subject: got %q %v", ids(p), err)
	}
	if p, _ := tw.Find(t.Context(), Query{Subject: &of, Class: "other"}); len(p.Views) != 0 {
		t.Errorf("by subject of another class: got %q", ids(p))
	}
	must(t, tw.do(t, Delete, ent("urn:s:1", "", nil)))
	if p, _ := tw.Find(t.Context(), Query{Subject: &of, Class: "session"}); len(p.Views) != 0 {
		t.Errorf("by subject after deletion: got %q", ids(p))
	}
	verify(t, tw)
}

func TestSubjectComesFromMutationElseFromEntityElseIsRefused(t *testing.T) {
	vault := newSafe()
	tw := open(t, Config{ClassOf: classes, Sealer: vault})
	r := tw.do(t, Create, ent("urn:s:1", "Session", map[tribune.Name][]model.Attr{"driver": prop(`"X"`), "kind": prop("1")}))
	if !errors.Is(r.Err, tribune.ErrInvalid) || !strings.Contains(r.Err.Error(), "plate") || !strings.Contains(tribune.HintOf(r.Err), "plate") {
		t.Errorf("without the subject: got %v (%s), want what is missing", r.Err, tribune.HintOf(r.Err))
	}
	// of one delivery, the subject may come after what it is the subject of
	if err := tw.Apply(t.Context(), []tribune.Change{
		{Entity: "urn:s:1", Types: []tribune.Name{"Session"}, Attr: "driver", Value: json.RawMessage(`{"value":"X"}`)},
		{Entity: "urn:s:1", Types: []tribune.Name{"Session"}, Attr: "plate", Value: json.RawMessage(`{"value":"P1"}`)},
	}); err != nil {
		t.Fatal(err)
	}
	must(t, tw.do(t, Append, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"paid": prop("1")})))
	must(t, tw.do(t, Append, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"plate": prop(`"P2"`)})))
	must(t, tw.do(t, Append, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"place": prop("1")})))
	v, _ := tw.Get(t.Context(), "", "urn:s:1")
	for name, want := range map[tribune.Name]string{"driver": "P1", "paid": "P1", "plate": "P2", "place": "P2"} {
		if got := v.Attrs[name][0].Sealed.Pseudonym; got != pseudonymOf("plate", want) {
			t.Errorf("%s: not the pseudonym of %s", name, want)
		}
	}
	verify(t, tw)
}

func TestNamesOfABatchAreAskedForInOneCall(t *testing.T) {
	vault := newSafe()
	tw := open(t, Config{ClassOf: classes, Sealer: vault})
	var ms []Mutation
	for i := range 50 {
		ms = append(ms, Mutation{Mode: Create, Entity: ent(fmt.Sprintf("urn:s:%d", i), "Session", map[tribune.Name][]model.Attr{"plate": prop(quoted(fmt.Sprint("P", i/2))), "driver": prop(`"X"`)})})
	}
	for _, r := range tw.Mutate(t.Context(), ms) {
		must(t, r)
	}
	if len(vault.calls) != 1 || len(vault.calls[0]) != 25 || slices.Contains(vault.calls[0], "") {
		t.Errorf("%d calls, the first of %d names; want one of 25", len(vault.calls), len(vault.calls[0]))
	}
}

func TestWithoutGuardiansThePublicGoesOn(t *testing.T) {
	vault := newSafe()
	vault.down = tribune.ErrNoQuorum
	tw := open(t, Config{ClassOf: classes, Sealer: vault})
	res := tw.Mutate(t.Context(), []Mutation{{Mode: Create, Entity: session("urn:s:1")},
		{Mode: Create, Entity: ent("urn:c:1", "Car", map[tribune.Name][]model.Attr{"a": prop("1")})}})
	if !errors.Is(res[0].Err, tribune.ErrNoQuorum) || res[1].Err != nil {
		t.Errorf("personal: %v, want ErrNoQuorum; public: %v, want none", res[0].Err, res[1].Err)
	}
	if c := verify(t, tw); c.Entities != 1 {
		t.Errorf("%d entities, want 1", c.Entities)
	}
	vault.down = nil
	must(t, tw.do(t, Create, session("urn:s:1")))
}

func TestWithoutVaultThePersonalIsRefused(t *testing.T) {
	tw := open(t, Config{ClassOf: classes})
	if r := tw.do(t, Create, session("urn:s:1")); !errors.Is(r.Err, tribune.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", r.Err)
	}
	if _, err := New(Config{Store: memory(t), Sealer: newSafe()}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a vault without a law: got %v, want ErrInvalid", err)
	}
}

func TestSealedAttributeIsNotChangedInPart(t *testing.T) {
	vault := newSafe()
	tw := open(t, Config{ClassOf: classes, Sealer: vault})
	must(t, tw.do(t, Create, session("urn:s:1")))
	for _, mode := range []Mode{Partial, Merge} {
		if r := tw.do(t, mode, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": {{UnitCode: "X"}}})); !errors.Is(r.Err, tribune.ErrInvalid) {
			t.Errorf("mode %d: got %v, want ErrInvalid", mode, r.Err)
		}
		must(t, tw.do(t, mode, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": prop(`"Other"`)})))
	}
	v, _ := tw.Get(t.Context(), "", "urn:s:1")
	if got := vault.open(t, v.Attrs["driver"][0].Sealed); string(got.Value) != `"Other"` {
		t.Errorf("got %s", got.Value)
	}
}

func TestInstanceSurvivesSealing(t *testing.T) {
	in := model.Attr{Kind: model.LanguageProperty, Value: json.RawMessage(`{"en":"a"}`), UnitCode: "X", ObservedAt: newClock().now(),
		Sub: map[tribune.Name][]model.Attr{"urn:x": {{Kind: model.Relationship, Dataset: "urn:d", Value: json.RawMessage(`"urn:y"`), ObjectType: []tribune.Name{"T", "U"}}, {Kind: model.Property, Value: json.RawMessage("1")}}}}
	out, err := OpenAttr(ClearAttr(in))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprintf("%+v", in), fmt.Sprintf("%+v", out); a != b {
		t.Errorf("got %s, want %s", b, a)
	}
}

func FuzzOpenAttr(f *testing.F) {
	f.Add([]byte(`{"type":"Property","value":1,"unitCode":"A","urn:s":[{"object":"urn:x","datasetId":"d"}]}`))
	f.Add([]byte(`{"value":{"type":"Point","coordinates":[1,2]},"observedAt":"2026-11-22T10:00:00Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := OpenAttr(b)
		if err != nil {
			return
		}
		again, err := OpenAttr(ClearAttr(a))
		if err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", a) {
			t.Fatalf("%s: %+v, then %+v (%v)", b, a, again, err)
		}
	})
}

package twin

import (
	"bytes"
	"errors"
	"testing"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// What is sealed under a junk subject would be missing from its owner's trace.
func TestDeletedPlateDoesNotBecomeASubject(t *testing.T) {
	vault := newSafe()
	tw := open(t, Config{ClassOf: classes, Sealer: vault})
	must(t, tw.do(t, Create, session("urn:s:1")))
	must(t, tw.do(t, Merge, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"plate": prop(`"urn:ngsi-ld:null"`), "driver": prop(`"Y"`)})))
	v, err := tw.Get(t.Context(), "", "urn:s:1")
	if err != nil || v.Attrs["plate"] != nil {
		t.Fatalf("the plate is still there (%v)", err)
	}
	if got := v.Attrs["driver"][0].Sealed.Pseudonym; got != pseudonymOf("plate", plate) {
		t.Errorf("driver is sealed for %s, want the subject the entity had", got)
	}
	for _, names := range vault.calls {
		for _, name := range names {
			if name == "urn:ngsi-ld:null" {
				t.Error("the guardians were asked to name the null")
			}
		}
	}
}

// Otherwise a second plate beside the first could be opened, and traced, as the first's.
func TestEachPlateOfAnEntityIsItsOwners(t *testing.T) {
	tw := open(t, Config{ClassOf: classes, Sealer: newSafe()})
	two := append(prop(`"P1"`), prop(`"P2"`)...)
	two[1].Dataset = "urn:d:2"
	must(t, tw.do(t, Create, ent("urn:s:1", "Session", map[tribune.Name][]model.Attr{"plate": two})))
	v, _ := tw.Get(t.Context(), "", "urn:s:1")
	for i, want := range []string{"P1", "P2"} {
		if got := v.Attrs["plate"][i].Sealed.Pseudonym; got != pseudonymOf("plate", want) {
			t.Errorf("plate %s is not sealed for its owner", want)
		}
		p := pseudonymOf("plate", want)
		if page, err := tw.Find(t.Context(), Query{Subject: &p, Class: "session"}); err != nil || ids(page) != "urn:s:1" {
			t.Errorf("look-up of %s: got %q %v", want, ids(page), err)
		}
	}
	two[1].Value = []byte(`["P3"]`)
	if r := tw.do(t, Append, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"plate": two})); !errors.Is(r.Err, tribune.ErrInvalid) {
		t.Errorf("a plate that is a list, beside one that is not: got %v, want ErrInvalid", r.Err)
	}
	verify(t, tw)
}

func TestPlateBelowAPublicAttributeIsSealed(t *testing.T) {
	st, vault := memory(t), newSafe()
	tw := open(t, Config{Store: st, ClassOf: classes, Sealer: vault})
	smuggled, deeper := prop(`"planted"`), prop(`1`)
	deeper[0].Sub = map[tribune.Name][]model.Attr{"driver": prop(quoted(driver))}
	smuggled[0].Sub = map[tribune.Name][]model.Attr{"accuracy": deeper}
	must(t, tw.do(t, Create, ent("urn:s:1", "Session", map[tribune.Name][]model.Attr{"plate": prop(quoted(plate)), "kind": smuggled})))
	if bytes.Contains(dump(t, st), []byte(driver)) {
		t.Error("a driver below a public attribute is in the store")
	}
	for _, text := range []string{`kind.accuracy.driver`, `kind=="planted"`} {
		if p, err := tw.Find(t.Context(), Query{Types: query.Type("Session"), Q: q(t, text), Count: true}); err != nil || p.Count != 0 {
			t.Errorf("%s: found %d (%v)", text, p.Count, err)
		}
	}
	v, _ := tw.Get(t.Context(), "", "urn:s:1")
	got := vault.open(t, v.Attrs["kind"][0].Sealed)
	if v.Attrs["kind"][0].Sealed.Pseudonym != pseudonymOf("plate", plate) || string(got.Sub["accuracy"][0].Sub["driver"][0].Value) != quoted(driver) {
		t.Errorf("sealed as %+v", got)
	}
	// Of another type the same sub-attribute is nobody's.
	must(t, tw.do(t, Create, ent("urn:c:1", "Car", map[tribune.Name][]model.Attr{"kind": smuggled})))
	if v, _ := tw.Get(t.Context(), "", "urn:c:1"); v.Attrs["kind"][0].Sealed != nil {
		t.Error("what no class calls personal is sealed")
	}
	verify(t, tw)
}

func TestLengthsDoNotTellValuesApart(t *testing.T) {
	tw := open(t, Config{ClassOf: classes, Sealer: newSafe()})
	var want int
	for _, value := range []string{"true", "false", `""`, `"K1"`, quoted(driver)} {
		must(t, tw.do(t, UpsertReplace, ent("urn:c:1", "Car", map[tribune.Name][]model.Attr{"secret": prop(value)})))
		v, _ := tw.Get(t.Context(), "", "urn:c:1")
		n := len(v.Attrs["secret"][0].Sealed.Value)
		if want == 0 {
			want = n
		}
		if n != want {
			t.Errorf("%s rests in %d bytes, true in %d", value, n, want)
		}
	}
}

// The steward changes the law while data are there. What is written from then on follows the new law, in the document,
// its indexes and its history; what was sealed stays sealed.
func TestClassChangeConcernsWhatIsWrittenAfterIt(t *testing.T) {
	personal := false
	law := func(_ []tribune.Name, attr tribune.Name) tribune.Class {
		if attr == "owner" && personal {
			return tribune.Class{ID: "owner", Personal: true}
		}
		return tribune.Class{ID: "public"}
	}
	st, vault := memory(t), newSafe()
	tw := open(t, Config{Store: st, ClassOf: law, Sealer: vault})
	write := func(owner string) Result {
		return tw.do(t, Upsert, ent("urn:c:1", "Car", map[tribune.Name][]model.Attr{"owner": prop(quoted(owner))}))
	}
	found := func(owner string) int {
		p, err := tw.Find(t.Context(), Query{Types: query.Type("Car"), Q: q(t, `owner==`+quoted(owner)), Count: true})
		if err != nil {
			t.Fatal(err)
		}
		return p.Count
	}
	must(t, write("Wordsworth"))
	if found("Wordsworth") != 1 {
		t.Fatal("a public value is not found")
	}
	personal = true
	must(t, write("Coleridge"))
	v, _ := tw.Get(t.Context(), "", "urn:c:1")
	if v.Attrs["owner"][0].Sealed == nil || bytes.Contains(dump(t, st), []byte("Coleridge")) || found("Coleridge") != 0 {
		t.Error("what was written after the change is in the clear")
	}
	if found("Wordsworth") != 0 {
		t.Error("the index still finds the value of before")
	}
	self := pseudonymOf("entity", "urn:c:1")
	if p, _ := tw.Find(t.Context(), Query{Subject: &self, Class: "owner"}); ids(p) != "urn:c:1" {
		t.Errorf("by subject: got %q", ids(p))
	}
	verify(t, tw)

	personal = false
	if v, _ := tw.Get(t.Context(), "", "urn:c:1"); v.Attrs["owner"][0].Sealed == nil {
		t.Error("a change of law has unsealed a value")
	}
	if r := tw.do(t, Partial, ent("urn:c:1", "", map[tribune.Name][]model.Attr{"owner": {{UnitCode: "X"}}})); !errors.Is(r.Err, tribune.ErrInvalid) {
		t.Errorf("a part of what is sealed: got %v, want ErrInvalid", r.Err)
	}
	must(t, write("Southey"))
	if found("Southey") != 1 {
		t.Error("a public value is not found")
	}
	if p, _ := tw.Find(t.Context(), Query{Subject: &self, Class: "owner"}); len(p.Views) != 0 {
		t.Errorf("by subject, when nothing sealed is left: got %q", ids(p))
	}
	h, err := tw.History(t.Context(), TemporalQuery{ID: "urn:c:1", Property: "modifiedAt"})
	if err != nil || len(h.Attrs["owner"]) != 3 || h.Attrs["owner"][1].Sealed == nil || string(vault.open(t, h.Attrs["owner"][1].Sealed).Value) != `"Coleridge"` {
		t.Errorf("history: got %+v, %v", h.Attrs["owner"], err)
	}
	verify(t, tw)
}

// A sealed value that was delivered again, or has been deleted, leaves nothing clear and is sealed once.
func TestSealedValueRedeliveredAndDeleted(t *testing.T) {
	st := memory(t)
	tw := open(t, Config{Store: st, ClassOf: classes, Sealer: newSafe()})
	all := []tribune.Change{{ID: "1", Entity: "urn:s:1", Types: []tribune.Name{"Session"}, Attr: "plate", Value: []byte(`{"value":` + quoted(plate) + `}`)},
		{ID: "2", Entity: "urn:s:1", Types: []tribune.Name{"Session"}, Attr: "driver", Value: []byte(`{"value":` + quoted(driver) + `}`)}}
	for range 2 {
		if err := tw.Apply(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	if c := verify(t, tw); c.Past != 2 {
		t.Errorf("%d history rows, want 2", c.Past)
	}
	must(t, tw.do(t, DeleteAttr, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": nil})))
	must(t, tw.do(t, Delete, ent("urn:s:1", "", nil)))
	if c := verify(t, tw); c.Rows != 0 {
		t.Errorf("%d index rows after deletion", c.Rows)
	}
	p := pseudonymOf("plate", plate)
	if page, _ := tw.Find(t.Context(), Query{Subject: &p, Class: "session"}); len(page.Views) != 0 {
		t.Errorf("found after deletion: %q", ids(page))
	}
	for _, clear := range []string{plate, driver} {
		if bytes.Contains(dump(t, st), []byte(clear)) {
			t.Errorf("%s is in the store", clear)
		}
	}
}

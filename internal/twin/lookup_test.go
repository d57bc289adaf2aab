package twin

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// findable is the class of sessions whose driver can be looked up for two purposes.
func findable(types []tribune.Name, attr tribune.Name) tribune.Class {
	c := classes(types, attr)
	if c.ID == "session" {
		c.Keep = 30 * 24 * time.Hour
		c.Equality = []tribune.Equality{{Attr: "driver", Purposes: []tribune.PurposeID{"fines", "claims"}}}
	}
	return c
}

// dated seals as of the clock's day, so that keeping times mean something.
type dated struct {
	*safe
	now func() time.Time
}

func (d dated) Seal(ctx context.Context, at tribune.Place, class tribune.Class, p tribune.Pseudonym, items []tribune.Item) ([]tribune.Sealed, []tribune.Write, func(), error) {
	out, w, done, err := d.safe.Seal(ctx, at, class, p, items)
	for i := range out {
		out[i].Day, out[i].Segment = tribune.DayOf(d.now()), 7
	}
	return out, w, done, err
}

func lookUps(t *testing.T) (*Twin, dated, store.Store, *clock) {
	c := newClock()
	s, st := dated{newSafe(), c.now}, memory(t)
	return open(t, Config{Store: st, Sealer: s, ClassOf: findable, Now: c.now}), s, st, c
}

func (t *Twin) lookUp(tb testing.TB, purpose tribune.PurposeID, value query.Scalar) string {
	tb.Helper()
	idtype, name := LookUpOf(purpose, "session", "driver", value)
	p, err := t.Find(tb.Context(), Query{LookUp: &LookUp{Class: "session", Attr: "driver", Purpose: purpose, Token: pseudonymOf(idtype, name)}})
	if err != nil {
		tb.Fatal(err)
	}
	return ids(p)
}

func words(s string) query.Scalar { return query.Scalar{Kind: query.Text, Text: s} }

func parked(id, plate, driver string) model.Entity {
	return ent(id, "Session", map[tribune.Name][]model.Attr{"plate": prop(`"` + plate + `"`), "driver": prop(driver)})
}

func TestSealedValueIsFoundByItsTokenForItsPurpose(t *testing.T) {
	tw, _, _, _ := lookUps(t)
	must(t, tw.do(t, Create, parked("urn:s:1", "AB1", `"Ada"`)))
	must(t, tw.do(t, Create, parked("urn:s:2", "AB2", `"Ada"`)))
	must(t, tw.do(t, Create, parked("urn:s:3", "AB3", `"Byron"`)))
	must(t, tw.do(t, Create, parked("urn:s:4", "AB4", `["Carla", 7, "2026-11-22T08:00:00Z"]`)))
	for _, x := range []struct {
		purpose tribune.PurposeID
		value   query.Scalar
		want    string
	}{
		{"fines", words("Ada"), "urn:s:1 urn:s:2"},
		{"claims", words("Ada"), "urn:s:1 urn:s:2"},
		{"fines", words("ada"), ""},
		{"fines", words("Carla"), "urn:s:4"},
		{"fines", query.Scalar{Kind: query.Number, Number: 7}, "urn:s:4"},
		{"fines", words("7"), ""},
		{"fines", query.Scalar{Kind: query.DateTime, Time: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}, "urn:s:4"},
		{"study", words("Ada"), ""},
	} {
		if got := tw.lookUp(t, x.purpose, x.value); got != x.want {
			t.Errorf("%s for %v: got %q, want %q", x.purpose, x.value, got, x.want)
		}
	}
	// A token of one purpose is none of another's, even where somebody holds the token itself.
	idtype, name := LookUpOf("fines", "session", "driver", words("Ada"))
	p, err := tw.Find(t.Context(), Query{LookUp: &LookUp{Class: "session", Attr: "driver", Purpose: "claims", Token: pseudonymOf(idtype, name)}})
	if err != nil || len(p.Views) != 0 {
		t.Errorf("a token of another purpose: %s, %v", ids(p), err)
	}
	verify(t, tw)
}

func TestTokensGoWithTheirValue(t *testing.T) {
	tw, _, st, _ := lookUps(t)
	tokensOf := func() (n int) {
		for p, err := range st.Scan(t.Context(), store.Range{}) {
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(p.Key, []byte("\x00\x01b\x00\x01")) || strings.HasPrefix(string(p.Key[len(keysAt(tribune.Place{}).prefix):]), "b\x00\x01") {
				n++
			}
		}
		return n
	}
	must(t, tw.do(t, Create, parked("urn:s:1", "AB1", `"Ada"`)))
	if n := tokensOf(); n != 2 {
		t.Fatalf("%d rows for two purposes", n)
	}
	must(t, tw.do(t, Update, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": prop(`"Byron"`)})))
	if got := tw.lookUp(t, "fines", words("Ada")); got != "" || tw.lookUp(t, "fines", words("Byron")) != "urn:s:1" || tokensOf() != 2 {
		t.Errorf("after an update: Ada finds %q, %d rows", got, tokensOf())
	}
	second := model.Attr{Kind: model.Property, Dataset: "urn:d:2", Value: []byte(`"Carla"`)}
	must(t, tw.do(t, Append, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": {second}})))
	if tw.lookUp(t, "fines", words("Carla")) != "urn:s:1" || tw.lookUp(t, "fines", words("Byron")) != "urn:s:1" {
		t.Error("of two instances each has a token")
	}
	must(t, tw.do(t, DeleteAttr, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": {{Dataset: "urn:d:2"}}})))
	if got := tw.lookUp(t, "fines", words("Carla")); got != "" {
		t.Errorf("a deleted instance finds %q", got)
	}
	verify(t, tw)
	must(t, tw.do(t, Delete, ent("urn:s:1", "", nil)))
	if n := tokensOf(); n != 0 || tw.lookUp(t, "fines", words("Byron")) != "" {
		t.Errorf("%d rows left of a deleted entity", n)
	}
	verify(t, tw)
}

// A thief has the whole store and a dictionary of every name, and no guardian: whatever the hub alone could compute of a name is nowhere.
func TestDictionaryOverTheStoreFindsNothing(t *testing.T) {
	tw, _, st, _ := lookUps(t)
	must(t, tw.do(t, Create, parked("urn:s:1", "AB1", `"Ada Lovelace"`)))
	must(t, tw.do(t, Update, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"driver": prop(`"Charles Babbage"`)})))
	all := dump(t, st)
	for _, name := range []string{"Ada Lovelace", "Charles Babbage"} {
		_, digest := LookUpOf("fines", "session", "driver", words(name))
		for what, guess := range map[string]string{"the name": name, "its digest": digest, "the digest's beginning": digest[:16], "its index form": string(words(name).Ordered())} {
			if bytes.Contains(all, []byte(guess)) {
				t.Errorf("the store holds %s of %q", what, name)
			}
		}
	}
	idtype, digest := LookUpOf("fines", "session", "driver", words("Charles Babbage"))
	if token := pseudonymOf(idtype, digest); !bytes.Contains(all, token[:]) {
		t.Error("positive control: the token that guardians make is not there")
	}
	idtype, digest = LookUpOf("fines", "session", "driver", words("Ada Lovelace"))
	if token := pseudonymOf(idtype, digest); bytes.Contains(all, token[:]) {
		t.Error("history still tells who was equal to whom")
	}
}

func TestTokensEndWithTheKeepingTime(t *testing.T) {
	tw, _, st, c := lookUps(t)
	must(t, tw.do(t, Create, parked("urn:s:1", "AB1", `"Ada"`)))
	c.mu.Lock()
	c.at = c.at.Add(20 * 24 * time.Hour)
	c.mu.Unlock()
	must(t, tw.do(t, Create, parked("urn:s:2", "AB2", `"Ada"`)))
	before, err := tw.Get(t.Context(), "", "urn:s:1")
	if err != nil {
		t.Fatal(err)
	}
	keep := func(tribune.ClassID) time.Duration { return 30 * 24 * time.Hour }
	if n, err := tw.ForgetTokens(t.Context(), keep); n != 0 || err != nil {
		t.Errorf("within the keeping time: %d, %v", n, err)
	}
	c.mu.Lock()
	c.at = c.at.Add(11 * 24 * time.Hour)
	c.mu.Unlock()
	if n, err := tw.ForgetTokens(t.Context(), keep); n != 1 || err != nil {
		t.Errorf("past it: %d, %v", n, err)
	}
	if got := tw.lookUp(t, "fines", words("Ada")); got != "urn:s:2" {
		t.Errorf("Ada finds %q", got)
	}
	after, err := tw.Get(t.Context(), "", "urn:s:1")
	if err != nil || !after.ModifiedAt.Equal(before.ModifiedAt) || len(after.Attrs) != 2 {
		t.Errorf("the entity reads otherwise: %+v, %v", after, err)
	}
	again := open(t, Config{Store: st, Sealer: dated{newSafe(), c.now}, ClassOf: findable, Now: c.now})
	verify(t, again)
	if e, err := again.Get(t.Context(), "", "urn:s:1"); err != nil || len(e.Attrs["driver"][0].Sealed.Tokens) != 0 {
		t.Errorf("the document keeps tokens: %v", err)
	}
	if n, err := tw.ForgetTokens(t.Context(), func(tribune.ClassID) time.Duration { return 0 }); n != 0 || err != nil {
		t.Errorf("a class without an end: %d, %v", n, err)
	}
}

// Without guardians there is no token: a value that could not be found would make "nobody" a wrong answer.
func TestValueThatCannotBeMadeFindableIsRefused(t *testing.T) {
	tw, s, _, _ := lookUps(t)
	s.down = tribune.ErrNoQuorum
	if res := tw.do(t, Create, parked("urn:s:1", "AB1", `"Ada"`)); !errors.Is(res.Err, tribune.ErrNoQuorum) || strings.Contains(res.Err.Error(), "Ada") {
		t.Errorf("got %v", res.Err)
	}
	s.down = nil
	many := `["` + strings.Join(slices.Repeat([]string{"x"}, maxScalars), `","`) + `","y"]`
	if res := tw.do(t, Create, parked("urn:s:1", "AB1", many)); !errors.Is(res.Err, tribune.ErrTooLarge) || tribune.HintOf(res.Err) == "" {
		t.Errorf("more values than are indexed: %v", res.Err)
	}
	must(t, tw.do(t, Create, parked("urn:s:1", "AB1", `{"no":"scalar"}`)))
	verify(t, tw)
}

package query

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

// inOrder is the ids of entities as an order has them.
func inOrder(t *testing.T, o OrderTerms, all []*model.Entity) string {
	t.Helper()
	o.Attr = same
	order, err := o.Parse()
	if err != nil {
		t.Fatalf("%v: %v", o.By, err)
	}
	s := order.Sorter()
	places := map[tribune.EntityID]Place{}
	for _, e := range all {
		places[e.ID] = s.Place(e)
	}
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b *model.Entity) int {
		p, q := places[a.ID], places[b.ID]
		if s.Less(&p, &q) {
			return -1
		}
		return 1
	})
	var ids []string
	for _, e := range sorted {
		ids = append(ids, string(e.ID))
	}
	return strings.Join(ids, " ")
}

func valued(id, name, value string) *model.Entity {
	e := &model.Entity{ID: tribune.EntityID(id), Attrs: map[tribune.Name][]model.Attr{}}
	if value != "" {
		e.Attrs[tribune.Name(name)] = []model.Attr{{Kind: model.Property, Value: json.RawMessage(value)}}
	}
	return e
}

func TestKindsOfValuesOrderAsTheStandardHasThem(t *testing.T) {
	var all []*model.Entity
	for id, value := range map[string]string{"1n": "-5", "2n": "7", "3t": `"abc"`, "4o": `{"a":1}`, "5a": `[1,2]`, "6b": "false", "7b": "true", "8c": `"10:00:00Z"`, "9d": `"2026-01-01"`,
		"A": `"2026-01-01T00:00:00Z"`, "B": `{"@type":"DateTime","@value":"2026-02-01T00:00:00Z"}`, "Y": "null", "Z": ""} {
		all = append(all, valued(id, "v", value))
	}
	if got, want := inOrder(t, OrderTerms{By: []string{"v"}}, all), "1n 2n 3t 4o 5a 6b 7b 8c 9d A B Y Z"; got != want {
		t.Errorf("ascending: got %s, want %s", got, want)
	}
	if got, want := inOrder(t, OrderTerms{By: []string{"v;desc"}}, all), "B A 9d 8c 7b 6b 5a 4o 3t 2n 1n Y Z"; got != want {
		t.Errorf("descending: got %s, want %s", got, want)
	}
}

func TestCollations(t *testing.T) {
	var all []*model.Entity
	for i, name := range []string{"b", "A", "á", "B", "a", "Zebra", "Ähre", "Afrika", "Aerobic"} {
		all = append(all, valued(fmt.Sprintf("%d%s", i, name), "name", fmt.Sprintf("%q", name)))
	}
	for tag, want := range map[string]string{
		"":                 "4a 1A 2á 8Aerobic 7Afrika 6Ähre 0b 3B 5Zebra",
		"und-x-icu":        "4a 1A 2á 8Aerobic 7Afrika 6Ähre 0b 3B 5Zebra",
		"de-u-co-phonebk":  "4a 1A 2á 6Ähre 8Aerobic 7Afrika 0b 3B 5Zebra",
		"und-u-ks-identic": "1A 4a 2á 8Aerobic 7Afrika 6Ähre 0b 3B 5Zebra", // case makes no difference: then the id decides
		"und-u-ks-level1":  "1A 2á 4a 8Aerobic 7Afrika 6Ähre 0b 3B 5Zebra",
	} {
		if got := inOrder(t, OrderTerms{By: []string{"name"}, Collation: tag}, all); got != want {
			t.Errorf("%s: got %s, want %s", tag, got, want)
		}
	}
}

func TestOrdersByMembersPathsAndDistances(t *testing.T) {
	made := func(i int) time.Time { return time.Date(2026, 1, i, 0, 0, 0, 0, time.UTC) }
	e := func(id string, day int, typ, attrs string) *model.Entity {
		out := &model.Entity{ID: tribune.EntityID(id), Types: []tribune.Name{tribune.Name(typ)}, CreatedAt: made(day), Attrs: map[tribune.Name][]model.Attr{}}
		var values map[string]json.RawMessage
		if err := json.Unmarshal([]byte(attrs), &values); err != nil {
			t.Fatal(err)
		}
		for name, v := range values {
			kind := model.Property
			if name == "location" {
				kind = model.GeoProperty
			}
			out.Attrs[tribune.Name(name)] = []model.Attr{{Kind: kind, Value: v, ObservedAt: made(31 - day), UnitCode: typ,
				Sub: map[tribune.Name][]model.Attr{"accuracy": {{Kind: model.Property, Value: json.RawMessage(fmt.Sprint(day))}}}}}
		}
		return out
	}
	all := []*model.Entity{
		e("1", 3, "B", `{"name":"x","address":{"city":"Zurich"},"location":{"type":"Point","coordinates":[10,45]}}`),
		e("2", 1, "A", `{"name":"y","address":{"city":"Berlin"},"location":{"type":"Point","coordinates":[8.01,40.01]}}`),
		e("3", 2, "B", `{"name":"x","address":{"town":"Bonn"},"location":{"type":"LineString","coordinates":[[9,41],[20,50]]}}`),
		e("4", 4, "C", `{"location":"nowhere"}`),
	}
	all[3].Attrs["location"][0].Kind = model.Property
	from := shape(t, "Point", "[8,40]")
	for by, want := range map[string]string{
		"id": "1 2 3 4", "id;desc": "4 3 2 1", "type": "2 1 3 4", "createdAt": "2 3 1 4", "createdAt;desc": "4 1 3 2", "name": "1 3 2 4", "name,createdAt": "3 1 2 4", "name;desc,id;desc": "2 3 1 4",
		"address[city]": "2 1 3 4", "address[city];desc": "1 2 3 4", "name.accuracy": "2 3 1 4", "name.observedAt": "1 3 2 4", "name.unitCode;desc,id": "1 3 2 4",
		"location;dist-asc": "2 3 1 4", "location;dist-desc": "1 3 2 4",
	} {
		if got := inOrder(t, OrderTerms{By: strings.Split(by, ","), From: from}, all); got != want {
			t.Errorf("%s: got %s, want %s", by, got, want)
		}
	}
	for _, bad := range []OrderTerms{{By: nil}, {By: []string{""}}, {By: []string{"name;up"}}, {By: []string{"name;"}}, {By: []string{"a b"}}, {By: []string{"a{b}"}}, {By: []string{"location;dist-asc"}},
		{By: []string{"name"}, Collation: "!!nope"}, {By: []string{"name"}, Collation: "not a bcp47 tag!!"}, {By: slices.Repeat([]string{"a"}, maxOrders+1)}, {By: []string{"observedAt"}}} {
		bad.Attr = same
		if _, err := bad.Parse(); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
			t.Errorf("%v: got %v, want ErrInvalid with hint", bad.By, err)
		}
	}
}

func TestSealedAttributesAreNotOrderedBy(t *testing.T) {
	a, b := valued("a", "plate", ""), valued("b", "plate", "")
	a.Attrs["plate"] = []model.Attr{{Sealed: &tribune.Sealed{Value: []byte("2")}}}
	b.Attrs["plate"] = []model.Attr{{Sealed: &tribune.Sealed{Value: []byte("1")}}}
	for _, by := range []string{"plate", "plate;desc", "plate.modifiedAt", "plate[x]"} {
		if got := inOrder(t, OrderTerms{By: []string{by}}, []*model.Entity{b, a}); got != "a b" {
			t.Errorf("%s: got %s", by, got)
		}
	}
}

func FuzzOrder(f *testing.F) {
	for _, s := range []string{"name;desc", "address[city.x];asc", "name.accuracy", "location;dist-asc", "id"} {
		f.Add(s, "de-u-co-phonebk", `{"city":["x",{"@value":"2026-01-01"}]}`)
	}
	from := shape(f, "Point", "[8,40]")
	f.Fuzz(func(t *testing.T, by, tag, value string) {
		o, err := OrderTerms{By: []string{by}, Collation: tag, From: from, Attr: same}.Parse()
		if err != nil {
			return
		}
		s := o.Sorter()
		a, b := valued("a", by, value), valued("b", by, `"x"`)
		p, q := s.Place(a), s.Place(b)
		if s.Less(&p, &q) == s.Less(&q, &p) {
			t.Fatalf("%q: neither or both of %s and x come first", by, value)
		}
	})
}

package federation

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/query"
)

func named(list string) (out []tribune.Name) {
	for _, s := range strings.Fields(list) {
		out = append(out, tribune.Name(string(terms)+s))
	}
	return out
}

func typed(list string) query.TypeExpr { return query.Type(named(list)...) }

func entities(list string) (out []tribune.EntityID) {
	for _, s := range strings.Fields(list) {
		out = append(out, tribune.EntityID(s))
	}
	return out
}

// Clause 5.12, and clause 5.9.1 on temporal information.
func TestMatch(t *testing.T) {
	g := open(t, memory(t), newClock().now)
	defer g.Close()
	for _, members := range []string{
		`"id": "urn:r:types", "information": [{"entities": [{"type": ["Car", "Taxi"]}]}]`,
		`"id": "urn:r:one", "information": [{"entities": [{"type": "Car", "id": "urn:car:1"}], "propertyNames": ["speed", "fuel"]}]`,
		`"id": "urn:r:pattern", "information": [{"entities": [{"type": "Car", "idPattern": "^urn:car:[0-9]$"}]}]`,
		`"id": "urn:r:attrs", "information": [{"propertyNames": ["speed"], "relationshipNames": ["owner"]}]`,
		`"id": "urn:r:buses", "operations": ["updateOps"], "information": [{"entities": [{"type": "Bus"}]}, {"entities": [{"type": "Car", "id": "urn:car:9"}], "propertyNames": ["seats"]}]`,
		`"id": "urn:r:aux", "mode": "auxiliary", "operations": ["retrieveOps"], "information": [{"entities": [{"type": "Train"}]}]`,
		`"id": "urn:r:redirect", "mode": "redirect", "contextSourceAlias": "peer", "datasetId": ["urn:d:1"], "information": [{"entities": [{"type": "Train"}]}]`,
		`"id": "urn:r:past", "operations": ["queryTemporal", "upsertTemporal", "queryEntity"], "observationInterval": {"startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z"}, "information": [{"entities": [{"type": "Car"}]}]`,
		`"id": "urn:r:ship", "expiresAt": "2026-11-22T12:00:01Z", "information": [{"entities": [{"type": "Ship"}]}]`,
	} {
		register(t, g, "", members)
	}
	at := func(year int) time.Time { return time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		need Need
		want string
	}{
		"type":                             {Need{Types: typed("Car")}, "attrs buses one pattern types"},
		"type expression":                  {Need{Types: and(t, "Car;Taxi")}, "attrs types"},
		"type that nobody has":             {Need{Types: typed("Boat")}, "attrs"},
		"id and type":                      {Need{Types: typed("Car"), IDs: entities("urn:car:1")}, "attrs one pattern types"},
		"id alone":                         {Need{IDs: entities("urn:car:9")}, "redirect attrs buses buses pattern ship types aux"},
		"two ids":                          {Need{Types: typed("Car"), IDs: entities("urn:car:77 urn:car:1")}, "attrs one pattern types"},
		"pattern":                          {Need{Types: typed("Car"), Pattern: regexp.MustCompile("9$")}, "attrs buses pattern types"},
		"attribute":                        {Need{Types: typed("Car"), Attrs: named("speed")}, "attrs one pattern types"},
		"attribute of a second element":    {Need{Types: typed("Car"), Attrs: named("seats")}, "buses pattern types"},
		"relationship":                     {Need{Attrs: named("owner")}, "redirect attrs buses pattern ship types aux"},
		"operation":                        {Need{Op: "updateAttrs", Types: typed("Bus")}, "buses"},
		"order by mode":                    {Need{Types: typed("Train")}, "redirect attrs aux"},
		"loop":                             {Need{Types: typed("Train"), Via: []string{"other", "peer"}}, "attrs aux"},
		"dataset in common":                {Need{Types: typed("Train"), Datasets: []string{"urn:d:1"}}, "redirect attrs aux"},
		"no dataset in common":             {Need{Types: typed("Train"), Datasets: []string{"urn:d:2"}}, "attrs aux"},
		"condition":                        {Need{Types: typed("Car"), Where: func(r *Registration) bool { return r.ID == "urn:r:one" }}, "one"},
		"past":                             {Need{Types: typed("Car"), Past: &Past{}}, "past"},
		"before the end":                   {Need{Types: typed("Car"), Past: &Past{To: at(2022)}}, "past"},
		"before the start":                 {Need{Types: typed("Car"), Past: &Past{To: at(2019)}}, ""},
		"after the start":                  {Need{Types: typed("Car"), Past: &Past{From: at(2020)}}, "past"},
		"after the end":                    {Need{Types: typed("Car"), Past: &Past{From: at(2022)}}, ""},
		"between":                          {Need{Types: typed("Car"), Past: &Past{From: at(2019), To: at(2020)}}, "past"},
		"managed":                          {Need{Types: typed("Car"), Past: &Past{Managed: true, From: at(2020)}}, ""},
		"change of temporal entities":      {Need{Op: "upsertTemporal", Types: typed("Car")}, "past"},
		"latest of what has the past":      {Need{Op: "queryEntity", Types: typed("Ship")}, "attrs ship"},
		"latest of what has only the past": {Need{Op: "queryEntity", Types: typed("Car"), IDs: entities("urn:car:55")}, "attrs types"},
	} {
		if got := ids(g.Match("", test.need)); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
		if got := g.Match("another", test.need); got != nil {
			t.Errorf("%s: another tenant got %v", name, got)
		}
	}
}

func and(t *testing.T, text string) query.TypeExpr {
	x, err := query.ParseTypes(text, terms.Expand)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Clause 4.3.6.1: a source is asked for what it has registered, and for nothing else.
func TestMatchSaysWhatMayBeAsked(t *testing.T) {
	g := open(t, memory(t), newClock().now)
	defer g.Close()
	register(t, g, "", `"information": [{"entities": [{"type": "Car", "id": "urn:car:1"}, {"type": "Bus"}], "propertyNames": ["speed", "fuel"], "relationshipNames": ["owner"]}]`)
	m := g.Match("", Need{Types: typed("Car Train"), Attrs: named("owner colour speed")})
	if len(m) != 1 || len(m[0].Entities) != 1 || m[0].Entities[0].ID != "urn:car:1" || !slices.Equal(m[0].Attrs, named("owner speed")) {
		t.Errorf("got %v", m)
	}
	if m = g.Match("", Need{Types: typed("Bus")}); len(m) != 1 || !slices.Equal(m[0].Attrs, named("speed fuel owner")) {
		t.Errorf("all of it: got %v", m)
	}
	register(t, g, "", `"id": "urn:r:2", "information": [{"entities": [{"type": "Train"}]}]`)
	if m = g.Match("", Need{Types: typed("Train")}); len(m) != 1 || m[0].Attrs != nil {
		t.Errorf("without names: got %v", m)
	}
	if m = g.Match("", Need{Types: typed("Train"), Attrs: named("colour")}); len(m) != 1 || !slices.Equal(m[0].Attrs, named("colour")) {
		t.Errorf("without names of its own: got %v", m)
	}
}

// A registry that nobody uses costs nothing, and one that does not exist has no registrations.
func TestNothingRegisteredCostsNothing(t *testing.T) {
	g := open(t, memory(t), newClock().now)
	defer g.Close()
	n := Need{Types: typed("Car"), IDs: entities("urn:car:1")}
	if allocs := testing.AllocsPerRun(100, func() {
		if g.Any("") || g.Match("", n) != nil {
			t.Error("something is registered")
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	var none *Registry
	if none.Any("") || none.Match("", n) != nil {
		t.Error("a nil registry has something")
	}
}

// A thousand exclusive registrations of a type are not looked at one by one for one entity.
func TestMatchLooksAtFewCandidates(t *testing.T) {
	x := newIndex()
	for i := range 1000 {
		id := tribune.EntityID("urn:car:" + string(rune('a'+i%26)) + strings.Repeat("x", i/26))
		x.put(&Registration{ID: "urn:r:" + string(id), Information: []Information{{Entities: []EntityInfo{{Types: named("Car"), ID: id}}}}})
	}
	if got := len(x.candidates(&Need{Types: typed("Car"), IDs: entities("urn:car:a")})); got != 1 {
		t.Errorf("%d candidates for one entity", got)
	}
	if got := len(x.candidates(&Need{Types: typed("Bus")})); got != 0 {
		t.Errorf("%d candidates for another type", got)
	}
	if got := len(x.candidates(&Need{Types: typed("Car Bus")})); got != 1000 {
		t.Errorf("%d candidates for the type", got)
	}
	for _, r := range x.all() {
		x.remove(r)
	}
	if len(x.byID)+len(x.byType)+len(x.byEntity)+len(x.anyType)+len(x.anyEntity) != 0 {
		t.Errorf("something is left: %v", x)
	}
}

func TestDiscoverNamesElements(t *testing.T) {
	g := open(t, memory(t), newClock().now)
	defer g.Close()
	register(t, g, "", `"id": "urn:r:2", "information": [{"entities": [{"type": "Bus"}]}, {"entities": [{"type": "Car"}]}, {"propertyNames": ["speed"]}]`)
	register(t, g, "", `"id": "urn:r:1", "mode": "inclusive", "scope": "/a/b", "colour": {"type": "Property", "value": "red"}, "endpoint": "https://one.example.org"`)
	found := g.Discover("", Need{Types: typed("Car")})
	if len(found) != 2 || found[0].ID != "urn:r:1" || !slices.Equal(found[0].Only, []int{0}) || !slices.Equal(found[1].Only, []int{1, 2}) {
		t.Errorf("got %v", found)
	}
	for csf, want := range map[string]int{`endpoint=="https://one.example.org"`: 1, `colour=="red"`: 1, `colour=="blue"`: 0, `mode=="inclusive"`: 1, `type=="ContextSourceRegistration"`: 2} {
		expr, err := query.Parse(csf, Property(terms))
		if err != nil {
			t.Fatalf("%s: %v", csf, err)
		}
		if got := g.Discover("", Need{Where: Filter{Sources: expr}.Where()}); len(got) != want {
			t.Errorf("%s: got %d, want %d", csf, len(got), want)
		}
	}
}

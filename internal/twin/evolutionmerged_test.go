package twin

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/twin/temporal"
)

// What is put together from several places is added up, and cut to pages, as what is all here is.
func TestMergedEvolutionsAreAsThoseThatAreHere(t *testing.T) {
	tw := open(t, Config{})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	e := observations(start, 0, 40, nil)
	e.ID = "urn:1"
	for i := range 10 {
		e.Attrs["name"] = append(e.Attrs["name"], model.Attr{Kind: model.Property, Value: json.RawMessage(fmt.Sprintf(`"n%d"`, i%3)), ObservedAt: start.Add(time.Duration(i) * 7 * time.Minute), Dataset: fmt.Sprint("urn:d:", i%2)})
	}
	e.Attrs["name"] = append(e.Attrs["name"], model.Attr{Kind: model.Property, Value: json.RawMessage(`"` + model.NullURI + `"`), ObservedAt: start.Add(time.Hour)})
	must(t, tw.Evolve(t.Context(), Past{Entity: e}))
	one := Query{IDs: []tribune.EntityID{"urn:1"}}
	for name, when := range map[string]temporal.Query{
		"all": {}, "after": {Rel: temporal.After, At: start.Add(10 * time.Minute)}, "before": {Rel: temporal.Before, At: start.Add(25 * time.Minute)},
		"between": {Rel: temporal.Between, At: start.Add(10 * time.Minute), End: start.Add(25 * time.Minute)}, "last": {LastN: 30}, "whenever": {Any: true},
	} {
		plain, err := tw.Evolutions(t.Context(), EvolutionQuery{Query: one, Time: when})
		if err != nil {
			t.Fatal(err)
		}
		whole := plain.List[0].Entity
		for _, every := range []temporal.Duration{{}, {Span: 7 * time.Minute}, {Months: 1}} {
			ask := EvolutionQuery{Query: one, Time: when, Aggregate: &Aggregation{Methods: temporal.Avg | temporal.TotalCount | temporal.DistinctCount | temporal.Max, Every: every}}
			if ask.Time.LastN > 0 { // all of the time is added up
				continue
			}
			want, err := tw.Evolutions(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			if got := summed(ask.Sum(&whole)); !reflect.DeepEqual(got, summed(want.List[0].Aggregates)) {
				t.Errorf("%s, every %v: got %v, want %v", name, every, got, summed(want.List[0].Aggregates))
			}
		}
		ask := EvolutionQuery{Query: one, Time: when, Page: 9}
		want, err := tw.Evolutions(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		got := Evolutions{Count: -1, List: []Evolution{{Entity: whole}}}
		if got.Fit(ask); got.Cut != want.Cut || !got.First.Equal(want.First) || !got.Last.Equal(want.Last) || len(got.List[0].Attrs["speed"]) != len(want.List[0].Attrs["speed"]) {
			t.Errorf("%s: a page is from %v to %v, want %v to %v", name, got.First, got.Last, want.First, want.Last)
		}
	}
}

// summed are aggregates as they are shown.
func summed(all map[tribune.Name][]temporal.Aggregated) map[string]string {
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, a := range all[name] {
			if len(a.Periods) == 0 {
				continue
			}
			text := string(a.Kind)
			for _, p := range a.Periods {
				text += fmt.Sprint(" ", p.From, p.To)
				for _, m := range []temporal.Methods{temporal.Avg, temporal.TotalCount, temporal.DistinctCount, temporal.Max} {
					b, _ := p.Append(nil, m)
					text += " " + string(b)
				}
			}
			out[string(name)+" "+a.Dataset] = text
		}
	}
	return out
}

// Filters of the past hold of the whole: values of all the time asked for, and scopes in the time in which they were valid.
func TestMergedEvolutionsAreHeldAgainstFilters(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 1, hour, 0, 0, 0, time.UTC) }
	instance := func(value string, hour int) model.Attr {
		return model.Attr{Kind: model.Property, Value: json.RawMessage(value), ObservedAt: at(hour)}
	}
	scopes := func(text string) query.ScopeExpr {
		x, err := query.ParseScopes(text)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for name, c := range map[string]struct {
		q    Query
		want int // speeds left; -1 = it does not match
	}{
		"nothing asked":           {Query{}, 4},
		"values":                  {Query{Q: q(t, `speed>3;colour=="red"`)}, 4},
		"no such value":           {Query{Q: q(t, `speed>9`)}, -1},
		"the first scope":         {Query{Scopes: scopes("/a")}, 2},
		"a scope in between":      {Query{Scopes: scopes("/b")}, 1},
		"a scope of another time": {Query{Scopes: scopes("/z")}, -1},
		"no such scope":           {Query{Scopes: scopes("/c")}, -1},
		"another id":              {Query{IDs: []tribune.EntityID{"urn:2"}}, -1},
	} {
		e := ent("urn:1", "Car", map[tribune.Name][]model.Attr{
			"speed": {instance("1", 1), instance("2", 2), instance("3", 3), instance("4", 4)}, "colour": {instance(`"red"`, 2)},
			model.ScopeName: {{Kind: model.Property, Value: json.RawMessage(`"/a"`), ModifiedAt: at(0).Add(time.Minute)}, instance(`["/b"]`, 3), instance(`"`+model.NullURI+`"`, 4), instance(`"/z"`, 9)},
		})
		ask := EvolutionQuery{Query: c.q, Time: temporal.Query{Property: temporal.ObservedAt, Rel: temporal.Before, At: at(8)}}
		got := -1
		if ask.Holds(&e) {
			got = len(e.Attrs["speed"])
		}
		if got != c.want {
			t.Errorf("%s: %d speeds, want %d", name, got, c.want)
		}
	}
}

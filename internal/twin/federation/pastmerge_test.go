package federation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// moment is a day of May 2026; 0 = none.
func moment(day int) time.Time {
	if day == 0 {
		return time.Time{}
	}
	return time.Date(2026, 5, day, 0, 0, 0, 0, time.UTC)
}

// instants are instances "DAY=VALUE", "DAY=VALUE@MODIFIED" or "DAY=VALUE#INSTANCE".
func instants(dataset string, all ...string) (list []model.Attr) {
	for _, s := range all {
		var day, value, at int
		a := model.Attr{Kind: model.Property, Dataset: dataset}
		s, id, _ := strings.Cut(s, "#")
		if n, _ := fmt.Sscanf(s, "%d=%d@%d", &day, &value, &at); n < 2 {
			panic(s)
		}
		a.Value, a.ObservedAt, a.ModifiedAt = json.RawMessage(fmt.Sprint(value)), moment(day), moment(at)
		if id != "" {
			a.Rare = &model.Rare{Instance: id}
		}
		list = append(list, a)
	}
	return list
}

// Instances of several sources become one series: what two know is there once, what they disagree about is believed of one of them.
func TestSeriesOfSeveralSources(t *testing.T) {
	type version struct {
		mode Mode
		list []string
	}
	in := func(list ...string) version { return version{Inclusive, list} }
	aux := func(list ...string) version { return version{Auxiliary, list} }
	all := temporal.Query{Property: temporal.ObservedAt}
	for name, c := range map[string]struct {
		when     temporal.Query
		versions []version
		want     string
	}{
		"in order":                        {all, []version{in("1=1", "3=3"), in("2=2")}, "1=1 2=2 3=3"},
		"known to both":                   {all, []version{in("1=1"), in("1=1")}, "1=1"},
		"another value, later":            {all, []version{in("1=1@2"), in("1=9@3")}, "1=9"},
		"another value, before":           {all, []version{in("1=1@3"), in("1=9@2")}, "1=1"},
		"another value, nobody knows":     {all, []version{in("1=1"), in("1=9")}, "1=1"},
		"two at once, of one source":      {all, []version{in("1=1#a", "1=2#b")}, "1=1 1=2"},
		"two at once, one known to both":  {all, []version{in("1=1", "1=2"), in("1=2")}, "1=1 1=2"},
		"overlapping pages of one source": {all, []version{in("1=1#a", "2=2#b", "2=2#b", "3=3#c")}, "1=1 2=2 3=3"},
		"a supplement":                    {all, []version{in("1=1"), aux("1=9@9", "2=9"), aux("2=8@9", "3=8")}, "1=1 2=9 3=8"},
		"the last":                        {temporal.Query{Property: temporal.ObservedAt, LastN: 2}, []version{in("1=1", "4=4"), in("2=2", "3=3")}, "4=4 3=3"},
		"of a time":                       {temporal.Query{Property: temporal.ObservedAt, Rel: temporal.Between, At: moment(2), End: moment(4)}, []version{in("1=1", "2=2"), in("3=3", "4=4", "5=5")}, "2=2 3=3"},
		"without a time":                  {all, []version{in("0=1", "1=1")}, "1=1"},
		"whenever, without a time":        {temporal.Query{Property: temporal.ObservedAt, Any: true}, []version{in("0=1", "1=1")}, "0=1 1=1"},
	} {
		merged := map[seriesName]*series{}
		for _, v := range c.versions {
			addSeries(merged, "a", instants("", v.list...), &c.when, v.mode == Auxiliary)
		}
		var got []string
		if s := merged[seriesName{"a", ""}]; s != nil {
			for _, a := range s.in(&c.when, "a") {
				day := a.ObservedAt.Day()
				if a.ObservedAt.IsZero() {
					day = 0
				}
				got = append(got, fmt.Sprintf("%d=%s", day, a.Value))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", name, got, c.want)
		}
	}
}

// Instances with another datasetId are another series (clause 4.5.5), and what is sealed here stays beside all of them.
func TestSeriesKeepApart(t *testing.T) {
	when := temporal.Query{Property: temporal.ObservedAt, LastN: 1}
	g := &GatheredPast{when: when, byID: map[tribune.EntityID]*toldPast{}}
	reg := &Registration{ID: "urn:r:1", Mode: Inclusive}
	g.told(reg, &model.Entity{ID: "urn:1", Types: []tribune.Name{"B"}, Attrs: map[tribune.Name][]model.Attr{"a": append(instants("urn:d", "1=1", "2=2"), instants("", "3=3")...)}})
	sealed := model.Attr{Sealed: &tribune.Sealed{}}
	p, ok := g.Put("urn:1", &model.Entity{ID: "urn:1", Types: []tribune.Name{"A"}, Attrs: map[tribune.Name][]model.Attr{"a": append(instants("", "1=9", "4=4"), sealed)}})
	list := p.Entity.Attrs["a"]
	if !ok || len(list) != 3 || string(list[0].Value) != "4" || list[1].Sealed == nil || string(list[2].Value) != "2" || !slices.Equal(p.Entity.Types, []tribune.Name{"A", "B"}) || !p.Local || !slices.Equal(p.Told, []string{"urn:r:1"}) {
		t.Errorf("got %+v %v", p, ok)
	}
	if _, ok := g.Put("urn:2", nil); ok {
		t.Error("an entity that nobody knows is there")
	}
}

// An evolution has ended where all who know it say so.
func TestEvolutionEndsWhereItEndsForAll(t *testing.T) {
	for name, c := range map[string][3]int{"both": {1, 2, 2}, "here": {1, 0, 0}, "there": {0, 1, 0}, "neither": {0, 0, 0}} {
		var m Merged
		for i := range 2 {
			m.describePast(&model.Entity{ID: "urn:1", Types: []tribune.Name{"A"}, DeletedAt: moment(c[i])})
		}
		if !m.Entity.DeletedAt.Equal(moment(c[2])) {
			t.Errorf("%s: got %v, want %v", name, m.Entity.DeletedAt, moment(c[2]))
		}
	}
}

// A question about the past goes to who offers it by name and says nothing of time, or offers a time and names nothing; a search for
// registrations and a change are matched as they are.
func TestWhoHasAPast(t *testing.T) {
	at := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	reg := func(mode Mode, operations string, from, to int, managed bool) *Registration {
		r := &Registration{Mode: mode, operations: federationOps}
		if mode == Auxiliary {
			r.operations = retrieveOps
		}
		if operations != "" {
			r.operations = op(strings.Split(operations, ",")...)
			r.doc.set("operations", json.RawMessage(`[]`))
		}
		if from > 0 && managed {
			r.Managed = &Interval{From: at(from), To: at(to)}
		} else if from > 0 {
			r.Observation = &Interval{From: at(from), To: at(to)}
		}
		r.temporalReads()
		return r
	}
	ask := func(year int, managed bool) *Need {
		return &Need{Past: &Past{Ask: true, Managed: managed, From: at(year)}}
	}
	for name, c := range map[string]struct {
		r      *Registration
		n      *Need
		in     bool
		offers bool // queryTemporal
	}{
		"named, no time":          {reg(Inclusive, "queryTemporal", 0, 0, false), ask(2026, false), true, true},
		"named, a search":         {reg(Inclusive, "queryTemporal", 0, 0, false), &Need{Past: &Past{From: at(2026)}}, false, true},
		"the present":             {reg(Inclusive, "", 0, 0, false), ask(2026, false), false, false},
		"a time":                  {reg(Inclusive, "", 2020, 2027, false), ask(2026, false), true, true},
		"a time, gone":            {reg(Inclusive, "queryTemporal", 2020, 2021, false), ask(2026, false), false, true},
		"a time, other names":     {reg(Inclusive, "queryEntity", 2020, 2027, false), ask(2026, false), true, false},
		"observed, asked managed": {reg(Inclusive, "", 2020, 2027, false), ask(2026, true), false, true},
		"managed, asked managed":  {reg(Inclusive, "", 2020, 2027, true), ask(2026, true), true, true},
		"auxiliary, a time":       {reg(Auxiliary, "retrieveEntity", 2020, 2027, false), ask(2026, false), true, true},
		"auxiliary, no time":      {reg(Auxiliary, "", 0, 0, false), ask(2026, false), false, false},
		"a change, a time":        {reg(Inclusive, "upsertTemporal", 2020, 2021, false), &Need{Change: true}, true, false},
		"a change, the present":   {reg(Redirect, "", 0, 0, false), &Need{Change: true}, true, false},
		"the present, a time":     {reg(Inclusive, "", 2020, 2027, false), &Need{}, false, true},
	} {
		if got := c.r.serves(c.n); got != c.in || c.r.Offers("queryTemporal") != c.offers {
			t.Errorf("%s: matches %v, offers %v; want %v, %v", name, got, c.r.Offers("queryTemporal"), c.in, c.offers)
		}
	}
}

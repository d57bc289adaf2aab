package twin

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// An index that forgets a row or looks in the wrong range hides entities without anyone noticing: every plan must find
// what looking at every document finds.
func TestEveryPlanFindsWhatLookingAtAllFinds(t *testing.T) {
	for _, partitions := range []uint16{1, 4} {
		tw := open(t, Config{Store: spread{memory(t), partitions}, ClassOf: classes, Sealer: newSafe(), CacheBytes: 64 << 10})
		tw.columns.after = 0
		rng := rand.New(rand.NewPCG(1, uint64(partitions)))
		all := map[tribune.EntityID]model.Entity{}
		long := strings.Repeat("long", 50)
		for range 2500 {
			id := fmt.Sprintf("urn:e:%d", rng.IntN(300))
			e := ent(id, []string{"A", "B", "C"}[rng.IntN(3)], map[tribune.Name][]model.Attr{})
			mode := Upsert
			for range 1 + rng.IntN(3) {
				switch rng.IntN(11) {
				case 0:
					e.Attrs["n"] = prop(fmt.Sprint(rng.IntN(20) - 10))
				case 1:
					e.Attrs["s"] = prop(quoted([]string{"a", "ab", "b", "\x00b", long, long + "x", "2026-01-0" + fmt.Sprint(1+rng.IntN(9)) + "T00:00:00Z"}[rng.IntN(7)]))
				case 2:
					e.Attrs["list"] = prop(fmt.Sprintf(`[%d,"x%d"]`, rng.IntN(5), rng.IntN(5)))
				case 3:
					e.Attrs["bool"] = prop(fmt.Sprint(rng.IntN(2) == 0))
				case 4:
					lon, lat := rng.Float64(), rng.Float64()
					geo := fmt.Sprintf(`{"type":"Point","coordinates":[%f,%f]}`, lon, lat)
					if rng.IntN(3) == 0 {
						geo = fmt.Sprintf(`{"type":"LineString","coordinates":[[%f,%f],[%f,%f]]}`, lon, lat, lon+rng.Float64()*2, lat)
					}
					e.Attrs["https://uri.etsi.org/ngsi-ld/location"] = []model.Attr{{Kind: model.GeoProperty, Value: json.RawMessage(geo)}}
				case 5:
					e.Attrs["n"] = []model.Attr{{Kind: model.Property, Value: json.RawMessage("1")}, {Kind: model.Property, Dataset: "urn:d", Value: json.RawMessage(fmt.Sprint(rng.IntN(9)))}}
				case 7:
					e.Scope = [][]string{{"/a"}, {"/a/b", "/c"}, {"d/e"}, {"/ab"}, {"/c", "/d"}}[rng.IntN(5)]
				case 8:
					e.Attrs["o"] = prop([]string{`{"x":1}`, `{"x":2}`, `[]`, `5`}[rng.IntN(4)])
				case 9:
					e.Attrs["l"] = []model.Attr{{Kind: model.LanguageProperty, Value: json.RawMessage([]string{`{"en":"x","de":"y"}`, `{"en":["x","z"]}`, `{"de":"x"}`, `{}`}[rng.IntN(4)])}}
				case 10:
					e.Attrs["r"] = []model.Attr{{Kind: model.Relationship, Value: json.RawMessage(fmt.Sprintf(`"urn:e:%d"`, rng.IntN(300)))}}
					e.Attrs["d"] = prop(fmt.Sprintf(`"2026-01-0%d"`, 1+rng.IntN(9)))
				case 6:
					mode = []Mode{Delete, UpsertReplace, Append}[rng.IntN(3)]
				}
			}
			if r := tw.do(t, mode, e); r.Err != nil && !errors.Is(r.Err, tribune.ErrNotFound) {
				t.Fatal(r.Err)
			}
			if v, err := tw.Get(t.Context(), "", e.ID); err == nil {
				all[e.ID] = v.Entity
			} else {
				delete(all, e.ID)
			}
		}
		types := func(s string) query.TypeExpr {
			if s == "" {
				return query.TypeExpr{}
			}
			x, err := query.ParseTypes(s, func(n string) (tribune.Name, error) { return tribune.Name(n), nil })
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		var queries []Query
		for _, ty := range []string{"", "A", "A,B", "A;B", "(A|B);C", "Z"} {
			queries = append(queries, Query{Types: types(ty)})
			for _, text := range []string{`n==3`, `n>5`, `n>=5`, `n<-5`, `n<=-5`, `n==-2..2`, `n==1,2,7`, `n!=3`, `s=="a"`, `s>"a"`, `s<"ab"`, `s<="ab"`, `s=="a".."b"`,
				`s=="` + long + `"`, `s>"` + long + `"`, `s=="` + long + `","a"`, `s==2026-01-03T00:00:00Z`, `s>2026-01-05T00:00:00Z`, `list==3`, `list=="x1"`, `list>3`, `bool==true`,
				`n>0;bool==true`, `n>0|bool==true`, `n>8;s=="a"`, `n~=1`, `s~=^l`, `none==1`, `n`, `o`, `n==1|n==2|s=="a"`, `n==1|n>8`, `n==1|createdAt>2020-01-01T00:00:00Z`, `l=="x"`, `l!="x"`, `l[en]=="x"`, `l~=y`, `s==2026-01-03`, `d==2026-01-03`, `d>2026-01-03`, `o[x]==1`, `n.unitCode`, `n==1;n>8`, `r==urn:e:5`, `r>"urn:e:5"`,
				`r{n}==1`, `r{A:n}>0`, `(n==1;s=="a")|list`, `s=="\u0000b"`} {
				queries = append(queries, Query{Types: types(ty), Q: q(t, text)})
			}
			for _, m := range []float64{100, 20000, 60000, 5e6} {
				queries = append(queries, Query{Types: types(ty), Geo: near(t, .5, .5, m)}, Query{Types: types(ty), Geo: near(t, .5, .5, m), Q: q(t, "n>0")},
					Query{Types: types(ty), Geo: near(t, .5, .5, m), Q: q(t, "bool==true"), Scopes: scopes(t, "/a/#")})
			}
			queries = append(queries, Query{Types: types(ty), IDPattern: regexp.MustCompile("1.$")}, Query{Types: types(ty), Attrs: []tribune.Name{"n", "bool"}},
				Query{Types: types(ty), IDs: []tribune.EntityID{"urn:e:1", "urn:e:2", "urn:e:2", "urn:e:3", "urn:none"}}, Query{Types: types(ty), Geo: geo(t, "near;minDistance==50000", "Point", "[0.5,0.5]")})
			for _, rel := range []string{"within", "intersects", "overlaps", "contains", "equals", "disjoint"} {
				queries = append(queries, Query{Types: types(ty), Geo: geo(t, rel, "Polygon", "[[[0.2,0.2],[0.9,0.2],[0.9,0.9],[0.2,0.9],[0.2,0.2]]]")},
					Query{Types: types(ty), Geo: geo(t, rel, "LineString", "[[0.2,0.2],[0.9,0.2]]"), Q: q(t, "n>0|bool==true")})
			}
			for _, text := range []string{"/a", "/a/#", "/a/b", "/+/b", "/#", "(/a/b;/c)|/d/#", "/ab"} {
				queries = append(queries, Query{Types: types(ty), Scopes: scopes(t, text)}, Query{Types: types(ty), Scopes: scopes(t, text), Q: q(t, "n>0")})
			}
			queries = append(queries, Query{Selectors: []Selector{{Types: types(ty)}, {Types: types("A"), IDs: []tribune.EntityID{"urn:e:4", "urn:e:5"}}}},
				Query{Selectors: []Selector{{Types: types("B"), IDPattern: regexp.MustCompile("^urn:e:2")}, {Types: types(ty), IDs: []tribune.EntityID{"urn:e:4", "urn:e:5"}}}, Q: q(t, "n>0")},
				Query{Types: types(ty), IDPattern: regexp.MustCompile("^urn:e:1")}, Query{Types: types(ty), Attrs: []tribune.Name{query.Location}}, Query{Types: types(ty), Attrs: []tribune.Name{"o"}, Q: q(t, `o[x]==1`)})
		}
		for i, qu := range queries {
			var want []string
			for id, e := range all {
				if qu.matchesLinked(&e, func(id tribune.EntityID) *model.Entity {
					if e, ok := all[id]; ok {
						return &e
					}
					return nil
				}) && (qu.IDs == nil || slices.Contains(qu.IDs, id)) {
					want = append(want, string(id))
				}
			}
			slices.Sort(want)
			for _, page := range [][2]int{{20, 0}, {7, 5}, {1000, 0}, {5, 290}, {0, 0}} {
				for _, count := range []bool{true, false} {
					qu.Limit, qu.Offset, qu.Count = page[0], page[1], count
					got, err := tw.Find(t.Context(), qu)
					if err != nil {
						t.Fatal(err)
					}
					limit := page[0]
					if limit == 0 && !count {
						limit = DefaultLimit
					}
					cut := want[min(len(want), page[1]):min(len(want), page[1]+limit)]
					if ids(got) != strings.Join(cut, " ") || limit > 0 && got.More != (len(want) > page[1]+limit) || count && got.Count != len(want) || !count && got.Count != -1 {
						t.Fatalf("query %d %+v page %v count %v:\n got %s (%d)\nwant %s (%d)", i, qu, page, count, ids(got), got.Count, strings.Join(cut, " "), len(want))
					}
				}
			}
		}
		verify(t, tw)
	}
}

func geo(t testing.TB, georel, geometry, coordinates string) *query.Geo {
	t.Helper()
	g, err := query.ParseGeo(georel, geometry, json.RawMessage(coordinates), "")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func near(t testing.TB, lon, lat, metres float64) *query.Geo {
	t.Helper()
	return geo(t, fmt.Sprintf("near;maxDistance==%v", metres), "Point", fmt.Sprintf("[%v,%v]", lon, lat))
}

func scopes(t testing.TB, text string) query.ScopeExpr {
	t.Helper()
	x, err := query.ParseScopes(text)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	tw := open(t, Config{})
	for _, tenant := range []tribune.Tenant{"", "a", "b"} {
		must(t, tw.Mutate(t.Context(), []Mutation{{Tenant: tenant, Mode: Create, Entity: ent("urn:1", "Car", map[tribune.Name][]model.Attr{"of": prop(quoted(string(tenant)))})}})[0])
	}
	must(t, tw.Mutate(t.Context(), []Mutation{{Tenant: "a", Mode: Delete, Entity: ent("urn:1", "", nil)}})[0])
	for tenant, want := range map[tribune.Tenant]int{"": 1, "a": 0, "b": 1, "c": 0} {
		p, err := tw.Find(t.Context(), Query{Tenant: tenant, Types: query.Type("Car"), Limit: 10, Count: true})
		if err != nil || p.Count != want || len(p.Views) != want {
			t.Errorf("tenant %q: got %d, want %d (%v)", tenant, p.Count, want, err)
		}
	}
	if v, _ := tw.Get(t.Context(), "b", "urn:1"); show(v) != `of="b"` {
		t.Errorf("got %s", show(v))
	}
}

func TestQueriesOutOfBoundsAreRefused(t *testing.T) {
	tw := open(t, Config{})
	for _, qu := range []Query{{Limit: -1}, {Limit: MaxLimit + 1}, {Offset: -1}, {Offset: MaxOffset + 1}, {IDs: make([]tribune.EntityID, MaxIDs+1)},
		{Selectors: make([]Selector, MaxSelectors+1)}, {Selectors: []Selector{{IDs: make([]tribune.EntityID, MaxIDs+1)}}}} {
		if _, err := tw.Find(t.Context(), qu); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
			t.Errorf("%+v: got %v, want ErrInvalid with hint", qu, err)
		}
	}
}

// Every entity has a equal to b at every moment. A page that mixes moments, or a count from another one, would show.
func TestCountAndPageAreOfOneMomentUnderWrites(t *testing.T) {
	tw := open(t, Config{Now: time.Now})
	tw.columns.after = 0
	const n = 40
	write := func(i, v int) Mutation {
		return Mutation{Mode: Upsert, Entity: ent(fmt.Sprintf("urn:%03d", i), "Car", map[tribune.Name][]model.Attr{"v": prop(fmt.Sprint(v % 2)), "w": prop(fmt.Sprint(v))})}
	}
	var first []Mutation
	for i := range n {
		first = append(first, write(i, i%2))
	}
	tw.Mutate(t.Context(), first)
	// each batch flips one entity to 1 and another to 0: half of them are 1 at every moment
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ones := map[int]bool{}
		for i := range n {
			ones[i] = i%2 == 1
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for {
			select {
			case <-stop:
				return
			default:
			}
			i, j := rng.IntN(n), rng.IntN(n)
			if ones[i] && !ones[j] {
				ones[i], ones[j] = false, true
				tw.Mutate(t.Context(), []Mutation{write(i, 0), write(j, 1)})
			}
		}
	})
	for i := range 300 {
		p, err := tw.Find(t.Context(), Query{Types: query.Type("Car"), Q: q(t, []string{"v==1;w>=0", "v>=1;v<5"}[i%2]), Limit: 100, Count: true})
		if err != nil || p.Count != n/2 || len(p.Views) != n/2 {
			t.Errorf("count %d, page %d, want %d (%v)", p.Count, len(p.Views), n/2, err)
			break
		}
	}
	close(stop)
	wg.Wait()
	verify(t, tw)
}

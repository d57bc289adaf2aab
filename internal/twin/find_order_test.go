package twin

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// A page in an order is cut from all matches: were it cut before they are put in order, it would look right and be wrong.
func TestPagesOfAnOrderAreCutFromAllMatches(t *testing.T) {
	tw := open(t, Config{Store: spread{memory(t), 3}})
	rng := rand.New(rand.NewPCG(3, 4))
	type one struct {
		id string
		n  int
	}
	var all []one
	for i := range 300 {
		o := one{fmt.Sprintf("urn:e:%d", i), rng.IntN(50)}
		must(t, tw.do(t, Create, ent(o.id, "A", map[tribune.Name][]model.Attr{"n": prop(fmt.Sprint(o.n))})))
		if o.n > 10 {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b one) int {
		if a.n != b.n {
			return b.n - a.n
		}
		return strings.Compare(a.id, b.id)
	})
	order, err := query.OrderTerms{By: []string{"n;desc"}, Attr: func(s string) (tribune.Name, error) { return tribune.Name(s), nil }}.Parse()
	if err != nil {
		t.Fatal(err)
	}
	for offset := 0; offset < len(all)+30; offset += 30 {
		p, err := tw.Find(t.Context(), Query{Types: query.Type("A"), Q: q(t, "n>10"), Order: order, Limit: 30, Offset: offset, Count: offset%60 == 0})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, o := range all[min(offset, len(all)):min(offset+30, len(all))] {
			want = append(want, o.id)
		}
		if ids(p) != strings.Join(want, " ") || p.More != (offset+30 < len(all)) || offset%60 == 0 && p.Count != len(all) {
			t.Errorf("offset %d: got %s (%v, %d), want %s", offset, ids(p), p.More, p.Count, strings.Join(want, " "))
		}
	}
}

// What has expired and was not swept yet stands in every index.
func TestWhatHasExpiredIsNotCounted(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	tw := open(t, Config{Now: func() time.Time { return now }})
	for i := range 5 {
		e := ent(fmt.Sprintf("urn:e:%d", i), "A", map[tribune.Name][]model.Attr{"n": prop("1")})
		if i == 2 {
			e.ExpiresAt = now.Add(time.Minute)
		}
		must(t, tw.do(t, Create, e))
	}
	for minutes, want := range []int{5, 4} {
		now = now.Add(time.Duration(minutes) * 2 * time.Minute)
		for _, qu := range []Query{{Types: query.Type("A")}, {Types: query.Type("A"), Q: q(t, "n==1")}, {Attrs: []tribune.Name{"n"}}} {
			qu.Count, qu.Limit = true, 2
			if p, err := tw.Find(t.Context(), qu); err != nil || p.Count != want || len(p.Views) != 2 || p.Views[1].ID != "urn:e:1" {
				t.Errorf("after %d minutes: got %d of %s (%v), want %d", 2*minutes, p.Count, ids(p), err, want)
			}
		}
	}
}

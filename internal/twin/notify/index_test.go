package notify

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/twin/model"
)

// The index may offer too many candidates, never too few, each once.
func TestTheIndexFindsEverySubscriptionThatACHangeConcerns(t *testing.T) {
	w := newTown(t)
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	x := newIndex()
	var all []*subscription
	for i := range 400 {
		doc := fmt.Sprintf(`{"id":"urn:s:%d","type":"Subscription","watchedAttributes":[%s],"notification":{"endpoint":{"uri":"http://a.example/"}}`, i, pick(`"a"`, `"b"`, `"a","b"`, `"c"`))
		if rng.IntN(4) > 0 {
			doc += `,"entities":[` + pick(`{"type":"A"}`, `{"type":"A,B"}`, `{"type":"A;B"}`, `{"type":"(A,B);C"}`, `{"type":"*"}`, `{"type":"A","id":"urn:1"}`, `{"type":"*","id":["urn:1","urn:2"]}`, `{"type":"B","idPattern":"1"},{"type":"A"},{"type":"A"}`) + `]`
		}
		d, err := read(w.doc(doc + "}"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := compile(d, w.contexts.Core(), w.contexts.Core())
		if err != nil {
			t.Fatal(err)
		}
		s.state = &state{}
		all = append(all, s)
		x.add(s)
	}
	check := func() {
		t.Helper()
		for _, types := range [][]tribune.Name{{"A"}, {"B"}, {"A", "B"}, {"A", "C"}, {"D"}, nil} {
			for _, attrs := range [][]change{{{"a", attributeUpdated}}, {{"a", attributeUpdated}, {"b", attributeCreated}}, {{"z", attributeUpdated}}, nil} {
				for _, id := range []tribune.EntityID{"urn:1", "urn:2", "urn:3"} {
					c := &changed{after: &model.Entity{ID: id, Types: types}, attrs: attrs}
					found := x.candidates(id, types, attrs)
					for i, s := range found {
						if slices.Contains(found[:i], s) {
							t.Fatalf("%s twice", s.id)
						}
					}
					for _, s := range all {
						if s.fires(c) && s.selects(c.after) && !slices.Contains(found, s) {
							t.Errorf("%s %v %v: %s is not found: %s", id, types, attrs, s.id, s.doc.bytes())
						}
					}
				}
			}
		}
	}
	check()
	for len(all) > 0 {
		for _, s := range all[:min(100, len(all))] {
			x.remove(s)
		}
		all = all[min(100, len(all)):]
		check()
	}
	if len(x.byID)+len(x.byType)+len(x.all) > 0 {
		t.Errorf("an empty index holds %d, %d, %d", len(x.byID), len(x.byType), len(x.all))
	}
}

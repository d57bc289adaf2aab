package twin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

func TestModesDoWhatTheStandardSays(t *testing.T) {
	start := ent("urn:1", "Car", map[tribune.Name][]model.Attr{"a": prop("1"), "b": prop(`{"x":1,"y":{"z":2}}`),
		"two": {{Kind: model.Property, Value: json.RawMessage("1")}, {Kind: model.Property, Dataset: "urn:d", Value: json.RawMessage("2")}}})
	for name, c := range map[string]struct {
		mode  Mode
		frag  model.Entity
		empty bool   // there is no entity before
		want  string // attributes afterwards, "-" = no entity
		res   string // updated / ignored
		err   error
	}{
		"create":                 {Create, start, true, `a=1 b={"x":1,"y":{"z":2}} two=1,2`, "a b two/", nil},
		"create twice":           {Create, start, false, "", "", tribune.ErrConflict},
		"create without type":    {Create, ent("urn:1", "", nil), true, "-", "", tribune.ErrInvalid},
		"append":                 {Append, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": prop("9"), "c": prop("3")}), false, `a=9 b={"x":1,"y":{"z":2}} c=3 two=1,2`, "a c/", nil},
		"append to nothing":      {Append, ent("urn:1", "Car", nil), true, "-", "", tribune.ErrNotFound},
		"append no overwrite":    {AppendNew, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": prop("9"), "c": prop("3")}), false, `a=1 b={"x":1,"y":{"z":2}} c=3 two=1,2`, "c/a", nil},
		"update":                 {Update, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": prop("9"), "c": prop("3")}), false, `a=9 b={"x":1,"y":{"z":2}} c=3 two=1,2`, "a c/", nil},
		"update with null":       {Update, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": prop(`"urn:ngsi-ld:null"`), "c": prop(`"urn:ngsi-ld:null"`)}), false, `b={"x":1,"y":{"z":2}} two=1,2`, "a/", nil},
		"replace attribute":      {ReplaceAttr, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": prop("9")}), false, `a=9 b={"x":1,"y":{"z":2}} two=1,2`, "a/", nil},
		"replace absent":         {ReplaceAttr, ent("urn:1", "", map[tribune.Name][]model.Attr{"c": prop("9")}), false, "", "", tribune.ErrNotFound},
		"update of nothing":      {Update, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": prop("9")}), true, "-", "", tribune.ErrNotFound},
		"update one dataset":     {Update, ent("urn:1", "", map[tribune.Name][]model.Attr{"two": {{Kind: model.Property, Dataset: "urn:d", Value: json.RawMessage("7")}}}), false, `a=1 b={"x":1,"y":{"z":2}} two=1,7`, "two/", nil},
		"partial":                {Partial, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": {{UnitCode: "KMH"}}}), false, `a=1KMH b={"x":1,"y":{"z":2}} two=1,2`, "a/", nil},
		"partial of absent":      {Partial, ent("urn:1", "", map[tribune.Name][]model.Attr{"c": prop("1")}), false, "", "", tribune.ErrNotFound},
		"partial of other type":  {Partial, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": {{Kind: model.Relationship, Value: json.RawMessage(`"urn:x"`)}}}), false, "", "", tribune.ErrInvalid},
		"merge":                  {Merge, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": {{Kind: model.Property, Value: json.RawMessage(`"urn:ngsi-ld:null"`)}}, "b": prop(`{"x":null,"y":{"w":3}}`), "c": prop("5")}), false, `b={"y":{"w":3,"z":2}} c=5 two=1,2`, "a b c/", nil},
		"replace":                {Replace, ent("urn:1", "", map[tribune.Name][]model.Attr{"c": prop("5")}), false, "c=5", "a b c two/", nil},
		"replace nothing":        {Replace, ent("urn:1", "Car", nil), true, "-", "", tribune.ErrNotFound},
		"upsert creates":         {Upsert, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"c": prop("5")}), true, "c=5", "c/", nil},
		"upsert appends":         {Upsert, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"c": prop("5")}), false, `a=1 b={"x":1,"y":{"z":2}} c=5 two=1,2`, "c/", nil},
		"upsert replaces":        {UpsertReplace, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"a": prop("5")}), false, "a=5", "a b two/", nil},
		"delete attribute":       {DeleteAttr, ent("urn:1", "", map[tribune.Name][]model.Attr{"two": {{}}}), false, `a=1 b={"x":1,"y":{"z":2}} two=2`, "two/", nil},
		"delete all datasets":    {DeleteAttr, ent("urn:1", "", map[tribune.Name][]model.Attr{"two": {{Dataset: "*"}}}), false, `a=1 b={"x":1,"y":{"z":2}}`, "two/", nil},
		"delete absent":          {DeleteAttr, ent("urn:1", "", map[tribune.Name][]model.Attr{"c": nil}), false, "", "", tribune.ErrNotFound},
		"delete":                 {Delete, ent("urn:1", "", nil), false, "-", "a b two/", nil},
		"delete nothing":         {Delete, ent("urn:1", "", nil), true, "-", "", tribune.ErrNotFound},
		"value that is not JSON": {Append, ent("urn:1", "", map[tribune.Name][]model.Attr{"a": prop("{")}), false, "", "", tribune.ErrInvalid},
		"null in an append":      {Append, ent("urn:1", "", map[tribune.Name][]model.Attr{"c": prop(`"urn:ngsi-ld:null"`)}), false, "", "", tribune.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			tw := open(t, Config{})
			if !c.empty {
				must(t, tw.do(t, Create, start))
			}
			before, _ := tw.Get(t.Context(), "", "urn:1")
			res := tw.do(t, c.mode, c.frag)
			if !errors.Is(res.Err, c.err) || (res.Err != nil) != (c.err != nil) {
				t.Fatalf("got %v, want %v", res.Err, c.err)
			}
			after, err := tw.Get(t.Context(), "", "urn:1")
			if c.err != nil && tribune.HintOf(res.Err) == "" {
				t.Errorf("%v has no hint", res.Err)
			}
			if got := show(after); c.want != "" && got != c.want {
				t.Errorf("entity: got %s (%v), want %s", got, err, c.want)
			}
			if c.want == "" && show(after) != show(before) {
				t.Errorf("a refused change left a trace: %s, was %s", show(after), show(before))
			}
			if got := fmt.Sprint(res.Updated, res.Ignored); c.err == nil && got != "["+strings.Replace(c.res, "/", "] [", 1)+"]" {
				t.Errorf("result: got %s, want %s", got, c.res)
			}
			verify(t, tw)
		})
	}
}

func show(v View) string {
	if v.ID == "" {
		return "-"
	}
	var out []string
	for _, n := range sortedNames(v.Attrs) {
		var vals []string
		for _, a := range v.Attrs[n] {
			vals = append(vals, string(a.Value)+a.UnitCode)
		}
		out = append(out, string(n)+"="+strings.Join(vals, ","))
	}
	return strings.Join(out, " ")
}

func TestRedeliveredChangesApplyOnce(t *testing.T) {
	st := memory(t)
	c := newClock()
	tw := open(t, Config{Store: st, Now: c.now})
	m := Mutation{ID: "m1", Mode: Upsert, Entity: ent("urn:1", "Car", map[tribune.Name][]model.Attr{"a": prop("1")})}
	must(t, tw.Mutate(t.Context(), []Mutation{m})[0])
	must(t, tw.do(t, Upsert, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"a": prop("2")})))
	before := dump(t, st)
	check := func(tw *Twin, what string) {
		t.Helper()
		must(t, tw.Mutate(t.Context(), []Mutation{m})[0])
		if !bytes.Equal(dump(t, st), before) {
			t.Errorf("%s: a mutation delivered again changed the store", what)
		}
	}
	check(tw, "at once")
	check(open(t, Config{Store: st, Now: c.now}), "after a restart")
	c.at = c.at.Add(DedupeSpan - time.Hour)
	check(tw, "almost a week later")

	ch := []tribune.Change{{ID: "c1", Entity: "urn:1", Attr: "a", Value: json.RawMessage(`{"type":"Property","value":3}`)},
		{ID: "c2", Entity: "urn:1", Attr: "a", Value: json.RawMessage(`{"type":"Property","value":4}`)},
		{ID: "c1", Entity: "urn:1", Attr: "a", Value: json.RawMessage(`{"type":"Property","value":3}`)}}
	for range 2 {
		if err := tw.Apply(t.Context(), ch); err != nil {
			t.Fatal(err)
		}
		if v, _ := tw.Get(t.Context(), "", "urn:1"); show(v) != "a=4" {
			t.Errorf("after changes 3, 4 and 3 again: got %s", show(v))
		}
	}
	if c := verify(t, tw); c.Past != 4 {
		t.Errorf("history has %d rows, want 4", c.Past)
	}
}

func TestApplyKeepsTheGoodBesideTheBad(t *testing.T) {
	tw := open(t, Config{})
	err := tw.Apply(t.Context(), []tribune.Change{
		{Entity: "urn:1", Types: []tribune.Name{"Car"}, Attr: "a", Value: json.RawMessage(`{"value":1}`)},
		{Entity: "urn:2", Attr: "a", Value: json.RawMessage(`{"value":1}`)}, // no type
		{Entity: "urn:1", Attr: "b", Value: json.RawMessage(`{"type":"Property"}`)},
		{Entity: "urn:1", Attr: "none", Value: nil},
		{Entity: "urn:1", Attr: "c", Dataset: "urn:d", Value: json.RawMessage(`{"type":"Relationship","object":"urn:2"}`)},
	})
	if !errors.Is(err, tribune.ErrInvalid) || strings.Count(err.Error(), "change of") != 2 {
		t.Errorf("got %v, want two changes refused", err)
	}
	v, _ := tw.Get(t.Context(), "", "urn:1")
	if show(v) != `a=1 c="urn:2"` {
		t.Errorf("got %s", show(v))
	}
	verify(t, tw)
}

func TestOneEntitySeveralTimesInOneBatch(t *testing.T) {
	tw := open(t, Config{Store: spread{memory(t), 4}})
	var ms []Mutation
	for i := range 600 {
		ms = append(ms, Mutation{Mode: Upsert, Entity: ent(fmt.Sprintf("urn:%d", i%300), "Car", map[tribune.Name][]model.Attr{"a": prop(fmt.Sprint(i))})})
	}
	ms = append(ms, Mutation{Mode: Delete, Entity: ent("urn:7", "", nil)}, Mutation{Mode: Create, Entity: ent("urn:8", "Car", nil)})
	res := tw.Mutate(t.Context(), ms)
	for i, r := range res[:601] {
		must(t, r)
		if r.Created != (i < 300) {
			t.Fatalf("%d: created %v", i, r.Created)
		}
	}
	if !errors.Is(res[601].Err, tribune.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", res[601].Err)
	}
	if v, _ := tw.Get(t.Context(), "", "urn:299"); show(v) != "a=599" {
		t.Errorf("got %s, want the later of the two", show(v))
	}
	if c := verify(t, tw); c.Entities != 299 {
		t.Errorf("%d entities, want 299", c.Entities)
	}
}

// Two hubs on one store: without compare-and-set one would overwrite what the other has acknowledged.
func TestConcurrentHubsLoseNoUpdate(t *testing.T) {
	st := memory(t)
	hubs := []*Twin{open(t, Config{Store: st, Hub: "one", Now: time.Now}), open(t, Config{Store: st, Hub: "two", Now: time.Now})}
	first := must(t, hubs[0].do(t, Create, ent("urn:1", "Car", nil)))
	if !first.Created {
		t.Fatal("not created")
	}
	start, _ := hubs[0].Get(t.Context(), "", "urn:1")
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := map[tribune.Name]bool{}
	for i := range 8 {
		wg.Go(func() {
			for n := range 10 {
				name := tribune.Name(fmt.Sprintf("a%d-%d", i, n))
				r := hubs[i%2].do(t, Append, ent("urn:1", "", map[tribune.Name][]model.Attr{name: prop("1")}))
				if r.Err == nil {
					mu.Lock()
					done[name] = true
					mu.Unlock()
				} else if !errors.Is(r.Err, tribune.ErrBusy) {
					t.Errorf("%s: %v", name, r.Err)
				}
			}
		})
	}
	wg.Wait()
	v, err := open(t, Config{Store: st}).Get(t.Context(), "", "urn:1")
	if err != nil {
		t.Fatal(err)
	}
	for name := range done {
		if v.Attrs[name] == nil {
			t.Errorf("acknowledged attribute %s is lost", name)
		}
	}
	if int(v.Version-start.Version) != len(done) || len(done) < 40 {
		t.Errorf("version moved by %d for %d acknowledged updates", v.Version-start.Version, len(done))
	}
	verify(t, hubs[0])
}

// The fragments of a batch are small, the entities they change are large: together they are more than a commit may be.
func TestBatchOfLargeEntitiesIsSplit(t *testing.T) {
	tw := open(t, Config{})
	large := json.RawMessage(`"` + strings.Repeat("x", maxValue-2) + `"`)
	const n = 24
	var readings []tribune.Change
	for i := range n {
		id := fmt.Sprint("urn:", i)
		must(t, tw.do(t, Create, ent(id, "Car", map[tribune.Name][]model.Attr{"a": {{Kind: model.Property, Value: large}}, "b": {{Kind: model.Property, Value: large}},
			"c": {{Kind: model.Property, Value: large}}})))
		readings = append(readings, tribune.Change{ID: "c", Entity: tribune.EntityID(id), Attr: "n", Value: json.RawMessage(`{"value":1}`)})
	}
	if err := tw.Apply(t.Context(), readings); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if v, err := tw.Get(t.Context(), "", tribune.EntityID(fmt.Sprint("urn:", i))); err != nil || v.Instance("n", "") == nil {
			t.Errorf("entity %d: %v", i, err)
		}
	}
}

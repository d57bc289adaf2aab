package twin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// everything is all that a store holds, as text.
func everything(t *testing.T, st store.Store) string {
	t.Helper()
	var b strings.Builder
	for p, err := range st.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%q=%q\n", p.Key, p.Value)
	}
	return b.String()
}

func TestFrozenCopiesAreWholeAndHoldNothingSealed(t *testing.T) {
	for _, parts := range []uint16{1, 3} {
		st := spread{memory(t), parts}
		tw, err := New(Config{Store: st, Now: newClock().now})
		if err != nil {
			t.Fatal(err)
		}
		var all []model.Entity
		for i := range 20 {
			e := model.Entity{ID: tribune.EntityID(fmt.Sprintf("urn:a:%d", i)), Types: []tribune.Name{"Car", "Thing"}, Attrs: map[tribune.Name][]model.Attr{
				"speed": {{Kind: model.Property, Value: json.RawMessage(fmt.Sprint(i))}},
				"spec":  {{Kind: model.Property, Value: json.RawMessage(`{"a":1}`)}},
			}}
			tw.do(t, Create, e)
			v, err := tw.Get(t.Context(), "", e.ID)
			if err != nil {
				t.Fatal(err)
			}
			e = v.Entity
			e.Attrs["plate"] = []model.Attr{{Sealed: &tribune.Sealed{Class: "session", Value: []byte("secret")}}}
			all = append(all, e)
		}
		before := everything(t, st)
		if err := tw.Copy(t.Context(), "frozen 1", all); err != nil {
			t.Fatal(err)
		}
		if err := tw.Clone(t.Context(), "frozen 1", "frozen 2"); err != nil {
			t.Fatal(err)
		}
		for _, tenant := range []tribune.Tenant{"frozen 1", "frozen 2"} {
			got, err := tw.Get(t.Context(), tenant, "urn:a:7")
			if err != nil || !got.CreatedAt.Equal(all[7].CreatedAt) || len(got.Attrs) != 2 {
				t.Errorf("%d partitions, %s: got %+v, %v", parts, tenant, got, err)
			}
			types, err := tw.TypeAttrs(t.Context(), tenant)
			if err != nil || len(types) != 2 || len(types[0].Attrs) != 2 {
				t.Errorf("%d partitions, %s: types %+v, %v", parts, tenant, types, err)
			}
			if info, err := tw.Type(t.Context(), tenant, "Car"); err != nil || info.Entities != 20 {
				t.Errorf("%d partitions, %s: %d entities, %v", parts, tenant, info.Entities, err)
			}
		}
		if text := everything(t, st); strings.Contains(text, "secret") {
			t.Error("a sealed value has been copied")
		}
		if _, err := tw.Verify(t.Context()); err != nil {
			t.Errorf("%d partitions: %v", parts, err)
		}
		for _, tenant := range []tribune.Tenant{"frozen 1", "frozen 2"} {
			if err := tw.Drop(t.Context(), tenant); err != nil {
				t.Fatal(err)
			}
		}
		if after := everything(t, st); after != before {
			t.Errorf("%d partitions: dropping leaves something behind", parts)
		}
	}
}

func TestDiscoverySaysTheSameOfAnyNumberOfPartitions(t *testing.T) {
	var want string
	for _, parts := range []uint16{1, 4} {
		tw, err := New(Config{Store: spread{memory(t), parts}, Now: newClock().now})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 600 { // more than are sampled
			kind, value := model.Property, `1`
			if i%2 == 0 {
				kind, value = model.Relationship, `"urn:a:1"`
			}
			tw.do(t, Create, model.Entity{ID: tribune.EntityID(fmt.Sprintf("urn:a:%03d", i)), Types: []tribune.Name{"Car"}, Attrs: map[tribune.Name][]model.Attr{"a": {{Kind: kind, Value: json.RawMessage(value)}}}})
		}
		typ, err := tw.Type(t.Context(), "", "Car")
		if err != nil {
			t.Fatal(err)
		}
		attr, err := tw.Attr(t.Context(), "", "a")
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%+v %+v", typ, attr)
		if typ.Entities != 600 || attr.Count != 600 || len(attr.Kinds) != 2 {
			t.Errorf("%d partitions: %s", parts, got)
		}
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("got %s, with one partition %s", got, want)
		}
	}
}

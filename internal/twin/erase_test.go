package twin

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/twin/temporal"
)

// After an erasure nothing in the store names the subject or holds a value of theirs: entities, rows that find them, history, also of
// entities that were deleted before, in every tenant and partition. Others keep all of theirs, and it counts on a second time: nothing.
func TestErasedSubjectLeavesNothing(t *testing.T) {
	st, vault := spread{memory(t), 3}, newSafe()
	tw := open(t, Config{Store: st, ClassOf: classes, Sealer: vault})
	const others = "CD34EFG"
	park := func(tenant tribune.Tenant, id, plate string) {
		t.Helper()
		attrs := map[tribune.Name][]model.Attr{"plate": prop(quoted(plate)), "driver": prop(quoted(driver))}
		for range 3 { // history
			for _, r := range tw.Mutate(t.Context(), []Mutation{{Tenant: tenant, Mode: UpsertReplace, Entity: ent(id, "Session", attrs)}}) {
				must(t, r)
			}
		}
	}
	for i := range 20 {
		park("", fmt.Sprint("urn:s:", i), plate)
		park("", fmt.Sprint("urn:o:", i), others)
	}
	park("second", "urn:s:1", plate)
	park("", "urn:gone:1", plate)
	must(t, tw.do(t, Delete, ent("urn:gone:1", "", nil)))
	must(t, tw.do(t, Append, ent("urn:s:1", "", map[tribune.Name][]model.Attr{"kind": prop(`"named"`)})))
	res := tw.Evolve(t.Context(), Past{Mode: PastUpsert, Entity: ent("urn:past:1", "Session", map[tribune.Name][]model.Attr{"plate": prop(quoted(plate)), "driver": prop(quoted(driver))})})
	must(t, res)

	p, other := pseudonymOf("plate", plate), pseudonymOf("plate", others)
	count := func(p tribune.Pseudonym) (n int) {
		for pair, err := range st.Scan(t.Context(), store.Range{}) {
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(pair.Key, store.Part(nil, "vault")) && (bytes.Contains(pair.Key, p[:]) || bytes.Contains(pair.Value, p[:])) {
				n++
			}
		}
		return n
	}
	kept := count(other)
	if n := count(p); n < 100 || kept < 100 {
		t.Fatalf("control: %d rows of the one, %d of the other", n, kept)
	}
	if classes, err := tw.HeldOf(t.Context(), p); err != nil || !slices.Equal(classes, []tribune.ClassID{"session"}) {
		t.Errorf("held: %v, %v", classes, err)
	}
	n, err := tw.Erase(t.Context(), p)
	if err != nil || n < 100 {
		t.Fatalf("erased %d, %v", n, err)
	}
	if n := count(p); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if n := count(other); n != kept {
		t.Errorf("of the other %d rows are left of %d", n, kept)
	}
	if classes, err := tw.HeldOf(t.Context(), p); err != nil || len(classes) != 0 {
		t.Errorf("held after it: %v, %v", classes, err)
	}
	if n, err := tw.Erase(t.Context(), p); err != nil || n != 0 {
		t.Errorf("again: %d, %v", n, err)
	}
	if v, err := tw.Get(t.Context(), "", "urn:s:1"); err != nil || len(v.Attrs) != 1 || len(v.Attrs["kind"]) != 1 {
		t.Errorf("what is public stays: %v, %v", v.Attrs, err)
	}
	if _, err := tw.Get(t.Context(), "", "urn:s:2"); !isAbsent(err) {
		t.Errorf("an entity without anything: %v", err)
	}
	page, err := tw.Find(t.Context(), Query{Types: query.Type("Session"), Count: true})
	if err != nil || page.Count != 21 {
		t.Errorf("%d sessions are left, %v, want 21", page.Count, err)
	}
	h, err := tw.History(t.Context(), TemporalQuery{ID: "urn:o:1", Property: temporal.ModifiedAt})
	if err != nil || len(h.Attrs["driver"]) != 3 {
		t.Errorf("the other's history: %d, %v", len(h.Attrs["driver"]), err)
	}
	verify(t, tw)
	// Whoever comes back is held again.
	park("", "urn:s:2", plate)
	if count(p) == 0 {
		t.Error("nothing is held of who came back")
	}
	verify(t, tw)
}

package portal

import (
	"strings"
	"testing"

	"tribune"
	"tribune/internal/web"
	"tribune/protocol"
	"tribune/verify"
)

// What a person gets about a use in which others stood, too, must not tell them who: not the others' marks, nor how many they are where that tells (a
// household, a couple), nor the number of it that stands beside theirs. In the copy, on the page, and in what the tool prints.
func TestUseTellsNothingOfOthers(t *testing.T) {
	mine, other := tribune.Tag{1}, tribune.Tag{2}
	leaf := func(count int) protocol.Leaf {
		return protocol.Leaf{
			Act:  protocol.Act{ID: strings.Repeat("0a", 16), Kind: tribune.ActRead, Office: "parking-inspector", Purpose: "enforce-parking", Count: count, Time: "2026-11-22T18:30:00.000Z"},
			Tags: []tribune.Tag{mine, other}, Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}},
		}
	}
	tables := func(count int) string {
		part := archivePart{name: web.PersonName{Type: "plate", Name: "AB12CDE"}, uses: []Use{{Index: 7, N: 3, Tag: mine, Leaf: leaf(count)}}}
		files, err := part.tables()
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, f := range files {
			all.Write(f.data)
		}
		return all.String()
	}
	if copied := tables(2); strings.Contains(copied, other.String()) || !strings.Contains(copied, mine.String()) || !strings.Contains(copied, `"1-9"`) {
		t.Errorf("the copy says %s", copied)
	}
	w := languages()[0]
	said := func(count int) string {
		u := &meUse{Use: Use{Leaf: leaf(count)}, Who: "Parking", Permit: true}
		return useDeed(w, u) + " " + verify.TraceUse{N: 3, Index: 7, Leaf: leaf(count)}.Words()
	}
	for _, same := range [][2]int{{2, 10}, {11, 100}, {101, 1024}} {
		if a, b := said(same[0]), said(same[1]); a != b || tables(same[0]) != tables(same[1]) {
			t.Errorf("%d and %d people can be told apart:\n%s\n%s", same[0], same[1], a, b)
		}
	}
	for _, apart := range [][2]int{{1, 2}, {10, 11}, {100, 101}} {
		if said(apart[0]) == said(apart[1]) || tables(apart[0]) == tables(apart[1]) {
			t.Errorf("control: %d and %d people are told alike", apart[0], apart[1])
		}
	}
}

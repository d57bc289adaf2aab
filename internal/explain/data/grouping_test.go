package data

import (
	"slices"
	"strings"
	"testing"
)

func TestWordsThatSayNothingAreAFeatureAndNoGroup(t *testing.T) {
	s := Schema{Name: "people", Columns: []Field{{Name: "race", Kind: Category, Group: true, Nobody: []string{"?"}}, {Name: "yes", Kind: Label, Values: []string{"no", "yes"}}}}
	table, err := CSV(strings.NewReader("race,yes\na,no\n?,yes\nb,no\na,yes\n"), s, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	e, err := Fit(table, table.All(), FitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := e.Apply(table, table.All())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"race=?", "race=a", "race=b"}; !slices.Equal(set.Features, want) {
		t.Errorf("features %q, want %q", set.Features, want)
	}
	g := set.Groups[0]
	if !slices.Equal(g.Values, []string{"a", "b"}) || !slices.Equal(g.Of, []int{0, -1, 1, 0}) {
		t.Errorf("groups %q of %v", g.Values, g.Of)
	}
	s.Columns[0].Group = false
	if s.check() == nil {
		t.Error("a column without groups names words that are no group")
	}
}

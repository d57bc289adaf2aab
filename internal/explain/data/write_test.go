package data

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"tribune"
)

func TestWrittenRowsAreReadAgain(t *testing.T) {
	word := wordB
	word.Missing = []string{"?"}
	s := Schema{Name: "t", Columns: []Field{numberA, word, {Name: "who", Kind: Person, Missing: []string{"nobody"}}, {Name: "note", Kind: Ignore}, labelY}}
	one := table(t, "a,b,who,note,y\n1.5,\"u, v\",ada,x,0\n-3e-7,?,byron,\"\"\"\",1\n2,w,ada,,0\n", s.Columns...)
	var text bytes.Buffer
	if err := one.WriteCSV(&text, s, []int{2, 1, 0}); err != nil {
		t.Fatal(err)
	}
	again, err := CSV(&text, s, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := again.Columns[0].Numbers, one.Columns[0].Numbers; !slices.Equal(a, []float64{b[2], b[1], b[0]}) {
		t.Errorf("numbers %v of %v", a, b)
	}
	if c := again.Columns[1]; c.Values[c.Codes[2]] != "u, v" || c.Codes[1] != -1 || again.Columns[3].Codes[1] != 1 {
		t.Errorf("words %+v", c)
	}
	if p := again.Columns[2].Persons; !slices.Equal(p, []uint64{0, 0, 0}) {
		t.Errorf("persons went out: %v", p)
	}
	if err := one.WriteCSV(&text, Schema{Columns: []Field{{Name: "z", Kind: Numeric}}}, nil); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a column that is not there: %v", err)
	}
}

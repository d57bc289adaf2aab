package data

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"tribune"
)

// Words stand in reports and on terminals: what plays tricks there, or is no text, is refused by row and column and not shown.
func TestWordsThatAreNoTextAreRefused(t *testing.T) {
	schema := peopleSchema(t)
	file := func(work, sex string) string {
		return "age,work,kind,who,sex,note\n20,a,yes,7,f,\n30," + work + ",no,8," + sex + ",\n"
	}
	for name, c := range map[string]struct{ csv, says string }{
		"a terminal's command":         {file("\x1b[2Jclerk", "f"), `row 2, column "work": not printable text`},
		"NUL":                          {file("clerk\x00", "f"), `row 2, column "work"`},
		"a line end within":            {file("\"a\nb\"", "f"), `row 2, column "work"`},
		"Latin-1":                      {file("caf\xe9", "f"), `row 2, column "work"`},
		"letters turned around":        {file("\u202eclerk", "f"), `row 2, column "work"`},
		"a group's word":               {file("a", "f\x1b]0;x\a"), `row 2, column "sex"`},
		"two words that are no text":   {file("\xff", "f") + "40,\xfe,no,9,f,\n", `row 2, column "work"`},
		"UTF-16":                       {"\xff\xfea\x00g\x00e\x00\n\x00", "column 1 of the header is not printable text"},
		"a label":                      {"age,work,kind,who,sex,note\n20,a,y\x00s,7,f,\n", `row 1, column "kind"`},
		"semicolons instead of commas": {strings.ReplaceAll(file("a", "f"), ",", ";"), `column "age" of the schema is not in the header`},
	} {
		_, err := CSV(strings.NewReader(c.csv), schema, DefaultLimits())
		if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), c.says) || tribune.HintOf(err) == "" {
			t.Errorf("%s: got %v (hint %q), want %q and a hint", name, err, tribune.HintOf(err), c.says)
		}
		if said := tribune.HintOf(err); err != nil && (strings.ContainsAny(err.Error()+said, "\x00\x1b\u202e") || !utf8.ValidString(err.Error()+said)) {
			t.Errorf("%s: the error shows it: %q", name, err)
		}
	}
	for _, word := range []string{"café", "Zürich-Süd", "a b", "東京", "می\u200cخواهم", "l'été\u00a0: 5", "👩"} {
		if _, err := CSV(strings.NewReader(file(word, "f")), schema, DefaultLimits()); err != nil {
			t.Errorf("%q: %v", word, err)
		}
	}
}

// A schema's names stand there too.
func TestSchemaWithNamesThatAreNoTextIsRefused(t *testing.T) {
	for name, s := range map[string]string{
		"a column":  `{"name":"p","columns":[{"name":"a\u001b[2J","kind":"numeric"},{"name":"y","kind":"label"}]}`,
		"the table": `{"name":"p\u001b[2J","columns":[{"name":"a","kind":"numeric"},{"name":"y","kind":"label"}]}`,
		"a value":   `{"name":"p","columns":[{"name":"a","kind":"numeric"},{"name":"y","kind":"label","values":["n\u0000","y"]}]}`,
	} {
		if _, err := ReadSchema(strings.NewReader(s)); !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "printable") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A file of ten megabytes must not become forty gigabytes of zeros and ones.
func TestEncodingThatWouldNotFitIntoMemoryIsRefused(t *testing.T) {
	const rows, words = 20_000, 9_000
	var b strings.Builder
	b.WriteString("a,b,y\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,w%d,%d\n", i, i%words, i%2)
	}
	tab := table(t, b.String(), numberA, wordB, labelY)
	says := func(err error) bool {
		return errors.Is(err, tribune.ErrTooLarge) && strings.Contains(err.Error(), `column "b"`) && strings.Contains(err.Error(), "9000") && tribune.HintOf(err) != ""
	}
	if _, err := Fit(tab, tab.All(), FitOptions{}); !says(err) {
		t.Errorf("fitted: %v (hint %q)", err, tribune.HintOf(err))
	}
	e, err := Fit(tab, tab.All()[:words], FitOptions{})
	if err != nil {
		t.Fatalf("fewer rows: %v", err)
	}
	if _, err := e.Apply(tab, tab.All()); !says(err) {
		t.Errorf("applied: %v (hint %q)", err, tribune.HintOf(err))
	}
}

// Whoever gets a file refused is told what to do about it.
func TestBadTablesSayWhatToDo(t *testing.T) {
	declared := peopleSchema(t)
	declared.Columns[1].Values = []string{"a", "b"}
	for name, c := range map[string]struct {
		schema Schema
		csv    string
	}{
		"NaN":              {declared, "age,work,kind,who,sex,note\nNaN,a,yes,7,f,\n"},
		"a missing number": {declared, "age,work,kind,who,sex,note\n,a,yes,7,f,\n"},
		"no number":        {declared, "age,work,kind,who,sex,note\n1.000,5,a,yes,7,f\nx,a,yes,7,f,\n"},
		"an unknown word":  {declared, "age,work,kind,who,sex,note\n20,c,yes,7,f,\n"},
		"a missing word":   {declared, "age,work,kind,who,sex,note\n20,,yes,7,f,\n"},
		"a ragged row":     {declared, "age,work,kind,who,sex,note\n20,a,yes,7\n"},
		"a quote":          {declared, "age,work,kind,who,sex,note\n2\"0,a,yes,7,f,\n"},
		"no rows":          {declared, "age,work,kind,who,sex,note\n"},
		"nothing":          {declared, ""},
		"a column twice":   {declared, "age,age,work,kind,who,sex,note\n"},
		"a cut archive":    {declared, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00\x01"},
	} {
		if _, err := CSV(strings.NewReader(c.csv), c.schema, DefaultLimits()); err == nil || tribune.HintOf(err) == "" {
			t.Errorf("%s: %v, without a hint", name, err)
		}
	}
	const two = "a,b,y\n1,u,0\n2,v,0\n3,u,1\n"
	one := table(t, two, numberA, wordB, labelY)
	if _, err := Fit(one, one.All(), FitOptions{}); err == nil || tribune.HintOf(err) == "" {
		t.Errorf("a class with one row: %v, without a hint", err)
	}
}

// Work that was kept for one encoding must not be taken for another's: a file's hash does not say how it was read.
func TestSetsOfOneFileReadInAnotherWayHaveAnotherHash(t *testing.T) {
	const csv = "a,b,y\n1,u,0\n3,v,1\n5,u,0\n7,v,1\n"
	banded := numberA
	banded.Group, banded.Bands = true, []float64{4}
	higher := banded
	higher.Bands = []float64{6}
	turned := labelY
	turned.Values = []string{"1", "0"}
	set := func(o FitOptions, columns ...Field) Set {
		tab := table(t, csv, columns...)
		s, _, err := tab.Split(Split{Train: tab.All()}, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	plain := set(FitOptions{}, numberA, wordB, labelY)
	if again := set(FitOptions{}, numberA, wordB, labelY); again.Hash() != plain.Hash() {
		t.Error("the same set has two hashes")
	}
	seen := map[tribune.Hash]string{plain.Hash(): "plain"}
	for name, s := range map[string]Set{
		"another scale":  set(FitOptions{Scale: MinMax}, numberA, wordB, labelY),
		"grouped":        set(FitOptions{}, banded, wordB, labelY),
		"other bands":    set(FitOptions{}, higher, wordB, labelY),
		"classes turned": set(FitOptions{}, numberA, wordB, turned),
		"other order":    plain.Pick([]int{1, 0, 2, 3}),
		"a row less":     plain.Pick([]int{0, 1, 2}),
	} {
		if other, ok := seen[s.Hash()]; ok {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[s.Hash()] = name
	}
}

// Two hundred megabytes of commas are twelve gigabytes of cells.
func TestRecordOfNothingButCommasIsRefusedEarly(t *testing.T) {
	file := &commas{left: 1 << 30}
	next := CSVRecords(io.MultiReader(strings.NewReader("a,b\n1,2\n"), file), 64<<10)
	for range 2 {
		if row, err := next(); err != nil || len(row) != 2 {
			t.Fatalf("%q, %v", row, err)
		}
	}
	if _, err := next(); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if read := 1<<30 - file.left; read > 1<<20 {
		t.Errorf("%d bytes were read of it", read)
	}
	ragged := CSVRecords(strings.NewReader("a,b\n1\n"), 64<<10)
	if _, err := ragged(); err != nil {
		t.Fatal(err)
	}
	if _, err := ragged(); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a shorter record: %v", err)
	}
}

type commas struct{ left int64 }

func (c *commas) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ','
	}
	c.left -= int64(len(p))
	return len(p), nil
}

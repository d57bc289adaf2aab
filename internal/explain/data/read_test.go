package data

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"tribune"
	shipped "tribune/data/explain"
)

func open(t testing.TB, name string) io.Reader {
	t.Helper()
	raw, err := fs.ReadFile(shipped.Files(), name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(raw)
}

func adult(t testing.TB) *Table {
	t.Helper()
	table, err := Adult(open(t, "adult.data.gz"), open(t, "adult.test.gz"), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func hospital(t testing.TB) *Table {
	t.Helper()
	table, err := Hospital(open(t, "dataset_diabetes.zip"), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// The paper's data sets have these sizes; another reading of the files would measure something else.
func TestShippedDataHaveThePapersShape(t *testing.T) {
	for _, c := range []struct {
		table                     *Table
		rows, features, positives int
		scale                     Scale
	}{
		{adult(t), 48_842, 104, 11_687, HalfMean},
		{hospital(t), 101_766, 127, 11_357, Raw},
	} {
		e, err := Fit(c.table, c.table.All(), FitOptions{Scale: c.scale, Constant: true})
		if err != nil {
			t.Fatal(err)
		}
		s, err := e.Apply(c.table, c.table.All())
		if err != nil {
			t.Fatal(err)
		}
		positives := 0
		for _, y := range s.Y {
			positives += y
		}
		if s.X.Rows != c.rows || s.X.Cols != c.features || len(s.Features) != c.features || positives != c.positives {
			t.Errorf("%s: %d rows, %d features, %d of class 1; want %d, %d, %d", s.Name, s.X.Rows, s.X.Cols, positives, c.rows, c.features, c.positives)
		}
		if len(s.Groups) != 3 || s.Source == (tribune.Hash{}) {
			t.Errorf("%s: %d groupings, source %v", s.Name, len(s.Groups), s.Source)
		}
	}
	persons := make(map[uint64]bool)
	for _, p := range hospital(t).Persons() {
		persons[p] = true
	}
	if len(persons) != 71_518 {
		t.Errorf("%d patients, want 71,518", len(persons))
	}
}

const people = `{"name":"p","columns":[{"name":"age","kind":"numeric","group":true,"bands":[20,65]},{"name":"work","kind":"category","missing":["?"]},
{"name":"kind","kind":"label"},{"name":"who","kind":"person"},{"name":"sex","kind":"group"},{"name":"note","kind":"ignore"}]}`

func peopleSchema(t testing.TB) Schema {
	t.Helper()
	s, err := ReadSchema(strings.NewReader(people))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const good = "age,work,kind,who,sex,note\n20,a,yes,7,f,\n65.5,b,no,7,m,x\n19,?,no,,f,\"a \"\"b\"\"\"\n30,a,yes,9,m,y\n"

func TestCSVIsReadAsItsSchemaSays(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, "\ufeff"+good)
	z.Close()
	for name, in := range map[string]io.Reader{"plain": strings.NewReader(good), "gzip with byte order mark": &packed} {
		table, err := CSV(in, peopleSchema(t), DefaultLimits())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s, _, err := table.Split(Split{Train: table.All()}, FitOptions{Scale: Raw})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := strings.Join(s.Features, " "); got != "age work=b" {
			t.Errorf("%s: features %q", name, got)
		}
		want := []float32{20, 0, 65.5, 1, 19, 0, 30, 0}
		for i, v := range want {
			if s.X.Data[i] != v {
				t.Errorf("%s: entry %d is %v, want %v", name, i, s.X.Data[i], v)
			}
		}
		if s.Person[0] != s.Person[1] || s.Person[2] != 0 || s.Person[3] == s.Person[0] {
			t.Errorf("%s: persons %v", name, s.Person)
		}
		age := s.Groups[0]
		if age.Of[0] != 1 || age.Of[1] != 2 || age.Of[2] != 0 || age.Values[1] != "20 to under 65" {
			t.Errorf("%s: bands %v of %v", name, age.Of, age.Values)
		}
		if s.Classes[s.Y[0]] != "yes" || s.Row[3] != 4 {
			t.Errorf("%s: labels %v of %v, rows %v", name, s.Y, s.Classes, s.Row)
		}
	}
}

// Whoever gets a file refused must find the place without being shown the value there.
func TestBadCSVNamesRowAndColumnAndNoValue(t *testing.T) {
	schema := peopleSchema(t)
	small := DefaultLimits()
	small.Rows, small.Record = 3, 1<<10
	for name, c := range map[string]struct {
		csv  string
		says string
		is   error
	}{
		"NaN":            {"age,work,kind,who,sex,note\n20,a,yes,7,f,\nNaN,a,yes,7,f,\n", `row 2, column "age": not a finite number`, tribune.ErrInvalid},
		"infinite":       {"age,work,kind,who,sex,note\n1e39,a,yes,7,f,\n", `row 1, column "age": not a finite number`, tribune.ErrInvalid},
		"missing":        {"age,work,kind,who,sex,note\n,a,yes,7,f,\n", `row 1, column "age": missing value`, tribune.ErrInvalid},
		"missing word":   {"age,work,kind,who,sex,note\n20,,yes,7,f,\n", `row 1, column "work": missing value`, tribune.ErrInvalid},
		"no number":      {"age,work,kind,who,sex,note\nHIV,a,yes,7,f,\n", `row 1, column "age": not a number`, tribune.ErrInvalid},
		"ragged":         {"age,work,kind,who,sex,note\n20,a,yes,7,f,\n20,a,yes,HIV\n", "row 2: 4 cells, the header has 6", tribune.ErrInvalid},
		"missing column": {"age,work,kind,who,sex\n20,a,yes,7,f\n", `column "note" of the schema is not in the header`, tribune.ErrInvalid},
		"more columns":   {"age,work,kind,who,sex,note,HIV\n", `column "HIV" of the header is not in the schema`, tribune.ErrInvalid},
		"twice":          {"age,age,work,kind,who,sex,note\n", `column "age" stands twice`, tribune.ErrInvalid},
		"no rows":        {"age,work,kind,who,sex,note\n", "no rows", tribune.ErrInvalid},
		"empty":          {"", "no header", tribune.ErrInvalid},
		"too many rows":  {good, "row 4: at most 3 rows are read", tribune.ErrTooLarge},
		"open quote":     {"age,work,kind,who,sex,note\n20,\"" + strings.Repeat("HIV\n", 40_000), "row 1: ", tribune.ErrTooLarge},
		"cut gzip":       {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00\x01", "", tribune.ErrInvalid},
	} {
		_, err := CSV(strings.NewReader(c.csv), schema, small)
		if !errors.Is(err, c.is) || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "HIV") && name != "more columns" {
			t.Errorf("%s: the error tells a value: %v", name, err)
		}
	}
}

// endless is a CSV of two gigabytes that is never held anywhere.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	const line = "20,a,yes,7,f,-\n"
	n := copy(p, strings.Repeat(line, max(1, len(p)/len(line))))
	e.left -= int64(n)
	return n, nil
}

func TestAFileOverItsRowLimitStopsAtTheLimit(t *testing.T) {
	l := DefaultLimits()
	l.Rows = 1_000
	file := &endless{left: 2 << 30}
	_, err := CSV(io.MultiReader(strings.NewReader("age,work,kind,who,sex,note\n"), file), peopleSchema(t), l)
	if !errors.Is(err, tribune.ErrTooLarge) || tribune.HintOf(err) == "" {
		t.Errorf("got %v (hint %q)", err, tribune.HintOf(err))
	}
	if read := 2<<30 - file.left; read > 1<<20 {
		t.Errorf("%d bytes were read for 1,000 rows", read)
	}
}

func TestSchemaRefusesWhatItCannotMean(t *testing.T) {
	for name, s := range map[string]string{
		"unknown field":      `{"columns":[],"more":1}`,
		"unknown kind":       `{"columns":[{"name":"a","kind":"nominal"},{"name":"y","kind":"label"}]}`,
		"no label":           `{"columns":[{"name":"a","kind":"numeric"}]}`,
		"two labels":         `{"columns":[{"name":"a","kind":"numeric"},{"name":"y","kind":"label"},{"name":"z","kind":"label"}]}`,
		"no feature":         `{"columns":[{"name":"y","kind":"label"}]}`,
		"group sans bands":   `{"columns":[{"name":"a","kind":"numeric","group":true},{"name":"y","kind":"label"}]}`,
		"falling bands":      `{"columns":[{"name":"a","kind":"numeric","group":true,"bands":[2,1]},{"name":"y","kind":"label"}]}`,
		"value twice":        `{"columns":[{"name":"a","kind":"category","values":["x","x"]},{"name":"y","kind":"label"}]}`,
		"column twice":       `{"columns":[{"name":"a","kind":"numeric"},{"name":"a","kind":"label"}]}`,
		"something after it": `{"columns":[{"name":"a","kind":"numeric"},{"name":"y","kind":"label"}]} {}`,
	} {
		if _, err := ReadSchema(strings.NewReader(s)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func locationRow(class string) string {
	return `"` + class + `"` + strings.Repeat(",1", locationFeatures) + "\n"
}

func TestLocationIsReadAndItsDamageNamed(t *testing.T) {
	s, err := Location(strings.NewReader(locationRow("3")+locationRow("30")), DefaultLimits())
	if err != nil || s.X.Rows != 2 || s.X.Cols != 446 || s.Y[0] != 2 || s.Y[1] != 29 || len(s.Classes) != 30 {
		t.Fatalf("got %d x %d, classes %v, %v", s.X.Rows, s.X.Cols, s.Y, err)
	}
	for name, c := range map[string]struct{ in, says string }{
		"class":  {locationRow("1") + locationRow("31"), "row 2, column 1"},
		"bit":    {strings.Replace(locationRow("1"), ",1", ",2", 1), "row 1, column 2"},
		"ragged": {`"1",0,1` + "\n", "row 1: need 446"},
		"empty":  {"", "no rows"},
	} {
		if _, err := Location(strings.NewReader(c.in), DefaultLimits()); !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}

func idx(magic uint32, dims []uint32, data []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, magic)
	for _, d := range dims {
		out = binary.BigEndian.AppendUint32(out, d)
	}
	return append(out, data...)
}

func TestMNISTIsReadAndItsDamageNamed(t *testing.T) {
	images, labels := idx(idxImages, []uint32{2, 1, 2}, []byte{0, 255, 51, 0}), idx(idxLabels, []uint32{2}, []byte{7, 0})
	s, err := MNIST(bytes.NewReader(images), bytes.NewReader(labels), DefaultLimits())
	if err != nil || s.X.Rows != 2 || s.X.Row(0)[1] != 1 || s.X.Row(1)[0] != 0.2 || s.Y[0] != 7 {
		t.Fatalf("got %+v, %v", s.X, err)
	}
	for name, c := range map[string]struct{ images, labels []byte }{
		"cut":               {images[:len(images)-1], labels},
		"more":              {append(bytes.Clone(images), 1), labels},
		"labels for images": {labels, images},
		"label 10":          {images, idx(idxLabels, []uint32{2}, []byte{7, 10})},
		"one label":         {images, idx(idxLabels, []uint32{1}, []byte{7})},
		"promise of 4 G":    {idx(idxImages, []uint32{1 << 31, 1024, 1024}, nil), labels},
	} {
		if _, err := MNIST(bytes.NewReader(c.images), bytes.NewReader(c.labels), DefaultLimits()); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func TestAnArchiveWithoutTheTableIsRefused(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create("other.csv")
	io.WriteString(w, "x")
	z.Close()
	if _, err := Hospital(&b, DefaultLimits()); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

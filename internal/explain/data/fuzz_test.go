package data

import (
	"archive/zip"
	"bytes"
	"io"
	"math"
	"strings"
	"testing"
)

// tight are limits that a fuzzer reaches.
var tight = Limits{Rows: 50, Columns: 20, Cells: 500, Values: 20, Record: 4 << 10, Bytes: 1 << 20}

// whole says what every reader promises of a table: columns as long as the table, numbers finite, codes within words.
func whole(t *testing.T, table *Table) {
	for _, c := range table.Columns {
		if n := len(c.Numbers) + len(c.Codes) + len(c.Persons); n != table.Rows {
			t.Fatalf("column %q has %d of %d rows", c.Name, n, table.Rows)
		}
		for _, v := range c.Numbers {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("column %q has %v", c.Name, v)
			}
		}
		for _, code := range c.Codes {
			if code < -1 || int(code) >= len(c.Values) {
				t.Fatalf("column %q: code %d of %d words", c.Name, code, len(c.Values))
			}
		}
	}
	if table.Rows > tight.Rows {
		t.Fatalf("%d rows", table.Rows)
	}
	train, _, err := table.Split(Split{Train: table.All()}, FitOptions{Constant: true, Rare: true})
	if err != nil {
		return
	}
	for i, v := range train.X.Data {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Fatalf("entry %d is %v", i, v)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(people), []byte(good))
	f.Add([]byte(people), []byte("age,work,kind,who,sex,note\n1e38,\"a\nb\",x,,,\n-1e38,c,y,,f,\n"))
	f.Add([]byte(`{"columns":[{"name":"a","kind":"numeric"},{"name":"y","kind":"label","values":["0","1"]}]}`), []byte("a,y\r\n1,0\r\n2,1\r\n"))
	f.Fuzz(func(t *testing.T, schema, csv []byte) {
		s, err := ReadSchema(bytes.NewReader(schema))
		if err != nil {
			return
		}
		if table, err := CSV(bytes.NewReader(csv), s, tight); err == nil {
			whole(t, table)
		}
	})
}

func FuzzAdult(f *testing.F) {
	const row = "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, United-States, <=50K"
	f.Add([]byte(row+"\n"), []byte("|1x3 Cross validator\n"+row+".\n"))
	f.Add([]byte(strings.Replace(row, "State-gov", "?", 1)), []byte("\n\n"))
	f.Fuzz(func(t *testing.T, train, test []byte) {
		if table, err := Adult(bytes.NewReader(train), bytes.NewReader(test), tight); err == nil {
			whole(t, table)
		}
	})
}

func FuzzHospital(f *testing.F) {
	var names, cells []string
	for _, c := range HospitalSchema().Columns {
		names, cells = append(names, c.Name), append(cells, "1")
	}
	for i, c := range HospitalSchema().Columns {
		if c.Kind == Label {
			cells[i] = "<30"
		}
	}
	csv := strings.Join(names, ",") + "\n" + strings.Join(cells, ",") + "\n"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create("d/" + hospitalCSV)
	io.WriteString(w, csv)
	z.Close()
	f.Add([]byte(csv))
	f.Add(b.Bytes())
	roomy := tight
	roomy.Columns, roomy.Cells = 100, 5_000
	f.Fuzz(func(t *testing.T, in []byte) {
		if table, err := Hospital(bytes.NewReader(in), roomy); err == nil {
			whole(t, table)
		}
	})
}

func FuzzLocation(f *testing.F) {
	f.Add([]byte(locationRow("1") + locationRow("30")))
	f.Add([]byte(`"1",0,1`))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := Location(bytes.NewReader(in), tight)
		if err == nil && (len(s.Y) != s.X.Rows || len(s.X.Data) != s.X.Rows*s.X.Cols || s.X.Rows > tight.Rows) {
			t.Fatalf("%d rows, %d classes, %d numbers", s.X.Rows, len(s.Y), len(s.X.Data))
		}
	})
}

func FuzzMNIST(f *testing.F) {
	f.Add(idx(idxImages, []uint32{2, 1, 2}, []byte{0, 255, 51, 0}), idx(idxLabels, []uint32{2}, []byte{7, 0}))
	f.Add(idx(idxImages, []uint32{1 << 30, 1, 2}, nil), []byte{})
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		s, err := MNIST(bytes.NewReader(images), bytes.NewReader(labels), tight)
		if err == nil && (len(s.Y) != s.X.Rows || len(s.X.Data) != s.X.Rows*s.X.Cols || s.X.Rows > tight.Rows) {
			t.Fatalf("%d rows, %d classes, %d numbers", s.X.Rows, len(s.Y), len(s.X.Data))
		}
	})
}

func FuzzSchema(f *testing.F) {
	f.Add([]byte(people))
	f.Add([]byte(`{"columns":[{"name":"a","kind":"numeric","group":true,"bands":[1e308,-1]}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if s, err := ReadSchema(bytes.NewReader(in)); err == nil && s.check() != nil {
			t.Fatal("read and refused")
		}
	})
}

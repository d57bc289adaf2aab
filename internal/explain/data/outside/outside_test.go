package outside

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/worker"
)

// TestMain is the test binary as a worker, when Run has started it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == worker.Command {
		if err := worker.Serve(worker.Jobs{Name: Job}, os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const text = "id,age,town,sex,yes\np1,34,Ghent,f,no\np2,-7.5,Bruges,,yes\np1,1e9,Ghent,m,no\n"

func schema() data.Schema {
	return data.Schema{Name: "people", Columns: []data.Field{
		{Name: "id", Kind: data.Person}, {Name: "age", Kind: data.Numeric}, {Name: "town", Kind: data.Category},
		{Name: "sex", Kind: data.Group, Missing: []string{""}}, {Name: "yes", Kind: data.Label, Values: []string{"no", "yes"}}}}
}

func TestTableFromAWorkerIsTheSameTable(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(text)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{"plain": []byte(text), "packed": packed.Bytes()} {
		want, err := data.CSV(bytes.NewReader(in), schema(), data.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		got, err := CSV(t.Context(), worker.Worker{}, bytes.NewReader(in), schema(), data.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

func TestHospitalArchiveIsReadInAWorker(t *testing.T) {
	t.Parallel()
	var head, row []string
	for _, f := range data.HospitalSchema().Columns {
		head = append(head, f.Name)
		cell := "1"
		if f.Name == "readmitted" {
			cell = "<30"
		}
		row = append(row, cell)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("dataset_diabetes/diabetic_data.csv")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "%s\n%s\n", strings.Join(head, ","), strings.Join(row, ","))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	want, err := data.Hospital(bytes.NewReader(b.Bytes()), data.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Hospital(t.Context(), worker.Worker{}, bytes.NewReader(b.Bytes()), data.DefaultLimits())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
}

func TestTwoFilesOfAdultAreReadInAWorker(t *testing.T) {
	t.Parallel()
	const train = "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, United-States, <=50K\n"
	const test = "|1x3 Cross validator\n25, Private, 226802, 11th, 7, Never-married, Machine-op-inspct, Own-child, Black, Male, 0, 0, 40, United-States, >50K.\n"
	want, err := data.Adult(strings.NewReader(train), strings.NewReader(test), data.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Adult(t.Context(), worker.Worker{}, strings.NewReader(train), strings.NewReader(test), data.DefaultLimits())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
}

func TestReadersErrorComesThrough(t *testing.T) {
	t.Parallel()
	_, err := CSV(t.Context(), worker.Worker{}, strings.NewReader(strings.Replace(text, "34", "NaN", 1)), schema(), data.DefaultLimits())
	if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), `row 1, column "age"`) {
		t.Errorf("got %v", err)
	}
	l := data.DefaultLimits()
	l.Rows = 2
	_, err = CSV(t.Context(), worker.Worker{}, strings.NewReader(text), schema(), l)
	if !errors.Is(err, tribune.ErrTooLarge) || tribune.HintOf(err) == "" {
		t.Errorf("got %v, hint %q", err, tribune.HintOf(err))
	}
}

func answer(t testing.TB) ([]byte, request) {
	t.Helper()
	table, err := data.CSV(strings.NewReader(text), schema(), data.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := encode(&b, table); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), request{Reader: readCSV, Schema: schema(), Limits: data.DefaultLimits()}
}

// The worker may be in the hands of the file: a table that does not fit what was asked for is refused.
func TestAnswersThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	good, q := answer(t)
	if _, err := decode(good, q); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := decode(good[:n], q); err == nil {
			t.Fatalf("cut at %d it passes", n)
		}
	}
	start := len(magic) + 4 + int(binary.LittleEndian.Uint32(good[len(magic):]))
	put := func(at int, b ...byte) []byte {
		bad := bytes.Clone(good)
		copy(bad[start+at:], b)
		return bad
	}
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"one byte more":          {append(bytes.Clone(good), 0), "follows"},
		"no number":              {put(3*8, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f), `column "age"`},
		"a word that is none":    {put(6*8, 2), `column "town"`},
		"a negative word":        {put(6*8, 0xfe, 0xff, 0xff, 0xff), `column "town"`},
		"a record without label": {put(6*8+6*4, 0xff, 0xff, 0xff, 0xff), `column "yes"`},
		"other words":            {bytes.Replace(good, []byte(`["no","yes"]`), []byte(`["yes","no"]`), 1), "other words"},
		"one word twice":         {bytes.Replace(good, []byte(`["Bruges","Ghent"]`), []byte(`["Ghent", "Ghent"]`), 1), "a word twice"},
		"a word that rings":      {bytes.Replace(good, []byte(`["Bruges","Ghent"]`), []byte(`["\u0007","Ghent"]`), 1), "not printable"},
		"more rows":              {bytes.Replace(good, []byte(`"rows":3`), []byte(`"rows":4`), 1), ""},
		"no rows":                {bytes.Replace(good, []byte(`"rows":3`), []byte(`"rows":0`), 1), "0 rows"},
	} {
		_, err := decode(c.in, q)
		if bytes.Equal(c.in, good) || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	good, q := answer(f)
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := decode(b, q)
		if err != nil {
			return
		}
		for _, c := range table.Columns {
			for _, code := range c.Codes {
				if code < -1 || int(code) >= len(c.Values) {
					t.Errorf("code %d of %d words", code, len(c.Values))
				}
			}
		}
	})
}

// What a worker says must not make its parent hold more than a table: a header of empty words is short on the wire and long in memory.
func TestHeaderThatSwellsIsRefusedUnread(t *testing.T) {
	_, q := answer(t)
	swelling := []byte(`{"rows":1,"columns":[{"values":["`)
	swelling = append(swelling, bytes.Repeat([]byte(`","`), 20<<20)...)
	in := append(binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(swelling))), swelling...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := decode(in, q)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("refusing it took %d MB", took>>20)
	}
}

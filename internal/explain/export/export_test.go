package export

import (
	"encoding/csv"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
)

func side(rows ...[]float32) data.Set {
	s := data.Set{Name: "people", Features: []string{"age", `town="a,b"`}, X: matrix.New(len(rows), 2), Classes: []string{"no", "yes"}}
	for i, r := range rows {
		copy(s.X.Row(i), r)
		s.Y = append(s.Y, i%2)
	}
	return s
}

func contents() Contents {
	return Contents{Train: side([]float32{1.0 / 3, 1}, []float32{-1e-9, 0}), Test: side([]float32{math.MaxFloat32, 0}), Scale: "standard", Seed: 7,
		Halves: [][]bool{{true, false, true}, {false, true, true}}}
}

// exported is a folder with an export of c and its references.
func exported(t *testing.T, c Contents) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if err := Write(dir, c); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "reference-1.json")
	put(t, dir, "reference-2.onnx")
	return dir
}

func put(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsAreWrittenToTheLastBit(t *testing.T) {
	c := contents()
	dir := exported(t, c)
	f, err := os.Open(filepath.Join(dir, RecordsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(lines[0], "|"), `record|side|class|age|town="a,b"`; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	for i, want := range [][]float32{c.Train.X.Row(0), c.Train.X.Row(1), c.Test.X.Row(0)} {
		for j, v := range want {
			if got, err := strconv.ParseFloat(lines[1+i][3+j], 32); err != nil || float32(got) != v {
				t.Errorf("record %d, column %d: %q (%v), want %v", i+1, j+1, lines[1+i][3+j], err, v)
			}
		}
	}
	if got := lines[2][:3]; got[0] != "2" || got[1] != "train" || got[2] != "1" {
		t.Errorf("the second record begins with %q", got)
	}
	halves, err := os.ReadFile(filepath.Join(dir, HalvesFile))
	if err != nil || string(halves) != "record,reference-1,reference-2\n1,1,0\n2,0,1\n3,1,1\n" {
		t.Errorf("halves: %v\n%s", err, halves)
	}
	for _, name := range []string{RecordsFile, HalvesFile, ManifestFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is about people and has mode %v (%v)", name, info.Mode(), err)
		}
	}
}

func TestReferencesThatWereTrainedOnSomethingElseAreRefused(t *testing.T) {
	dir := exported(t, contents())
	files, err := Find(dir, contents())
	if err != nil || len(files) != 2 || filepath.Base(files[0]) != "reference-1.json" || filepath.Base(files[1]) != "reference-2.onnx" {
		t.Fatalf("an honest folder: %v %v", files, err)
	}
	for name, change := range map[string]func(*Contents){
		"another number":     func(c *Contents) { c.Train.X.Data[0]++ },
		"another class":      func(c *Contents) { c.Train.Y[0] = 1 },
		"a record moved":     func(c *Contents) { c.Train, c.Test = c.Test, c.Train },
		"another half":       func(c *Contents) { c.Halves[1][0] = true },
		"another seed":       func(c *Contents) { c.Seed++ },
		"one reference more": func(c *Contents) { c.Halves = append(c.Halves, c.Halves[0]) },
	} {
		c := contents()
		change(&c)
		if _, err := Find(dir, c); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
			t.Errorf("%s: %v, want ErrInvalid and what to do", name, err)
		}
	}
	for name, change := range map[string]func(dir string) error{
		"no manifest":      func(dir string) error { return os.Remove(filepath.Join(dir, ManifestFile)) },
		"one is missing":   func(dir string) error { return os.Remove(filepath.Join(dir, "reference-2.onnx")) },
		"one in two forms": func(dir string) error { return os.WriteFile(filepath.Join(dir, "reference-2.json"), nil, 0o600) },
		"one too many":     func(dir string) error { return os.WriteFile(filepath.Join(dir, "reference-3.json"), nil, 0o600) },
	} {
		dir := exported(t, contents())
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Find(dir, contents()); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

// What was trained on other halves, or written by half, must not look like this export's.
func TestExportOverAnOlderOneLeavesNothingThatPassesForIt(t *testing.T) {
	dir := exported(t, contents())
	c := contents()
	c.Seed++
	if err := Write(dir, c); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
		t.Errorf("over references of other halves: %v", err)
	}
	if err := Write(dir, contents()); err != nil {
		t.Errorf("over references of the same halves: %v", err)
	}
	if _, err := Find(dir, contents()); err != nil {
		t.Errorf("the export that was there: %v", err)
	}
	dir = t.TempDir()
	if err := errors.Join(Write(dir, contents()), Write(dir, c)); err != nil {
		t.Errorf("over an export without references: %v", err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, HalvesFile)), os.Mkdir(filepath.Join(dir, HalvesFile), 0o700)); err != nil {
		t.Fatal(err)
	}
	if Write(dir, contents()) == nil {
		t.Error("halves were written over a folder")
	}
	if _, err := os.Stat(filepath.Join(dir, ManifestFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half an export has a manifest: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"data":"adult","scale":"standard","classes":["a","b"],"train":1,"test":1,"seed":1,"references":2,"inputs":[{"name":"age","column":"age","multiply":1}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decode(b); err == nil && (m.Version != 1 || m.References < 1) {
			t.Errorf("%+v was read", m)
		}
	})
}

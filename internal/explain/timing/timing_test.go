package timing

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
)

// records are of three categories and two numbers, the first of which decides the class.
func records(n int, seed uint64) data.Set {
	r := rand.New(rand.NewPCG(seed, 1))
	s := data.Set{Name: "synthetic", Features: []string{"a=x", "a=y", "b=x", "b=y", "b=z", "c=x", "c=y", "p", "q"}, X: matrix.New(n, 9), Classes: []string{"no", "yes"}}
	for i := range n {
		row := s.X.Row(i)
		row[r.IntN(2)], row[2+r.IntN(3)], row[5+r.IntN(2)] = 1, 1, 1
		row[7], row[8] = float32(r.NormFloat64()), float32(r.NormFloat64())
		y := 0
		if row[7] > 0 {
			y = 1
		}
		s.Y = append(s.Y, y)
	}
	return s
}

func small(dir string, rows *[]Row) Config {
	location := records(40, 3)
	return Config{Train: records(300, 1), Test: records(200, 2), Location: location, References: 2, Epochs: 1, Dir: dir, Report: func(r Row) error {
		*rows = append(*rows, r)
		return nil
	}}
}

func TestEveryStageIsTimedAndLeavesItsArrays(t *testing.T) {
	dir := t.TempDir()
	var rows []Row
	if err := Run(t.Context(), small(dir, &rows)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range rows {
		seen[r.Stage]++
		if !(r.Seconds > 0) || !(r.Micros > 0) || r.Records < 1 || r.Cores < 1 {
			t.Errorf("%+v", r)
		}
		if a, is := r.Found["area"]; is && !(a >= 0 && a <= 1) {
			t.Errorf("%s: area %v", r.Name, a)
		}
	}
	if seen[References] != 1 || seen[Explanations] != 9 || seen[Attacks] != 4 || seen[Location] != 1 {
		t.Errorf("rows of the stages: %v", seen)
	}
	for name, shape := range map[string]string{
		"records": "(500,9,)", "in": "(3,500,)", "order": "(", "first": "(3,", "last": "(3,", "rows": "(500,)", "explained-lime": "(256,9,)", "explained-gradient": "(500,9,)",
		"sheet": "(3,500,)", "scores-rmia": "(500,)", "location-records": "(20,9,)", "players": "(9,)",
	} {
		b, err := os.ReadFile(filepath.Join(dir, name+".npy"))
		if err != nil || !bytes.HasPrefix(b, []byte("\x93NUMPY\x01\x00")) || !strings.Contains(string(b[:128]), "'shape': "+shape) {
			t.Errorf("%s: %v, %q", name, err, b[:min(len(b), 128)])
		}
	}
}

// Stages are run by themselves, one after the other, with another program's between them.
func TestStagesByThemselvesTakeTheModelsOfTheFolder(t *testing.T) {
	var together, apart []Row
	if err := Run(t.Context(), small("", &together)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, stage := range Stages() {
		c := small(dir, &apart)
		c.Stages = []string{stage}
		if err := Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if len(together) != len(apart) {
		t.Fatalf("%d rows together, %d apart", len(together), len(apart))
	}
	for i, r := range together {
		for name, v := range r.Found {
			if apart[i].Found[name] != v {
				t.Errorf("%s %s: %s is %v together and %v apart", r.Stage, r.Name, name, v, apart[i].Found[name])
			}
		}
	}
}

func TestWhatCannotBeTimedIsRefused(t *testing.T) {
	var rows []Row
	for name, c := range map[string]struct {
		change func(*Config)
		want   error
	}{
		"an unknown stage":           {func(c *Config) { c.Stages = []string{"dreams"} }, tribune.ErrInvalid},
		"Location-30 without a file": {func(c *Config) { c.Stages, c.Location = []string{Location}, data.Set{} }, tribune.ErrNotFound},
		"one reference":              {func(c *Config) { c.References = 1 }, tribune.ErrInvalid},
		"nothing to train on":        {func(c *Config) { c.Train = data.Set{} }, tribune.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := small("", &rows)
			c.change(&cfg)
			if err := Run(t.Context(), cfg); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestArrayIsWhatNumPyReads(t *testing.T) {
	b, err := array("<f4", []float32{1, -2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	size := int(binary.LittleEndian.Uint16(b[8:]))
	if (10+size)%64 != 0 || b[9+size] != '\n' || len(b) != 10+size+24 {
		t.Errorf("a header of %d and %d bytes in all", size, len(b))
	}
	if v := math.Float32frombits(binary.LittleEndian.Uint32(b[10+size+4:])); v != -2 {
		t.Errorf("the second number is %v", v)
	}
	if _, err := array("<f4", []float32{1}, 2); err == nil {
		t.Error("one number was written as two")
	}
}

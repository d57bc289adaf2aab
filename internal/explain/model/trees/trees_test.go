package trees_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model/trees"
)

// answers are what the library itself gave for a model it had written: see testdata/make.py. null is a missing value.
type answers struct {
	By     string
	Input  [][]*float32
	Output [][]float64
}

func (a answers) records() matrix.Matrix {
	x := matrix.New(len(a.Input), len(a.Input[0]))
	for i, row := range a.Input {
		for j, v := range row {
			x.Row(i)[j] = float32(math.NaN())
			if v != nil {
				x.Row(i)[j] = *v
			}
		}
	}
	return x
}

func written(t testing.TB, name string) ([]byte, answers) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", name+".expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var a answers
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return data, a
}

func names(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		out = append(out, strings.TrimSuffix(filepath.Base(f), ".expected.json"))
	}
	return out
}

// refused are models that the libraries write and that are no sum of trees with probabilities at the end.
func refused() map[string]string {
	return map[string]string{"lightgbm_ova": "objective", "lightgbm_linear": "linear function"}
}

func TestTreesAnswerAsTheirLibrary(t *testing.T) {
	t.Parallel()
	read := 0
	for _, name := range names(t) {
		data, want := written(t, name)
		m, err := trees.Read(data)
		if why, ok := refused()[name]; ok {
			if !errors.Is(err, tribune.ErrUnsupported) || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: %v, want it refused for its %s", name, err, why)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read++
		again, err := trees.Decode(m.Encode())
		if err != nil || !bytes.Equal(again.Encode(), m.Encode()) {
			t.Errorf("%s: not the same after a worker: %v", name, err)
			continue
		}
		got, err := again.Predict(t.Context(), want.records())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		worst := 0.0
		for i, row := range want.Output {
			for k, p := range row {
				worst = max(worst, math.Abs(p-float64(got.Row(i)[k])))
			}
		}
		if !(worst <= 1e-6) {
			t.Errorf("%s: differs from %s by %g", name, want.By, worst)
		}
		t.Logf("%s: %d trees, within %.1g of %s", name, m.Size(), worst, want.By)
	}
	if read < 15 {
		t.Errorf("%d models read", read)
	}
}

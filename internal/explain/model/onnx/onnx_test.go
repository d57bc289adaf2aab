package onnx_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model/onnx"
)

// answers are what onnxruntime (or PyTorch itself) gave for a file of an exporter: see testdata/*.py.
type answers struct {
	By            string
	Input, Output [][]float32
}

func exported(t testing.TB, name string) ([]byte, answers) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var a answers
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return data, a
}

func (a answers) records() matrix.Matrix {
	x := matrix.New(len(a.Input), len(a.Input[0]))
	for i, row := range a.Input {
		copy(x.Row(i), row)
	}
	return x
}

// probabilities of what the exporter's runtime gave: p of two classes, they themselves or their logarithms, or (ended is false) logits.
func probabilities(out []float32) (p []float64, ended bool) {
	if len(out) == 1 {
		return []float64{1 - float64(out[0]), float64(out[0])}, true
	}
	var sum, exps float64
	for _, v := range out {
		sum += float64(max(v, 0))
		exps += math.Exp(float64(v))
	}
	proper := slices.Min(out) >= 0 && math.Abs(sum-1) < 1e-5
	for _, v := range out {
		if proper {
			p = append(p, float64(v))
		} else {
			p = append(p, math.Exp(float64(v))/exps)
		}
	}
	return p, proper || math.Abs(exps-1) < 1e-5
}

func TestExportedModelsAnswerAsTheirRuntime(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.onnx")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".onnx")
		if name == "sklearn_ovr3" { // refused: see below
			continue
		}
		data, want := exported(t, name)
		m, err := onnx.Read(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := m.Network.Predict(t.Context(), want.records())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		logits, err := m.Network.Logits(t.Context(), want.records())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		worst := 0.0
		for i, row := range want.Output {
			p, ended := probabilities(row)
			for k := range p {
				worst = max(worst, math.Abs(p[k]-float64(got.Row(i)[k])))
				if !ended {
					worst = max(worst, math.Abs(float64(row[k]-logits.Row(i)[k]))/10) // they may be large
				}
			}
		}
		if worst > 1e-5 {
			t.Errorf("%s: differs from %s by %g", name, want.By, worst)
		}
		t.Logf("%s (%s): within %.1g of %s", name, m.Producer, worst, want.By)
	}
}

func TestLabelsAreTheFilesOwn(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{"sklearn_logistic2_zipmap": {"no", "yes"}, "sklearn_logistic3": {"0", "1", "2"}, "torch22_mlp": nil} {
		data, _ := exported(t, name)
		m, err := onnx.Read(data)
		if err != nil || !slices.Equal(m.Labels, want) {
			t.Errorf("%s: %q, %v; want %q", name, m.Labels, err, want)
		}
	}
}

// What the exporter made of a model that is no softmax of logits is refused by the operator's name.
func TestUnreadableOperatorIsNamed(t *testing.T) {
	t.Parallel()
	data, _ := exported(t, "sklearn_ovr3")
	_, err := onnx.Read(data)
	if !errors.Is(err, tribune.ErrUnsupported) || !strings.Contains(err.Error(), "operator Slice (node") {
		t.Errorf("got %v", err)
	}
}

func TestTruncatedFilesAreRefused(t *testing.T) {
	t.Parallel()
	data, _ := exported(t, "torch22_mlp")
	whole := 0
	for n := range data {
		_, err := onnx.Read(data[:n])
		if err == nil { // cut between two fields that say nothing of the network
			whole++
		} else if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrUnsupported) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if whole > 0 {
		t.Errorf("%d cuts of %d pass", whole, len(data))
	}
	if _, err := onnx.Read(data); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.onnx")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Read(data)
		switch {
		case err == nil:
			if m.Network.Inputs() > 1<<16 {
				return
			}
			x := matrix.New(1, m.Network.Inputs())
			p, err := m.Network.Predict(t.Context(), x)
			if err == nil && p.Cols != m.Network.Classes() {
				t.Errorf("%d columns for %d classes", p.Cols, m.Network.Classes())
			}
		case !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) && !errors.Is(err, tribune.ErrUnsupported):
			t.Errorf("an error of no kind: %v", err)
		}
	})
}

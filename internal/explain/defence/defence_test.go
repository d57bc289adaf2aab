package defence

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

func some() matrix.Matrix {
	return matrix.Matrix{Rows: 3, Cols: 4, Data: []float32{3, -4, 0, 0, 0.1, 0.2, -0.3, 0.4, 0, 0, 0, 0}}
}

func applied(t *testing.T, text string, a matrix.Matrix, seed uint64) matrix.Matrix {
	t.Helper()
	d, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(a.Data)
	out, err := d.Apply(t.Context(), a, seed)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, a.Data) {
		t.Fatalf("%s changed what it was given", text)
	}
	return out
}

func TestDefencesDoWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		text string
		want []float32
	}{
		{"unit", []float32{0.6, -0.8, 0, 0, 0.18257418, 0.36514837, -0.5477226, 0.73029673, 0, 0, 0, 0}},
		{"clip:2.5", []float32{1.5, -2, 0, 0, 0.1, 0.2, -0.3, 0.4, 0, 0, 0, 0}},
		{"top:1", []float32{0, -4, 0, 0, 0, 0, 0, 0.4, 0, 0, 0, 0}},
		{"top:4", some().Data},
		{"round:0.25", []float32{3, -4, 0, 0, 0, 0.25, -0.25, 0.5, 0, 0, 0, 0}},
		{"top:2+round:1", []float32{3, -4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	} {
		got := applied(t, c.text, some(), 1)
		for i, w := range c.want {
			if math.Abs(float64(got.Data[i]-w)) > 1e-6 || math.Signbit(float64(got.Data[i])) != math.Signbit(float64(w)) {
				t.Errorf("%s: number %d is %g, want %g", c.text, i, got.Data[i], w)
			}
		}
	}
}

func TestNoiseHasItsDeviationAndRepeatsItself(t *testing.T) {
	a := matrix.New(200, 100)
	for i := range a.Data {
		a.Data[i] = float32(i)
	}
	got := applied(t, "noise:2", a, 1)
	var sum, squares float64
	for i, v := range got.Data {
		d := float64(v) - float64(i)
		sum += d
		squares += d * d
	}
	n := float64(len(a.Data))
	if mean, sigma := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 0.06 || math.Abs(sigma-2) > 0.04 {
		t.Errorf("mean %g, deviation %g", mean, sigma)
	}
	if again := applied(t, "noise:2", a, 1); !slices.Equal(got.Data, again.Data) {
		t.Error("asking again gives other noise, which averages away")
	}
	if alone := applied(t, "noise:2", a.Pick([]int{7}), 1); !slices.Equal(alone.Data, got.Row(7)) {
		t.Error("an explanation alone has other noise than among others")
	}
	if other := applied(t, "noise:2", a, 2); slices.Equal(got.Data, other.Data) {
		t.Error("another seed gives the same noise")
	}
	strong := applied(t, "noise:4", a, 1)
	if x := float64(a.Data[0]); math.Abs(2*(float64(got.Data[0])-x)-(float64(strong.Data[0])-x)) < 1e-6 {
		t.Error("noise of two strengths is the same noise: two answers give away what it hides")
	}
	same := a.Pick([]int{3, 3})
	same.Row(1)[0]++
	two := applied(t, "noise:2", same, 1)
	if two.Row(0)[5] == two.Row(1)[5] {
		t.Error("explanations that differ share their noise: their difference is bare")
	}
}

// scipy's root of the same theorem.
func TestGaussianNoiseIsCalibrated(t *testing.T) {
	for _, c := range [][3]float64{{1, 1e-5, 3.730631634815942}, {0.1, 1e-6, 36.304690426196544}, {8, 1e-5, 0.6002290721989515}, {0.5, 0.01, 3.1469130986066833}, {50, 1e-9, 0.1747836249393317}} {
		if got := calibrated(c[0], c[1]); math.Abs(got-c[2]) > 1e-6*c[2] {
			t.Errorf("epsilon %g, delta %g: %.9g, want %.9g", c[0], c[1], got, c[2])
		}
	}
	g := Gaussian{1, 1e-5, 3}
	if got := g.Sigma(); math.Abs(got-6*calibrated(1, 1e-5)) > 1e-9 {
		t.Errorf("explanations of norm 3 lie 6 apart; sigma is %g", got)
	}
	a := matrix.New(1, 2)
	a.Data[0] = 1000
	big := applied(t, "gaussian:8,1e-05,1", a, 1)
	if v := big.Data[0]; v > 20 {
		t.Errorf("a large explanation was not clipped before the noise: %g", v)
	}
}

func TestParseGivesBackWhatItReads(t *testing.T) {
	for _, text := range []string{"unit", "clip:1", "noise:0.25", "top:10", "round:0.05", "gaussian:4,1e-05,1", "clip:1+noise:0.2+top:10+round:0.05", "gaussian:4,1e-05,1e+06", "clip:1e+06+noise:1e+21+top:10"} {
		d, err := Parse(text)
		if err != nil || d.String() != text {
			t.Errorf("%s: %v, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "+", "unit+", "unit++unit", "unit+1", "noise:+1", "clip:1e+06+", "unit:", "unit:1", "Clip:1", "clip", "clip:0", "clip:-1", "clip:NaN", "clip:Inf", "clip:1,2", "clip:1.0", "clip: 1", "clip:1e40", "noise:1e-40", "top:1.5", "top:0", "top:1e9", "gaussian:1,1,1",
		"gaussian:4,1e-5,1", "gaussian:1e6,0.1,1", "nothing", strings.Repeat("unit+", 8) + "unit", strings.Repeat("x", 300)} {
		if d, err := Parse(text); err == nil || (!errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge)) {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	}
	bad := some()
	bad.Data[2] = float32(math.Inf(1))
	for _, text := range []string{"unit", "top:1", "clip:1+noise:1"} {
		d, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Apply(t.Context(), bad, 1); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s of an infinite explanation: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"unit", "clip:1+noise:0.2", "gaussian:4,1e-05,1", "top:10+round:0.05", "gaussian:4,1e+06,1", "clip:1e+06+unit", ":,+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		if d.String() != text {
			t.Fatalf("%q reads as %q", text, d)
		}
		out, err := d.Apply(t.Context(), some(), 1)
		if err != nil || out.Rows != 3 || out.Cols != 4 {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

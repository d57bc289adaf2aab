package defence

import (
	"context"
	"errors"
	"math"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("%s: got %g, want %g", what, got, want)
	}
}

func TestFidelityIsOneOfTheSameAndFallsWithDefence(t *testing.T) {
	a := some()
	q, err := Fidelity(a, a)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range q {
		near(t, "of the same", v.Cosine+v.Rank+v.Top+v.Sign, 4)
	}
	mirror := some()
	for i := range mirror.Data {
		mirror.Data[i] = -mirror.Data[i]
	}
	q, err = Fidelity(a, mirror)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "cosine of the opposite", q[1].Cosine, -1)
	near(t, "rank of the opposite", q[1].Rank, 1)
	near(t, "sign of the opposite", q[1].Sign, 0)

	wide := matrix.New(1, 40)
	for j := range wide.Data {
		wide.Data[j] = float32(40 - j)
	}
	q, err = Fidelity(wide, applied(t, "top:5", wide, 1))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "the ten largest of five kept, ties by column", q[0].Top, 1)
	near(t, "signs of five kept", q[0].Sign, 0.5)
	if q[0].Rank >= 1 || q[0].Rank < 0.5 || q[0].Cosine >= 1 {
		t.Errorf("five of forty kept: %+v", q[0])
	}
	little, much := Mean(must(t, wide, "noise:1"), nil), Mean(must(t, wide, "noise:30"), []int{0})
	if !(little.Cosine > much.Cosine && little.Rank > much.Rank) {
		t.Errorf("little noise %+v, much noise %+v", little, much)
	}
	if _, err := Fidelity(a, wide); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("different shapes: %v", err)
	}
}

func must(t *testing.T, a matrix.Matrix, text string) []Quality {
	t.Helper()
	q, err := Fidelity(a, applied(t, text, a, 1))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestStabilityTellsSteadyFromErratic(t *testing.T) {
	x := matrix.New(30, 4)
	for i := range x.Data {
		x.Data[i] = float32(i%5) - 2
	}
	steady := func(_ context.Context, x matrix.Matrix) (matrix.Matrix, error) {
		out := matrix.New(x.Rows, x.Cols)
		for i := range out.Data {
			out.Data[i] = float32(i%4) + 1
		}
		return out, nil
	}
	erratic := func(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
		a, err := steady(ctx, x)
		if err != nil {
			return a, err
		}
		for i, v := range x.Data {
			a.Data[i] += v * 1e-3 // what is noised hangs on the record
		}
		return Noise{100}.Apply(ctx, a, 1)
	}
	mean := func(v []float64, err error) float64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var sum float64
		for _, f := range v {
			sum += f / float64(len(v))
		}
		return sum
	}
	near(t, "steady", mean(Stability(t.Context(), steady, x, 0.1, 3, 1)), 1)
	if got := mean(Stability(t.Context(), erratic, x, 0.1, 3, 1)); math.Abs(got) > 0.2 {
		t.Errorf("erratic: %g", got)
	}
	if _, err := Stability(t.Context(), steady, x, 0, 3, 1); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("no radius: %v", err)
	}
}

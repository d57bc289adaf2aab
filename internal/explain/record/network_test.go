package record

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/explain/model"
)

// A network of one layer is a regression, whose influence functions are known exactly; conjugate gradient on differences of float32 must come near them.
func TestANetworksInfluencesAreTheRegressionsItIs(t *testing.T) {
	ctx := context.Background()
	x, y := people(100, 3)
	const decay = 0.05
	// The softmax of two classes has its difference as logit: weights ±w/2 with decay d are the regression with C = 2/(n·d).
	e, err := Influence(ctx, x, y, false, Options{C: 2 / (100 * decay)})
	if err != nil {
		t.Fatal(err)
	}
	theta := e.Theta()
	w, b := make([]float32, 20), []float32{float32(-theta[10] / 2), float32(theta[10] / 2)}
	for j := range 10 {
		w[j], w[10+j] = float32(-theta[j]/2), float32(theta[j]/2)
	}
	net, err := model.NewNetwork(model.Shape{10}, &model.Dense{Out: 2, W: w, B: b})
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewNetworkExplainer(ctx, net, x, y, NetworkOptions{Decay: decay, Damping: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	fresh, _ := people(5, 4)
	for q := range fresh.Rows {
		query := wide(fresh.Row(q))
		z := e.value(query)
		slope := sigmoid(z) * (1 - sigmoid(z))
		want := make([]float64, 100)
		for i := range want {
			less := e.Without(i)
			want[i] = slope * (dot(less[:10], query) + less[10] - z)
		}
		got, err := n.Influences(ctx, fresh.Row(q), 1)
		if err != nil {
			t.Fatal(err)
		}
		if c := correlation(got, want); c < 0.995 {
			t.Errorf("query %d: correlation %v", q, c)
		}
		if got := norm(got) / norm(want); got < 0.9 || got > 1.1 {
			t.Errorf("query %d: size %v of what it should be", q, got)
		}
		named, err := n.Top(ctx, fresh.Row(q), 1)
		if err != nil || !slices.Contains(top(want, 3), named[0]) {
			t.Errorf("query %d: named %v, want one of %v, %v", q, named, top(want, 3), err)
		}
	}
}

func correlation(a, b []float64) float64 {
	mean := func(of []float64) float64 {
		var s float64
		for _, v := range of {
			s += v
		}
		return s / float64(len(of))
	}
	ma, mb := mean(a), mean(b)
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}

func TestNetworksWithoutInfluenceFunctionsAreRefused(t *testing.T) {
	x, y := people(20, 5)
	normed, err := model.NewNetwork(model.Shape{10}, &model.Dense{Out: 4}, &model.BatchNorm{}, &model.Dense{Out: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewNetworkExplainer(context.Background(), normed, x, y, NetworkOptions{}); !errors.Is(err, tribune.ErrUnsupported) {
		t.Errorf("batch normalization: %v", err)
	}
	plain, err := model.NewNetwork(model.Shape{10}, &model.Dense{Out: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewNetworkExplainer(context.Background(), plain, x, y, NetworkOptions{Damping: -1}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("negative damping: %v", err)
	}
	e, err := NewNetworkExplainer(context.Background(), plain, x, y, NetworkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Influences(context.Background(), x.Row(0), 2); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a class too many: %v", err)
	}
}

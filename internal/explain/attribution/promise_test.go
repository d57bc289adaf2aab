package attribution

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// all are the methods, with seeds and a background.
func all(background matrix.Matrix) []Method {
	return append(methods(Setting{Seed: 5, Background: background}),
		LIME{Background: background, Continuous: true, Samples: 200}, KernelSHAP{Background: background, Exact: 1, Coalitions: 100}, Counterfactual{Background: background, Search: true}, SmoothGrad{Samples: 600})
}

func TestExplanationsDependOnNeitherCoresNorNeighbours(t *testing.T) {
	x := matrix.New(70, 4)
	for i := range x.Data {
		x.Data[i] = float32((i*7919)%1000)/250 - 2
	}
	m := curvedModel()
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, method := range all(x) {
		runtime.GOMAXPROCS(1)
		one := explained(t, method, m, x, nil)
		runtime.GOMAXPROCS(4)
		four := explained(t, method, m, x, nil)
		if !slices.Equal(one.Data, four.Data) {
			t.Errorf("%s: another explanation on four cores", method.Name())
		}
		alone := explained(t, method, m, x.Pick([]int{33}), nil)
		if !slices.Equal(alone.Data, one.Row(33)) {
			t.Errorf("%s: alone %v, among others %v", method.Name(), alone.Data, one.Row(33))
		}
	}
}

func TestWhatCannotBeExplainedIsRefused(t *testing.T) {
	m, x := curvedModel(), points()
	nan := points()
	nan.Data[5] = float32(math.NaN())
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, method := range all(points()) {
		for name, c := range map[string]struct {
			m     model.Model
			x     matrix.Matrix
			class []int
			ctx   context.Context
			want  error
		}{
			"a width that is not the model's": {m, matrix.New(2, 3), nil, t.Context(), tribune.ErrInvalid},
			"too few classes":                 {m, x, []int{0}, t.Context(), tribune.ErrInvalid},
			"a class that is not there":       {m, x, []int{0, 2, 0}, t.Context(), tribune.ErrInvalid},
			"a number that is none":           {m, nan, nil, t.Context(), tribune.ErrInvalid},
			"a reader who has gone":           {m, x, nil, cancelled, context.Canceled},
		} {
			if _, err := method.Explain(c.ctx, c.m, c.x, c.class); !errors.Is(err, c.want) {
				t.Errorf("%s: %s: %v", method.Name(), name, err)
			}
		}
		_, err := method.Explain(t.Context(), blackBox{m}, x, nil)
		if method.NeedsLayers() != errors.Is(err, tribune.ErrUnsupported) || (!method.NeedsLayers() && err != nil) {
			t.Errorf("%s, without layers: %v", method.Name(), err)
		}
		none, err := method.Explain(t.Context(), m, matrix.New(0, 4), nil)
		if err != nil || none.Rows != 0 {
			t.Errorf("%s: no records: %d rows, %v", method.Name(), none.Rows, err)
		}
	}
	for _, method := range []Method{LIME{}, KernelSHAP{}, Counterfactual{Search: true}} {
		if _, err := method.Explain(t.Context(), m, x, nil); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
			t.Errorf("%s without background: %v", method.Name(), err)
		}
	}
	if _, err := New("tea-leaves", Setting{}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("an unknown name: %v", err)
	}
	for _, name := range Names() {
		if method, err := New(name, Setting{}); err != nil || method.Name() != name {
			t.Errorf("New(%q): %v, %v", name, method, err)
		}
	}
}

package model

import (
	"math"
	"testing"
)

// TestFunctionsAreExact compares with package math, whose error is below one unit in the last place.
func TestFunctionsAreExact(t *testing.T) {
	within := func(name string, x, got, want, relative float64) {
		if math.Abs(got-want) > relative*math.Abs(want) || (got != got) != (want != want) {
			t.Errorf("%s(%v) = %v, want %v", name, x, got, want)
		}
	}
	for i := range 200001 {
		x := float64(i-100000) / 3000
		within("exp", x, exp(x), math.Exp(x), 1e-15)
		within("exp", 20*x, exp(20*x), math.Exp(20*x), 1e-15)
		within("sigmoid", x, sigmoid(x), 1/(1+math.Exp(-x)), 1e-15)
		y := float32(x)
		within("tanh", x, float64(tanh(y)), math.Tanh(float64(y)), 6.1e-8)
		y /= 1e4
		within("tanh", float64(y), float64(tanh(y)), math.Tanh(float64(y)), 6.1e-8)
		p := math.Exp(x)
		within("log", p, log(p), math.Log(p), 1e-15)
		within("log", 1+x/1e6, log(1+x/1e6), math.Log(1+x/1e6), 1e-15)
		within("log1p", p, log1p(p), math.Log1p(p), 1e-11)
	}
	for _, c := range []struct{ got, want float64 }{
		{exp(1000), math.Inf(1)}, {exp(-1000), 0}, {sigmoid(-1000), 0}, {sigmoid(1000), 1}, {log(math.Inf(1)), math.Inf(1)},
		{float64(tanh(float32(math.Inf(-1)))), -1}, {softplus(1000), 1000}, {softplus(-1000), 0}, {log(5e-324), -744.4400719213812},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	for _, v := range []float64{exp(math.NaN()), sigmoid(math.NaN()), float64(tanh(float32(math.NaN())))} {
		if v == v {
			t.Errorf("%v of NaN", v)
		}
	}
}

package model

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

func TestErrorsNameTheLayer(t *testing.T) {
	relu := &Activation{Function: Relu}
	for want, build := range map[string]func() (*Network, error){
		"layer 1 (dense)": func() (*Network, error) {
			return NewNetwork(Shape{4}, &Dense{Out: 3}, &Dense{Out: 3, W: make([]float32, 5)})
		},
		`layer 0 (conv "features.0")`: func() (*Network, error) {
			return NewGraph(Shape{4}, Node{Layer: &Conv{Window: Window{Kernel: [2]int{3, 3}}, Out: 2}, Name: "features.0"})
		},
		"layer 2 (sum)": func() (*Network, error) {
			return NewGraph(Shape{4}, Node{Layer: &Dense{Out: 3}}, Node{Layer: &Dense{Out: 2}, From: []int{-1}}, Node{Layer: &Sum{}, From: []int{0, 1}})
		},
		"nothing takes what it gives": func() (*Network, error) {
			return NewGraph(Shape{4}, Node{Layer: &Dense{Out: 3}}, Node{Layer: &Dense{Out: 2}, From: []int{-1}})
		},
		"does not come before it": func() (*Network, error) {
			return NewGraph(Shape{4}, Node{Layer: &Dense{Out: 3}, From: []int{0}})
		},
		"a softmax before the end":   func() (*Network, error) { return NewNetwork(Shape{4}, &Softmax{}, &Dense{Out: 3}) },
		"it is in the network twice": func() (*Network, error) { return NewNetwork(Shape{4}, relu, relu, &Dense{Out: 3}) },
		"gives one number":           func() (*Network, error) { return NewNetwork(Shape{4}, &Dense{Out: 1}) },
		"number 1 of W is NaN": func() (*Network, error) {
			return NewNetwork(Shape{1}, &Dense{Out: 2, W: []float32{1, float32(math.NaN())}})
		},
		"are more than": func() (*Network, error) { return NewNetwork(Shape{1 << 20}, &Dense{Out: 1 << 20}) },
		"could see padding alone": func() (*Network, error) {
			return NewNetwork(Shape{1, 4, 4}, &Pool{Window: Window{Kernel: [2]int{2, 2}, Pad: [4]int{2, 0, 0, 0}}})
		},
		"a kernel that reaches over": func() (*Network, error) {
			return NewNetwork(Shape{1, 4, 4}, &Pool{Window: Window{Kernel: [2]int{5, 2}}})
		},
		"all positions of the window": func() (*Network, error) {
			return NewNetwork(Shape{1, 1, 1}, &Pool{Window: Window{Kernel: [2]int{1 << 22, 1 << 22}, Pad: [4]int{1<<22 - 1, 1<<22 - 1, 0, 0}}})
		},
		"all positions of the kernel": func() (*Network, error) {
			return NewNetwork(Shape{4, 512, 512}, &Conv{Window: Window{Kernel: [2]int{9, 9}}, Out: 1})
		},
		"takes one input, got 0":   func() (*Network, error) { return NewGraph(Shape{4}, Node{Layer: &Dense{Out: 3}, From: []int{}}) },
		"1 to 4096 are possible":   func() (*Network, error) { return NewNetwork(Shape{4}) },
		"a record of 0 dimensions": func() (*Network, error) { return NewNetwork(nil, &Dense{Out: 2}) },
		"channels to 3 in 2 groups": func() (*Network, error) {
			return NewNetwork(Shape{2, 3, 3}, &Conv{Window: Window{Kernel: [2]int{1, 1}}, Out: 3, Groups: 2})
		},
		"takes channels x height":     func() (*Network, error) { return NewNetwork(Shape{9}, &GlobalPool{}) },
		"an activation without a fun": func() (*Network, error) { return NewNetwork(Shape{9}, &Activation{}) },
	} {
		_, err := build()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
		if err != nil && !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) && !errors.Is(err, tribune.ErrUnsupported) {
			t.Errorf("%v is of no kind", err)
		}
	}
}

func TestRecordsThatAreNoneAreRefused(t *testing.T) {
	n := networks(t)["dense"]
	ctx := context.Background()
	x := matrix.New(3, n.Inputs())
	if _, err := n.Predict(ctx, matrix.New(3, n.Inputs()+1)); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a wrong width: %v", err)
	}
	x.Row(2)[4] = float32(math.Inf(1))
	if _, err := n.Predict(ctx, x); !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "row 2, column 4") {
		t.Errorf("infinity: %v", err)
	}
	x.Row(2)[4] = math.MaxFloat32
	n.nodes[0].Layer.(*Dense).W[4] = 100
	if _, err := n.Predict(ctx, x); !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "row 2") {
		t.Errorf("an overflow: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := n.Predict(cancelled, matrix.New(3, n.Inputs())); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
}

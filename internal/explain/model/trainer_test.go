package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

func vectors(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatal(err)
	}
}

func network(t testing.TB, input Shape, layers ...Layer) *Network {
	t.Helper()
	n, err := NewNetwork(input, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func trainer(t testing.TB, n *Network, x matrix.Matrix, y []int, cfg TrainConfig) *Trainer {
	t.Helper()
	tr, err := NewTrainer(n, x, y, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestTrainingIsPyTorchs(t *testing.T) {
	var cases []struct {
		Name                   string
		X                      []float32
		Y                      []int
		Before, After, Running [][]float32
		Losses                 []float64
	}
	vectors(t, "training.json", &cases)
	for _, c := range cases {
		cfg := TrainConfig{Epochs: 10, Batch: len(c.Y), StepEvery: 4, StepFactor: 0.5}
		var n *Network
		switch {
		case strings.HasPrefix(c.Name, "dense, SGD"):
			n = network(t, Shape{5}, &Dense{Out: 8}, &Activation{Function: Tanh}, &Dense{Out: 3})
			cfg.Optimizer, cfg.Rate, cfg.Momentum, cfg.Decay = SGD, 0.2, 0.9, 0.01
		case strings.HasPrefix(c.Name, "dense, Adam"):
			n = network(t, Shape{5}, &Dense{Out: 8}, &Activation{Function: LeakyRelu, Slope: 0.1}, &Dense{Out: 3})
			cfg.Optimizer, cfg.Rate, cfg.Decay = Adam, 0.05, 0.02
		default:
			n = network(t, Shape{2, 5, 5}, &Conv{Window: Window{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [4]int{1, 1, 1, 1}}, Out: 4, Groups: 2}, &BatchNorm{},
				&Activation{Function: Sigmoid}, &Pool{Window: Window{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}}, Average: true}, &Flatten{}, &Dense{Out: 3})
			cfg.Optimizer, cfg.Rate = SGD, 0.5
		}
		restore(n.Weights(), c.Before)
		tr := trainer(t, n, matrix.Matrix{Rows: len(c.Y), Cols: n.Inputs(), Data: c.X}, c.Y, cfg)
		err := tr.Run(context.Background(), func(p Progress) error {
			if want := c.Losses[p.Epoch-1]; math.Abs(p.Loss-want) > 1e-5 {
				t.Errorf("%s: loss in epoch %d is %v, PyTorch has %v", c.Name, p.Epoch, p.Loss, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range tr.parameters() {
			for j, want := range append(c.After, c.Running...)[i] {
				if math.Abs(float64(got[j]-want)) > 2e-5 { // ten steps of float32 in another order
					t.Errorf("%s: number %d of %d is %v, PyTorch has %v", c.Name, j, i, got[j], want)
				}
			}
		}
	}
}

// clouds is rows around one centre per class.
func clouds(rows, cols, classes int, seed uint64) (matrix.Matrix, []int) {
	r := rand.New(rand.NewPCG(seed, 5))
	centres := normal(r, classes, cols)
	x, y := matrix.New(rows, cols), make([]int, rows)
	for i := range rows {
		y[i] = r.IntN(classes)
		for j := range x.Row(i) {
			x.Row(i)[j] = centres.Row(y[i])[j] + float32(0.7*r.NormFloat64())
		}
	}
	return x, y
}

// small is a network with every kind of layer that trains, over 36 numbers.
func small(t testing.TB) *Network {
	n := network(t, Shape{36}, &Reshape{To: Shape{1, 6, 6}}, &Conv{Window: Window{Kernel: [2]int{3, 3}}, Out: 4}, &BatchNorm{}, &Activation{Function: Relu},
		&Pool{Window: Window{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}}}, &Flatten{}, &Dense{Out: 80}, &Activation{Function: Tanh}, &Dense{Out: 3})
	n.Init(3)
	return n
}

func hashOf(t testing.TB, m Model) tribune.Hash {
	t.Helper()
	h, err := Hash(m)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestTrainingDoesNotDependOnCoresOrInterruptions compares hashes: one way to the network with every bit.
func TestTrainingDoesNotDependOnCoresOrInterruptions(t *testing.T) {
	x, y := clouds(300, 36, 3, 1)
	vx, vy := clouds(100, 36, 3, 2)
	ctx := context.Background()
	for name, cfg := range map[string]TrainConfig{
		"SGD":      {Epochs: 5, Batch: 64, Optimizer: SGD, Rate: 0.05, Momentum: 0.9, Seed: 1 << 60},
		"Adam":     {Epochs: 5, Batch: 50, Optimizer: Adam, Rate: 0.01, Patience: 2},
		"in peace": {Epochs: 5, Batch: 64, Optimizer: SGD, Rate: 0.05, Private: &Privacy{Clip: 1, Noise: 1, Delta: 1e-3}},
	} {
		begin := func(workers int) (*Network, *Trainer) {
			n := small(t)
			if cfg.Private != nil {
				n = network(t, Shape{36}, &Dense{Out: 40}, &Activation{Function: Tanh}, &Dense{Out: 3})
				n.Init(3)
			}
			c := cfg
			c.Workers = workers
			tr := trainer(t, n, x, y, c)
			if err := tr.Validate(vx, vy); err != nil {
				t.Fatal(err)
			}
			return n, tr
		}
		whole, tr := begin(1)
		start := hashOf(t, whole)
		if err := tr.Run(ctx, nil); err != nil {
			t.Fatal(err)
		}
		want := hashOf(t, whole)
		if want == start {
			t.Fatalf("%s: nothing was learnt", name)
		}
		for _, workers := range []int{2, 7} {
			n, tr := begin(workers)
			if err := tr.Run(ctx, nil); err != nil {
				t.Fatal(err)
			}
			if got := hashOf(t, n); got != want {
				t.Errorf("%s: %d workers make another network", name, workers)
			}
		}
		_, tr = begin(2)
		var state bytes.Buffer
		stop := errors.New("stop")
		if err := tr.Run(ctx, func(p Progress) error {
			if p.Epoch == 2 {
				return stop
			}
			return nil
		}); !errors.Is(err, stop) {
			t.Fatalf("%s: %v", name, err)
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if err := tr.Run(cancelled, nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: after cancelling: %v", name, err)
		}
		if err := tr.SaveState(&state); err != nil {
			t.Fatal(err)
		}
		n, tr := begin(3)
		if err := tr.Resume(bytes.NewReader(state.Bytes())); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := tr.Run(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if got := hashOf(t, n); got != want {
			t.Errorf("%s: interrupted it is another network", name)
		}
	}
}

func TestPatienceGivesTheBestBack(t *testing.T) {
	x, y := clouds(60, 36, 3, 1)
	vx, vy := clouds(300, 36, 3, 9) // other centres: it can only get worse
	n := small(t)
	tr := trainer(t, n, x, y, TrainConfig{Epochs: 200, Batch: 20, Optimizer: Adam, Rate: 0.01, Patience: 3})
	if err := tr.Run(context.Background(), nil); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("patience without validation rows: %v", err)
	}
	if err := tr.Validate(vx, vy); err != nil {
		t.Fatal(err)
	}
	var all []float64
	if err := tr.Run(context.Background(), func(p Progress) error { all = append(all, p.ValidationLoss); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(all) == 200 {
		t.Fatal("it never stopped")
	}
	losses, err := n.Losses(context.Background(), vx, vy)
	if err != nil {
		t.Fatal(err)
	}
	var mean float64
	for _, l := range losses {
		mean += l / float64(len(losses))
	}
	if best := slices.Min(all); math.Abs(mean-best) > 1e-9 {
		t.Errorf("the network's loss is %v, the best was %v of %v", mean, best, all)
	}
}

func TestTrainingThatDivergesLeavesTheNetworkAlone(t *testing.T) {
	x, y := clouds(60, 36, 3, 1)
	n := network(t, Shape{36}, &Dense{Out: 20}, &Activation{Function: Relu}, &Dense{Out: 3}) // batch normalization would save it
	n.Init(1)
	before := hashOf(t, n)
	for i := range x.Data {
		x.Data[i] *= 1e30
	}
	_, err := trainer(t, n, x, y, TrainConfig{Epochs: 3, Batch: 20, Optimizer: SGD, Rate: 1000}).Epoch(context.Background())
	if !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if hashOf(t, n) != before {
		t.Error("the network is not what it was")
	}
}

func TestTrainerRefusesWhatCannotBe(t *testing.T) {
	x, y := clouds(20, 36, 3, 1)
	good := TrainConfig{Epochs: 1, Batch: 10, Optimizer: SGD, Rate: 0.1}
	if _, err := NewTrainer(small(t), x, y, good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *TrainConfig){
		"no epochs": func(c *TrainConfig) { c.Epochs = 0 }, "a batch above the rows": func(c *TrainConfig) { c.Batch = 21 }, "no optimizer": func(c *TrainConfig) { c.Optimizer = 0 },
		"a rate that is none": func(c *TrainConfig) { c.Rate = math.NaN() }, "momentum 1": func(c *TrainConfig) { c.Momentum = 1 }, "negative decay": func(c *TrainConfig) { c.Decay = -1 },
		"steps up": func(c *TrainConfig) { c.StepEvery, c.StepFactor = 1, 2 }, "noise 0": func(c *TrainConfig) { c.Private = &Privacy{Clip: 1, Delta: 0.1} },
		"batch normalization in private": func(c *TrainConfig) { c.Private = &Privacy{Clip: 1, Noise: 1, Delta: 0.1} },
	} {
		c := good
		change(&c)
		if _, err := NewTrainer(small(t), x, y, c); !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	y[7] = 3
	if _, err := NewTrainer(small(t), x, y, good); !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "row 7 is of class 3") {
		t.Errorf("a label too far: %v", err)
	}
}

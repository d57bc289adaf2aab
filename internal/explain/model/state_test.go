package model

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

// TestTrainingIsTheSameOnEveryMachine compares with hashes that were taken once on amd64 with AVX-512, and are the same with AVX2 and without vectors
// (GODEBUG=cpu.avx512f=off,cpu.avx2=off). The rows are made without package math's logarithms, which may differ.
func TestTrainingIsTheSameOnEveryMachine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x, y := matrix.New(200, 36), make([]int, 200)
	for i := range y {
		y[i] = r.IntN(3)
		for j := range x.Row(i) {
			x.Row(i)[j] = float32(r.IntN(2000)-1000) / 512
		}
		x.Row(i)[y[i]] += 2
	}
	for optimizer, want := range map[Optimizer]string{SGD: "0214240e509903c232f469335ec253e7d2cca92035ddceef6d413ed4aeb8548f", Adam: "675b54adfb5e34e75839f42a250543f59455f58a0847f532fd13b671c8685d10"} {
		n := small(t)
		if err := trainer(t, n, x, y, TrainConfig{Epochs: 4, Batch: 32, Optimizer: optimizer, Rate: 0.01, Decay: 1e-3, Seed: 9}).Run(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		if got := hashOf(t, n).String(); got != want {
			t.Errorf("optimizer %d: hash %s, elsewhere %s", optimizer, got, want)
		}
	}
	reg, err := NewRegression(x, y, 3, RegressionConfig{C: 2})
	if err != nil {
		t.Fatal(err)
	}
	f, err := reg.Fit(context.Background(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := hashOf(t, f.Model()).String(); got != "7cd63545e9cee5e08ae41fd88c020fcc005b9d1e9adaf7d60e721044dc6893c3" {
		t.Errorf("regression: hash %s", got)
	}
}

func TestAStateGoesOnWithItsOwnRunOnly(t *testing.T) {
	x, y := clouds(60, 36, 3, 1)
	cfg := TrainConfig{Epochs: 3, Batch: 20, Optimizer: SGD, Rate: 0.05, Seed: 1<<60 + 1}
	tr := trainer(t, small(t), x, y, cfg)
	if _, err := tr.Epoch(context.Background()); err != nil {
		t.Fatal(err)
	}
	var state bytes.Buffer
	if err := tr.SaveState(&state); err != nil {
		t.Fatal(err)
	}
	if err := trainer(t, small(t), x, y, cfg).Resume(bytes.NewReader(state.Bytes())); err != nil {
		t.Fatalf("its own: %v", err)
	}
	other := x.Slice(0, 60)
	other.Data = slices.Clone(x.Data)
	other.Data[77]++
	seed, rate := cfg, cfg
	seed.Seed, rate.Rate = 1<<60, 0.06 // 2^60 and 2^60+1 are one number to JSON
	for name, tr := range map[string]*Trainer{
		"another seed": trainer(t, small(t), x, y, seed), "another rate": trainer(t, small(t), x, y, rate), "another row": trainer(t, small(t), other, y, cfg),
	} {
		if err := tr.Resume(bytes.NewReader(state.Bytes())); !errors.Is(err, tribune.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for cut := range 40 {
		raw := state.Bytes()
		raw = raw[:len(raw)*cut/40]
		if err := trainer(t, small(t), x, y, cfg).Resume(bytes.NewReader(raw)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%d of %d bytes: %v", len(raw), state.Len(), err)
		}
	}
}

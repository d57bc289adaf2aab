package recipe

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

func records(n int) data.Set {
	rng := rand.New(rand.NewPCG(1, 1))
	s := data.Set{X: matrix.New(n, 5), Y: make([]int, n), Classes: []string{"no", "yes"}}
	for i := range s.X.Data {
		s.X.Data[i] = float32(rng.NormFloat64())
	}
	for i := range n {
		if s.X.Row(i)[0] > 0 {
			s.Y[i] = 1
		}
	}
	return s
}

func TestSameRecipeRecordsAndSeedGiveTheSameModel(t *testing.T) {
	for _, r := range []Recipe{{Kind: Logistic}, {Kind: MLP, Hidden: []int{6}, Epochs: 2, Batch: 1000}, {Kind: MLP, Hidden: []int{6}, Activation: "tanh", Epochs: 2, Clip: 1, Noise: 1}} {
		r, err := r.Fill()
		if err != nil {
			t.Fatal(err)
		}
		var hashes [3]tribune.Hash
		for i, seed := range []uint64{7, 7, 8} {
			m, err := r.Train(t.Context(), records(60), seed, nil)
			if err != nil {
				t.Fatal(err)
			}
			if hashes[i], err = model.Hash(m); err != nil {
				t.Fatal(err)
			}
		}
		if hashes[0] != hashes[1] || r.Kind == MLP && hashes[0] == hashes[2] {
			t.Errorf("%s: %v", r, hashes)
		}
	}
}

func TestRecipeThatMeansNothingIsRefused(t *testing.T) {
	for name, r := range map[string]Recipe{
		"no kind":              {},
		"a forest":             {Kind: "forest"},
		"epochs of regression": {Kind: Logistic, Epochs: 3},
		"c of a network":       {Kind: MLP, C: 1},
		"noise without clip":   {Kind: MLP, Noise: 1},
		"an empty layer":       {Kind: MLP, Hidden: []int{3, 0}},
		"backwards":            {Kind: MLP, Epochs: -1},
		"another scale":        {Kind: Logistic, Scale: "log"},
		"another activation":   {Kind: MLP, Activation: "step"},
	} {
		if _, err := r.Fill(); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

func FuzzReadSettings(f *testing.F) {
	r, err := Recipe{Kind: MLP}.Fill()
	if err != nil {
		f.Fatal(err)
	}
	seed, err := Settings{Version: 1, Recipe: r, Data: "adult"}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"version":1,"recipe":{"kind":"logistic"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ReadSettings(bytes.NewReader(b))
		if err != nil {
			return
		}
		out, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ReadSettings(bytes.NewReader(out)); err != nil || again.Recipe.String() != s.Recipe.String() {
			t.Errorf("settings that were read are not read again: %v", err)
		}
	})
}

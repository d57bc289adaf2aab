package model

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tribune"
)

func saved(t testing.TB, m Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Save(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsLoadedIsWhatWasSaved(t *testing.T) {
	ctx := context.Background()
	models := map[string]Differentiable{}
	for name, n := range networks(t) {
		models[name] = n
	}
	theta := []float64{1, -2.5, 1e-300, 0.1, 5, 6, 7, 8, 9}
	three, err := NewLogistic(2, 3, true, theta)
	if err != nil {
		t.Fatal(err)
	}
	models["a regression"] = three
	seen := map[tribune.Hash]string{}
	for name, m := range models {
		raw := saved(t, m)
		back, err := Load(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(saved(t, back), raw) {
			t.Errorf("%s: saved again it is another file", name)
		}
		x := normal(rand.New(rand.NewPCG(1, 2)), 4, m.Inputs())
		want, err := m.Predict(ctx, x)
		if err != nil {
			t.Fatal(err)
		}
		got, err := back.Predict(ctx, x)
		if err != nil || !slices.Equal(got.Data, want.Data) {
			t.Errorf("%s: it answers %v, before %v (%v)", name, got.Data, want.Data, err)
		}
		h, err := Hash(m)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[h] = name
	}
}

func TestAFileThatIsNotOneIsRefused(t *testing.T) {
	raw := saved(t, networks(t)["relu"])
	edit := func(old, new string) []byte {
		out := bytes.Replace(raw, []byte(old), []byte(new), 1)
		if bytes.Equal(out, raw) {
			t.Fatalf("%q is not in the file", old)
		}
		return out
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"nothing":              {nil, "does not begin"},
		"another first line":   {edit("model 1", "model 2"), "does not begin"},
		"cut in the header":    {raw[:60], "ends in the header"},
		"cut in the numbers":   {raw[:len(raw)-1], "missing at the end"},
		"one byte more":        {append(slices.Clone(raw), 0), "something follows"},
		"an unknown layer":     {edit("relu", "rely"), "not known"},
		"a kind without sense": {edit("dense", "conv2"), ""},
		"another width":        {edit(`"out":9`, `"out":8`), "numbers of W"},
		"a layer from later":   {edit(`"from":[0]`, `"from":[2]`), "does not come before"},
		"a huge list":          {edit(`"numbers":[54,9]`, `"numbers":[54,99999999999]`)[:len(raw)], ""},
		"a header too long":    {append([]byte(magic), 0xff, 0xff, 0xff, 0xff), "header of"},
	} {
		_, err := Load(bytes.NewReader(c.raw))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err != nil && !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) && !errors.Is(err, tribune.ErrUnsupported) {
			t.Errorf("%s: %v is of no kind", name, err)
		}
	}
}

// TestANetworkHasOneSpelling: what means the same but is written otherwise would have another hash.
func TestANetworkHasOneSpelling(t *testing.T) {
	raw := saved(t, networks(t)["relu"])
	text, err := framed(bufio.NewReader(bytes.NewReader(raw)), magic)
	if err != nil {
		t.Fatal(err)
	}
	numbers := raw[len(magic)+4+len(text):]
	for _, change := range [][2]string{
		{`{"from":[0],"kind":"relu"}`, `{"from":[0],"groups":1,"kind":"relu"}`},
		{`"input":[6]`, `"input": [6]`},
		{`{"from":[0],"kind":"relu"}`, `{"from":[0],"kind":"relu","numbers":[]}`},
		{`"kind":"relu"}`, `"kind":"relu","stride":[1,1]}`},
	} {
		other := strings.Replace(string(text), change[0], change[1], 1)
		if other == string(text) {
			t.Fatalf("%s is not in %s", change[0], text)
		}
		file := slices.Concat([]byte(magic), []byte{byte(len(other)), byte(len(other) >> 8), 0, 0}, []byte(other), numbers)
		if _, err := Load(bytes.NewReader(file)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v", change[1], err)
		}
	}
}

// FuzzLoad: whatever is accepted is saved as it was, and answers.
func FuzzLoad(f *testing.F) {
	n, err := NewNetwork(Shape{1, 4, 4}, &Conv{Window: Window{Kernel: [2]int{2, 2}}, Out: 2}, &BatchNorm{}, &Activation{Function: LeakyRelu, Slope: 0.1},
		&Pool{Window: Window{Kernel: [2]int{2, 2}}}, &Flatten{}, &Dense{Out: 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(saved(f, n))
	if n, err = NewGraph(Shape{3}, Node{Layer: &Dense{Out: 3}}, Node{Layer: &Affine{}}, Node{Layer: &Sum{}, From: []int{0, 1, -1}}, Node{Layer: &Reshape{To: Shape{3, 1, 1}}},
		Node{Layer: &GlobalPool{Average: true}}); err != nil {
		f.Fatal(err)
	}
	f.Add(saved(f, n))
	l, err := NewLogistic(2, 2, true, []float64{1, 2, 3})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(saved(f, l))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Load(bytes.NewReader(raw))
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) && !errors.Is(err, tribune.ErrUnsupported) {
				t.Fatalf("%v is of no kind", err)
			}
			return
		}
		if !bytes.Equal(saved(t, m), raw) {
			t.Fatal("saved again it is another file")
		}
		if n, ok := m.(*Network); ok && n.floats > 1<<16 {
			return
		}
		x := normal(rand.New(rand.NewPCG(1, 2)), 2, m.Inputs())
		if p, err := m.Predict(context.Background(), x); err == nil {
			for i := range p.Rows {
				var sum float32
				for _, v := range p.Row(i) {
					sum += v
				}
				if !(sum > 0.999 && sum < 1.001) {
					t.Fatalf("probabilities %v", p.Row(i))
				}
			}
			if _, err := m.Propagate(context.Background(), x, p, LRP, 1e-6); err != nil && !errors.Is(err, tribune.ErrInvalid) {
				t.Fatal(err)
			}
		}
	})
}

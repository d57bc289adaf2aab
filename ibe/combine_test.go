package ibe

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"tribune"
)

func TestAnyThresholdOfSharesCombinesToTheSameKey(t *testing.T) {
	ids := testIDs(3)
	for _, c := range []struct {
		t, n    int
		indices [][]int
	}{
		{1, 1, [][]int{{1}}},
		{2, 4, [][]int{{1, 2}, {1, 3}, {2, 3}, {4, 1}, {3, 4}, {1, 2, 3}, {4, 3, 2, 1}}},
		{3, 5, [][]int{{1, 2, 3}, {5, 3, 1}, {2, 4, 5}, {1, 2, 3, 4, 5}}},
		{5, 9, [][]int{{1, 3, 5, 7, 9}, {9, 8, 7, 6, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9}}},
	} {
		d := deal(fmt.Sprint(c.t, c.n), c.t, c.n)
		for _, indices := range c.indices {
			keys, culprits, err := Combine(d.pk, d.pks, d.t, ids, d.parts(t, ids, indices...))
			if err != nil || culprits != nil {
				t.Fatalf("%d of %d by %v: got culprits %v, error %v", c.t, c.n, indices, culprits, err)
			}
			for j, id := range ids {
				if want := d.key(t, id); !bytes.Equal(keys[j], want) {
					t.Errorf("%d of %d by %v: key %d: got %x, want %x", c.t, c.n, indices, j, keys[j], want)
				}
				if err := VerifyKey(d.pk, id, keys[j]); err != nil {
					t.Errorf("VerifyKey: %v", err)
				}
			}
		}
	}
}

func TestFewerThanThresholdIsNoQuorum(t *testing.T) {
	d := deal("seal", 3, 5)
	ids := testIDs(2)
	for _, indices := range [][]int{{}, {1}, {2, 5}} {
		keys, culprits, err := Combine(d.pk, d.pks, d.t, ids, d.parts(t, ids, indices...))
		if !errors.Is(err, tribune.ErrNoQuorum) || keys != nil || culprits != nil {
			t.Errorf("by %v: got %d keys, culprits %v, error %v; want ErrNoQuorum", indices, len(keys), culprits, err)
		}
	}
}

func TestCulpritsAreNamedAndTheRestSuffices(t *testing.T) {
	d := deal("seal", 2, 4)
	other := deal("another key", 2, 4)
	ids := testIDs(5)
	swap := func(p *Partial) { p.Points[0], p.Points[1] = p.Points[1], p.Points[0] }
	lies := map[string]func(p *Partial){
		"a share of another key":  func(p *Partial) { p.Points = other.parts(t, ids, p.Index)[0].Points },
		"another guardian's":      func(p *Partial) { p.Points = d.parts(t, ids, p.Index%4+1)[0].Points },
		"one point of five":       func(p *Partial) { p.Points[4] = d.parts(t, [][]byte{[]byte("x")}, p.Index)[0].Points[0] },
		"two points swapped":      swap,
		"one point missing":       func(p *Partial) { p.Points = p.Points[:4] },
		"one point too many":      func(p *Partial) { p.Points = append(p.Points, p.Points[0]) },
		"no points":               func(p *Partial) { p.Points = nil },
		"infinity":                func(p *Partial) { p.Points[2] = hostileG1(t)["infinity"] },
		"a point of order 3":      func(p *Partial) { p.Points[2] = hostileG1(t)["order 3"] },
		"outside the subgroup":    func(p *Partial) { p.Points[2] = hostileG1(t)["outside the subgroup"] },
		"nil point":               func(p *Partial) { p.Points[2] = nil },
		"uncompressed":            func(p *Partial) { p.Points[0] = hostileG1(t)["uncompressed"] },
		"bytes of another length": func(p *Partial) { p.Points[0] = []byte("short") },
	}
	m := d.master(t)
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			parts := d.parts(t, ids, 1, 2, 4, 3)
			lie(&parts[1])
			keys, culprits, err := m.Combine(d.pks, d.t, ids, parts)
			if err != nil || !slices.Equal(culprits, []int{2}) {
				t.Fatalf("got culprits %v, error %v; want [2] and no error", culprits, err)
			}
			for j, id := range ids {
				if want := d.key(t, id); !bytes.Equal(keys[j], want) {
					t.Errorf("key %d: got %x, want %x", j, keys[j], want)
				}
			}

			parts = d.parts(t, ids, 2, 3)
			lie(&parts[0])
			keys, culprits, err = m.Combine(d.pks, d.t, ids, parts)
			if !errors.Is(err, tribune.ErrNoQuorum) || keys != nil || !slices.Equal(culprits, []int{2}) {
				t.Errorf("of two: got culprits %v, error %v; want [2] and ErrNoQuorum", culprits, err)
			}
		})
	}
	t.Run("two conspire", func(t *testing.T) {
		parts := d.parts(t, ids, 4, 1, 3, 2)
		swap(&parts[0])
		swap(&parts[2])
		keys, culprits, err := m.Combine(d.pks, d.t, ids, parts)
		if err != nil || !slices.Equal(culprits, []int{3, 4}) || !bytes.Equal(keys[0], d.key(t, ids[0])) {
			t.Errorf("got culprits %v, error %v; want [3 4]", culprits, err)
		}
	})
	t.Run("parts beyond the threshold are not needed", func(t *testing.T) {
		parts := d.parts(t, ids, 1, 2, 3)
		swap(&parts[2])
		if _, culprits, err := m.Combine(d.pks, d.t, ids, parts); err != nil || culprits != nil {
			t.Errorf("got culprits %v, error %v; want none", culprits, err)
		}
	})
}

// Shares of one ceremony under the public key of another: nobody lied, the roster is wrong.
func TestRosterThatDoesNotFitItsKeyIsAnIntegrityError(t *testing.T) {
	d, other := deal("seal", 2, 4), deal("another key", 2, 4)
	ids := testIDs(2)
	_, culprits, err := Combine(other.pk, d.pks, d.t, ids, d.parts(t, ids, 1, 2))
	var stop *tribune.IntegrityError
	if !errors.As(err, &stop) || culprits != nil {
		t.Errorf("got culprits %v, error %v; want an IntegrityError and no culprit", culprits, err)
	}
}

// Without random coefficients a sum of keys would be checked, and +x on one, -x on another would pass.
func TestErrorsThatCancelInASumAreCaught(t *testing.T) {
	d := deal("seal", 2, 4)
	ids := testIDs(2)
	parts := d.parts(t, ids, 1, 2)
	a, err := decodeG1(parts[0].Points[0])
	if err != nil {
		t.Fatal(err)
	}
	b, err := decodeG1(parts[0].Points[1])
	if err != nil {
		t.Fatal(err)
	}
	x, err := hashToG1([]byte("x"), dstSeal)
	if err != nil {
		t.Fatal(err)
	}
	a.Add(&a, &x)
	b.Sub(&b, &x)
	parts[0].Points = [][]byte{encodeG1(&a), encodeG1(&b)}
	if _, culprits, err := Combine(d.pk, d.pks, d.t, ids, parts); !errors.Is(err, tribune.ErrNoQuorum) || !slices.Equal(culprits, []int{1}) {
		t.Errorf("got culprits %v, error %v; want [1], ErrNoQuorum", culprits, err)
	}
}

func TestIndicesOutsideTheGroupOrTwiceAreRefused(t *testing.T) {
	d := deal("seal", 2, 4)
	ids := testIDs(1)
	for _, threshold := range []int{-1, 0, 5} {
		if _, _, err := Combine(d.pk, d.pks, threshold, ids, d.parts(t, ids, 1, 2)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("threshold %d: got %v, want ErrInvalid", threshold, err)
		}
	}
	for _, indices := range [][2]int{{0, 1}, {-1, 1}, {1, 5}, {2, 2}} {
		parts := d.parts(t, ids, 1, 2)
		parts[0].Index, parts[1].Index = indices[0], indices[1]
		if _, _, err := Combine(d.pk, d.pks, d.t, ids, parts); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("indices %v: got %v, want ErrInvalid", indices, err)
		}
	}
}

func TestKeyOfAnotherIdentityDoesNotVerify(t *testing.T) {
	d := deal("seal", 2, 4)
	if err := VerifyKey(d.pk, []byte("a"), d.key(t, []byte("b"))); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	if err := VerifyKey(d.pk, []byte("a"), d.key(t, []byte("a"))); err != nil {
		t.Errorf("its own key: %v", err)
	}
}

func TestOneWrongTraceKeyAmongManyIsFound(t *testing.T) {
	d := deal("many traces", 2, 4)
	m, err := NewMaster(d.pk)
	if err != nil {
		t.Fatal(err)
	}
	var ids, keys [][]byte
	for i := range 20 {
		ids = append(ids, []byte{byte(i)})
		keys = append(keys, d.key(t, ids[i]))
	}
	if err := m.VerifyKeys(ids, keys); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	for i := range keys {
		good := keys[i]
		keys[i] = d.key(t, []byte("somebody else"))
		if err := m.VerifyKeys(ids, keys); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("key %d of another identity: got %v, want ErrInvalid", i, err)
		}
		keys[i] = good
	}
	keys[3], keys[4] = keys[4], keys[3] // the sum is the same, the keys are not
	if err := m.VerifyKeys(ids, keys); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("two keys swapped: got %v, want ErrInvalid", err)
	}
}

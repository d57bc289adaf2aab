package ibe

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"tribune"
)

// evaluate blinds inputs and has the guardians of the given indices evaluate them.
func (d sharing) evaluate(t testing.TB, inputs [][]byte, indices ...int) ([]*Blinding, []Partial) {
	t.Helper()
	var bs []*Blinding
	parts := make([]Partial, len(indices))
	for _, in := range inputs {
		point, b, err := Blind(in)
		if err != nil {
			t.Fatal(err)
		}
		bs = append(bs, b)
		for i, index := range indices {
			parts[i].Index = index
			p, err := EvaluateBlinded(d.name(t, index), point)
			if err != nil {
				t.Fatal(err)
			}
			parts[i].Points = append(parts[i].Points, p)
		}
	}
	return bs, parts
}

func (d sharing) nameMaster(t testing.TB) *NameMaster {
	t.Helper()
	m, err := NewNameMaster(d.pk)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// want is s*H(input) under NAME, from the secret itself.
func (d sharing) nameOf(t testing.TB, input []byte) []byte {
	t.Helper()
	h, err := hashToG1(input, dstName)
	if err != nil {
		t.Fatal(err)
	}
	k := secret{d.secret}
	y, err := k.mul(&h)
	if err != nil {
		t.Fatal(err)
	}
	return encodeG1(&y)
}

func TestBlindEvaluationIsTheSameForAnyGuardiansAndAnyBlinding(t *testing.T) {
	d := deal("name", 2, 4)
	m := d.nameMaster(t)
	inputs := testIDs(4)
	for _, indices := range [][]int{{1, 2}, {3, 1}, {2, 3, 4}} {
		bs, parts := d.evaluate(t, inputs, indices...)
		ys, culprits, err := m.Unblind(d.pks, d.t, bs, parts)
		if err != nil || culprits != nil {
			t.Fatalf("by %v: culprits %v, error %v", indices, culprits, err)
		}
		for j, in := range inputs {
			if want := d.nameOf(t, in); !bytes.Equal(ys[j], want) {
				t.Errorf("by %v: input %d: got %x, want %x", indices, j, ys[j], want)
			}
		}
		if _, _, err := m.Unblind(d.pks, d.t, bs, parts); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("a blinding used twice: got %v, want ErrInvalid", err)
		}
	}
}

func TestLyingNameGuardianIsNamed(t *testing.T) {
	d := deal("name", 2, 4)
	bs, parts := d.evaluate(t, testIDs(3), 1, 3, 2)
	parts[1].Points[1] = parts[0].Points[1]
	ys, culprits, err := d.nameMaster(t).Unblind(d.pks, d.t, bs, parts)
	if err != nil || !slices.Equal(culprits, []int{3}) {
		t.Fatalf("got culprits %v, error %v; want [3]", culprits, err)
	}
	if want := d.nameOf(t, testIDs(3)[1]); !bytes.Equal(ys[1], want) {
		t.Errorf("got %x, want %x", ys[1], want)
	}
}

func TestBlindedPointIsFreshAndNotTheHash(t *testing.T) {
	a, _, err := Blind([]byte("plate"))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := Blind([]byte("plate"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := hashToG1([]byte("plate"), dstName)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a, b) || bytes.Equal(a, encodeG1(&h)) {
		t.Error("a guardian could recognise the input")
	}
}

// Even were the two keys one, an identity asked for through NAME would not give its SEAL key: the tags differ.
func TestNameEvaluationOfAnIdentityIsNotItsKey(t *testing.T) {
	d := deal("one key for both", 2, 4)
	id := []byte("id")
	bs, parts := d.evaluate(t, [][]byte{id}, 1, 2)
	ys, _, err := d.nameMaster(t).Unblind(d.pks, d.t, bs, parts)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyKey(d.pk, id, ys[0]); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

package ibe

import (
	"bytes"
	"testing"
)

// Whatever a guardian sends as its share, the key that comes out is the identity's, or none.
func FuzzCombine(f *testing.F) {
	d := deal("seal", 2, 4)
	id := []byte("id")
	want := d.key(f, id)
	parts := d.parts(f, [][]byte{id}, 1, 2, 3)
	good := parts[1].Points[0]
	f.Add(2, good)
	f.Add(3, good)
	f.Add(1, good)
	f.Add(0, good)
	f.Add(-1, good)
	f.Add(5, parts[2].Points[0])
	f.Add(2, want)
	f.Add(2, good[:47])
	for _, b := range hostileG1(f) {
		f.Add(2, b)
	}
	f.Fuzz(func(t *testing.T, index int, point []byte) {
		keys, culprits, err := Combine(d.pk, d.pks, d.t, [][]byte{id}, []Partial{parts[0], {Index: index, Points: [][]byte{point}}})
		if err == nil && !bytes.Equal(keys[0], want) {
			t.Errorf("combined %x from %d: %x", keys[0], index, point)
		}
		for _, c := range culprits {
			if c == parts[0].Index && index != c {
				t.Errorf("the honest guardian %d is named for %x of %d", c, point, index)
			}
		}
	})
}

// A blinded point comes from a hub that may be in other hands: what is answered is a multiple of a point of the group.
func FuzzEvaluateBlinded(f *testing.F) {
	d := deal("name", 2, 4)
	share := d.name(f, 1)
	point, _, err := Blind([]byte("name"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(point)
	f.Add(point[:47])
	for _, b := range hostileG1(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		y, err := EvaluateBlinded(share, b)
		if err != nil {
			return
		}
		if _, err := decodeG1(b); err != nil {
			t.Errorf("answered to %x, which is no point: %v", b, err)
		}
		if _, err := decodeG1(y); err != nil {
			t.Errorf("the answer to %x is no point: %v", b, err)
		}
	})
}

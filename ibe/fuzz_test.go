package ibe

import (
	"bytes"
	"testing"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
)

// What decodes must be in the subgroup, not infinity, and have this one spelling.
func FuzzDecodeG1(f *testing.F) {
	for _, b := range hostileG1(f) {
		f.Add(b)
	}
	_, _, g1, _ := bls12381.Generators()
	f.Add(encodeG1(&g1))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodeG1(b)
		if err != nil {
			return
		}
		if p.IsInfinity() || !p.IsInSubGroup() || !bytes.Equal(encodeG1(&p), b) {
			t.Errorf("accepted %x", b)
		}
	})
}

func FuzzDecodeG2(f *testing.F) {
	_, _, _, g2 := bls12381.Generators()
	f.Add(encodeG2(&g2))
	f.Add(append([]byte{0xc0}, make([]byte, G2Size-1)...))
	f.Add(make([]byte, 2*G2Size))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodeG2(b)
		if err != nil {
			return
		}
		if p.IsInfinity() || !p.IsInSubGroup() || !bytes.Equal(encodeG2(&p), b) {
			t.Errorf("accepted %x", b)
		}
	})
}

// Nothing but the sealed header opens, and nothing panics.
func FuzzOpenHeader(f *testing.F) {
	d := deal("seal", 2, 4)
	m := d.master(f)
	id, dek := []byte("id"), testDEK()
	r := scalarFrom("r")
	hs, err := m.headers(&r, dek, [][]byte{id})
	if err != nil {
		f.Fatal(err)
	}
	key, h := d.key(f, id), hs[0]
	f.Add(key, id, h)
	f.Add(key, []byte("other"), h)
	f.Add(key[:47], id, h)
	f.Add(key, id, h[:HeaderSize-1])
	f.Add(hostileG1(f)["infinity"], id, h)
	f.Fuzz(func(t *testing.T, k, i, header []byte) {
		got, err := m.OpenHeader(k, i, header)
		if err != nil {
			return
		}
		if !bytes.Equal(k, key) || !bytes.Equal(i, id) || !bytes.Equal(header, h) || !bytes.Equal(got, dek) {
			t.Errorf("opened %x with %x under %q", header, k, i)
		}
	})
}

package ibe

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// sharing is a threshold key made by a dealer who knows everything: tests only.
type sharing struct {
	t      int
	secret fr.Element
	shares []fr.Element // of x = 1..n
	pk     []byte
	pks    [][]byte
}

// scalarFrom is a fixed non-zero scalar for a seed.
func scalarFrom(seed string) fr.Element {
	var s fr.Element
	h := sha256.Sum256([]byte(seed))
	s.SetBytes(h[:])
	return s
}

func deal(seed string, t, n int) sharing {
	poly := make([]fr.Element, t)
	for i := range poly {
		poly[i] = scalarFrom(fmt.Sprintf("%s/%d", seed, i))
	}
	d := sharing{t: t, secret: poly[0]}
	p := baseG2(&d.secret)
	d.pk = encodeG2(&p)
	for x := 1; x <= n; x++ {
		var at, s fr.Element
		at.SetUint64(uint64(x))
		for i := t - 1; i >= 0; i-- {
			s.Mul(&s, &at).Add(&s, &poly[i])
		}
		d.shares = append(d.shares, s)
		p := baseG2(&s)
		d.pks = append(d.pks, encodeG2(&p))
	}
	return d
}

func scalarBytes(s fr.Element) []byte {
	b := s.Bytes()
	return b[:]
}

func (d sharing) seal(t testing.TB, index int) *SealShare {
	t.Helper()
	s, err := NewSealShare(scalarBytes(d.shares[index-1]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (d sharing) name(t testing.TB, index int) *NameShare {
	t.Helper()
	s, err := NewNameShare(scalarBytes(d.shares[index-1]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parts are the partial keys of ids by the guardians of the given indices.
func (d sharing) parts(t testing.TB, ids [][]byte, indices ...int) []Partial {
	t.Helper()
	var parts []Partial
	for _, i := range indices {
		p := Partial{Index: i}
		for _, id := range ids {
			point, err := PartialKey(d.seal(t, i), id)
			if err != nil {
				t.Fatal(err)
			}
			p.Points = append(p.Points, point)
		}
		parts = append(parts, p)
	}
	return parts
}

// key is D(id), from the secret itself.
func (d sharing) key(t testing.TB, id []byte) []byte {
	t.Helper()
	k := &SealShare{secret{d.secret}}
	b, err := PartialKey(k, id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (d sharing) master(t testing.TB) *Master {
	t.Helper()
	m, err := NewMaster(d.pk)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func testIDs(n int) [][]byte {
	ids := make([][]byte, n)
	for i := range ids {
		ids[i] = binary.BigEndian.AppendUint32([]byte("identity "), uint32(i))
	}
	return ids
}

func testDEK() []byte {
	h := sha256.Sum256([]byte("data key"))
	return h[:]
}

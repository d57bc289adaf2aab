package ibe

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"tribune"
)

// hostileG1 are encodings that must not decode, each next to why.
func hostileG1(t testing.TB) map[string][]byte {
	t.Helper()
	_, _, g1, _ := bls12381.Generators()
	uncompressed := g1.RawBytes()
	var uncompressedInfinity [2 * G1Size]byte
	uncompressedInfinity[0] = flagInfinity
	infinity := append([]byte{flagCompressed | flagInfinity}, make([]byte, G1Size-1)...)

	// (0, ±2) has order 3 on y² = x³ + 4.
	order3 := append([]byte{flagCompressed}, make([]byte, G1Size-1)...)
	order3neg := append([]byte{flagCompressed | 0x20}, make([]byte, G1Size-1)...)

	var seed fp.Element
	seed.SetUint64(7)
	outsideJac := bls12381.GeneratePointNotInG1(seed)
	var outside bls12381.G1Affine
	outside.FromJacobian(&outsideJac)

	valid := encodeG1(&g1)
	return map[string][]byte{
		"empty":                     {},
		"short":                     valid[:G1Size-1],
		"trailing byte":             append(bytes.Clone(valid), 0),
		"uncompressed":              uncompressed[:],
		"uncompressed, x only":      uncompressed[:G1Size],
		"infinity":                  infinity,
		"infinity with a sign":      append([]byte{0xe0}, make([]byte, G1Size-1)...),
		"infinity with payload":     append([]byte{0xc0}, bytes.Repeat([]byte{1}, G1Size-1)...),
		"uncompressed infinity":     uncompressedInfinity[:],
		"order 3":                   order3,
		"order 3, other sign":       order3neg,
		"outside the subgroup":      encodeG1(&outside),
		"x + p":                     plusModulus(t, 0),
		"x = p":                     withX(fp.Modulus()),
		"all ones":                  bytes.Repeat([]byte{0xff}, G1Size),
		"not compressed, zero":      make([]byte, G1Size),
		"flags 001":                 append([]byte{valid[0]&0x1f | 0x20}, valid[1:]...),
		"flags 011":                 append([]byte{valid[0]&0x1f | 0x60}, valid[1:]...),
		"flags 010":                 append([]byte{valid[0]&0x1f | 0x40}, valid[1:]...),
		"x not on the curve":        offCurve(t),
		"two points, one after one": append(bytes.Clone(valid), valid...),
	}
}

func withX(x *big.Int) []byte {
	b := x.FillBytes(make([]byte, G1Size))
	b[0] |= flagCompressed
	return b
}

// plusModulus is a proper point of G1 whose x is written as x + p, which still fits into 381 bits.
func plusModulus(t testing.TB, from int) []byte {
	t.Helper()
	limit := new(big.Int).Lsh(big.NewInt(1), 381)
	for i := from; i < from+10000; i++ {
		p, err := hashToG1(fmt.Appendf(nil, "point %d", i), dstSeal)
		if err != nil {
			t.Fatal(err)
		}
		x := p.X.BigInt(new(big.Int))
		if x.Add(x, fp.Modulus()); x.Cmp(limit) < 0 {
			sign := encodeG1(&p)[0] & 0x20
			b := withX(x)
			b[0] |= sign
			return b
		}
	}
	t.Fatal("no point with small x")
	return nil
}

func offCurve(t testing.TB) []byte {
	t.Helper()
	for i := int64(1); i < 100; i++ {
		b := withX(big.NewInt(i))
		if _, err := new(bls12381.G1Affine).SetBytes(b); err != nil && strings.Contains(err.Error(), "square root") {
			return b
		}
	}
	t.Fatal("every small x is on the curve")
	return nil
}

func TestHostileG1PointsAreRefused(t *testing.T) {
	d := deal("seal", 2, 3)
	id := []byte("id")
	m := d.master(t)
	header, err := m.Header(id, testDEK())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range hostileG1(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := decodeG1(b); !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("decodeG1(%x): got %v, want ErrInvalid", b, err)
			}
			if _, err := EvaluateBlinded(d.name(t, 1), b); !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("EvaluateBlinded: got %v, want ErrInvalid", err)
			}
			if err := m.VerifyKey(id, b); !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("VerifyKey: got %v, want ErrInvalid", err)
			}
			if _, err := m.OpenHeader(b, id, header); !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("OpenHeader: got %v, want ErrInvalid", err)
			}
		})
	}
	_, _, g1, _ := bls12381.Generators()
	if p, err := decodeG1(encodeG1(&g1)); err != nil || !p.Equal(&g1) {
		t.Errorf("the generator: got %v, %v", p, err)
	}
}

// The trap that makes the subgroup check necessary: a pairing check alone accepts D + a point of order 3.
func TestOrder3PointAddedToAKeyIsRefused(t *testing.T) {
	d := deal("seal", 2, 3)
	id := []byte("id")
	m := d.master(t)
	key, err := decodeG1(d.key(t, id))
	if err != nil {
		t.Fatal(err)
	}
	var order3, sum bls12381.G1Affine
	order3.Y.SetUint64(2)
	var triple bls12381.G1Affine
	triple.ScalarMultiplication(&order3, big.NewInt(3))
	if !order3.IsOnCurve() || !triple.IsInfinity() {
		t.Fatal("(0, 2) is not of order 3")
	}
	sum.Add(&key, &order3)
	base, err := hashToG1(id, dstSeal)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := m.check(sum, base); err != nil || !ok {
		t.Fatalf("the bare pairing check: got %v, %v; the trap this test guards is gone", ok, err)
	}
	if err := m.VerifyKey(id, encodeG1(&sum)); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("VerifyKey: got %v, want ErrInvalid", err)
	}
}

func TestHostileG2PointsAreRefused(t *testing.T) {
	_, _, _, g2 := bls12381.Generators()
	valid := encodeG2(&g2)
	uncompressed := g2.RawBytes()
	high := bytes.Clone(valid) // x.A0 = p
	copy(high[G2Size/2:], fp.Modulus().FillBytes(make([]byte, G2Size/2)))
	var seed bls12381.E2
	seed.A0.SetUint64(7)
	outsideJac := bls12381.GeneratePointNotInG2(seed)
	var outside bls12381.G2Affine
	outside.FromJacobian(&outsideJac)
	for name, b := range map[string][]byte{
		"empty":                 {},
		"short":                 valid[:G2Size-1],
		"trailing byte":         append(bytes.Clone(valid), 0),
		"uncompressed":          uncompressed[:],
		"infinity":              append([]byte{0xc0}, make([]byte, G2Size-1)...),
		"zero":                  make([]byte, G2Size),
		"all ones":              bytes.Repeat([]byte{0xff}, G2Size),
		"x.A0 = p":              high,
		"outside the subgroup":  encodeG2(&outside),
		"a G1 point twice over": append(plusModulus(t, 0), plusModulus(t, 0)...),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := decodeG2(b); !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("decodeG2(%x): got %v, want ErrInvalid", b, err)
			}
			if _, err := NewMaster(b); !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("NewMaster: got %v, want ErrInvalid", err)
			}
		})
	}
	if _, err := NewMaster(valid); err != nil {
		t.Errorf("the generator: %v", err)
	}
}

func TestBadSharesAreRefused(t *testing.T) {
	r := fr.Modulus()
	for name, b := range map[string][]byte{
		"empty":  {},
		"short":  make([]byte, 31),
		"zero":   make([]byte, 32),
		"order":  r.FillBytes(make([]byte, 32)),
		"larger": bytes.Repeat([]byte{0xff}, 32),
	} {
		if _, err := NewSealShare(b); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: NewSealShare: got %v, want ErrInvalid", name, err)
		}
		if _, err := NewNameShare(b); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: NewNameShare: got %v, want ErrInvalid", name, err)
		}
	}
	one := append(make([]byte, 31), 1)
	s, err := NewSealShare(one)
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, g2 := bls12381.Generators()
	if got, want := s.Public(), encodeG2(&g2); !bytes.Equal(got, want) {
		t.Errorf("public share of 1: got %x, want %x", got, want)
	}
}

func TestSharesDoNotPrint(t *testing.T) {
	s := deal("seal", 2, 3).seal(t, 1)
	raw := hex.EncodeToString(scalarBytes(s.s))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, v := range []any{s, *s, struct{ S SealShare }{*s}} {
			out := fmt.Sprintf(verb, v)
			if !strings.Contains(out, "[secret]") || strings.Contains(out, raw) || strings.Contains(out, fmt.Sprint(s.s[0])) {
				t.Errorf("%s of %T printed %q", verb, v, out)
			}
		}
	}
}

// Splitting a share anew for each use must not change what it computes.
func TestSplitMultiplicationAgreesWithPlain(t *testing.T) {
	for i := range 20 {
		k := secret{scalarFrom(fmt.Sprint(i))}
		p, err := hashToG1(fmt.Append(nil, i), dstSeal)
		if err != nil {
			t.Fatal(err)
		}
		var want bls12381.G1Affine
		want.ScalarMultiplication(&p, k.s.BigInt(new(big.Int)))
		if got, err := k.mul(&p); err != nil || !got.Equal(&want) {
			t.Fatalf("multiplication %d: got %v, %v, want %v", i, got, err, want)
		}
	}
}

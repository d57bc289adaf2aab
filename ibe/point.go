package ibe

import (
	"fmt"
	"io"
	"math/big"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"tribune"
)

// The three leading bits of a compressed point: compressed, infinity, sign of y.
const (
	flagCompressed = 0x80
	flagInfinity   = 0x40
)

// checkFlags refuses what gnark-crypto's SetBytes would accept: infinity, and the uncompressed form.
func checkFlags(b []byte, size int) error {
	if len(b) != size {
		return fmt.Errorf("%w: point of %d bytes, want %d", tribune.ErrInvalid, len(b), size)
	}
	if b[0]&flagCompressed == 0 {
		return fmt.Errorf("%w: point is not in compressed form", tribune.ErrInvalid)
	}
	if b[0]&flagInfinity != 0 {
		return fmt.Errorf("%w: point at infinity", tribune.ErrInvalid)
	}
	return nil
}

// decodeG1 reads a compressed, canonical point of the subgroup that is not infinity.
func decodeG1(b []byte) (p bls12381.G1Affine, err error) {
	if err := checkFlags(b, G1Size); err != nil {
		return p, err
	}
	if _, err := p.SetBytes(b); err != nil { // on the curve and in the subgroup
		return p, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	if p.IsInfinity() || p.Bytes() != [G1Size]byte(b) {
		return p, fmt.Errorf("%w: point is not in its one canonical form", tribune.ErrInvalid)
	}
	return p, nil
}

// decodeG2 is decodeG1 for G2.
func decodeG2(b []byte) (p bls12381.G2Affine, err error) {
	if err := checkFlags(b, G2Size); err != nil {
		return p, err
	}
	if _, err := p.SetBytes(b); err != nil {
		return p, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	if p.IsInfinity() || p.Bytes() != [G2Size]byte(b) {
		return p, fmt.Errorf("%w: point is not in its one canonical form", tribune.ErrInvalid)
	}
	return p, nil
}

func encodeG1(p *bls12381.G1Affine) []byte {
	b := p.Bytes()
	return b[:]
}

func encodeG2(p *bls12381.G2Affine) []byte {
	b := p.Bytes()
	return b[:]
}

// hashToG1 is RFC 9380 hash_to_curve. It fails only for tags longer than 255 bytes, and ours are constants.
func hashToG1(msg []byte, dst string) (bls12381.G1Affine, error) {
	p, err := bls12381.HashToG1(msg, []byte(dst))
	if err != nil {
		return p, fmt.Errorf("hashing to the curve: %w", err)
	}
	return p, nil
}

// randomScalar is uniform in 1..r-1.
func randomScalar() (s fr.Element, err error) {
	for {
		if _, err := s.SetRandom(); err != nil {
			return s, fmt.Errorf("drawing a scalar: %w", err)
		}
		if !s.IsZero() {
			return s, nil
		}
	}
}

// secret is a scalar that does not print. Types that hold one embed it.
type secret struct{ s fr.Element }

// Format keeps the scalar out of logs and error texts, whatever the verb.
func (secret) Format(f fmt.State, _ rune) { io.WriteString(f, "[secret]") }

// Wipe overwrites the scalar. What holds it is of no use afterwards.
func (k *secret) Wipe() { k.s = fr.Element{} }

// mul is k*p, with the scalar split into two random summands (see the package comment).
func (k *secret) mul(p *bls12381.G1Affine) (q bls12381.G1Affine, err error) {
	a, err := randomScalar()
	if err != nil {
		return q, err
	}
	var b fr.Element
	b.Sub(&k.s, &a)
	var base, left, right bls12381.G1Jac
	base.FromAffine(p)
	mulScalar(&left, &base, &a)
	mulScalar(&right, &base, &b)
	left.AddAssign(&right)
	q.FromJacobian(&left)
	a, b = fr.Element{}, fr.Element{}
	return q, nil
}

// mulScalar sets q = s*p and overwrites its own copy of s.
func mulScalar(q, p *bls12381.G1Jac, s *fr.Element) {
	var n big.Int
	s.BigInt(&n)
	q.ScalarMultiplication(p, &n)
	clear(n.Bits())
}

// baseG2 is s*g2.
func baseG2(s *fr.Element) (q bls12381.G2Affine) {
	var n big.Int
	s.BigInt(&n)
	q.ScalarMultiplicationBase(&n)
	clear(n.Bits())
	return q
}

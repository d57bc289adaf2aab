package ibe

import (
	"fmt"
	"math/big"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"tribune"
)

// Blinding undoes one Blind. It is used once.
type Blinding struct {
	secret // the inverse of the blinding factor
	point  bls12381.G1Affine
}

// Blind hashes input to the curve under NAME and hides it by a random factor: the point says nothing about the input.
func Blind(input []byte) (point []byte, b *Blinding, err error) {
	factor, err := randomScalar()
	if err != nil {
		return nil, nil, fmt.Errorf("blinding: %w", err)
	}
	defer func() { factor = fr.Element{} }()
	return blind(&factor, input)
}

// blind is Blind with the factor given, for test vectors.
func blind(factor *fr.Element, input []byte) ([]byte, *Blinding, error) {
	h, err := hashToG1(input, dstName)
	if err != nil {
		return nil, nil, fmt.Errorf("blinding: %w", err)
	}
	var base, product bls12381.G1Jac
	base.FromAffine(&h)
	mulScalar(&product, &base, factor)
	b := &Blinding{}
	b.point.FromJacobian(&product)
	b.s.Inverse(factor)
	return encodeG1(&b.point), b, nil
}

// NameMaster is the NAME public key, prepared. It is safe for concurrent use.
type NameMaster struct{ publicKey }

// NewNameMaster reads the NAME public key, 96 bytes.
func NewNameMaster(pk []byte) (*NameMaster, error) {
	k, err := newPublicKey(pk)
	if err != nil {
		return nil, err
	}
	return &NameMaster{k}, nil
}

// Unblind combines t guardians' evaluations of blinded points, verifies them all at once, and takes the blinding off:
// ys[j] = s*H(input j), 48 bytes. Errors and culprits are as in Master.Combine. The blindings are wiped on success.
func (m *NameMaster) Unblind(sharePKs [][]byte, t int, blindings []*Blinding, parts []Partial) (ys [][]byte, culprits []int, err error) {
	bases := make([]bls12381.G1Affine, len(blindings))
	for j, b := range blindings {
		if b.s.IsZero() {
			return nil, nil, fmt.Errorf("%w: blinding %d was used before", tribune.ErrInvalid, j)
		}
		bases[j] = b.point
	}
	points, culprits, err := m.combine(sharePKs, t, bases, parts)
	if err != nil {
		return nil, culprits, fmt.Errorf("unblinding: %w", err)
	}
	ys = make([][]byte, len(points))
	err = each(len(points), func(j int) error {
		var inverse big.Int
		blindings[j].s.BigInt(&inverse)
		points[j].ScalarMultiplication(&points[j], &inverse)
		clear(inverse.Bits())
		ys[j] = encodeG1(&points[j])
		blindings[j].Wipe()
		return nil
	})
	if err != nil {
		return nil, culprits, fmt.Errorf("unblinding: %w", err)
	}
	return ys, culprits, nil
}

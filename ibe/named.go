package ibe

import (
	"fmt"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"

	"tribune"
)

// NamePoint is the point of an input under NAME, 48 bytes, not blinded: for a guardian who is told the name anyway, by a person who proves that
// it is theirs.
func NamePoint(input []byte) ([]byte, error) {
	h, err := hashToG1(input, dstName)
	if err != nil {
		return nil, fmt.Errorf("hashing a name: %w", err)
	}
	return encodeG1(&h), nil
}

// CombineName makes y of an input from t guardians' evaluations of its NamePoint, and verifies it. Errors and culprits are as in Master.Combine.
func (m *NameMaster) CombineName(sharePKs [][]byte, t int, input []byte, parts []Partial) (y []byte, culprits []int, err error) {
	h, err := hashToG1(input, dstName)
	if err != nil {
		return nil, nil, fmt.Errorf("combining a name: %w", err)
	}
	points, culprits, err := m.combine(sharePKs, t, []bls12381.G1Affine{h}, parts)
	if err != nil {
		return nil, culprits, fmt.Errorf("combining a name: %w", err)
	}
	return encodeG1(&points[0]), culprits, nil
}

// VerifyName checks that y is the evaluation of input: e(y, g2) == e(H(input), PK).
func (m *NameMaster) VerifyName(input, y []byte) error {
	h, err := hashToG1(input, dstName)
	if err != nil {
		return fmt.Errorf("verifying a name: %w", err)
	}
	p, err := decodeG1(y)
	if err != nil {
		return fmt.Errorf("verifying a name: %w", err)
	}
	ok, err := m.check(p, h)
	if err != nil {
		return fmt.Errorf("verifying a name: %w", err)
	}
	if !ok {
		return fmt.Errorf("%w: y is not the evaluation of this name", tribune.ErrInvalid)
	}
	return nil
}

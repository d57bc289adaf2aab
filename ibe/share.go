package ibe

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"tribune"
)

// SealShare is a guardian's share of SEAL. It computes partial keys of identities and nothing else.
type SealShare struct{ secret }

// NameShare is a guardian's share of NAME. It evaluates blinded points and nothing else.
type NameShare struct{ secret }

// NewSealShare reads a share: 32 bytes big-endian, 0 < s < r.
func NewSealShare(b []byte) (*SealShare, error) {
	s, err := decodeShare(b)
	if err != nil {
		return nil, err
	}
	return &SealShare{secret{s}}, nil
}

// NewNameShare reads a share: 32 bytes big-endian, 0 < s < r.
func NewNameShare(b []byte) (*NameShare, error) {
	s, err := decodeShare(b)
	if err != nil {
		return nil, err
	}
	return &NameShare{secret{s}}, nil
}

func decodeShare(b []byte) (s fr.Element, err error) {
	if len(b) != ScalarSize {
		return s, fmt.Errorf("%w: share of %d bytes, want %d", tribune.ErrInvalid, len(b), ScalarSize)
	}
	if err := s.SetBytesCanonical(b); err != nil || s.IsZero() {
		return s, fmt.Errorf("%w: share is not a number between 0 and the group order", tribune.ErrInvalid) // without the number
	}
	return s, nil
}

// Public is s*g2, 96 bytes: what the ceremony published for this share.
func (k *secret) Public() []byte {
	p := baseG2(&k.s)
	return encodeG2(&p)
}

// PartialKey is s_i*H1(id), 48 bytes. Whether id may be opened is the caller's to decide first.
func PartialKey(share *SealShare, id []byte) ([]byte, error) {
	h, err := hashToG1(id, dstSeal)
	if err != nil {
		return nil, fmt.Errorf("partial key: %w", err)
	}
	d, err := share.mul(&h)
	if err != nil {
		return nil, fmt.Errorf("partial key: %w", err)
	}
	return encodeG1(&d), nil
}

// PartialKeys is PartialKey for each id, over all cores.
func PartialKeys(share *SealShare, ids [][]byte) ([][]byte, error) {
	parts := make([][]byte, len(ids))
	err := each(len(ids), func(i int) (err error) {
		parts[i], err = PartialKey(share, ids[i])
		return err
	})
	return parts, err
}

// EvaluateBlinded is s_i*point, 48 bytes. It refuses what is not a proper point, so that a sender learns nothing about
// the share from points of small order.
func EvaluateBlinded(share *NameShare, point []byte) ([]byte, error) {
	p, err := decodeG1(point)
	if err != nil {
		return nil, fmt.Errorf("blinded point: %w", err)
	}
	q, err := share.mul(&p)
	if err != nil {
		return nil, fmt.Errorf("evaluating blinded point: %w", err)
	}
	return encodeG1(&q), nil
}

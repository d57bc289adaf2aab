package ibe

import (
	"fmt"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"

	"tribune"
)

// lines are the line functions of a fixed G2 point along the Miller loop: about a third of a pairing, done once.
type lines = [2][len(bls12381.LoopCounter) - 1]bls12381.LineEvaluationAff

// publicKey is the public half of a threshold key, with what pairings by it need prepared. It is safe for concurrent use.
type publicKey struct {
	raw       [G2Size]byte
	keyLines  *lines // of the key
	baseLines *lines // of g2
}

func newPublicKey(pk []byte) (publicKey, error) {
	p, err := decodeG2(pk)
	if err != nil {
		return publicKey{}, fmt.Errorf("public key: %w", err)
	}
	_, _, _, g2 := bls12381.Generators()
	key, base := bls12381.PrecomputeLines(p), bls12381.PrecomputeLines(g2)
	return publicKey{raw: [G2Size]byte(pk), keyLines: &key, baseLines: &base}, nil
}

// pair is e(p, PK).
func (k *publicKey) pair(p bls12381.G1Affine) (bls12381.GT, error) {
	// PairFixedQ works in place on the lines it is given: the slice literal is a copy for this call.
	z, err := bls12381.PairFixedQ([]bls12381.G1Affine{p}, []lines{*k.keyLines})
	if err != nil {
		return z, fmt.Errorf("pairing: %w", err)
	}
	return z, nil
}

// check reports whether product = s*base, by e(product, g2) == e(base, PK).
func (k *publicKey) check(product, base bls12381.G1Affine) (bool, error) {
	if product.IsInfinity() || base.IsInfinity() {
		return false, nil // infinity fits any key; a random combination of proper points does not reach it
	}
	product.Neg(&product)
	ok, err := bls12381.PairingCheckFixedQ([]bls12381.G1Affine{product, base}, []lines{*k.baseLines, *k.keyLines})
	if err != nil {
		return false, fmt.Errorf("pairing: %w", err)
	}
	return ok, nil
}

// checkShare is check against one guardian's public share, for which no lines are prepared: it is the rare case.
func checkShare(sharePK []byte, product, base bls12381.G1Affine) (bool, error) {
	p, err := decodeG2(sharePK)
	if err != nil {
		return false, fmt.Errorf("public share: %w", err)
	}
	if product.IsInfinity() || base.IsInfinity() {
		return false, nil
	}
	_, _, _, g2 := bls12381.Generators()
	product.Neg(&product)
	ok, err := bls12381.PairingCheck([]bls12381.G1Affine{product, base}, []bls12381.G2Affine{g2, p})
	if err != nil {
		return false, fmt.Errorf("pairing: %w", err)
	}
	return ok, nil
}

// Master is the SEAL public key, prepared: making one costs about a millisecond, so keep it. It is safe for concurrent use.
type Master struct{ publicKey }

// NewMaster reads the SEAL public key, 96 bytes.
func NewMaster(pk []byte) (*Master, error) {
	k, err := newPublicKey(pk)
	if err != nil {
		return nil, err
	}
	return &Master{k}, nil
}

// VerifyKey checks that d is the key of id: e(d, g2) == e(H1(id), PK).
func (m *Master) VerifyKey(id, d []byte) error { return m.VerifyKeys([][]byte{id}, [][]byte{d}) }

// VerifyKeys checks that each of ds is the key of its identity, all by one check of a random linear combination: about
// a quarter of the cost of checking many one by one. It does not say which is wrong.
func (m *Master) VerifyKeys(ids, ds [][]byte) error {
	if len(ids) != len(ds) {
		return fmt.Errorf("%w: %d keys for %d identities", tribune.ErrInvalid, len(ds), len(ids))
	}
	keys, hashes := make([]bls12381.G1Affine, len(ids)), make([]bls12381.G1Affine, len(ids))
	err := each(len(ids), func(i int) (err error) {
		if keys[i], err = decodeG1(ds[i]); err == nil {
			hashes[i], err = hashToG1(ids[i], dstSeal)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("verifying keys: %w", err)
	}
	ok, err := checkAll(keys, hashes, m.check)
	if err != nil {
		return fmt.Errorf("verifying keys: %w", err)
	}
	if !ok {
		return fmt.Errorf("%w: a key is not the key of its identity", tribune.ErrInvalid)
	}
	return nil
}

// VerifyKey is Master.VerifyKey for a single use of a public key.
func VerifyKey(pk, id, d []byte) error {
	m, err := NewMaster(pk)
	if err != nil {
		return err
	}
	return m.VerifyKey(id, d)
}

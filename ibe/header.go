package ibe

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"tribune"
	"tribune/protocol"
)

const headerVersion = 0x01

// Header seals dek to an identity: HeaderSize bytes.
func (m *Master) Header(id, dek []byte) ([]byte, error) {
	hs, err := m.Headers(dek, id)
	if err != nil {
		return nil, err
	}
	return hs[0], nil
}

// Headers seals one dek to several identities at once, with one U: a segment and its whole day.
func (m *Master) Headers(dek []byte, ids ...[]byte) ([][]byte, error) {
	r, err := randomScalar()
	if err != nil {
		return nil, fmt.Errorf("sealing header: %w", err)
	}
	defer func() { r = fr.Element{} }()
	return m.headers(&r, dek, ids)
}

// headers is Headers with r given, for test vectors.
func (m *Master) headers(r *fr.Element, dek []byte, ids [][]byte) ([][]byte, error) {
	if len(dek) != DEKSize {
		return nil, fmt.Errorf("%w: data key of %d bytes, want %d", tribune.ErrInvalid, len(dek), DEKSize)
	}
	point := baseG2(r)
	u := encodeG2(&point)
	out := make([][]byte, len(ids))
	for i, id := range ids {
		h, err := hashToG1(id, dstSeal)
		if err != nil {
			return nil, fmt.Errorf("sealing header: %w", err)
		}
		var base, product bls12381.G1Jac
		base.FromAffine(&h)
		mulScalar(&product, &base, r)
		z, err := m.pair(*h.FromJacobian(&product))
		if err != nil {
			return nil, fmt.Errorf("sealing header: %w", err)
		}
		aead, err := m.kem(z, u, id)
		if err != nil {
			return nil, fmt.Errorf("sealing header: %w", err)
		}
		b := make([]byte, 0, HeaderSize)
		b = append(append(b, headerVersion), u...)
		out[i] = aead.Seal(b, make([]byte, aead.NonceSize()), dek, headerAAD(id))
	}
	return out, nil
}

// OpenHeader opens a header with d, the key of id. The data key is the caller's to wipe.
func (m *Master) OpenHeader(d, id, header []byte) ([]byte, error) {
	if len(header) != HeaderSize || header[0] != headerVersion {
		return nil, fmt.Errorf("%w: header of %d bytes is not of version 1", tribune.ErrInvalid, len(header))
	}
	key, err := decodeG1(d)
	if err != nil {
		return nil, fmt.Errorf("opening header: key: %w", err)
	}
	u, err := decodeG2(header[1 : 1+G2Size])
	if err != nil {
		return nil, fmt.Errorf("opening header: %w", err)
	}
	z, err := bls12381.Pair([]bls12381.G1Affine{key}, []bls12381.G2Affine{u})
	if err != nil {
		return nil, fmt.Errorf("opening header: pairing: %w", err)
	}
	aead, err := m.kem(z, header[1:1+G2Size], id)
	if err != nil {
		return nil, fmt.Errorf("opening header: %w", err)
	}
	dek, err := aead.Open(nil, make([]byte, aead.NonceSize()), header[1+G2Size:], headerAAD(id))
	if err != nil {
		return nil, fmt.Errorf("%w: the key does not open this header", tribune.ErrInvalid)
	}
	return dek, nil
}

// kem derives KEK = HKDF-SHA256(Z, no salt, info L(kem) || PK || U || ID) and keys AES-256-GCM with it.
func (m *Master) kem(z bls12381.GT, u, id []byte) (cipher.AEAD, error) {
	secret := z.Bytes()
	defer clear(secret[:])
	info := append(protocol.Label("kem"), m.raw[:]...)
	info = append(append(info, u...), id...)
	kek, err := hkdf.Key(sha256.New, secret[:], nil, string(info), 32)
	if err != nil {
		return nil, fmt.Errorf("deriving key: %w", err)
	}
	defer clear(kek)
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, fmt.Errorf("deriving key: %w", err)
	}
	return cipher.NewGCM(block)
}

func headerAAD(id []byte) []byte { return append(protocol.Label("header"), id...) }

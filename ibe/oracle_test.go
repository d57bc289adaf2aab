package ibe

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"

	"github.com/drand/kyber"
	bls "github.com/drand/kyber-bls12381"
	"github.com/drand/kyber/pairing"
	"github.com/drand/kyber/share"
	"github.com/drand/kyber/util/random"
)

// The oracle is drand's kyber on kilic's BLS12-381: another field arithmetic, another hash to curve, another pairing,
// another interpolation. It shares no code with gnark-crypto.

func oracle(dst string) pairing.Suite {
	return bls.NewBLS12381SuiteWithDST([]byte(dst), nil)
}

func oracleHash(dst string, msg []byte) kyber.Point {
	return oracle(dst).G1().Point().(kyber.HashablePoint).Hash(msg)
}

func oraclePoint(t testing.TB, g kyber.Group, b []byte) kyber.Point {
	t.Helper()
	p := g.Point()
	if err := p.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return p
}

func marshal(t testing.TB, m kyber.Marshaling) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// oracleKEM derives the key encryption key from Z and opens or seals with it, written from the specification.
func oracleKEM(t testing.TB, z kyber.Point, pk, u, id []byte) cipher.AEAD {
	t.Helper()
	info := "tribune/v1/kem\x00" + string(pk) + string(u) + string(id)
	kek, err := hkdf.Key(sha256.New, marshal(t, z), nil, info, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

func TestOracleHashesToTheSamePoints(t *testing.T) {
	for _, dst := range []string{dstSeal, dstName} {
		for _, msg := range append(testIDs(10), nil, bytes.Repeat([]byte{'x'}, 1000)) {
			p, err := hashToG1(msg, dst)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := encodeG1(&p), marshal(t, oracleHash(dst, msg)); !bytes.Equal(got, want) {
				t.Errorf("H(%q) under %s: got %x, oracle %x", msg, dst, got, want)
			}
		}
	}
}

// A secret shared, partial keys made, and the key recovered, all by kyber: points and indices mean the same here.
func TestOracleSharesCombineHereAndOursThere(t *testing.T) {
	suite := oracle(dstSeal)
	const threshold, n = 3, 5
	poly := share.NewPriPoly(suite.G2(), threshold, nil, random.New())
	commit := poly.Commit(suite.G2().Point().Base())
	pk := marshal(t, commit.Commit())
	ids := testIDs(2)
	var pks [][]byte
	theirs := make([]Partial, 0, n)
	ours := make([][]*share.PubShare, len(ids))
	for i, s := range poly.Shares(n) {
		pks = append(pks, marshal(t, commit.Eval(s.I).V))
		own, err := NewSealShare(marshal(t, s.V))
		if err != nil {
			t.Fatal(err)
		}
		if got := own.Public(); !bytes.Equal(got, pks[i]) {
			t.Fatalf("public share %d: got %x, oracle %x", i+1, got, pks[i])
		}
		part := Partial{Index: s.I + 1} // kyber counts from 0 and evaluates at I+1
		for j, id := range ids {
			d := suite.G1().Point().Mul(s.V, oracleHash(dstSeal, id))
			part.Points = append(part.Points, marshal(t, d))
			mine, err := PartialKey(own, id)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(mine, marshal(t, d)) {
				t.Fatalf("partial key of guardian %d: got %x, oracle %x", i+1, mine, marshal(t, d))
			}
			ours[j] = append(ours[j], &share.PubShare{I: s.I, V: oraclePoint(t, suite.G1(), mine)})
		}
		theirs = append(theirs, part)
	}
	keys, culprits, err := Combine(pk, pks, threshold, ids, theirs[2:])
	if err != nil || culprits != nil {
		t.Fatalf("combining the oracle's shares: culprits %v, error %v", culprits, err)
	}
	for j := range ids {
		want, err := share.RecoverCommit(suite.G1(), ours[j][:threshold], threshold, n)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(keys[j], marshal(t, want)) {
			t.Errorf("key %d: got %x, oracle %x", j, keys[j], marshal(t, want))
		}
		direct := suite.G1().Point().Mul(poly.Secret(), oracleHash(dstSeal, ids[j]))
		if !bytes.Equal(keys[j], marshal(t, direct)) {
			t.Errorf("key %d: got %x, from the secret %x", j, keys[j], marshal(t, direct))
		}
	}
}

func TestOracleOpensOurHeader(t *testing.T) {
	d := deal("seal", 2, 4)
	id, dek := []byte("id"), testDEK()
	h, err := d.master(t).Header(id, dek)
	if err != nil {
		t.Fatal(err)
	}
	suite := oracle(dstSeal)
	s := suite.G1().Scalar().SetBytes(scalarBytes(d.secret))
	key := suite.G1().Point().Mul(s, oracleHash(dstSeal, id))
	u := h[1 : 1+G2Size]
	z := suite.Pair(key, oraclePoint(t, suite.G2(), u))
	got, err := oracleKEM(t, z, d.pk, u, id).Open(nil, make([]byte, 12), h[1+G2Size:], append([]byte("tribune/v1/header\x00"), id...))
	if err != nil || !bytes.Equal(got, dek) {
		t.Errorf("got %x, %v, want %x", got, err, dek)
	}
}

func TestOracleHeaderOpensHere(t *testing.T) {
	d := deal("seal", 2, 4)
	id, dek := []byte("id"), testDEK()
	suite := oracle(dstSeal)
	r := suite.G1().Scalar().SetBytes(scalarBytes(scalarFrom("r")))
	u := marshal(t, suite.G2().Point().Mul(r, nil))
	z := suite.Pair(suite.G1().Point().Mul(r, oracleHash(dstSeal, id)), oraclePoint(t, suite.G2(), d.pk))
	h := append([]byte{1}, u...)
	h = oracleKEM(t, z, d.pk, u, id).Seal(h, make([]byte, 12), dek, append([]byte("tribune/v1/header\x00"), id...))
	got, err := d.master(t).OpenHeader(d.key(t, id), id, h)
	if err != nil || !bytes.Equal(got, dek) {
		t.Errorf("got %x, %v, want %x", got, err, dek)
	}
}

func TestOracleEvaluatesTheSameName(t *testing.T) {
	d := deal("name", 2, 4)
	input := []byte("input")
	bs, parts := d.evaluate(t, [][]byte{input}, 2, 4)
	ys, _, err := d.nameMaster(t).Unblind(d.pks, d.t, bs, parts)
	if err != nil {
		t.Fatal(err)
	}
	suite := oracle(dstName)
	s := suite.G1().Scalar().SetBytes(scalarBytes(d.secret))
	if want := marshal(t, suite.G1().Point().Mul(s, oracleHash(dstName, input))); !bytes.Equal(ys[0], want) {
		t.Errorf("got %x, oracle %x", ys[0], want)
	}
}

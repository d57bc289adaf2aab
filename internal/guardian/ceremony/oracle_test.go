package ceremony

import (
	"bytes"

	"slices"
	"testing"

	bls "github.com/drand/kyber-bls12381"
	"github.com/drand/kyber/share"
	"github.com/drand/kyber/sign/tbls"

	"tribune"
	"tribune/ibe"
)

// After a change the other library, kyber, reconstructs from new shares the key of an identity as it was before; shares of
// two epochs together make another key, and who brought the old one is named.
func TestSharesOfAChangeAgainstTheOracle(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	before := tb.present()
	var old []Keys
	for _, at := range tb.at {
		k, _ := at.Shares()
		old = append(old, k)
	}
	id := (tribune.Identity{Kind: tribune.IdentitySubject, Pseudonym: tribune.Pseudonym{1}, Class: "movement", Day: 20779, Segment: 36000}).Bytes("city.example")
	c := tb.successor(3, 4, nil, append(slices.Clone(before.Guardians), tb.join("library.example"))...)
	tb.reshare(c)
	tb.holds(before, c)
	after := tb.present()

	const dst = "TRIBUNE-V1-SEAL-BLS12381G1_XMD:SHA-256_SSWU_RO_"
	s := bls.NewBLS12381SuiteWithDST([]byte(dst), nil)
	scheme := tbls.NewThresholdSchemeOnG1(s)
	sign := func(k Keys) []byte {
		v := s.G1().Scalar()
		if err := v.UnmarshalBinary(k.Seal); err != nil {
			t.Fatal(err)
		}
		sig, err := scheme.Sign(&share.PriShare{I: k.Index - 1, V: v}, id)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	recover := func(keys []Keys, coeffs *share.PubPoly, t, n int) ([]byte, error) {
		var parts [][]byte
		for _, k := range keys {
			parts = append(parts, sign(k))
		}
		return scheme.Recover(coeffs, id, parts, t, n)
	}
	var now []Keys
	for _, m := range after.Guardians {
		k, _ := tb.at[tb.seatOf(m.Name)].Shares()
		now = append(now, k)
	}
	oldPoly, err := polynomial(before.Seal, before.T)
	if err != nil {
		t.Fatal(err)
	}
	newPoly, err := polynomial(after.Seal, after.T)
	if err != nil {
		t.Fatal(err)
	}
	want, err := recover(old[1:3], oldPoly, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, some := range [][]Keys{now[:3], now[2:], {now[0], now[4], now[2]}} {
		got, err := recover(some, newPoly, 3, 5)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("kyber makes another key of the new shares: %v", err)
		}
	}
	if _, err := recover([]Keys{now[0], now[1], old[2]}, newPoly, 3, 5); err == nil {
		t.Error("kyber takes an old share among new ones")
	}

	part := func(k Keys) ibe.Partial {
		sealed, err := ibe.NewSealShare(k.Seal)
		if err != nil {
			t.Fatal(err)
		}
		points, err := ibe.PartialKeys(sealed, [][]byte{id})
		if err != nil {
			t.Fatal(err)
		}
		return ibe.Partial{Index: k.Index, Points: points}
	}
	keys, culprits, err := ibe.Combine(after.Seal.Key, after.Seal.Shares, after.T, [][]byte{id}, []ibe.Partial{part(now[1]), part(now[3]), part(now[4])})
	if err != nil || len(culprits) != 0 || !bytes.Equal(keys[0], want) {
		t.Errorf("new shares: culprits %v, %v; the same key as before: %v", culprits, err, err == nil && bytes.Equal(keys[0], want))
	}
	_, culprits, err = ibe.Combine(after.Seal.Key, after.Seal.Shares, after.T, [][]byte{id}, []ibe.Partial{part(now[0]), part(now[1]), part(old[2])})
	if err == nil || !slices.Equal(culprits, []int{3}) {
		t.Errorf("an old share among new ones: culprits %v, %v; want guardian 3 named", culprits, err)
	}
}

package ibe

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/drand/kyber"
	"github.com/drand/kyber/share"
)

// The files in testdata, read back and computed anew by the oracle and by what is written here from the specification: a vector that
// both of our own sides agree on by mistake would be found here.

func readVector(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func oracleScalar(t *testing.T, b []byte) kyber.Scalar {
	t.Helper()
	s := oracle(dstSeal).G1().Scalar()
	if err := s.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOracleAgreesWithTheHashVectors(t *testing.T) {
	var all []struct {
		DST     string
		Message hexBytes
		Point   hexBytes
	}
	readVector(t, "hash-to-curve", &all)
	if len(all) < 8 {
		t.Fatalf("%d vectors", len(all))
	}
	for _, v := range all {
		if got := marshal(t, oracleHash(v.DST, v.Message)); !bytes.Equal(got, v.Point) {
			t.Errorf("H(%x) under %s: the oracle says %x, the vector %x", v.Message, v.DST, got, v.Point)
		}
	}
}

func TestOracleAgreesWithTheShareVectors(t *testing.T) {
	var v struct {
		T, N  int
		PK    hexBytes
		IDs   []hexBytes
		Parts []struct {
			Index         int
			Share, Public hexBytes
			Points        []hexBytes
		}
		Secret hexBytes
		Keys   []hexBytes
	}
	readVector(t, "combine", &v)
	suite := oracle(dstSeal)
	if got := marshal(t, suite.G2().Point().Mul(oracleScalar(t, v.Secret), nil)); !bytes.Equal(got, v.PK) {
		t.Errorf("PK: the oracle says %x, the vector %x", got, v.PK)
	}
	for j, id := range v.IDs {
		var points []*share.PubShare
		for _, p := range v.Parts {
			s := oracleScalar(t, p.Share)
			if got := marshal(t, suite.G2().Point().Mul(s, nil)); !bytes.Equal(got, p.Public) {
				t.Errorf("public share %d: the oracle says %x, the vector %x", p.Index, got, p.Public)
			}
			d := suite.G1().Point().Mul(s, oracleHash(dstSeal, id))
			if got := marshal(t, d); !bytes.Equal(got, p.Points[j]) {
				t.Errorf("partial key %d of guardian %d: the oracle says %x, the vector %x", j, p.Index, got, p.Points[j])
			}
			points = append(points, &share.PubShare{I: p.Index - 1, V: d})
		}
		for _, some := range [][]*share.PubShare{points[:v.T], points[v.N-v.T:]} {
			key, err := share.RecoverCommit(suite.G1(), some, v.T, v.N)
			if err != nil {
				t.Fatal(err)
			}
			if got := marshal(t, key); !bytes.Equal(got, v.Keys[j]) {
				t.Errorf("key %d: the oracle combines %x, the vector says %x", j, got, v.Keys[j])
			}
		}
	}
}

func TestOracleAgreesWithTheHeaderVectors(t *testing.T) {
	var v struct {
		PK, R, DEK hexBytes
		Headers    []struct{ ID, Key, Z, Header hexBytes }
	}
	readVector(t, "header", &v)
	suite := oracle(dstSeal)
	r := oracleScalar(t, v.R)
	for i, h := range v.Headers {
		u := suite.G2().Point().Mul(r, nil)
		if got := marshal(t, u); !bytes.Equal(got, h.Header[1:1+G2Size]) {
			t.Errorf("header %d: the oracle's U is %x", i, got)
		}
		sealing := suite.Pair(suite.G1().Point().Mul(r, oracleHash(dstSeal, h.ID)), oraclePoint(t, suite.G2(), v.PK))
		opening := suite.Pair(oraclePoint(t, suite.G1(), h.Key), u)
		if !sealing.Equal(opening) {
			t.Fatalf("header %d: the key does not open what is sealed", i)
		}
		if got := marshal(t, opening); !bytes.Equal(got, h.Z) {
			t.Errorf("header %d: the oracle's Z is %x, the vector says %x", i, got, h.Z)
		}
		aead := oracleKEM(t, opening, v.PK, h.Header[1:1+G2Size], h.ID)
		dek, err := aead.Open(nil, make([]byte, 12), h.Header[1+G2Size:], append([]byte("tribune/v1/header\x00"), h.ID...))
		if err != nil || !bytes.Equal(dek, v.DEK) {
			t.Errorf("header %d: the oracle opens %x, %v; want %x", i, dek, err, v.DEK)
		}
	}
}

func TestOracleAgreesWithThePseudonymVector(t *testing.T) {
	var v struct {
		Secret, PK, Input, Factor, Blinded, Y hexBytes
		City, IDType, Name, Pseudonym         string
	}
	readVector(t, "pseudonym", &v)
	input := []byte("tribune/v1/nameinput\x00")
	for _, s := range []string{v.City, v.IDType} {
		input = append(binary.BigEndian.AppendUint16(input, uint16(len(s))), s...)
	}
	plate := "AB12CDE" // the letters, in upper case, and digits of the name
	input = append(binary.BigEndian.AppendUint16(input, uint16(len(plate))), plate...)
	if !bytes.Equal(input, v.Input) {
		t.Errorf("input %q, the vector says %q", input, v.Input)
	}
	suite := oracle(dstName)
	h := oracleHash(dstName, v.Input)
	if got := marshal(t, suite.G1().Point().Mul(oracleScalar(t, v.Factor), h)); !bytes.Equal(got, v.Blinded) {
		t.Errorf("blinded: the oracle says %x, the vector %x", got, v.Blinded)
	}
	y := marshal(t, suite.G1().Point().Mul(oracleScalar(t, v.Secret), h))
	if !bytes.Equal(y, v.Y) {
		t.Errorf("y: the oracle says %x, the vector %x", y, v.Y)
	}
	named := append(binary.BigEndian.AppendUint16([]byte("tribune/v1/name\x00"), uint16(len(v.IDType))), v.IDType...)
	sum := sha256.Sum256(append(named, y...))
	if got := hexBytes(sum[:16]); toHex(got) != v.Pseudonym {
		t.Errorf("pseudonym: %x, the vector says %s", got, v.Pseudonym)
	}
}

func TestOracleAgreesWithTheTagVectors(t *testing.T) {
	var combine struct{ Secret hexBytes }
	readVector(t, "combine", &combine)
	var v struct {
		ID, Key, TraceKey hexBytes
		Tags              []struct {
			N   uint64
			Tag string
		}
	}
	readVector(t, "tags", &v)
	d := marshal(t, oracle(dstSeal).G1().Point().Mul(oracleScalar(t, combine.Secret), oracleHash(dstSeal, v.ID)))
	if !bytes.Equal(d, v.Key) {
		t.Errorf("D(trace): the oracle says %x, the vector %x", d, v.Key)
	}
	k, err := hkdf.Key(sha256.New, d, nil, "tribune/v1/tracekey\x00", 32)
	if err != nil || !bytes.Equal(k, v.TraceKey) {
		t.Errorf("trace key: %x, %v; the vector says %x", k, err, v.TraceKey)
	}
	for _, c := range v.Tags {
		mac := hmac.New(sha256.New, k)
		mac.Write(binary.BigEndian.AppendUint64([]byte("tribune/v1/tag\x00"), c.N))
		if got := toHex(mac.Sum(nil)[:16]); got != c.Tag {
			t.Errorf("tag %d: %s, the vector says %s", c.N, got, c.Tag)
		}
	}
}

func TestValueVectorOpensByTheSpecification(t *testing.T) {
	var v struct {
		DEK, SegmentID, Clear, Value hexBytes
		Entity, Attribute, Time      string
	}
	readVector(t, "value", &v)
	block, err := aes.NewCipher(v.DEK)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	aad := append([]byte("tribune/v1/value\x00"), v.SegmentID...)
	for _, s := range []string{v.Entity, v.Attribute, v.Time} {
		aad = append(binary.BigEndian.AppendUint16(aad, uint16(len(s))), s...)
	}
	if clear, err := aead.Open(nil, v.Value[:12], v.Value[12:], aad); err != nil || !bytes.Equal(clear, v.Clear) {
		t.Errorf("opened %q, %v; want %q", clear, err, v.Clear)
	}
	aad[len(aad)-1] ^= 1
	if _, err := aead.Open(nil, v.Value[:12], v.Value[12:], aad); err == nil {
		t.Error("the value opens at another time than its own")
	}
}

func toHex(b hexBytes) string {
	text, _ := b.MarshalText() // never fails
	return string(text)
}

package ibe

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"

	"tribune"
	"tribune/protocol"
)

// The vectors in testdata are for other implementations. `go test ./ibe -update` writes them anew; a change of theirs is a
// change of the protocol.
var update = flag.Bool("update", false, "write testdata/*.json anew")

// hexBytes is lower-case hex in JSON.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }
func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// vector compares what is computed now with the file, field by field as JSON.
func vector(t *testing.T, name string, got any) {
	t.Helper()
	b, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("%s differs\ngot\n%s\nwant\n%s", file, b, want)
	}
}

const vectorCity = "birmingham.example"

func vectorIdentities() []tribune.Identity {
	p := tribune.Pseudonym(bytes.Repeat([]byte{0xab}, 16))
	return []tribune.Identity{
		{Kind: tribune.IdentitySubject, Pseudonym: p, Class: "parking-session", Day: 20779, Segment: 36000},
		{Kind: tribune.IdentitySubject, Pseudonym: p, Class: "parking-session", Day: 20779, Segment: tribune.WholeDay},
		{Kind: tribune.IdentityTrace, Pseudonym: p},
	}
}

func vectorIDs() (ids [][]byte) {
	for _, id := range vectorIdentities() {
		ids = append(ids, id.Bytes(vectorCity))
	}
	return ids
}

func TestVectorHashToCurve(t *testing.T) {
	type entry struct {
		DST     string   `json:"dst"`
		Message hexBytes `json:"message"`
		Point   hexBytes `json:"point"`
	}
	var got []entry
	for _, dst := range []string{dstSeal, dstName} {
		for _, msg := range append(vectorIDs(), []byte{}, []byte("abc")) {
			p, err := hashToG1(msg, dst)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, entry{dst, msg, encodeG1(&p)})
		}
	}
	vector(t, "hash-to-curve", got)
}

// RFC 9380, J.9.1: the first vector of the suite itself.
func TestHashToCurveAgreesWithTheRFC(t *testing.T) {
	p, err := hashToG1(nil, "QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_")
	if err != nil {
		t.Fatal(err)
	}
	const want = "052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fac349612b759e79a1" +
		"08ba738453bfed09cb546dbb0783dbb3a5f1f566ed67bb6be0e8c67e2e81a4cc68ee29813bb7994998f3eae0c9c6a265"
	if raw := p.RawBytes(); hex.EncodeToString(raw[:]) != want {
		t.Errorf("got %x, want %s", raw, want)
	}
}

func TestVectorPartialKeyAndCombine(t *testing.T) {
	d := deal("vector/seal", 2, 4)
	type part struct {
		Index  int        `json:"index"`
		Share  hexBytes   `json:"share"`
		Public hexBytes   `json:"public"`
		Points []hexBytes `json:"points"`
	}
	var got struct {
		T      int        `json:"t"`
		N      int        `json:"n"`
		Secret hexBytes   `json:"secret"`
		PK     hexBytes   `json:"pk"`
		IDs    []hexBytes `json:"ids"`
		Parts  []part     `json:"parts"`
		Keys   []hexBytes `json:"keys"`
	}
	got.T, got.N, got.Secret, got.PK = 2, 4, scalarBytes(d.secret), d.pk
	ids := vectorIDs()
	for _, id := range ids {
		got.IDs = append(got.IDs, id)
	}
	parts := d.parts(t, ids, 1, 2, 3, 4)
	for i, p := range parts {
		v := part{Index: p.Index, Share: scalarBytes(d.shares[i]), Public: d.pks[i]}
		for _, b := range p.Points {
			v.Points = append(v.Points, b)
		}
		got.Parts = append(got.Parts, v)
	}
	keys, _, err := Combine(d.pk, d.pks, d.t, ids, parts[1:3])
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		got.Keys = append(got.Keys, k)
	}
	vector(t, "combine", got)
}

func TestVectorHeader(t *testing.T) {
	d := deal("vector/seal", 2, 4)
	ids := vectorIDs()[:2]
	r := scalarFrom("vector/r")
	hs, err := d.master(t).headers(&r, testDEK(), ids)
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		ID     hexBytes `json:"id"`
		Key    hexBytes `json:"key"`
		Z      hexBytes `json:"z"`
		Header hexBytes `json:"header"`
	}
	got := struct {
		PK      hexBytes `json:"pk"`
		R       hexBytes `json:"r"`
		DEK     hexBytes `json:"dek"`
		Headers []entry  `json:"headers"`
	}{PK: d.pk, R: scalarBytes(r), DEK: testDEK()}
	for i, id := range ids {
		key := d.key(t, id)
		p, err := decodeG1(key)
		if err != nil {
			t.Fatal(err)
		}
		u, err := decodeG2(hs[i][1 : 1+G2Size])
		if err != nil {
			t.Fatal(err)
		}
		z, err := bls12381.Pair([]bls12381.G1Affine{p}, []bls12381.G2Affine{u})
		if err != nil {
			t.Fatal(err)
		}
		zb := z.Bytes()
		got.Headers = append(got.Headers, entry{id, key, zb[:], hs[i]})
	}
	vector(t, "header", got)
}

// The value format (protocol 10) is the vault's; it is written out here from the specification, and the vault's own
// tests read the same file.
func TestVectorValue(t *testing.T) {
	lp := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	type fields struct {
		DEK       hexBytes `json:"dek"`
		SegmentID hexBytes `json:"segmentID"`
		Entity    string   `json:"entity"`
		Attribute string   `json:"attribute"`
		Time      string   `json:"time"`
		Clear     hexBytes `json:"clear"`
		Nonce     hexBytes `json:"nonce"`
		Value     hexBytes `json:"value"`
	}
	got := fields{
		DEK: testDEK(), SegmentID: vectorIDs()[0], Entity: "urn:ngsi-ld:ParkingSession:1",
		Attribute: "https://uri.etsi.org/ngsi-ld/default-context/licensePlate",
		Time:      "2026-11-22T10:00:00.000000001Z", Clear: []byte(`{"type":"Property","value":"AB12 CDE"}`),
		Nonce: []byte("nonce-of-12b"),
	}
	block, err := aes.NewCipher(got.DEK)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	aad := append([]byte("tribune/v1/value\x00"), got.SegmentID...)
	aad = lp(lp(lp(aad, got.Entity), got.Attribute), got.Time)
	got.Value = aead.Seal(bytes.Clone(got.Nonce), got.Nonce, got.Clear, aad)
	vector(t, "value", got)
}

func TestVectorTags(t *testing.T) {
	d := deal("vector/seal", 2, 4)
	id := vectorIDs()[2]
	key := d.key(t, id)
	k, err := protocol.TraceKey(key)
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		N   uint64      `json:"n"`
		Tag tribune.Tag `json:"tag"`
	}
	got := struct {
		ID       hexBytes `json:"id"`
		Key      hexBytes `json:"key"`
		TraceKey hexBytes `json:"traceKey"`
		Tags     []entry  `json:"tags"`
	}{ID: id, Key: key, TraceKey: k}
	for _, n := range []uint64{1, 2, 3, 1 << 40} {
		got.Tags = append(got.Tags, entry{n, protocol.UseTag(k, n)})
	}
	vector(t, "tags", got)
}

func TestVectorPseudonym(t *testing.T) {
	d := deal("vector/name", 2, 4)
	input := protocol.NameInput(vectorCity, "plate", "AB12 CDE")
	factor := scalarFrom("vector/blinding")
	point, b, err := blind(&factor, input)
	if err != nil {
		t.Fatal(err)
	}
	parts := []Partial{{Index: 1}, {Index: 3}}
	for i := range parts {
		p, err := EvaluateBlinded(d.name(t, parts[i].Index), point)
		if err != nil {
			t.Fatal(err)
		}
		parts[i].Points = [][]byte{p}
	}
	ys, _, err := d.nameMaster(t).Unblind(d.pks, d.t, []*Blinding{b}, parts)
	if err != nil {
		t.Fatal(err)
	}
	vector(t, "pseudonym", struct {
		Secret    hexBytes          `json:"secret"`
		PK        hexBytes          `json:"pk"`
		City      string            `json:"city"`
		IDType    string            `json:"idtype"`
		Name      string            `json:"name"`
		Input     hexBytes          `json:"input"`
		Factor    hexBytes          `json:"factor"`
		Blinded   hexBytes          `json:"blinded"`
		Evaluated []hexBytes        `json:"evaluated"` // by guardians 1 and 3
		Y         hexBytes          `json:"y"`
		Pseudonym tribune.Pseudonym `json:"pseudonym"`
	}{
		scalarBytes(d.secret), d.pk, vectorCity, "plate", "AB12 CDE", input, scalarBytes(factor), point,
		[]hexBytes{parts[0].Points[0], parts[1].Points[0]}, ys[0], protocol.PseudonymOf("plate", ys[0]),
	})
}

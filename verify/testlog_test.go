package verify

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tribune"
	"tribune/protocol"
)

// testLog is a small log made with the Go checksum database's code (x/mod/sumdb/tlog), which shares nothing with ours.
type testLog struct {
	trust     *Trust
	policy    string
	log       note.Signer
	guardians []note.Signer
	seeds     []string // the guardians' secret keys
	leaves    [][]byte
	hashes    []tlog.Hash
}

const testOrigin = "birmingham.example/record"

var guardianNames = []string{"ombudsman.example", "court.example", "university.example", "press-council.example"}

func newTestLog(t testing.TB) *testLog {
	t.Helper()
	l := &testLog{}
	skey, logKey, err := protocol.NewKey(testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	if l.log, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	group := protocol.Group{City: "birmingham.example", N: 4, T: 2, W: 3}
	for i, name := range guardianNames {
		skey, vkey, err := protocol.NewKey(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := fnote.NewSignerForCosignatureV1(skey)
		if err != nil {
			t.Fatal(err)
		}
		l.guardians, l.seeds = append(l.guardians, s), append(l.seeds, skey)
		group.Guardians = append(group.Guardians, protocol.Member{Index: i + 1, Key: vkey, Name: name})
	}
	if l.policy, err = group.TrustFile(logKey, fnote.VKeyToCosignatureV1); err != nil {
		t.Fatal(err)
	}
	if l.trust, err = ParseTrust([]byte(l.policy)); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *testLog) read(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

func (l *testLog) append(t testing.TB, leaf []byte) {
	t.Helper()
	hashes, err := tlog.StoredHashes(int64(len(l.leaves)), leaf, tlog.HashReaderFunc(l.read))
	if err != nil {
		t.Fatal(err)
	}
	l.leaves, l.hashes = append(l.leaves, leaf), append(l.hashes, hashes...)
}

// grow appends short leaves, which are no acts, up to size.
func (l *testLog) grow(t testing.TB, size int) {
	for len(l.leaves) < size {
		l.append(t, fmt.Appendf(nil, "leaf %d", len(l.leaves)))
	}
}

// checkpoint is co-signed by the first n guardians.
func (l *testLog) checkpoint(t testing.TB, size, n int) []byte {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), tlog.HashReaderFunc(l.read))
	if err != nil {
		t.Fatal(err)
	}
	return l.sign(t, fmt.Sprintf("%s\n%d\n%s\n", testOrigin, size, root), n)
}

func (l *testLog) sign(t testing.TB, text string, n int) []byte {
	t.Helper()
	msg, err := note.Sign(&note.Note{Text: text}, append([]note.Signer{l.log}, l.guardians[:n]...)...)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func (l *testLog) receipt(t testing.TB, index, size, n int, withLeaf bool) []byte {
	t.Helper()
	path, err := tlog.ProveRecord(int64(size), int64(index), tlog.HashReaderFunc(l.read))
	if err != nil {
		t.Fatal(err)
	}
	p := Proof{Index: uint64(index), Checkpoint: l.checkpoint(t, size, n)}
	for _, h := range path {
		p.Hashes = append(p.Hashes, tribune.Hash(h))
	}
	if withLeaf {
		p.Extra = l.leaves[index]
	}
	return p.Marshal()
}

// dir is the log at size in tlog-tiles layout.
func (l *testLog) dir(t testing.TB, size, n int) fstest.MapFS {
	t.Helper()
	dir := fstest.MapFS{"checkpoint": {Data: l.checkpoint(t, size, n)}}
	for _, tile := range tlog.NewTiles(8, 0, int64(size)) {
		data, err := tlog.ReadTileData(tile, tlog.HashReaderFunc(l.read))
		if err != nil {
			t.Fatal(err)
		}
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		dir[path] = &fstest.MapFile{Data: data}
		if tile.L == 0 {
			var bundle []byte
			for i := range tile.W {
				leaf := l.leaves[int(tile.N)*256+i]
				bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(leaf))), leaf...)
			}
			dir[strings.Replace(path, "tile/0/", "tile/entries/", 1)] = &fstest.MapFile{Data: bundle}
		}
	}
	return dir
}

func testLeaf(t testing.TB) ([]byte, protocol.Leaf) {
	t.Helper()
	leaf := protocol.Leaf{
		Version: protocol.Version,
		Act: protocol.Act{
			ID: strings.Repeat("0a", 16), Kind: tribune.ActRead, Office: "parking-inspector", Purpose: "enforce-parking",
			Mandate: "parking-enforcement-2026", Count: 1, Time: "2026-11-22T08:00:00.000Z", Recipient: make([]byte, 32),
		},
		Decision:  tribune.Decision{Permit: true, Policies: []string{"inspectors-read-sessions"}, Missing: []string{}},
		Signature: make([]byte, 64),
		Tags:      []tribune.Tag{{1, 2, 3}},
	}
	data, err := leaf.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data, leaf
}

// logWithAct is a log of size whose leaf at index is an act.
func logWithAct(t testing.TB, index, size int) *testLog {
	t.Helper()
	l := newTestLog(t)
	l.grow(t, index)
	data, _ := testLeaf(t)
	l.append(t, data)
	l.grow(t, size)
	return l
}

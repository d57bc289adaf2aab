package portal

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"testing"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// witnessed is a log made with the Go checksum database's code, which shares nothing with ours, and co-signed by guardians.
type witnessed struct {
	t         *testing.T
	trust     string
	log       note.Signer
	guardians []note.Signer
	leaves    [][]byte
	hashes    []tlog.Hash
}

const witnessedOrigin = "birmingham.example/record"

func newWitnessed(t *testing.T, origin string) *witnessed {
	t.Helper()
	l := &witnessed{t: t}
	skey, logKey, err := protocol.NewKey(origin)
	if err == nil {
		l.log, err = note.NewSigner(skey)
	}
	if err != nil {
		t.Fatal(err)
	}
	group := protocol.Group{City: "birmingham.example", N: 4, T: 2, W: 3}
	for i, name := range []string{"ombudsman.example", "court.example", "university.example", "press-council.example"} {
		skey, vkey, err := protocol.NewKey(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := fnote.NewSignerForCosignatureV1(skey)
		if err != nil {
			t.Fatal(err)
		}
		l.guardians = append(l.guardians, s)
		group.Guardians = append(group.Guardians, protocol.Member{Index: i + 1, Key: vkey, Name: name})
	}
	if l.trust, err = group.TrustFile(logKey, fnote.VKeyToCosignatureV1); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *witnessed) read(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

func (l *witnessed) append(leaf []byte) int {
	l.t.Helper()
	hashes, err := tlog.StoredHashes(int64(len(l.leaves)), leaf, tlog.HashReaderFunc(l.read))
	if err != nil {
		l.t.Fatal(err)
	}
	l.leaves, l.hashes = append(l.leaves, leaf), append(l.hashes, hashes...)
	return len(l.leaves) - 1
}

// use appends an entry that carries tags.
func (l *witnessed) use(tags ...tribune.Tag) int {
	l.t.Helper()
	one := leaf(tribune.ActRead, true)
	one.Version, one.Act.ID, one.Act.Time, one.Act.Count = protocol.Version, protocol.NewID(), protocol.Time(now), len(tags)
	one.Decision.Missing, one.Tags, one.Signature, one.Act.Recipient = []string{}, tags, make([]byte, 64), make([]byte, 32)
	data, err := one.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	return l.append(data)
}

func (l *witnessed) grow(size int) {
	for len(l.leaves) < size {
		l.use()
	}
}

// checkpoint is co-signed by the guardians of those numbers.
func (l *witnessed) checkpoint(size int, by ...int) []byte {
	l.t.Helper()
	root, err := tlog.TreeHash(int64(size), tlog.HashReaderFunc(l.read))
	if err != nil {
		l.t.Fatal(err)
	}
	signers := []note.Signer{l.log}
	for _, i := range by {
		signers = append(signers, l.guardians[i])
	}
	msg, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", l.log.Name(), size, root)}, signers...)
	if err != nil {
		l.t.Fatal(err)
	}
	return msg
}

func (l *witnessed) receipt(index, size int, by ...int) verify.Proof {
	l.t.Helper()
	path, err := tlog.ProveRecord(int64(size), int64(index), tlog.HashReaderFunc(l.read))
	if err != nil {
		l.t.Fatal(err)
	}
	p := verify.Proof{Index: uint64(index), Checkpoint: l.checkpoint(size, by...), Extra: l.leaves[index]}
	for _, h := range path {
		p.Hashes = append(p.Hashes, tribune.Hash(h))
	}
	return p
}

// files are what the log serves at a size; a changed entry is served in the place of the true one.
func (l *witnessed) files(size int, changed map[int][]byte) map[string]string {
	l.t.Helper()
	out := map[string]string{"checkpoint": base64.StdEncoding.EncodeToString(l.checkpoint(size, 0, 1, 2))}
	for first := 0; first < size; first += 256 {
		var bundle []byte
		width := min(256, size-first)
		for i := first; i < first+width; i++ {
			leaf := l.leaves[i]
			if lie, ok := changed[i]; ok {
				leaf = lie
			}
			bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(leaf))), leaf...)
		}
		path := fmt.Sprintf("tile/entries/%03d", first/256)
		if width < 256 {
			path += fmt.Sprintf(".p/%d", width)
		}
		out[path] = base64.StdEncoding.EncodeToString(bundle)
	}
	return out
}

package protocol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"tribune"
)

// someEntries are n entries whose tags are hashes, as in testdata/index.json.
func someEntries(n int) (entries []IndexEntry) {
	for i := range n {
		h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("tag"), uint64(i)))
		entries = append(entries, IndexEntry{tribune.Tag(h[:16]), uint64(i*7) % 40000})
	}
	return entries
}

func mustIndex(t testing.TB, size uint64, entries []IndexEntry) *Index {
	t.Helper()
	x, err := NewIndex(size, entries)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// The vectors were computed by an independent implementation (Python's hashlib).
func TestIndexVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/index.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Origin  string
		Indexes []struct {
			N             int
			Size          uint64
			Bits          int
			Root, Message string
			Bucket        uint64
			File          string
		}
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Indexes) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range v.Indexes {
		x := mustIndex(t, c.Size, someEntries(c.N))
		if x.Bits != c.Bits || x.Root.String() != c.Root {
			t.Errorf("%d entries: %d bits, root %s; want %d, %s", c.N, x.Bits, x.Root, c.Bits, c.Root)
		}
		file, err := x.File(c.Bucket)
		if err != nil {
			t.Fatal(err)
		}
		if got := tribune.Hash(sha256.Sum256(file)).String(); got != c.File {
			t.Errorf("%d entries: file of bucket %d hashes to %s, want %s", c.N, c.Bucket, got, c.File)
		}
		if got := hex.EncodeToString(x.Message(v.Origin)); got != c.Message {
			t.Errorf("%d entries: message %s, want %s", c.N, got, c.Message)
		}
	}
}

func TestEveryEntryIsInItsBucketAndNowhereElse(t *testing.T) {
	x := mustIndex(t, 40000, someEntries(3000))
	all := 0
	for i := range uint64(1 << x.Bits) {
		file, err := x.File(i)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := x.OpenBucket(i, file)
		if err != nil {
			t.Fatal(err)
		}
		all += len(entries)
	}
	if all != 3000 || x.Bits != 2 {
		t.Errorf("%d entries in 2^%d buckets, want 3000 in 4", all, x.Bits)
	}
	if _, err := x.File(4); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("a bucket beyond the last: %v", err)
	}
}

// A tag that two leaves carry is in the index twice, the first leaf first: so duplicates can be reported.
func TestADuplicateTagIsListedWithBothLeaves(t *testing.T) {
	tag := tribune.Tag{7}
	x := mustIndex(t, 10, []IndexEntry{{tag, 9}, {tag, 3}, {tag, 3}, {tag, 10}})
	if got := x.All(); len(got) != 2 || got[0].Leaf != 3 || got[1].Leaf != 9 {
		t.Errorf("entries %v, want leaves 3 and 9: once each, none from beyond the size", got)
	}
}

func TestABucketThatWasTamperedWithDoesNotOpen(t *testing.T) {
	x := mustIndex(t, 40000, someEntries(3000))
	file, err := x.File(1)
	if err != nil {
		t.Fatal(err)
	}
	path := x.Bits * sha256.Size
	if _, err := x.OpenBucket(1, file); err != nil {
		t.Fatal("the file itself does not open:", err)
	}
	flip := bytes.Clone(file)
	flip[path+20] ^= 1
	for what, c := range map[string]struct {
		bucket uint64
		file   []byte
	}{
		"an entry left out":      {1, append(bytes.Clone(file[:path]), file[path+IndexEntrySize:]...)},
		"another leaf named":     {1, flip},
		"another bucket's file":  {2, file},
		"a wrong path":           {1, append(make([]byte, path), file[path:]...)},
		"half an entry":          {1, file[:len(file)-1]},
		"no path":                {1, file[:path-1]},
		"a bucket there is not":  {4, file},
		"an entry said again":    {1, append(bytes.Clone(file), file[len(file)-IndexEntrySize:]...)},
		"nothing where much was": {1, file[:path]},
	} {
		if _, err := x.OpenBucket(c.bucket, c.file); err == nil {
			t.Errorf("%s: opens", what)
		}
	}
}

// Even where the root covers them, entries out of order or of other buckets are refused: one index has one spelling.
func TestASignedBucketInAnotherSpellingDoesNotOpen(t *testing.T) {
	a, b := IndexEntry{tribune.Tag{1}, 1}, IndexEntry{tribune.Tag{2}, 2}
	for what, entries := range map[string][]IndexEntry{
		"out of order": {b, a}, "twice": {a, a}, "of a leaf beyond": {{tribune.Tag{3}, 10}},
	} {
		raw := AppendEntries(nil, entries)
		head := IndexHead{Bits: 0, Size: 10, Root: LeafHash(raw)}
		if _, err := head.OpenBucket(0, raw); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	raw := AppendEntries(nil, []IndexEntry{a, b})
	if _, err := (IndexHead{Size: 10, Root: LeafHash(raw)}).OpenBucket(0, raw); err != nil {
		t.Error("in order:", err)
	}
}

func TestATooFullBucketIsRefused(t *testing.T) {
	var entries []IndexEntry
	for i := range uint64(MaxBucket + 1) {
		e := IndexEntry{Leaf: i}
		entries = append(entries, e)
	}
	if _, err := NewIndex(1<<30, entries); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("got %v, want too large", err)
	}
}

// The signature is of one log, size, number of bits and root.
func TestAnIndexSignatureFitsNothingElse(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	head := IndexHead{Bits: 2, Root: tribune.Hash{1}, Size: 9}
	sig := head.Sign("a/record", key)
	if err := head.Verify("a/record", pub, sig); err != nil {
		t.Fatal(err)
	}
	for what, h := range map[string]IndexHead{"bits": {3, head.Root, 9}, "root": {2, tribune.Hash{2}, 9}, "size": {2, head.Root, 8}} {
		if h.Verify("a/record", pub, sig) == nil {
			t.Errorf("another %s: verifies", what)
		}
	}
	if head.Verify("b/record", pub, sig) == nil {
		t.Error("another log: verifies")
	}
}

func TestIndexNeedIsTheLargestThreshold(t *testing.T) {
	for _, c := range []struct{ n, w, want int }{{4, 3, 2}, {5, 4, 3}, {3, 3, 2}, {1, 1, 1}, {9, 7, 5}, {5, 5, 3}} {
		if got := IndexNeed(c.n, c.w); got != c.want {
			t.Errorf("IndexNeed(%d, %d) = %d, want %d", c.n, c.w, got, c.want)
		}
	}
}

func FuzzOpenBucket(f *testing.F) {
	x := mustIndex(f, 40000, someEntries(2100))
	for i := range uint64(1 << x.Bits) {
		file, err := x.File(i)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, x.Bits, file)
	}
	f.Add(uint64(0), 0, AppendEntries(nil, someEntries(2)))
	f.Fuzz(func(t *testing.T, i uint64, bits int, file []byte) {
		head := IndexHead{Bits: bits, Root: x.Root, Size: 40000}
		if bits == 0 { // any bucket has a root that covers it
			head.Root = LeafHash(file)
		}
		entries, err := head.OpenBucket(i, file)
		if err != nil {
			return
		}
		if again := AppendEntries(nil, entries); !bytes.Equal(again, file[bits*sha256.Size:]) {
			t.Error("a bucket opened that is not what its entries are written as")
		}
	})
}

func FuzzDecodeIndexLeaf(f *testing.F) {
	public, err := JCS(IndexLeaf{IndexHead: IndexHead{Bits: 2, Size: 9}, Signatures: map[string][]byte{"a": {1}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(public))
	f.Add([]byte(`{"bits":-1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := DecodeIndexLeaf(raw)
		if err != nil {
			return
		}
		again, err := JCS(l)
		if err != nil || !bytes.Equal(again, raw) || l.Bits < 0 || l.Bits > MaxIndexBits {
			t.Errorf("%q decodes and is written as %q", raw, again)
		}
	})
}

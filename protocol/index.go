package protocol

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"tribune"
)

// The daily index of the record's tags (29): every pair of a tag and a leaf that carries it, sorted and cut into 2^b
// buckets by the first b bits of the tag. A citizen fetches the buckets of their own tags and proves them against a root
// that t guardians have computed for themselves, instead of reading every leaf there ever was.
//
//	entry  = tag, 16 bytes || leaf u64
//	bucket = its entries in ascending order, none twice
//	root   = RFC 6962 tree over the 2^b buckets
//	file   = the b hashes of the bucket's inclusion path, leaf to root || bucket
//
// A tag that several leaves carry has several entries: the first counts, the others are what is reported (31).

// Bounds of an index.
const (
	IndexEntrySize = 24
	MaxBucket      = 1 << 16 // entries: tags are as good as random, so more than a few thousand are somebody's doing
	MaxIndexBits   = 24      // 17 thousand million tags
	indexMean      = 1024    // entries a bucket has on average at most, and at least half of that
	// MaxIndexFile is the longest file of one bucket in bytes.
	MaxIndexFile = MaxIndexBits*sha256.Size + MaxBucket*IndexEntrySize
)

// IndexEntry is one tag and one leaf that carries it.
type IndexEntry struct {
	Tag  tribune.Tag
	Leaf uint64
}

func (e IndexEntry) compare(o IndexEntry) int {
	return cmp.Or(bytes.Compare(e.Tag[:], o.Tag[:]), cmp.Compare(e.Leaf, o.Leaf))
}

// IndexHead is what guardians sign of an index.
type IndexHead struct {
	Bits int          `json:"bits"`
	Root tribune.Hash `json:"root"`
	Size uint64       `json:"size"` // it covers the leaves below
}

// Message is L(index) || lp(origin of the log) || size u64 || bits u8 || root.
func (h IndexHead) Message(origin string) []byte {
	b := AppendLP(Label("index"), []byte(origin))
	b = append(binary.BigEndian.AppendUint64(b, h.Size), byte(h.Bits))
	return append(b, h.Root[:]...)
}

// Sign is a guardian's signature.
func (h IndexHead) Sign(origin string, key ed25519.PrivateKey) []byte {
	return ed25519.Sign(key, h.Message(origin))
}

// Verify checks a guardian's signature.
func (h IndexHead) Verify(origin string, key ed25519.PublicKey, signature []byte) error {
	if !ed25519.Verify(key, h.Message(origin), signature) {
		return fmt.Errorf("%w: the index of size %d is not signed by this key", tribune.ErrInvalid, h.Size)
	}
	return nil
}

func (h IndexHead) check() error {
	if h.Bits < 0 || h.Bits > MaxIndexBits || h.Size > 1<<53-1 {
		return fmt.Errorf("%w: an index of size %d with %d bits", tribune.ErrInvalid, h.Size, h.Bits)
	}
	return nil
}

// IndexLeaf is the public part of a leaf of kind index.
type IndexLeaf struct {
	IndexHead
	Signatures map[string][]byte `json:"signatures"` // by guardian
}

// DecodeIndexLeaf reads the public part of a leaf of kind index. Its signatures are the caller's to check.
func DecodeIndexLeaf(public json.RawMessage) (IndexLeaf, error) {
	var l IndexLeaf
	if err := DecodeJCS(public, &l); err != nil {
		return l, fmt.Errorf("index leaf: %w", err)
	}
	if len(l.Signatures) > 64 {
		return l, fmt.Errorf("%w: index leaf with %d signatures", tribune.ErrInvalid, len(l.Signatures))
	}
	return l, l.check()
}

// IndexNeed is how many guardians' signatures make an index believed: the largest threshold t that n guardians, w of
// whom publish, can have (n >= 2t-1, 2w >= n+t), so that a verifier who knows n and w alone is never too lenient.
func IndexNeed(n, w int) int { return max(1, min(2*w-n, (n+1)/2)) }

// IndexBits is the one b for an index of n entries: the least for which a bucket has no more than 1,024 on average.
func IndexBits(n int) int {
	b := 0
	for n > indexMean<<b {
		b++
	}
	return b
}

// BucketOf is the bucket of a tag: its first bits.
func BucketOf(tag tribune.Tag, bits int) uint64 {
	return binary.BigEndian.Uint64(tag[:8]) >> (64 - bits) // a shift by 64 gives 0
}

// Index is a whole index, built. It never changes.
type Index struct {
	IndexHead
	entries []IndexEntry
	nodes   [][]tribune.Hash // nodes[0] are the buckets' hashes, the last row is the root
}

// NewIndex builds the index of the leaves below size. It keeps entries, and sorts them; those of later leaves and those
// that come twice are left out.
func NewIndex(size uint64, entries []IndexEntry) (*Index, error) {
	entries = slices.DeleteFunc(entries, func(e IndexEntry) bool { return e.Leaf >= size })
	slices.SortFunc(entries, IndexEntry.compare)
	entries = slices.Clip(slices.Compact(entries))
	x := &Index{IndexHead: IndexHead{Bits: IndexBits(len(entries)), Size: size}, entries: entries}
	if err := x.check(); err != nil {
		return nil, err
	}
	row := make([]tribune.Hash, 1<<x.Bits)
	for i := range row {
		bucket := x.bucket(uint64(i))
		if len(bucket) > MaxBucket {
			return nil, fmt.Errorf("%w: %d tags begin alike, at most %d", tribune.ErrTooLarge, len(bucket), MaxBucket)
		}
		row[i] = LeafHash(AppendEntries(nil, bucket))
	}
	x.nodes = append(x.nodes, row)
	for len(row) > 1 {
		above := make([]tribune.Hash, len(row)/2)
		for i := range above {
			above[i] = nodeHash(row[2*i], row[2*i+1])
		}
		x.nodes, row = append(x.nodes, above), above
	}
	x.Root = row[0]
	return x, nil
}

// Len is the number of entries.
func (x *Index) Len() int { return len(x.entries) }

func (x *Index) bucket(i uint64) []IndexEntry {
	from := func(i uint64) int {
		at, _ := slices.BinarySearchFunc(x.entries, i, func(e IndexEntry, i uint64) int { return cmp.Compare(BucketOf(e.Tag, x.Bits), i) })
		return at
	}
	return x.entries[from(i):from(i+1)]
}

// File is the file of one bucket: its path and its bytes.
func (x *Index) File(i uint64) ([]byte, error) {
	if i >= 1<<x.Bits {
		return nil, fmt.Errorf("%w: bucket %d of %d", tribune.ErrNotFound, i, 1<<x.Bits)
	}
	bucket := x.bucket(i)
	file := make([]byte, 0, x.Bits*sha256.Size+len(bucket)*IndexEntrySize)
	for level, at := 0, i; level < x.Bits; level, at = level+1, at>>1 {
		file = append(file, x.nodes[level][at^1][:]...)
	}
	return AppendEntries(file, bucket), nil
}

// All are the entries of the whole index, bucket after bucket, as a full download gives them. They are not to be changed.
func (x *Index) All() []IndexEntry { return x.entries }

// AppendEntries appends entries as an index writes them.
func AppendEntries(b []byte, entries []IndexEntry) []byte {
	for _, e := range entries {
		b = binary.BigEndian.AppendUint64(append(b, e.Tag[:]...), e.Leaf)
	}
	return b
}

// OpenBucket proves the file of bucket i against the head and returns the bucket's entries. It refuses entries that are
// out of order, repeated, of another bucket, or of leaves that the index does not cover.
func (h IndexHead) OpenBucket(i uint64, file []byte) ([]IndexEntry, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	at := h.Bits * sha256.Size
	switch {
	case i >= 1<<h.Bits:
		return nil, fmt.Errorf("%w: bucket %d of %d", tribune.ErrInvalid, i, 1<<h.Bits)
	case len(file) > MaxIndexFile:
		return nil, fmt.Errorf("bucket %d of %d bytes: %w", i, len(file), tribune.ErrTooLarge)
	case len(file) < at || (len(file)-at)%IndexEntrySize != 0:
		return nil, fmt.Errorf("%w: bucket %d is cut off", tribune.ErrInvalid, i)
	}
	hash := LeafHash(file[at:])
	for level := range h.Bits {
		sibling := tribune.Hash(file[level*sha256.Size : (level+1)*sha256.Size])
		if i>>level&1 == 0 {
			hash = nodeHash(hash, sibling)
		} else {
			hash = nodeHash(sibling, hash)
		}
	}
	if hash != h.Root {
		return nil, fmt.Errorf("%w: bucket %d and its path do not lead to the root of the index of size %d", tribune.ErrInvalid, i, h.Size)
	}
	return h.entriesOf(i, file[at:])
}

func (h IndexHead) entriesOf(bucket uint64, raw []byte) ([]IndexEntry, error) {
	entries := make([]IndexEntry, 0, len(raw)/IndexEntrySize)
	for ; len(raw) > 0; raw = raw[IndexEntrySize:] {
		e := IndexEntry{Tag: tribune.Tag(raw[:16]), Leaf: binary.BigEndian.Uint64(raw[16:IndexEntrySize])}
		if BucketOf(e.Tag, h.Bits) != bucket || e.Leaf >= h.Size {
			return nil, fmt.Errorf("%w: bucket %d holds an entry that does not belong there", tribune.ErrInvalid, bucket)
		}
		if n := len(entries); n > 0 && entries[n-1].compare(e) >= 0 {
			return nil, fmt.Errorf("%w: the entries of bucket %d are not in order", tribune.ErrInvalid, bucket)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// nodeHash is the RFC 6962 hash of an inner node.
func nodeHash(left, right tribune.Hash) tribune.Hash {
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

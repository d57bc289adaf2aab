// Package store is the ordered key-value contract under every room that keeps state, and the shape of its keys.
//
// Implementations: store/pebble (embedded) and store/pg (PostgreSQL, hash partitions). Both pass store/storetest, which
// is the contract's real text: what is acknowledged survives the loss of every unsynced byte, a batch is all or nothing,
// a snapshot does not move, an expectation that fails changes nothing.
//
// Keys are built with Key: room, tenant, partition, then the room's own parts. No room reads another's keys. A batch
// touches one partition; indexes are local to it; queries scatter over Partitions.
package store

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"iter"

	"tribune"
)

// Store is an ordered map from byte keys to byte values, bounded to MaxKey and MaxValue.
type Store interface {
	Reader

	// Partitions is how many partitions keys are spread over; fixed for the life of a store.
	Partitions() uint16

	// Snapshot is a view of one moment across all partitions. Close it soon: it holds back clean-up.
	Snapshot(ctx context.Context) (Snapshot, error)

	// Commit applies the batch atomically. When it returns nil the batch is durable. It fails with
	// tribune.ErrConflict, changing nothing, where an expectation does not hold. Any other error leaves it unknown
	// whether the batch was applied. Expectations are about the state before the batch. Keys and values may be reused
	// afterwards.
	//
	// An empty batch returns when everything that could be read before is durable: a reader may see another's write
	// before its sync. Whoever acknowledges something because of what was read (a redelivered change that is already
	// there) commits an empty batch first. ErrConflict needs no such care, what it rests on is durable.
	Commit(ctx context.Context, b *Batch) error

	Close() error
}

// Reader reads.
type Reader interface {
	// Get returns a copy of the value of key, or tribune.ErrNotFound.
	Get(ctx context.Context, key []byte) ([]byte, error)

	// Scan yields pairs in key order. Key and value are valid until the next step only. An error ends it. Only the scan
	// of a Snapshot is of one moment; a Store may read on while others write.
	Scan(ctx context.Context, r Range) iter.Seq2[Pair, error]
}

// Snapshot is a Reader that must be closed.
type Snapshot interface {
	Reader
	Close() error
}

// Pair is a key and its value.
type Pair struct{ Key, Value []byte }

// Range is From inclusive to To exclusive (empty To = no end).
type Range struct {
	From, To []byte
	Reverse  bool
	Limit    int  // 0 = all
	KeysOnly bool // values may be nil
}

// Prefix is the range of every key that begins with p.
func Prefix(p []byte) Range { return Range{From: p, To: After(p)} }

// After is the smallest key greater than every key that begins with p; nil where none is.
func After(p []byte) []byte {
	end := append([]byte(nil), p...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// Bounds of keys, values and batches in bytes.
const (
	MaxKey   = 2 << 10
	MaxValue = 16 << 20
	MaxBatch = 64 << 20
)

// Batch collects puts, deletes and expectations, all of one partition. The zero value is empty and ready.
type Batch struct {
	Ops     []Op
	Expects []Expect
}

// Op puts a value, or deletes where Value is nil and Delete is set. Later operations win.
type Op struct {
	Key, Value []byte
	Delete     bool
}

// Expect holds when the current value of Key begins with Prefix, or, where Absent is set, when Key does not exist.
type Expect struct {
	Key, Prefix []byte
	Absent      bool
}

// Put sets key to value.
func (b *Batch) Put(key, value []byte) { b.Ops = append(b.Ops, Op{Key: key, Value: value}) }

// Delete removes key.
func (b *Batch) Delete(key []byte) { b.Ops = append(b.Ops, Op{Key: key, Delete: true}) }

// ExpectPrefix makes the batch conditional on key's value beginning with prefix.
func (b *Batch) ExpectPrefix(key, prefix []byte) {
	b.Expects = append(b.Expects, Expect{Key: key, Prefix: prefix})
}

// ExpectAbsent makes the batch conditional on key not existing.
func (b *Batch) ExpectAbsent(key []byte) {
	b.Expects = append(b.Expects, Expect{Key: key, Absent: true})
}

// Add appends writes handed over by another room.
func (b *Batch) Add(writes ...tribune.Write) {
	for _, w := range writes {
		if w.Value == nil {
			b.Delete(w.Key)
		} else {
			b.Put(w.Key, w.Value)
		}
	}
}

// PartitionOf is the partition of an id in a tenant, stable for ever: FNV-1a over tenant, 0x00, id.
func PartitionOf(t tribune.Tenant, id string, partitions uint16) uint16 {
	if partitions <= 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(t))
	h.Write([]byte{0})
	h.Write([]byte(id))
	return uint16(h.Sum32() % uint32(partitions))
}

// Key is room|tenant|partition|part|part...: strings are escaped (0x00 -> 0x00 0xff) and ended by 0x00 0x01, so that
// order follows the parts and no part can reach into the next; the partition is u16. Use Part, Uint to add more.
func Key(room string, at tribune.Place, parts ...string) []byte {
	b := make([]byte, 0, 64)
	b = Part(b, room)
	b = Part(b, string(at.Tenant))
	b = binary.BigEndian.AppendUint16(b, at.Partition)
	for _, p := range parts {
		b = Part(b, p)
	}
	return b
}

// Part appends one escaped, ended string part.
func Part(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		b = append(b, s[i])
		if s[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return append(b, 0, 1)
}

// Uint appends a u64 that orders as a number.
func Uint(b []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(b, n) }

// CutPart reads one part written by Part and returns the rest; ok is false where b does not begin with one.
func CutPart(b []byte) (s string, rest []byte, ok bool) {
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] != 0 {
			out = append(out, b[i])
			continue
		}
		if i+1 >= len(b) {
			return "", nil, false
		}
		switch b[i+1] {
		case 1:
			return string(out), b[i+2:], true
		case 0xff:
			out = append(out, 0)
			i++
		default:
			return "", nil, false
		}
	}
	return "", nil, false
}

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"tribune"
)

// ErrClosed is the error of every call after Close.
var ErrClosed = errors.New("store is closed")

// Check refuses a batch that no store may accept: empty keys, keys, values or batches over their bounds, keys of more
// than one partition, an expectation that contradicts itself. Every implementation calls it first, so that a batch that
// one store accepts is accepted by all.
func (b *Batch) Check() error {
	size, first, placed := 0, uint16(0), false
	key := func(k []byte) error {
		switch {
		case len(k) == 0:
			return fmt.Errorf("batch with an empty key: %w", tribune.ErrInvalid)
		case len(k) > MaxKey:
			return fmt.Errorf("key of %d bytes, at most %d: %w", len(k), MaxKey, tribune.ErrTooLarge)
		}
		size += len(k)
		n, _ := PartitionIn(k)
		if placed && n != first {
			return fmt.Errorf("batch touches partitions %d and %d, only one is allowed: %w", first, n, tribune.ErrInvalid)
		}
		first, placed = n, true
		return nil
	}
	for i := range b.Ops {
		op := &b.Ops[i]
		if err := key(op.Key); err != nil {
			return err
		}
		if op.Delete {
			continue
		}
		if len(op.Value) > MaxValue {
			return fmt.Errorf("value of %d bytes, at most %d: %w", len(op.Value), MaxValue, tribune.ErrTooLarge)
		}
		size += len(op.Value)
	}
	for i := range b.Expects {
		e := &b.Expects[i]
		if err := key(e.Key); err != nil {
			return err
		}
		if e.Absent && len(e.Prefix) > 0 {
			return fmt.Errorf("expectation of a key both absent and with a value: %w", tribune.ErrInvalid)
		}
		size += len(e.Prefix)
	}
	if size > MaxBatch {
		return fmt.Errorf("batch of %d bytes, at most %d: %w", size, MaxBatch, tribune.ErrTooLarge)
	}
	return nil
}

// Holds reports whether the expectation holds for a key's current value; found is false where the key does not exist.
func (e *Expect) Holds(value []byte, found bool) bool {
	if e.Absent {
		return !found
	}
	return found && bytes.HasPrefix(value, e.Prefix)
}

// PartitionIn reads the partition out of a key built with Key. Keys of another shape are in partition 0, with ok false.
func PartitionIn(key []byte) (n uint16, ok bool) {
	end := placeEnd(key)
	if end < 0 {
		return 0, false
	}
	return binary.BigEndian.Uint16(key[end-2:]), true
}

// PartitionOfRange reads the partition to which a range is confined; ok is false where it may span several.
func PartitionOfRange(r Range) (n uint16, ok bool) {
	end := placeEnd(r.From)
	if end < 0 || len(r.To) == 0 || bytes.Compare(r.To, After(r.From[:end])) > 0 {
		return 0, false
	}
	return binary.BigEndian.Uint16(r.From[end-2:]), true
}

// placeEnd is the length of room|tenant|partition at the start of key, or -1.
func placeEnd(key []byte) int {
	end := 0
	for range 2 { // room, tenant
		n := partLen(key[end:])
		if n < 0 {
			return -1
		}
		end += n
	}
	if len(key) < end+2 {
		return -1
	}
	return end + 2
}

// partLen is the length of the part at the start of b with its ending, or -1. It is CutPart without the copy.
func partLen(b []byte) int {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		switch b[i+1] {
		case 1:
			return i + 2
		case 0xff:
			i++
		default:
			return -1
		}
	}
	return -1
}

// Empty reports whether no key can be in r.
func (r Range) Empty() bool { return len(r.To) > 0 && bytes.Compare(r.From, r.To) >= 0 }

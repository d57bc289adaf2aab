package vault

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/store"
)

// expireBatch is how many headers one batch deletes: small enough not to hold up arrivals.
const expireBatch = 512

// Expire deletes the headers of all values that are past the keeping time of their class, counted in whole days from the
// day of arrival, and returns how many segments that were. Their ciphertexts may rest where they are: without a header
// nobody opens them, guardians included. keep returns 0 for a class that is kept without end. Deleted rows leave the
// store's files when the store next compacts them, and its backups when those are deleted.
func (v *Vault) Expire(ctx context.Context, keep func(tribune.ClassID) time.Duration) (segments int, err error) {
	today := tribune.DayOf(v.now())
	for partition := range v.store.Partitions() {
		n, err := v.expire(ctx, partition, func(class tribune.ClassID, day uint32) bool {
			kept := keep(class)
			days := (kept + 24*time.Hour - 1) / (24 * time.Hour)
			return kept > 0 && int64(day)+int64(days) < int64(today)
		})
		segments += n
		if err != nil {
			return segments, fmt.Errorf("deleting headers past their keeping time: %w", err)
		}
	}
	return segments, v.readBars(ctx)
}

func (v *Vault) expire(ctx context.Context, partition uint16, past func(tribune.ClassID, uint32) bool) (n int, err error) {
	prefix := store.Key("vault", tribune.Place{Partition: partition}, "h")
	r := store.Prefix(prefix)
	r.KeysOnly = true
	var b store.Batch
	flush := func() error {
		if len(b.Ops) == 0 {
			return nil
		}
		err := v.store.Commit(ctx, &b)
		n, b = n+len(b.Ops), store.Batch{}
		return err
	}
	for pair, err := range v.store.Scan(ctx, r) {
		if err != nil {
			return n, err
		}
		class, day, ok := parseHeaderKey(pair.Key[len(prefix):])
		if !ok || !past(class, day) {
			continue
		}
		if b.Delete(append([]byte(nil), pair.Key...)); len(b.Ops) == expireBatch {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	return n, flush()
}

// parseHeaderKey reads class and day of a header's key after its prefix: pseudonym | class | day u32, segment u32 | ...
func parseHeaderKey(rest []byte) (class tribune.ClassID, day uint32, ok bool) {
	_, rest, ok = store.CutPart(rest)
	if !ok {
		return "", 0, false
	}
	name, rest, ok := store.CutPart(rest)
	if !ok || len(rest) < 8 {
		return "", 0, false
	}
	return tribune.ClassID(name), binary.BigEndian.Uint32(rest), true
}

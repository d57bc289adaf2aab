package vault

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"maps"

	"tribune"
	"tribune/internal/store"
)

// An erasure of a subject (protocol 32, 33) is the way's; here is what it does to the vault, in this order: Bar, then the twin's values,
// then Erase, then NoteErasure. Each may be repeated.
//
// A row n|pseudonym = day u32 says that nothing of a subject is taken for the rest of the day on which they were erased: guardians
// would open none of it. It goes when the day is over, and with it the last of the subject.

func (v *Vault) barRow(p tribune.Pseudonym) []byte {
	n := store.PartitionOf("", p.String(), v.store.Partitions())
	return store.Key("vault", tribune.Place{Partition: n}, "n", string(p[:]))
}

// Barred reports whether nothing of a subject is taken today.
func (v *Vault) Barred(p tribune.Pseudonym) bool {
	days := v.barred.Load()
	if days == nil {
		return false
	}
	day, ok := (*days)[p]
	return ok && tribune.DayOf(v.now()) <= day
}

// errBarred is permanent: a device need not send the reading again.
var errBarred = tribune.Hint(fmt.Errorf("%w: the person was erased today, on record", tribune.ErrDenied), "Nothing about them is taken until midnight UTC.")

// Bar ends the arrival of a subject's values up to and including a day, and returns once none is on its way to the store.
func (v *Vault) Bar(ctx context.Context, p tribune.Pseudonym, day uint32) error {
	if err := v.setBar(ctx, p, day); err != nil {
		return fmt.Errorf("barring an erased subject: %w", err)
	}
	v.wrapping.Lock() // whoever seals for them has handed the header out, or finds the bar
	v.open.closeOf(p)
	v.wrapping.Unlock()
	if err := v.handed.settle(ctx, v.now, func(s *segment) bool { return s.subject.p == p }); err != nil {
		return fmt.Errorf("waiting for what was sealed before an erasure: %w", err)
	}
	return nil
}

// setBar bars on the disk and in memory, as one for readBars.
func (v *Vault) setBar(ctx context.Context, p tribune.Pseudonym, day uint32) error {
	v.noting.Lock()
	defer v.noting.Unlock()
	var b store.Batch
	b.Put(v.barRow(p), binary.BigEndian.AppendUint32(nil, day))
	if err := v.store.Commit(ctx, &b); err != nil {
		return err
	}
	days := map[tribune.Pseudonym]uint32{}
	if old := v.barred.Load(); old != nil {
		days = maps.Clone(*old)
	}
	days[p] = max(days[p], day)
	v.barred.Store(&days)
	return nil
}

// readBars reads the bars of today, and takes those of past days away.
func (v *Vault) readBars(ctx context.Context) error {
	v.noting.Lock() // or a bar that comes while we read would be forgotten
	defer v.noting.Unlock()
	today := tribune.DayOf(v.now())
	days := map[tribune.Pseudonym]uint32{}
	for partition := range v.store.Partitions() {
		prefix := store.Key("vault", tribune.Place{Partition: partition}, "n")
		var b store.Batch
		for pair, err := range v.store.Scan(ctx, store.Prefix(prefix)) {
			if err != nil {
				return fmt.Errorf("reading who was erased today: %w", err)
			}
			p, _, ok := store.CutPart(pair.Key[len(prefix):])
			if !ok || len(p) != 16 || len(pair.Value) != 4 {
				return &tribune.IntegrityError{What: "a row of who was erased", Err: tribune.ErrInvalid}
			}
			if day := binary.BigEndian.Uint32(pair.Value); day >= today {
				days[tribune.Pseudonym([]byte(p))] = day
			} else {
				b.Delete(append([]byte(nil), pair.Key...))
			}
		}
		if len(b.Ops) > 0 {
			if err := v.store.Commit(ctx, &b); err != nil {
				return fmt.Errorf("forgetting who was erased on past days: %w", err)
			}
		}
	}
	v.barred.Store(&days)
	return nil
}

// Erase deletes the headers and the trace key of a subject, and returns how many rows that were. Their ciphertexts are the twin's.
func (v *Vault) Erase(ctx context.Context, p tribune.Pseudonym) (rows int, err error) {
	for partition := range v.store.Partitions() {
		prefixes := [][]byte{
			store.Key("vault", tribune.Place{Partition: partition}, "h", string(p[:])),
			store.Key("vault", tribune.Place{Partition: partition}, "t", string(p[:])),
		}
		for _, prefix := range prefixes {
			n, err := v.deleteBelow(ctx, prefix)
			rows += n
			if err != nil {
				return rows, fmt.Errorf("deleting a subject's headers: %w", err)
			}
		}
	}
	n, err := v.eraseVital(ctx, p)
	return rows + n, err
}

func (v *Vault) deleteBelow(ctx context.Context, prefix []byte) (n int, err error) {
	r := store.Prefix(prefix)
	r.Limit, r.KeysOnly = expireBatch, true
	for {
		var b store.Batch
		for pair, err := range v.store.Scan(ctx, r) {
			if err != nil {
				return n, err
			}
			b.Delete(append([]byte(nil), pair.Key...))
		}
		if len(b.Ops) == 0 {
			return n, nil
		}
		if err := v.store.Commit(ctx, &b); err != nil {
			return n, err
		}
		n += len(b.Ops)
	}
}

// NoteErasure is called once a subject's rows are gone. It returns the epoch whose key must be destroyed before the erasure is final, and
// sees to it that this happens within RotateWithin.
func (v *Vault) NoteErasure(ctx context.Context) (epoch uint32, err error) {
	v.noting.Lock()
	defer v.noting.Unlock()
	s, err := v.readRotation(ctx)
	if err != nil {
		return 0, err
	}
	epoch = v.ring.Load().now.id
	if s.First != 0 {
		return epoch, nil
	}
	s.First = v.now().Unix()
	state, err := json.Marshal(s)
	if err != nil {
		return 0, err
	}
	var b store.Batch
	b.Put(rotationRow(), state)
	if err := v.store.Commit(ctx, &b); err != nil {
		return 0, fmt.Errorf("noting an erasure: %w", err)
	}
	return epoch, nil
}

// Trace is a subject's D(trace ID).
type Trace struct {
	P tribune.Pseudonym
	D []byte // nil = no key at hand opens it
}

// Traces are all subjects that have one. An error ends it.
func (v *Vault) Traces(ctx context.Context) iter.Seq2[Trace, error] {
	return func(yield func(Trace, error) bool) {
		for partition := range v.store.Partitions() {
			prefix := store.Key("vault", tribune.Place{Partition: partition}, "t")
			for pair, err := range v.store.Scan(ctx, store.Prefix(prefix)) {
				if err != nil {
					yield(Trace{}, fmt.Errorf("reading trace keys: %w", err))
					return
				}
				p, rest, ok := store.CutPart(pair.Key[len(prefix):])
				if !ok || len(p) != 16 || len(rest) != 0 {
					continue // of a hidden chain
				}
				d, err := v.ring.Load().unwrap(string(pair.Key), pair.Value)
				if err != nil {
					d = nil // damaged: whoever needs it will be told
				}
				if !yield(Trace{tribune.Pseudonym([]byte(p)), d}, nil) {
					return
				}
			}
		}
	}
}

// Mark is the store's mark of epoch keys (protocol.EpochMark, one or two), for a backup to say which keys open it.
func (v *Vault) Mark() []byte {
	v.noting.Lock() // not between the store's mark and ours
	defer v.noting.Unlock()
	return append([]byte(nil), v.ring.Load().marks...)
}

// closeOf closes every segment of a subject.
func (t *table) closeOf(p tribune.Pseudonym) {
	t.mu.Lock()
	var of []subject
	for s := range t.open {
		if s.p == p {
			of = append(of, s)
		}
	}
	t.mu.Unlock()
	t.close(of)
}

package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// VitalOf are the packages for the given sealed values of an entity, by number: those of what is current, and of nothing else.
func (v *Vault) VitalOf(ctx context.Context, current []tribune.Sealed) (all []protocol.VitalPackage, err error) {
	sums := map[tribune.Hash]tribune.Sealed{}
	var numbers []uint64
	v.vital.mu.Lock()
	for _, s := range current {
		sums[sha256.Sum256(s.Value)] = s
	}
	for _, s := range current {
		for _, n := range v.vital.of[s.Entity] {
			k := v.vital.all[n]
			if of, ok := sums[k.Head.Sealed]; ok && of.Pseudonym == k.Head.P && of.Class == k.Head.Class && of.Attr == k.Head.Attr && of.Time == k.Head.Time && of.Entity == k.Head.Entity && !slices.Contains(numbers, n) {
				numbers = append(numbers, n)
			}
		}
	}
	v.vital.mu.Unlock()
	slices.Sort(numbers)
	for _, n := range numbers {
		p, _, err := v.readPackage(ctx, n)
		if errors.Is(err, tribune.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (v *Vault) readPackage(ctx context.Context, number uint64) (p protocol.VitalPackage, wrapped []byte, err error) {
	v.vital.mu.Lock()
	k, there := v.vital.all[number]
	v.vital.mu.Unlock()
	if !there {
		return p, nil, fmt.Errorf("%w: single-use key %d: it was used, or is gone", tribune.ErrNotFound, number)
	}
	key := vitalRow(k.partition, number)
	if wrapped, err = v.store.Get(ctx, key); err != nil {
		return p, nil, fmt.Errorf("reading single-use key %d: %w", number, err)
	}
	p, encoded, err := v.vitalPackage(store.Pair{Key: key, Value: wrapped})
	if err == nil && (p.Head != k.Head || protocol.VitalCommitment(number, encoded) != k.Commitment) {
		err = &tribune.IntegrityError{What: "a single-use key", Err: errors.New("it is not the one that was made")}
	}
	return p, wrapped, err
}

// TakeVital gives packages out, once: when it returns nil they are gone from the store, and note rests there under id, both by one durable
// batch. All of them are of one entity.
func (v *Vault) TakeVital(ctx context.Context, numbers []uint64, id string, note []byte) (all []protocol.VitalPackage, err error) {
	for try := 0; ; try++ {
		all, err = v.takeVital(ctx, numbers, id, note)
		if !errors.Is(err, tribune.ErrConflict) || try == 5 { // a rotation of epoch keys has wrapped one of them anew, or somebody else was first
			return all, err
		}
	}
}

func (v *Vault) takeVital(ctx context.Context, numbers []uint64, id string, note []byte) (all []protocol.VitalPackage, err error) {
	v.wrapping.RLock()
	defer v.wrapping.RUnlock()
	var b store.Batch
	var partition uint16
	for i, n := range numbers {
		p, wrapped, err := v.readPackage(ctx, n)
		if err != nil {
			return nil, err
		}
		v.vital.mu.Lock()
		at := v.vital.all[n].partition
		v.vital.mu.Unlock()
		if i > 0 && at != partition {
			return nil, fmt.Errorf("%w: single-use keys of several places", tribune.ErrInvalid)
		}
		partition = at
		b.ExpectPrefix(vitalRow(partition, n), wrapped[:wrapHead])
		b.Delete(vitalRow(partition, n))
		all = append(all, p)
	}
	row := vitalQueueRow(partition, id)
	b.ExpectAbsent(row)
	b.Put(row, v.ring.Load().wrap(string(row), note))
	if err := v.store.Commit(ctx, &b); err != nil {
		return nil, fmt.Errorf("taking single-use keys: %w", err)
	}
	v.vital.mu.Lock()
	defer v.vital.mu.Unlock()
	for _, n := range numbers {
		v.vital.remove(n)
	}
	return all, nil
}

// AgainVital makes a new single-use key for a value whose key was used: the next emergency of the same night needs one.
func (v *Vault) AgainVital(ctx context.Context, office tribune.OfficeID, head protocol.VitalHead, value []byte) error {
	v.wrapping.RLock()
	defer v.wrapping.RUnlock()
	if v.Barred(head.P) {
		return errBarred
	}
	number, holders := v.vitalNumber(office)
	if number == 0 {
		return fmt.Errorf("%w: two holders are needed, and room", tribune.ErrUnsupported)
	}
	head.Number = number
	partition := store.PartitionOf("", string(head.Entity), v.store.Partitions())
	w, k, err := v.vitalRowOf(partition, head, holders, value)
	if err != nil {
		return err
	}
	var b store.Batch
	b.Add(w)
	if err := v.store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("keeping a single-use key: %w", err)
	}
	v.vital.mu.Lock()
	defer v.vital.mu.Unlock()
	v.vital.add(k)
	return nil
}

// EndVital deletes packages, and keeps why until an inventory on record says it.
func (v *Vault) EndVital(ctx context.Context, why string, numbers ...uint64) error {
	for _, n := range numbers {
		v.vital.mu.Lock()
		k, there := v.vital.all[n]
		v.vital.mu.Unlock()
		if !there {
			continue
		}
		var b store.Batch
		b.Delete(vitalRow(k.partition, n))
		b.Put(vitalGoneRow(k.partition, n), []byte(why))
		if err := v.store.Commit(ctx, &b); err != nil {
			return fmt.Errorf("ending a single-use key: %w", err)
		}
		v.vital.mu.Lock()
		v.vital.remove(n)
		v.vital.gone[n] = why
		v.vital.mu.Unlock()
	}
	return nil
}

// VitalOnRecord forgets why packages are gone: it is on record.
func (v *Vault) VitalOnRecord(ctx context.Context, numbers []uint64) error {
	for partition := range v.store.Partitions() {
		for some := range slices.Chunk(numbers, expireBatch) {
			var b store.Batch
			for _, n := range some {
				b.Delete(vitalGoneRow(partition, n))
			}
			if err := v.store.Commit(ctx, &b); err != nil {
				return fmt.Errorf("forgetting why single-use keys are gone: %w", err)
			}
		}
	}
	v.vital.mu.Lock()
	defer v.vital.mu.Unlock()
	for _, n := range numbers {
		delete(v.vital.gone, n)
	}
	return nil
}

// eraseVital ends the packages of an erased subject.
func (v *Vault) eraseVital(ctx context.Context, p tribune.Pseudonym) (int, error) {
	var numbers []uint64
	v.vital.mu.Lock()
	for n, k := range v.vital.all {
		if k.Head.P == p {
			numbers = append(numbers, n)
		}
	}
	v.vital.mu.Unlock()
	return len(numbers), v.EndVital(ctx, protocol.VitalErased, numbers...)
}

// VitalQueue is what is to be disclosed, by id, as it was given to TakeVital or KeepVital.
func (v *Vault) VitalQueue(ctx context.Context) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for partition := range v.store.Partitions() {
			prefix := store.Key("vault", tribune.Place{Partition: partition}, "q")
			for pair, err := range v.store.Scan(ctx, store.Prefix(prefix)) {
				if err != nil {
					v.log.Error("what is to be disclosed cannot be read", "err", err)
					return
				}
				id, _, ok := store.CutPart(pair.Key[len(prefix):])
				note, err := v.ring.Load().unwrap(string(pair.Key), pair.Value)
				if !ok || err != nil {
					v.log.Error("what is to be disclosed cannot be read", "err", err)
					continue
				}
				if !yield(id, note) {
					return
				}
			}
		}
	}
}

// KeepVital replaces what rests under id; nil deletes it: it is on record.
func (v *Vault) KeepVital(ctx context.Context, id string, note []byte) error {
	v.wrapping.RLock()
	defer v.wrapping.RUnlock()
	for partition := range v.store.Partitions() {
		row := vitalQueueRow(partition, id)
		if _, err := v.store.Get(ctx, row); errors.Is(err, tribune.ErrNotFound) {
			continue
		} else if err != nil {
			return fmt.Errorf("looking for what is to be disclosed: %w", err)
		}
		var b store.Batch
		if note == nil {
			b.Delete(row)
		} else {
			b.Put(row, v.ring.Load().wrap(string(row), note))
		}
		return v.store.Commit(ctx, &b)
	}
	return nil
}

// Is reports whether a sealed value is the one that the package holds.
func (k VitalKey) Is(s tribune.Sealed) bool {
	return sha256.Sum256(s.Value) == k.Head.Sealed && s.Entity == k.Head.Entity && s.Attr == k.Head.Attr && s.Pseudonym == k.Head.P
}

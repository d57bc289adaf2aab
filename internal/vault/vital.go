package vault

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// Vital interest (docs/protocol.md): of a class whose register names an office, each value that arrives is sealed once more, under a single-use key
// that any two holders of that office open together. What is here makes these packages, in the batch of the value itself; keeps count of them;
// and gives one out exactly once, in the batch that notes what must be disclosed. Who may, and that guardians are away, is the way's to
// see to.
//
// Rows, wrapped as all are, in the partition of the values:
//
//	v | number u64    a protocol.VitalPackage
//	q | id            what was given out and is to be disclosed, in the way's own words
//	x | number u64    why a package is gone (not wrapped: it is public): until that is on record
//
// Threat model. A thief of the disk, of its backups and of the epoch key opens nothing: each package needs the keys of two people, which never
// were on this machine. One of the two people, with all of the hub's disk, opens nothing. Whoever controls the running hub can keep copies of
// packages; with the keys of two holders they open those copies and leave no trace of it here. That is the price of the exception, and why a
// class must be named in the law, in public, before any package of it is made.

// MaxVital bounds the packages: 200 bytes of memory each, some 3 KB of the store. Beyond it values have no single-use key.
const MaxVital = 1 << 17

// VitalKey is one package, without what it holds.
type VitalKey struct {
	Head       protocol.VitalHead
	Commitment tribune.Hash
	Day        uint32 // it was made

	partition uint16
}

// vitals is what is known of packages.
type vitals struct {
	mu      sync.Mutex // guards all
	on      bool       // numbers may be given
	last    uint64     // number
	holders map[tribune.OfficeID][]protocol.VitalHolder
	all     map[uint64]VitalKey
	of      map[tribune.EntityID][]uint64
	count   map[tribune.ClassID]int
	gone    map[uint64]string // since the last inventory on record
	refused uint64            // values for which there was no room
}

func vitalRow(partition uint16, number uint64) []byte {
	return store.Uint(store.Key("vault", tribune.Place{Partition: partition}, "v"), number)
}

func vitalGoneRow(partition uint16, number uint64) []byte {
	return store.Uint(store.Key("vault", tribune.Place{Partition: partition}, "x"), number)
}

func vitalQueueRow(partition uint16, id string) []byte {
	return store.Key("vault", tribune.Place{Partition: partition}, "q", id)
}

// readVital reads the packages at start.
func (v *Vault) readVital(ctx context.Context) error {
	s := &v.vital
	s.holders, s.all, s.of, s.gone = map[tribune.OfficeID][]protocol.VitalHolder{}, map[uint64]VitalKey{}, map[tribune.EntityID][]uint64{}, map[uint64]string{}
	s.count = map[tribune.ClassID]int{}
	for partition := range v.store.Partitions() {
		prefix := store.Key("vault", tribune.Place{Partition: partition}, "v")
		for pair, err := range v.store.Scan(ctx, store.Prefix(prefix)) {
			if err != nil {
				return fmt.Errorf("reading single-use keys: %w", err)
			}
			p, encoded, err := v.vitalPackage(pair)
			if err != nil {
				v.log.Error("a single-use key cannot be read", "err", err)
				continue // it is not in the next inventory, and so comes to light
			}
			s.add(VitalKey{Head: p.Head, Commitment: protocol.VitalCommitment(p.Head.Number, encoded), Day: vitalDay(p.Head.Time, v), partition: partition})
		}
		prefix = store.Key("vault", tribune.Place{Partition: partition}, "x")
		for pair, err := range v.store.Scan(ctx, store.Prefix(prefix)) {
			if err != nil {
				return fmt.Errorf("reading why single-use keys are gone: %w", err)
			}
			if rest := pair.Key[len(prefix):]; len(rest) == 8 {
				number := binary.BigEndian.Uint64(rest)
				s.gone[number] = string(pair.Value)
				s.last = max(s.last, number)
			}
		}
	}
	return nil
}

// vitalDay is the day of a value's own time; of one that has none today, so that it is kept at most as long again.
func vitalDay(at string, v *Vault) uint32 {
	if len(at) >= len("2006-01-02") {
		if t, err := protocol.ParseTime(at[:len("2006-01-02")] + "T00:00:00.000Z"); err == nil && t.Unix() > 0 {
			return tribune.DayOf(t)
		}
	}
	return tribune.DayOf(v.now())
}

func (v *Vault) vitalPackage(pair store.Pair) (p protocol.VitalPackage, encoded []byte, err error) {
	if encoded, err = v.ring.Load().unwrap(string(pair.Key), pair.Value); err != nil {
		return p, nil, err
	}
	p, err = protocol.DecodeVitalPackage(encoded)
	return p, encoded, err
}

func (s *vitals) add(k VitalKey) {
	if _, there := s.all[k.Head.Number]; !there {
		s.count[k.Head.Class]++
	}
	s.all[k.Head.Number] = k
	s.of[k.Head.Entity] = append(s.of[k.Head.Entity], k.Head.Number)
	s.last = max(s.last, k.Head.Number)
}

func (s *vitals) remove(number uint64) {
	k, there := s.all[number]
	if !there {
		return
	}
	delete(s.all, number)
	s.count[k.Head.Class]--
	rest := slices.DeleteFunc(slices.Clone(s.of[k.Head.Entity]), func(n uint64) bool { return n == number })
	if s.of[k.Head.Entity] = rest; len(rest) == 0 {
		delete(s.of, k.Head.Entity)
	}
}

// AllowVital has packages made from now on, with numbers above last, for these holders; the way calls it once it has read the record, and
// whenever there are other holders.
func (v *Vault) AllowVital(last uint64, holders map[tribune.OfficeID][]protocol.VitalHolder) {
	v.vital.mu.Lock()
	defer v.vital.mu.Unlock()
	v.vital.on, v.vital.last, v.vital.holders = true, max(v.vital.last, last), maps.Clone(holders)
}

// vitalNumber gives a number and the holders for it; 0 where no package is made.
func (v *Vault) vitalNumber(office tribune.OfficeID) (uint64, []protocol.VitalHolder) {
	s := &v.vital
	s.mu.Lock()
	defer s.mu.Unlock()
	holders := s.holders[office]
	if !s.on || len(holders) < 2 {
		return 0, nil
	}
	if len(s.all) >= MaxVital {
		if s.refused++; s.refused == 1 {
			v.log.Error("no more single-use keys are made: values that arrive cannot be opened without the guardians", "keys", MaxVital)
		}
		return 0, nil
	}
	s.last++
	return s.last, holders
}

// vitalWrites makes the packages of values that were just sealed; committed must be called once they are durable.
func (v *Vault) vitalWrites(at tribune.Place, class tribune.Class, p tribune.Pseudonym, items []tribune.Item, sealed []tribune.Sealed) (writes []tribune.Write, committed func(), err error) {
	if class.Vital == "" || at.Tenant != "" { // entities of other tenants may have the same names
		return nil, func() {}, nil
	}
	var made []VitalKey
	for i, it := range items {
		if len(it.Clear) > protocol.MaxVitalValue {
			v.log.Warn("a value is too long for a single-use key", "class", class.ID, "bytes", len(it.Clear))
			continue
		}
		number, holders := v.vitalNumber(class.Vital)
		if number == 0 {
			continue
		}
		head := protocol.VitalHead{Attr: it.Attr, City: v.city, Class: class.ID, Entity: it.Entity, Number: number, P: p, Sealed: sha256.Sum256(sealed[i].Value), Time: it.Time}
		w, k, err := v.vitalRowOf(at.Partition, head, holders, it.Clear)
		if err != nil {
			return nil, nil, fmt.Errorf("making a single-use key: %w", err)
		}
		writes, made = append(writes, w), append(made, k)
	}
	return writes, func() {
		v.vital.mu.Lock()
		defer v.vital.mu.Unlock()
		for _, k := range made {
			v.vital.add(k)
		}
	}, nil
}

func (v *Vault) vitalRowOf(partition uint16, head protocol.VitalHead, holders []protocol.VitalHolder, value []byte) (w tribune.Write, k VitalKey, err error) {
	p, err := protocol.SealVital(head, holders, value)
	if err != nil {
		return w, k, err
	}
	encoded, err := p.Encode()
	if err != nil {
		return w, k, err
	}
	key := vitalRow(partition, head.Number)
	return tribune.Write{Key: key, Value: v.ring.Load().wrap(string(key), encoded)},
		VitalKey{Head: head, Commitment: protocol.VitalCommitment(head.Number, encoded), Day: vitalDay(head.Time, v), partition: partition}, nil
}

// VitalKeys are all packages, by number, and why others are gone since the last inventory that is on record.
func (v *Vault) VitalKeys() (all []VitalKey, gone map[uint64]string) {
	v.vital.mu.Lock()
	defer v.vital.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(v.vital.all)) {
		all = append(all, v.vital.all[n])
	}
	return all, maps.Clone(v.vital.gone)
}

// VitalCount is how many packages each class has.
func (v *Vault) VitalCount() map[tribune.ClassID]int {
	v.vital.mu.Lock()
	defer v.vital.mu.Unlock()
	return maps.Clone(v.vital.count)
}

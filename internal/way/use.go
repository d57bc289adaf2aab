package way

import (
	"fmt"
	"maps"
	"sync"

	"tribune"
	"tribune/protocol"
)

// uses knows which tags are on record. A subject's next use number is derived from it: the first n whose tag is absent.
// It is searched one by one, from where the last search ended: a thief of the hub can leave a gap on record, and who gallops
// over it would be refused by the guardians for ever. Memory: 24 bytes a tag on record, 24 a subject used, and the maps'.
type uses struct {
	mu       sync.Mutex               // guards all
	recorded map[tribune.Tag]uint64   // index of the first leaf that carries it
	inFlight map[tribune.Tag]struct{} // reserved by an act that is being appended
	prefix   map[chain]uint64         // tags 1..n are known to be on record
}

// chain is what use numbers are counted in: a subject's trace, or what is hidden from it until a quarter is over.
type chain struct {
	p       tribune.Pseudonym
	quarter uint32 // 0 = the trace
}

// Use is one use of one subject on record.
type Use struct {
	N     uint64 // its number for this subject, from 1
	Tag   tribune.Tag
	Index uint64 // of its leaf
}

func newUses() *uses {
	return &uses{recorded: map[tribune.Tag]uint64{}, inFlight: map[tribune.Tag]struct{}{}, prefix: map[chain]uint64{}}
}

func (u *uses) add(tags []tribune.Tag, index uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.put(tags, index)
}

// put keeps the first leaf of each tag: it is the one that counts (protocol 31).
func (u *uses) put(tags []tribune.Tag, index uint64) {
	for _, t := range tags {
		if _, before := u.recorded[t]; !before {
			u.recorded[t] = index
		}
	}
}

// of lists the uses on record under a trace key, oldest first.
func (u *uses) of(k []byte) (list []Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for n := uint64(1); ; n++ {
		tag := protocol.UseTag(k, n)
		index, used := u.recorded[tag]
		if !used {
			return list
		}
		list = append(list, Use{N: n, Tag: tag, Index: index})
	}
}

// next is the number of the next use in a chain, under its key k.
func (u *uses) next(c chain, k []byte) uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.prefix[c] + 1
	for {
		if _, used := u.recorded[protocol.UseTag(k, n)]; !used {
			break
		}
		n++
	}
	if n > 1 {
		u.prefix[c] = n - 1
	}
	return n
}

// forget drops what is known of a subject beyond the record.
func (u *uses) forget(p tribune.Pseudonym) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.prefix, func(c chain, _ uint64) bool { return c.p == p })
}

// reserve claims tags for an act about to be appended. It fails with ErrConflict where one is taken: the subject was
// used by another act meanwhile, and numbers must not skip.
func (u *uses) reserve(tags []tribune.Tag) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range tags {
		_, done := u.recorded[t]
		_, pending := u.inFlight[t]
		if done || pending {
			return tribune.Hint(fmt.Errorf("%w: another act about the same subject came first", tribune.ErrConflict),
				"Send the request again without Tribune-Act: it gets a new act to sign.")
		}
	}
	for _, t := range tags {
		u.inFlight[t] = struct{}{}
	}
	return nil
}

// settle ends a reservation: the tags are on record in the leaf of index.
func (u *uses) settle(tags []tribune.Tag, index uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range tags {
		delete(u.inFlight, t)
	}
	u.put(tags, index)
}

// release ends a reservation: the tags are surely not on record.
func (u *uses) release(tags []tribune.Tag) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range tags {
		delete(u.inFlight, t)
	}
}

package way

import (
	"fmt"
	"sync"

	"tribune"
	"tribune/protocol"
)

// uses knows which tags are on record. A subject's next use number is derived from it: the first n whose tag is absent.
// Because tags 1..n-1 are all there (the prefix rule that guardians enforce), the search gallops: O(log n) HMACs.
// Memory: 16 bytes a tag on record and the map's overhead.
type uses struct {
	mu       sync.Mutex // guards both maps
	recorded map[tribune.Tag]struct{}
	inFlight map[tribune.Tag]struct{} // reserved by an act that is being appended
}

func newUses() *uses {
	return &uses{recorded: map[tribune.Tag]struct{}{}, inFlight: map[tribune.Tag]struct{}{}}
}

func (u *uses) add(tags []tribune.Tag) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range tags {
		u.recorded[t] = struct{}{}
	}
}

// next is the number of the next use under trace key k.
func (u *uses) next(k []byte) uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	has := func(n uint64) bool { _, ok := u.recorded[protocol.UseTag(k, n)]; return ok }
	lo, hi := uint64(0), uint64(1) // lo is used (0 counts as used), hi may be free
	for has(hi) {
		lo, hi = hi, hi*2
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; has(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
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

// settle ends a reservation: on record, or surely not.
func (u *uses) settle(tags []tribune.Tag, recorded bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range tags {
		delete(u.inFlight, t)
		if recorded {
			u.recorded[t] = struct{}{}
		}
	}
}

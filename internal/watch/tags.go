package watch

import (
	"encoding/binary"

	"tribune"
)

// tags finds a tag that stands on record twice. It remembers eight bytes of each tag and its leaf, some 30 bytes in memory; of those
// that look alike the leaf is read again, so that a finding is never a coincidence.
type tags struct {
	seen map[uint64]uint64 // first eight bytes of a tag, the first leaf that carries them
}

func newTags() *tags { return &tags{seen: map[uint64]uint64{}} }

// add notes a leaf's tag and returns the earlier leaf that may carry it.
func (t *tags) add(tag tribune.Tag, leaf uint64) (earlier uint64, maybe bool) {
	key := binary.BigEndian.Uint64(tag[:])
	if earlier, maybe = t.seen[key]; maybe {
		return earlier, earlier != leaf
	}
	t.seen[key] = leaf
	return 0, false
}

package protocol

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"tribune"
)

// MaxVitalChange bounds what one leaf of kind vital-keys adds, and what it takes away.
const MaxVitalChange = 400

// Why a single-use key is gone without having been used.
const (
	VitalReplaced = "replaced" // a newer value has come, or the value is gone
	VitalEnded    = "ended"    // its keeping time is over, or the class is no longer one of those
	VitalErased   = "erased"   // with its person
	VitalLost     = "lost"     // nobody knows: an incident
)

// VitalAdded is a new single-use key.
type VitalAdded struct {
	Commitment tribune.Hash `json:"commitment"` // VitalCommitment
	Number     uint64       `json:"number"`
}

// VitalGone is a key that is there no more, and was not used.
type VitalGone struct {
	Number uint64 `json:"number"`
	Why    string `json:"why"`
}

// VitalKeys is the public part of a leaf of kind vital-keys: how the inventory of single-use keys has changed since the one before, and what it
// now is. Keys that were used are taken out by the leaves of kind vital.
type VitalKeys struct {
	Added []VitalAdded `json:"added"` // by number, ascending
	Count int          `json:"count"`
	Gone  []VitalGone  `json:"gone"` // by number, ascending
	Root  tribune.Hash `json:"root"` // VitalRoot of all that there are
}

// DecodeVitalKeys reads one in its one spelling.
func DecodeVitalKeys(public json.RawMessage) (k VitalKeys, err error) {
	if err := DecodeJCS(public, &k); err != nil {
		return k, fmt.Errorf("inventory of single-use keys: %w", err)
	}
	if len(k.Added) > MaxVitalChange || len(k.Gone) > MaxVitalChange || k.Count < 0 {
		return k, fmt.Errorf("%w: an inventory that adds %d and takes %d", tribune.ErrTooLarge, len(k.Added), len(k.Gone))
	}
	for i, a := range k.Added {
		if a.Number == 0 || a.Number > 1<<53-1 || i > 0 && k.Added[i-1].Number >= a.Number {
			return k, fmt.Errorf("%w: new keys are not in order", tribune.ErrInvalid)
		}
	}
	for i, g := range k.Gone {
		if i > 0 && k.Gone[i-1].Number >= g.Number || !slices.Contains([]string{VitalReplaced, VitalEnded, VitalErased, VitalLost}, g.Why) {
			return k, fmt.Errorf("%w: keys that are gone are not in order, or for no reason that there is", tribune.ErrInvalid)
		}
	}
	return k, nil
}

// VitalLedger follows the inventory along the record: the same few lines for the hub and whoever watches. Its zero value is
// empty. It is not safe for concurrent use.
type VitalLedger struct {
	live map[uint64]tribune.Hash
	gone map[uint64]struct{} // numbers that were, of which none comes back; some 40 bytes each
	last uint64              // the highest number there ever was
}

// Live is the commitments of all keys there are, by number; not to be changed.
func (l *VitalLedger) Live() map[uint64]tribune.Hash { return l.live }

// Last is the highest number that was ever on record.
func (l *VitalLedger) Last() uint64 { return l.last }

// Was reports whether a key with that number was there, and is there no more.
func (l *VitalLedger) Was(number uint64) bool {
	_, was := l.gone[number]
	return was
}

// Change takes a leaf's inventory, and says what does not fit: keys that come back or go twice, keys that are lost, an inventory that is
// not what the leaves before it give. Whatever does not fit, what it says counts from then on: each lie is told once.
func (l *VitalLedger) Change(k VitalKeys) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if l.live == nil {
		l.live = map[uint64]tribune.Hash{}
	}
	for _, g := range k.Gone {
		switch _, there := l.live[g.Number]; {
		case !there:
			say("Key %d is said to be gone and was not there.", g.Number)
		case g.Why == VitalLost:
			say("Key %d is gone, and nobody says why: whoever took it may have opened what it was for.", g.Number)
		}
		l.take(g.Number)
	}
	for _, a := range k.Added {
		_, there := l.live[a.Number]
		if _, was := l.gone[a.Number]; there || was {
			say("Key %d is said to be new, and its number was given before.", a.Number)
		}
		l.live[a.Number] = a.Commitment
		l.last = max(l.last, a.Number)
	}
	if k.Count != len(l.live) || k.Root != VitalRoot(l.live) {
		say("The inventory is said to be of %d keys with another root than the entries of the record give, of which there are %d: keys have gone, come or been exchanged without an entry.", k.Count, len(l.live))
	}
	return wrong
}

// Use takes the keys of a disclosure out, and says which of them had been used, or were gone, before. A key that was made and used since the
// last inventory stood in none; its number is known from then on.
func (l *VitalLedger) Use(numbers []uint64) (wrong []string) {
	for _, n := range numbers {
		if _, was := l.gone[n]; was {
			wrong = append(wrong, fmt.Sprintf("Key %d was used, and it was gone before.", n))
		}
		l.take(n)
		l.last = max(l.last, n)
	}
	return wrong
}

func (l *VitalLedger) take(number uint64) {
	if l.gone == nil {
		l.gone = map[uint64]struct{}{}
	}
	delete(l.live, number)
	l.gone[number] = struct{}{}
}

// VitalRoot is the RFC 6962 root over number u64 || commitment of each key, ascending; zero for none.
func VitalRoot(live map[uint64]tribune.Hash) tribune.Hash {
	if len(live) == 0 {
		return tribune.Hash{}
	}
	row := make([]tribune.Hash, 0, len(live))
	for _, n := range slices.Sorted(maps.Keys(live)) {
		c := live[n]
		row = append(row, LeafHash(append(binary.BigEndian.AppendUint64(nil, n), c[:]...)))
	}
	return vitalTree(row)
}

func vitalTree(row []tribune.Hash) tribune.Hash {
	if len(row) == 1 {
		return row[0]
	}
	split := 1
	for split*2 < len(row) {
		split *= 2
	}
	return nodeHash(vitalTree(row[:split]), vitalTree(row[split:]))
}

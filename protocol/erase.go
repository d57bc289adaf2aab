package protocol

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"tribune"
)

// MaxErased bounds the subjects of one erasure: each stands in the leaf with the tag of a use and with an erased tag.
const MaxErased = 512

// ErasedAhead is how many erased tags after the first absent one are looked for, too: a hub that leaves one out hides no erasure.
const ErasedAhead = 16

// Erasure is the public part of a leaf of kind erase (32): whose data are gone up to and including Day, the UTC day of the act.
type Erasure struct {
	Day    string        `json:"day"`    // like 2026-11-22
	Erased []tribune.Tag `json:"erased"` // ErasedTag of each subject, in the order of the private part
}

// NewErasure is the public part of an erasure at a moment.
func NewErasure(at time.Time, erased []tribune.Tag) Erasure {
	return Erasure{Day: at.UTC().Format(time.DateOnly), Erased: erased}
}

// Number is the day as identities count it.
func (e Erasure) Number() (uint32, error) {
	t, err := time.Parse(time.DateOnly, e.Day)
	if err != nil || t.Unix() < 0 || t.Format(time.DateOnly) != e.Day {
		return 0, fmt.Errorf("%w: day %q of an erasure is none", tribune.ErrInvalid, e.Day)
	}
	return tribune.DayOf(t), nil
}

// DecodeErasure reads the public part of a leaf of kind erase, in its one spelling.
func DecodeErasure(data []byte) (Erasure, error) {
	var e Erasure
	if err := DecodeJCS(data, &e); err != nil {
		return e, fmt.Errorf("erasure: %w", err)
	}
	if n := len(e.Erased); n == 0 || n > MaxErased {
		return e, fmt.Errorf("%w: erasure of %d subjects, 1 to %d", tribune.ErrInvalid, n, MaxErased)
	}
	if _, err := e.Number(); err != nil {
		return e, err
	}
	seen := make(map[tribune.Tag]bool, len(e.Erased))
	for _, t := range e.Erased {
		if seen[t] {
			return e, fmt.Errorf("%w: an erasure names one subject twice", tribune.ErrInvalid)
		}
		seen[t] = true
	}
	return e, nil
}

// ErasureOf is the erasure that a leaf puts on record: permitted, of so many subjects as its act says, each with the tag of a use,
// and of the day of its act, so that nobody dates it back.
func ErasureOf(l Leaf) (Erasure, error) {
	if l.Act.Kind != tribune.ActErase || !l.Decision.Permit {
		return Erasure{}, fmt.Errorf("%w: not a permitted leaf of kind erase", tribune.ErrInvalid)
	}
	e, err := DecodeErasure(l.Public)
	if err != nil {
		return e, err
	}
	if len(e.Erased) != l.Act.Count || len(l.Tags) != l.Act.Count || len(l.Act.Recipient) != 0 {
		return e, fmt.Errorf("%w: an erasure of %d subjects with %d erased tags and %d tags", tribune.ErrInvalid, l.Act.Count, len(e.Erased), len(l.Tags))
	}
	at, err := l.Act.When()
	if err != nil {
		return e, err
	}
	if day, _ := e.Number(); day != tribune.DayOf(at) {
		return e, fmt.Errorf("%w: an erasure of %s by an act of %s", tribune.ErrInvalid, e.Day, at.Format(time.DateOnly))
	}
	return e, nil
}

// NextErased is m, the number of a subject's next erasure: the first that is not on record (32).
func NextErased(k []byte, onRecord func(tribune.Tag) bool) uint64 {
	for m := uint64(1); ; m++ {
		if !onRecord(ErasedTag(k, m)) {
			return m
		}
	}
}

// ErasedNow reports whether a leaf erases the subject whose trace key is k, as a person checks the receipt they were given: its
// erased tag is their next, none is left out before it.
func ErasedNow(l Leaf, k []byte, onRecordBefore func(tribune.Tag) bool) bool {
	e, err := ErasureOf(l)
	return err == nil && slices.Contains(e.Erased, ErasedTag(k, NextErased(k, onRecordBefore)))
}

// EpochMark is epoch u32 || HMAC-SHA256(epoch key, L(epoch) || epoch u32)[:16]: which epoch key a store is wrapped under (11). It
// tells a wrong key, and nothing about the key.
func EpochMark(id uint32, key []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, id)
	h := hmac.New(sha256.New, key)
	h.Write(append(Label("epoch"), b...))
	return append(b, h.Sum(nil)[:16]...)
}

// EpochMarkSize is the size of an EpochMark in bytes.
const EpochMarkSize = 4 + 16

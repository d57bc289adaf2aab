package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/internal/store"
	"tribune/protocol"
)

// Identities are what must be opened to read the sealed values, grouped by subject in order of first appearance, use
// numbers left 0: the whole day for days that are past, the segment for today (and for the minute after midnight, while
// guardians' clocks may not have passed it).
func (v *Vault) Identities(now time.Time, sealed []tribune.Sealed) []protocol.Subject {
	today := tribune.DayOf(now.Add(-daySkew))
	var subjects []protocol.Subject
	index := map[tribune.Pseudonym]int{}
	seen := map[tribune.Identity]bool{}
	for _, s := range sealed {
		id := segmentOf(s)
		if s.Day < today {
			id = wholeDay(id)
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		i, ok := index[s.Pseudonym]
		if !ok {
			i = len(subjects)
			index[s.Pseudonym] = i
			subjects = append(subjects, protocol.Subject{P: s.Pseudonym})
		}
		subjects[i].IDs = append(subjects[i].IDs, id)
	}
	return subjects
}

func segmentOf(s tribune.Sealed) tribune.Identity {
	return tribune.Identity{Kind: tribune.IdentitySubject, Pseudonym: s.Pseudonym, Class: s.Class, Day: s.Day, Segment: s.Segment}
}

// Open decrypts sealed values with the keys of their segments or days, in their order; all of them, or an error. It
// overwrites the keys. ErrNotFound: there is no key, or no header any more, for a value; IntegrityError: a value does not
// belong to the entity, attribute, time or class under which it was found.
func (v *Vault) Open(ctx context.Context, keys map[tribune.Identity][]byte, sealed []tribune.Sealed) ([][]byte, error) {
	defer func() {
		for _, d := range keys {
			clear(d)
		}
	}()
	var segments []tribune.Identity
	members := map[tribune.Identity][]int{}
	for i, s := range sealed {
		id := segmentOf(s)
		if members[id] == nil {
			segments = append(segments, id)
		}
		members[id] = append(members[id], i)
	}
	values := make([][]byte, len(sealed))
	err := spread(ctx, len(segments), func(ctx context.Context, i int) error {
		return v.openSegment(ctx, keys, segments[i], members[segments[i]], sealed, values)
	})
	if err != nil {
		for _, value := range values {
			clear(value)
		}
		return nil, err
	}
	return values, nil
}

// openSegment opens the values of one segment, at the given positions.
func (v *Vault) openSegment(ctx context.Context, keys map[tribune.Identity][]byte, segment tribune.Identity, positions []int, sealed []tribune.Sealed, values [][]byte) error {
	id, header := segment, 0
	d, ok := keys[id]
	if !ok {
		id, header = wholeDay(segment), 1
		if d, ok = keys[id]; !ok {
			return fmt.Errorf("%w: no key for value %d", tribune.ErrNotFound, positions[0])
		}
	}
	rows, pending := 0, positions
	for partition := uint16(0); partition < v.store.Partitions() && len(pending) > 0; partition++ {
		for pair, err := range v.store.Scan(ctx, store.Prefix(headerPrefix(partition, segment))) {
			if err != nil {
				return fmt.Errorf("reading headers: %w", err)
			}
			rows++
			dek, err := v.openRow(pair, header, d, id.Bytes(v.city))
			if err != nil {
				return err
			}
			if pending, err = openValues(dek, segment.Bytes(v.city), pending, sealed, values); err != nil {
				return err
			}
			if len(pending) == 0 {
				break
			}
		}
	}
	switch {
	case len(pending) == 0:
		return nil
	case rows == 0:
		return fmt.Errorf("%w: no header for value %d: it was erased", tribune.ErrNotFound, pending[0])
	default:
		err := errors.New("it does not open as what it is stored as")
		return &tribune.IntegrityError{What: fmt.Sprintf("sealed value %d", pending[0]), Err: err}
	}
}

// openRow opens one of the two headers of a row: 0 is the segment's, 1 the day's.
func (v *Vault) openRow(row store.Pair, header int, d, id []byte) ([]byte, error) {
	both, err := v.ring.Load().unwrap(string(row.Key), row.Value)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if len(both) != 2*ibe.HeaderSize {
		return nil, &tribune.IntegrityError{What: "header row", Err: fmt.Errorf("%w: %d bytes", tribune.ErrInvalid, len(both))}
	}
	dek, err := v.seal.OpenHeader(d, id, both[header*ibe.HeaderSize:(header+1)*ibe.HeaderSize])
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return dek, nil
}

// openValues opens what opens under dek, wipes dek, and returns the positions that remain.
func openValues(dek, segmentID []byte, positions []int, sealed []tribune.Sealed, values [][]byte) (rest []int, err error) {
	defer clear(dek)
	aead, err := newGCM(dek)
	if err != nil {
		return nil, err
	}
	for _, i := range positions {
		value, ok := openValue(aead, segmentID, sealed[i])
		if !ok {
			rest = append(rest, i)
			continue
		}
		if value == nil {
			value = []byte{} // an empty value is not a missing one
		}
		values[i] = value
	}
	return rest, nil
}

package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"tribune"
	"tribune/protocol"
)

const nonceSize = 12

// errClosed sends Seal to the next segment.
var errClosed = errors.New("segment is closed")

// Seal encrypts items of one subject and class (see tribune.Sealer). The writes are the header row of the segment; they
// are empty once committed has been called for it.
func (v *Vault) Seal(ctx context.Context, at tribune.Place, class tribune.Class, p tribune.Pseudonym, items []tribune.Item) (sealed []tribune.Sealed, writes []tribune.Write, committed func(), err error) {
	if err := checkItems(class, items); err != nil {
		return nil, nil, nil, fmt.Errorf("sealing: %w", err)
	}
	if p == (tribune.Pseudonym{}) { // a caller that forgot to ask: nobody could trace what is sealed for nobody
		return nil, nil, nil, fmt.Errorf("sealing: %w: no subject", tribune.ErrInvalid)
	}
	if len(items) == 0 {
		return nil, nil, func() {}, nil
	}
	v.wrapping.RLock()
	defer v.wrapping.RUnlock()
	if v.Barred(p) {
		return nil, nil, nil, fmt.Errorf("sealing: %w", errBarred)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, nil, fmt.Errorf("sealing: %w", err)
		}
		s := v.open.get(v.now(), subject{class.ID, p}, at.Partition)
		if err := v.prepare(ctx, s); errors.Is(err, errClosed) {
			continue
		} else if err != nil {
			v.open.closeOne(s)
			return nil, nil, nil, fmt.Errorf("opening a segment: %w", err)
		}
		sealed, err := v.sealTo(s, items)
		if errors.Is(err, errClosed) {
			continue
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("sealing: %w", err)
		}
		vital, kept, err := v.vitalWrites(at, class, p, items, sealed)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("sealing: %w", err)
		}
		writes := s.writes()
		if len(writes) > 0 {
			v.handed.out(s, v.now())
		}
		return sealed, append(slices.Clip(writes), vital...), func() { v.committed(s, len(writes) > 0); kept() }, nil
	}
}

// checkItems bounds what becomes part of store keys and of lp() fields.
func checkItems(class tribune.Class, items []tribune.Item) error {
	if class.ID == "" || len(class.ID) > maxClass {
		return fmt.Errorf("%w: class id of %d bytes, want 1 to %d", tribune.ErrInvalid, len(class.ID), maxClass)
	}
	for _, it := range items {
		if len(it.Entity) > maxField || len(it.Attr) > maxField || len(it.Time) > maxField {
			return fmt.Errorf("%w: entity, attribute or time of more than %d bytes", tribune.ErrTooLarge, maxField)
		}
	}
	return nil
}

// prepare makes the segment's data key and header row, once.
func (v *Vault) prepare(ctx context.Context, s *segment) error {
	s.mu.RLock()
	made, closed := s.made, s.closed
	s.mu.RUnlock()
	if closed {
		return errClosed
	}
	if made {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if s.made {
		return nil
	}
	known, err := v.enrolled(ctx, s.subject.p)
	if err != nil {
		return err
	}
	rand.Read(s.dek[:])
	headers, err := v.seal.Headers(s.dek[:], s.id.Bytes(v.city), wholeDay(s.id).Bytes(v.city))
	if err != nil {
		return err
	}
	var number [8]byte
	rand.Read(number[:])
	key := append(headerPrefix(s.partition, s.id), number[:]...)
	s.header = tribune.Write{Key: key, Value: v.ring.Load().wrap(string(key), append(headers[0], headers[1]...))}
	s.announce = !known
	s.made = true
	return nil
}

// sealTo encrypts under the segment's key, which cannot be wiped meanwhile.
func (v *Vault) sealTo(s *segment, items []tribune.Item) ([]tribune.Sealed, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, errClosed
	}
	aead, err := newGCM(s.dek[:])
	if err != nil {
		return nil, err
	}
	id := s.id.Bytes(v.city)
	sealed := make([]tribune.Sealed, len(items))
	for i, it := range items {
		value := make([]byte, nonceSize, nonceSize+len(it.Clear)+aead.Overhead())
		rand.Read(value)
		sealed[i] = tribune.Sealed{
			Class: s.subject.class, Pseudonym: s.subject.p, Day: s.id.Day, Segment: s.id.Segment,
			Entity: it.Entity, Attr: it.Attr, Time: it.Time,
			Value: aead.Seal(value, value, it.Clear, valueAAD(id, it.Entity, it.Attr, it.Time)),
		}
	}
	return sealed, nil
}

// writes is the header row as long as it is not known to be durable.
func (s *segment) writes() []tribune.Write {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.written {
		return nil
	}
	return []tribune.Write{s.header}
}

// committed notes that the segment's header row is durable; with: it was in that batch.
func (v *Vault) committed(s *segment, with bool) {
	if with {
		v.handed.in(s)
	}
	s.mu.Lock()
	first := !s.written
	s.written, s.header = true, tribune.Write{}
	s.mu.Unlock()
	if f := v.notify.Load(); f != nil && first && s.announce {
		(*f)(s.subject.p)
	}
}

// openValue decrypts one value, refusing any other entity, attribute, time or segment than it was sealed with.
func openValue(aead cipher.AEAD, segmentID []byte, s tribune.Sealed) ([]byte, bool) {
	if len(s.Value) < nonceSize || len(s.Entity) > maxField || len(s.Attr) > maxField || len(s.Time) > maxField {
		return nil, false
	}
	value, err := aead.Open(nil, s.Value[:nonceSize], s.Value[nonceSize:], valueAAD(segmentID, s.Entity, s.Attr, s.Time))
	return value, err == nil
}

// valueAAD is L(value) || segment ID || lp(entity) || lp(attribute) || lp(time) (protocol 10).
func valueAAD(segmentID []byte, entity tribune.EntityID, attr, time string) []byte {
	b := append(protocol.Label("value"), segmentID...)
	b = protocol.AppendLP(b, []byte(entity))
	b = protocol.AppendLP(b, []byte(attr))
	return protocol.AppendLP(b, []byte(time))
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("keying AES: %w", err)
	}
	return cipher.NewGCM(block)
}

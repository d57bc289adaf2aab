// Package quarantine remembers messages that came from a known device and were bad: who sent one, when, on which topic,
// how long it was, and what was wrong in words that quote nothing of it. The message itself is never kept, nor anything
// from which it could be guessed. The desk writes entries; the public page of a device lists them.
//
// What it promises: after Add returns nil the entry is durable, so its sender may be told that the message has arrived. At
// most PerDevice entries of a device are kept, none longer than Keep. The same message again makes no second entry.
//
// Keys in room "quarantine" (store.Key): d|device|time u64 nanoseconds|fingerprint32. Values are JSON.
package quarantine

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"tribune"
	"tribune/internal/store"
)

// Bounds of the quarantine.
const (
	PerDevice = 100
	Keep      = 30 * 24 * time.Hour

	maxText    = 512 // bytes of a topic or reason
	sweepBatch = 256
	room       = "quarantine"
)

// Config says where entries rest.
type Config struct {
	Store store.Store

	// Key is 32 secret bytes that do not rest in the store. A message's fingerprint is its HMAC-SHA256 under this key: its
	// plain SHA-256 would give away short messages, like one number plate, to whoever tries them all. Nil = random, new
	// with every start; fingerprints then cannot be compared across starts.
	Key []byte

	Now func() time.Time // nil = time.Now
}

// Store is the quarantine. It is safe for concurrent use.
type Store struct {
	cfg Config
}

// Entry is one bad message.
type Entry struct {
	Device      string       `json:"device"`
	At          time.Time    `json:"at"`
	Topic       string       `json:"topic,omitempty"` // the filter of the device's document that covers it, or "http"
	Size        int          `json:"size"`            // bytes of the message
	Fingerprint tribune.Hash `json:"fingerprint"`     // see Config.Key: equal messages, equal fingerprints
	Reason      string       `json:"reason"`
}

// New opens the quarantine.
func New(cfg Config) (*Store, error) {
	switch {
	case cfg.Store == nil:
		return nil, fmt.Errorf("quarantine needs a store: %w", tribune.ErrInvalid)
	case cfg.Key == nil:
		cfg.Key = make([]byte, 32)
		rand.Read(cfg.Key) // never fails
	case len(cfg.Key) != 32:
		return nil, fmt.Errorf("quarantine: a key of %d bytes, want 32: %w", len(cfg.Key), tribune.ErrInvalid)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Store{cfg: cfg}, nil
}

// Fingerprint is the keyed hash of a message.
func (s *Store) Fingerprint(payload []byte) (h tribune.Hash) {
	m := hmac.New(sha256.New, s.cfg.Key)
	m.Write(payload)
	m.Sum(h[:0])
	return h
}

// Add makes an entry durable. Device, At, Size, Fingerprint and Reason must be set; topic and reason are cut to 512 bytes.
func (s *Store) Add(ctx context.Context, e Entry) error {
	if e.Device == "" || e.Reason == "" || e.At.IsZero() {
		return fmt.Errorf("quarantine: an entry without device, time or reason: %w", tribune.ErrInvalid)
	}
	e.At, e.Topic, e.Reason = e.At.UTC(), cut(e.Topic), cut(e.Reason)
	value, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("quarantine: writing entry: %w", err)
	}
	prefix := s.prefix(e.Device)
	key := append(store.Uint(slices.Clone(prefix), uint64(e.At.UnixNano())), e.Fingerprint[:]...)
	b := &store.Batch{}
	var old [][]byte // oldest first
	for p, err := range s.cfg.Store.Scan(ctx, store.Range{From: prefix, To: store.After(prefix), KeysOnly: true}) {
		if err != nil {
			return fmt.Errorf("quarantine: reading: %w", err)
		}
		if bytes.HasSuffix(p.Key, e.Fingerprint[:]) && s.fresh(p.Key[len(prefix):]) {
			// It is there. What was read may be ahead of its sync: an empty batch waits for that.
			return s.commit(ctx, &store.Batch{})
		}
		old = append(old, slices.Clone(p.Key))
	}
	for i, k := range old {
		if len(old)-i >= PerDevice || !s.fresh(k[len(prefix):]) {
			b.Delete(k)
		}
	}
	b.Put(key, value)
	return s.commit(ctx, b)
}

func (s *Store) commit(ctx context.Context, b *store.Batch) error {
	if err := s.cfg.Store.Commit(ctx, b); err != nil {
		return fmt.Errorf("quarantine: storing: %w", err)
	}
	return nil
}

// List returns the entries of a device, newest first.
func (s *Store) List(ctx context.Context, device string) ([]Entry, error) {
	prefix := s.prefix(device)
	var out []Entry
	for p, err := range s.cfg.Store.Scan(ctx, store.Range{From: prefix, To: store.After(prefix), Reverse: true, Limit: PerDevice}) {
		if err != nil {
			return nil, fmt.Errorf("quarantine: reading: %w", err)
		}
		if !s.fresh(p.Key[len(prefix):]) {
			break
		}
		var e Entry
		if err := json.Unmarshal(p.Value, &e); err != nil {
			return nil, &tribune.IntegrityError{What: "quarantine of " + device, Err: err}
		}
		out = append(out, e)
	}
	return out, nil
}

// Sweep deletes what is older than Keep. Add does so for its own device; Sweep is for devices that have fallen silent and
// should run once a day.
func (s *Store) Sweep(ctx context.Context) error {
	for p := range s.cfg.Store.Partitions() {
		prefix := store.Part(store.Key(room, tribune.Place{Partition: p}), "d")
		from := prefix
		for from != nil {
			var err error
			if from, err = s.sweep(ctx, prefix, from); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweep looks at some keys and returns where to go on, nil at the end.
func (s *Store) sweep(ctx context.Context, prefix, from []byte) (next []byte, err error) {
	b := &store.Batch{}
	r := store.Range{From: from, To: store.After(prefix), KeysOnly: true, Limit: sweepBatch}
	for p, err := range s.cfg.Store.Scan(ctx, r) {
		if err != nil {
			return nil, fmt.Errorf("quarantine: reading: %w", err)
		}
		next = append(slices.Clone(p.Key), 0)
		if _, rest, ok := store.CutPart(p.Key[len(prefix):]); ok && !s.fresh(rest) {
			b.Delete(slices.Clone(p.Key))
		}
	}
	if len(b.Ops) > 0 {
		err = s.commit(ctx, b)
	}
	return next, err
}

// fresh reports whether the rest of a key, which begins with its time, is not past its keeping time.
func (s *Store) fresh(rest []byte) bool {
	if len(rest) < 8 {
		return false
	}
	at := time.Unix(0, int64(binary.BigEndian.Uint64(rest)))
	return s.cfg.Now().Sub(at) <= Keep
}

// prefix of a device's keys.
func (s *Store) prefix(device string) []byte {
	at := tribune.Place{Partition: store.PartitionOf("", device, s.cfg.Store.Partitions())}
	return store.Key(room, at, "d", device)
}

// cut bounds a text without cutting through a character.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

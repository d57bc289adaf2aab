// Package trace is the hub's daily index of the record's tags (protocol 29), by which citizens find the uses of their
// data without reading the whole record.
//
// Once a day, shortly after midnight UTC, it sorts every tag on record into buckets, asks the guardians, each of whom
// builds the same from its own mirror, and once enough of them have signed puts size, bits, root and signatures on record as a
// leaf of kind index. It serves the newest indexes as static files (tagindex). The city wires and runs it; guardians serve the same
// files, so nobody depends on this one. What it promises: what it serves is what a leaf on record says, built again from the record at
// every start. A record without enough guardians gets no index; who looks for their uses then reads more leaves, and misses none.
package trace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tribune"
	"tribune/internal/record"
	"tribune/internal/tagindex"
	"tribune/protocol"
)

const (
	// afterMidnight: a day's last acts are published by then.
	afterMidnight = 5 * time.Minute
	// retry is how soon an index that failed is tried again: guardians bound how often they build one.
	retry = time.Minute
	// look is how often it is asked whether an index is due.
	look = time.Second
	// kept: who walks along one index while the next appears finishes with the one they began with.
	kept = 2
)

// Record is the log.
type Record interface {
	Range(ctx context.Context, from uint64) iter.Seq2[record.Entry, error]
	Published() uint64
}

// Guardians sign indexes that they have built themselves.
type Guardians interface {
	SignIndex(ctx context.Context, origin string, head protocol.IndexHead) (signatures map[string][]byte, failures []error)
}

// Config wires an Indexer. Every field but Every, Log and Built is required.
type Config struct {
	Origin    string // of the log
	Record    Record
	Guardians func(ctx context.Context) (g Guardians, need int, err error)               // waits until there are some; need signatures
	Publish   func(ctx context.Context, public json.RawMessage) (leaf uint64, err error) // puts a leaf of kind index on record
	Every     time.Duration                                                              // for demos: how often while the record grows; 0 = once a day
	Built     func(tagindex.Latest)                                                      // is told of each new index; nil = nobody
	Now       func() time.Time
	Log       *slog.Logger
}

// Indexer is safe for concurrent use.
type Indexer struct {
	cfg Config

	one     sync.Mutex // one index at a time; guards entries and read
	entries []protocol.IndexEntry
	read    uint64 // leaves below it are in entries

	mu     sync.Mutex // guards what follows
	built  []*protocol.Index
	latest tagindex.Latest
	at     time.Time // of the newest index leaf; zero = there is none
}

var _ tagindex.Source = (*Indexer)(nil)

// New makes an Indexer; Run makes it work.
func New(cfg Config) *Indexer {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Indexer{cfg: cfg}
}

// Routes serves the newest indexes.
func (x *Indexer) Routes(mux *http.ServeMux) { tagindex.Routes(mux, x) }

// Latest implements tagindex.Source.
func (x *Indexer) Latest() (tagindex.Latest, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.latest, !x.at.IsZero()
}

// Index implements tagindex.Source.
func (x *Indexer) Index(size uint64) (*protocol.Index, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, b := range x.built {
		if b.Size == size {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: no index of size %d", tribune.ErrNotFound, size)
}

// Run takes up the newest index on record, and builds one whenever it is due, until ctx ends.
func (x *Indexer) Run(ctx context.Context) error {
	if err := x.takeUp(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var failed time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(look):
		}
		now := x.cfg.Now()
		if !x.due(now) || now.Sub(failed).Abs() < retry {
			continue
		}
		if _, err := x.Build(ctx); err != nil && ctx.Err() == nil {
			failed = now
			x.cfg.Log.Warn("the daily index of tags waits", "err", err)
		}
	}
}

// due: the last index is of before the day's hour, and the record has grown since by more than that index's own leaf.
func (x *Indexer) due(now time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cfg.Record.Published() <= x.latest.Leaf+1 {
		return false
	}
	if x.cfg.Every > 0 {
		return now.Sub(x.at) >= x.cfg.Every
	}
	hour := now.UTC().Truncate(24 * time.Hour).Add(afterMidnight)
	if hour.After(now) {
		hour = hour.AddDate(0, 0, -1)
	}
	return x.at.Before(hour)
}

// takeUp reads the tags on record, and serves the newest index there is. Leaves of the hub's own are taken at their word here: what
// it would be wrong about is only what it serves, and that is proven by its readers.
func (x *Indexer) takeUp(ctx context.Context) error {
	x.one.Lock()
	defer x.one.Unlock()
	var latest tagindex.Latest
	var at time.Time
	err := x.readOn(ctx, func(i uint64, l protocol.Leaf) {
		public, err := protocol.DecodeIndexLeaf(l.Public)
		when, err2 := l.Act.When()
		if l.Act.Kind == tribune.ActIndex && errors.Join(err, err2) == nil && public.Size <= i {
			latest, at = tagindex.Latest{IndexHead: public.IndexHead, Leaf: i}, when
		}
	})
	if err != nil || at.IsZero() {
		return err
	}
	b, err := protocol.NewIndex(latest.Size, append([]protocol.IndexEntry(nil), x.entries...))
	if err != nil {
		return fmt.Errorf("building the index on record again: %w", err)
	}
	if b.IndexHead != latest.IndexHead {
		err := fmt.Errorf("%w: leaf %d says another root than the record's tags give", tribune.ErrInvalid, latest.Leaf)
		x.cfg.Log.Error("an index on record is wrong; it is not served", "err", err)
		return nil
	}
	x.put(b, latest, at)
	return nil
}

func (x *Indexer) put(b *protocol.Index, latest tagindex.Latest, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.built = append(x.built, b); len(x.built) > kept {
		x.built = append([]*protocol.Index(nil), x.built[1:]...)
	}
	x.latest, x.at = latest, at
}

// readOn takes up the leaves since it last read.
func (x *Indexer) readOn(ctx context.Context, visit func(uint64, protocol.Leaf)) error {
	for entry, err := range x.cfg.Record.Range(ctx, x.read) {
		if err != nil {
			return fmt.Errorf("reading tags on record: %w", err)
		}
		x.read = entry.Index + 1
		leaf, err := protocol.DecodeLeaf(entry.Leaf)
		if err != nil {
			continue // on record, and it means nothing: guardians pass it over, too
		}
		for _, t := range leaf.Tags {
			x.entries = append(x.entries, protocol.IndexEntry{Tag: t, Leaf: entry.Index})
		}
		visit(entry.Index, leaf)
	}
	return nil
}

// Build makes an index of what is published now, and returns once it is on record. It fails with ErrNoQuorum where too few
// guardians sign.
func (x *Indexer) Build(ctx context.Context) (tagindex.Latest, error) {
	x.one.Lock()
	defer x.one.Unlock()
	guardians, need, err := x.cfg.Guardians(ctx)
	if err != nil {
		return tagindex.Latest{}, err
	}
	size := x.cfg.Record.Published()
	if err := x.readOn(ctx, func(uint64, protocol.Leaf) {}); err != nil {
		return tagindex.Latest{}, err
	}
	b, err := protocol.NewIndex(size, append([]protocol.IndexEntry(nil), x.entries...))
	if err != nil {
		return tagindex.Latest{}, fmt.Errorf("building the index of size %d: %w", size, err)
	}
	signatures, failures := guardians.SignIndex(ctx, x.cfg.Origin, b.IndexHead)
	if len(signatures) < need {
		return tagindex.Latest{}, fmt.Errorf("%w: %d guardians have signed the index of size %d, want %d: %w", tribune.ErrNoQuorum, len(signatures), size, need, errors.Join(failures...))
	}
	public, err := protocol.JCS(protocol.IndexLeaf{IndexHead: b.IndexHead, Signatures: signatures})
	if err != nil {
		return tagindex.Latest{}, err
	}
	at := x.cfg.Now()
	leaf, err := x.cfg.Publish(ctx, public)
	if err != nil {
		return tagindex.Latest{}, fmt.Errorf("putting the index on record: %w", err)
	}
	latest := tagindex.Latest{IndexHead: b.IndexHead, Leaf: leaf}
	x.put(b, latest, at)
	if x.cfg.Built != nil {
		x.cfg.Built(latest)
	}
	return latest, nil
}

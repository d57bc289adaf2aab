package trace

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tribune"
	"tribune/internal/record"
	"tribune/internal/tagindex"
	"tribune/protocol"
)

// book is a record in memory.
type book struct {
	mu     sync.Mutex
	leaves [][]byte
}

func (b *book) Published() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return uint64(len(b.leaves))
}

func (b *book) Range(_ context.Context, from uint64) iter.Seq2[record.Entry, error] {
	b.mu.Lock()
	leaves := b.leaves
	b.mu.Unlock()
	return func(yield func(record.Entry, error) bool) {
		for i := from; i < uint64(len(leaves)); i++ {
			if !yield(record.Entry{Index: i, Leaf: leaves[i]}, nil) {
				return
			}
		}
	}
}

func (b *book) add(t *testing.T, kind tribune.ActKind, public json.RawMessage, tags ...tribune.Tag) uint64 {
	t.Helper()
	if tags == nil {
		tags = []tribune.Tag{}
	}
	raw, err := protocol.Leaf{
		Version: 1, Public: public, Tags: tags, Signature: []byte{}, Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}},
		Act: protocol.Act{ID: strings.Repeat("0", 32), Kind: kind, Time: protocol.Time(time.Now()), Count: len(tags)},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leaves = append(b.leaves, raw)
	return uint64(len(b.leaves) - 1)
}

// signers are so many guardians who build their own index of a record; their signatures are words.
type signers struct {
	book *book
	n    int
}

func (s *signers) SignIndex(_ context.Context, _ string, head protocol.IndexHead) (map[string][]byte, []error) {
	var entries []protocol.IndexEntry
	for e := range s.book.Range(context.Background(), 0) {
		l, err := protocol.DecodeLeaf(e.Leaf)
		if err != nil {
			continue
		}
		for _, tag := range l.Tags {
			entries = append(entries, protocol.IndexEntry{Tag: tag, Leaf: e.Index})
		}
	}
	own, err := protocol.NewIndex(head.Size, entries)
	if err != nil || own.IndexHead != head {
		return nil, []error{errors.New("this guardian computes another index")}
	}
	signed := map[string][]byte{}
	for i := range s.n {
		signed[string(rune('a'+i))] = []byte("signed")
	}
	return signed, nil
}

func indexer(t *testing.T, b *book, s *signers, change ...func(*Config)) *Indexer {
	cfg := Config{
		Origin: "x/record", Record: b, Now: time.Now,
		Guardians: func(context.Context) (Guardians, int, error) { return s, 2, nil },
		Publish: func(_ context.Context, public json.RawMessage) (uint64, error) {
			return b.add(t, tribune.ActIndex, public), nil
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	return New(cfg)
}

func TestAnIndexIsOnRecordBeforeItIsServed(t *testing.T) {
	b := &book{}
	b.add(t, tribune.ActRead, nil, tribune.Tag{1}, tribune.Tag{2})
	b.add(t, tribune.ActRead, nil, tribune.Tag{1})
	x := indexer(t, b, &signers{b, 3})
	if _, ok := x.Latest(); ok {
		t.Fatal("there is an index before there is one")
	}
	latest, err := x.Build(t.Context())
	if err != nil || latest.Leaf != 2 || latest.Size != 2 {
		t.Fatal(latest, err)
	}
	leaf, err := protocol.DecodeLeaf(b.leaves[2])
	if err != nil {
		t.Fatal(err)
	}
	public, err := protocol.DecodeIndexLeaf(leaf.Public)
	if err != nil || public.IndexHead != latest.IndexHead || len(public.Signatures) != 3 {
		t.Errorf("the leaf says %+v, %v", public, err)
	}
	if served, err := x.Index(2); err != nil || served.Len() != 3 {
		t.Errorf("served %v, %v; want 3 entries, the duplicate among them", served, err)
	}
}

func TestWithoutEnoughGuardiansNothingIsPutOnRecord(t *testing.T) {
	b := &book{}
	b.add(t, tribune.ActRead, nil, tribune.Tag{1})
	if _, err := indexer(t, b, &signers{b, 1}).Build(t.Context()); !errors.Is(err, tribune.ErrNoQuorum) || len(b.leaves) != 1 {
		t.Errorf("%v, %d leaves", err, len(b.leaves))
	}
}

// What was on record before a restart is served again, and not made anew.
func TestARestartServesTheNewestIndexOnRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.add(t, tribune.ActRead, nil, tribune.Tag{1})
		first, err := indexer(t, b, &signers{b, 2}).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.add(t, tribune.ActRead, nil, tribune.Tag{2})
		x, end := running(t, indexer(t, b, &signers{b, 2}))
		defer end()
		if latest, ok := x.Latest(); !ok || latest != first {
			t.Errorf("latest %+v, want %+v", latest, first)
		}
		if _, err := x.Index(first.Size); err != nil {
			t.Error(err)
		}
	})
}

// A leaf that says another root than the record gives (a hub of before was taken over) is not served.
func TestAFalseIndexOnRecordIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.add(t, tribune.ActRead, nil, tribune.Tag{1})
		public, err := protocol.JCS(protocol.IndexLeaf{IndexHead: protocol.IndexHead{Size: 1}, Signatures: map[string][]byte{}})
		if err != nil {
			t.Fatal(err)
		}
		b.add(t, tribune.ActIndex, public)
		x, end := running(t, indexer(t, b, &signers{b, 0}))
		defer end()
		if _, err := x.Index(1); !errors.Is(err, tribune.ErrNotFound) {
			t.Errorf("got %v, want not found", err)
		}
	})
}

func running(t *testing.T, x *Indexer) (*Indexer, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	time.Sleep(2 * look)
	synctest.Wait()
	return x, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Once a day, five minutes after midnight, and only if there is something new.
func TestOneIndexADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins on 2000-01-01 at midnight
		b := &book{}
		b.add(t, tribune.ActRead, nil, tribune.Tag{1})
		b.add(t, tribune.ActRead, nil, tribune.Tag{2})
		var built []tagindex.Latest
		x, end := running(t, indexer(t, b, &signers{b, 2}, func(c *Config) { c.Built = func(l tagindex.Latest) { built = append(built, l) } }))
		defer end()
		count := func(want int, when string) {
			t.Helper()
			synctest.Wait()
			if len(built) != want {
				t.Errorf("%s: %d indexes, want %d", when, len(built), want)
			}
		}
		count(1, "at the first start")
		time.Sleep(time.Hour)
		b.add(t, tribune.ActRead, nil, tribune.Tag{3})
		time.Sleep(20 * time.Hour)
		count(2, "after five past midnight of that day") // the first one was made before it
		time.Sleep(2 * time.Hour)
		count(2, "the same evening")
		b.add(t, tribune.ActRead, nil, tribune.Tag{4})
		time.Sleep(24 * time.Hour)
		count(3, "the next day")
		time.Sleep(48 * time.Hour)
		count(3, "after days without acts")
		if latest, _ := x.Latest(); latest.Size != 6 {
			t.Errorf("the newest covers %d leaves, want 6", latest.Size)
		}
	})
}

// Where guardians are away it is tried again, and not every second.
func TestAFailedIndexIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.add(t, tribune.ActRead, nil, tribune.Tag{1})
		b.add(t, tribune.ActRead, nil, tribune.Tag{2})
		var asked atomic.Int64
		var up atomic.Bool
		x, end := running(t, indexer(t, b, &signers{b, 2}, func(c *Config) {
			all := c.Guardians
			c.Guardians = func(ctx context.Context) (Guardians, int, error) {
				if asked.Add(1); !up.Load() {
					return nil, 0, tribune.ErrNoQuorum
				}
				return all(ctx)
			}
		}))
		defer end()
		time.Sleep(retry / 2)
		synctest.Wait()
		if asked.Load() != 1 {
			t.Errorf("asked %d times within half a minute", asked.Load())
		}
		up.Store(true)
		time.Sleep(retry)
		synctest.Wait()
		if _, ok := x.Latest(); !ok {
			t.Error("guardians are back, and there is no index")
		}
	})
}

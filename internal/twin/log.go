package twin

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Bounds of what is remembered.
const (
	// LogRetention is how many changes of this hub subscribers can go back.
	LogRetention = 1 << 18

	// DedupeSpan is how long a change ID is remembered at least; at most twice as long. A device that was cut off for a
	// week still delivers once.
	DedupeSpan = 7 * 24 * time.Hour

	trimBatch = 256 // rows looked up for deletion at once
	trimEvery = 1024
	maxLogged = 1000 // changes read at once, and then the rest of their row
)

// Logged is one entry of the change log: an entity changed. It holds no values.
type Logged struct {
	Seq              uint64
	Tenant           tribune.Tenant
	Entity           tribune.EntityID
	Types            []tribune.Name
	Attrs            []tribune.Name // written or deleted
	Created, Deleted bool
	Version          uint64
	At               time.Time
	Source           string
}

// changeLog hands out sequence numbers and forgets old rows. Numbers are unique and grow, but commits end out of order:
// done is the number up to which all have ended, and readers go no further.
type changeLog struct {
	hub string

	mu     sync.Mutex
	last   uint64
	flying map[uint64]struct{}
	places map[tribune.Place]*trim
}

// trim is what is to be deleted in one place. Each commit takes a few, so that forgetting costs what writing costs.
type trim struct {
	keys    [][]byte
	logFrom []byte // log rows before it are deleted
	next    uint64 // sequence number at which to look again
}

func openLog(ctx context.Context, st store.Store, hub string) (*changeLog, error) {
	l := &changeLog{hub: hub, flying: make(map[uint64]struct{}), places: make(map[tribune.Place]*trim)}
	err := eachPlace(ctx, st, func(at tribune.Place) error {
		prefix := keysAt(at).of("c", hub)
		r := store.Prefix(prefix)
		r.Reverse, r.Limit, r.KeysOnly = true, 1, true
		for p, err := range st.Scan(ctx, r) {
			if err != nil {
				return err
			}
			if len(p.Key) == len(prefix)+8 {
				l.last = max(l.last, binary.BigEndian.Uint64(p.Key[len(prefix):]))
			}
		}
		return nil
	})
	return l, err
}

// begin takes n consecutive numbers and returns the first; end must follow when their commit has ended.
func (l *changeLog) begin(n int) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.last + 1
	l.last += uint64(n)
	l.flying[first] = struct{}{}
	return first
}

func (l *changeLog) end(first uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.flying, first)
}

// done is the number up to which every change is in the store or never will be.
func (l *changeLog) done() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	done := l.last
	for first := range l.flying {
		done = min(done, first-1)
	}
	return done
}

// forget puts deletions of n rows at most into a batch: log rows beyond LogRetention, change IDs of old generations.
func (l *changeLog) forget(ctx context.Context, r store.Reader, at tribune.Place, now time.Time, b *store.Batch, n int) error {
	l.mu.Lock()
	t := l.places[at]
	if t == nil {
		t = &trim{}
		l.places[at] = t
	}
	look := len(t.keys) == 0 && l.last >= t.next
	if look {
		t.next = l.last + trimEvery // only one looks
	}
	from, last := t.logFrom, l.last
	l.mu.Unlock()

	if look {
		found, to, err := l.outdated(ctx, r, keysAt(at), from, last, now)
		if err != nil {
			return fmt.Errorf("forgetting old changes: %w", err)
		}
		l.mu.Lock()
		t.keys, t.logFrom = append(t.keys, found...), to
		if len(found) >= trimBatch {
			t.next = 0
		}
		l.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, len(t.keys))
	for _, key := range t.keys[:n] {
		b.Delete(key)
	}
	t.keys = t.keys[n:]
	return nil
}

func (l *changeLog) outdated(ctx context.Context, r store.Reader, k keys, from []byte, last uint64, now time.Time) (found [][]byte, to []byte, err error) {
	collect := func(rng store.Range) error {
		rng.Limit, rng.KeysOnly = trimBatch, true
		for p, err := range r.Scan(ctx, rng) {
			if err != nil {
				return err
			}
			found = append(found, slices.Clone(p.Key))
		}
		return nil
	}
	log := k.of("c", l.hub)
	if from == nil {
		from = log
	}
	if last > LogRetention {
		if err := collect(store.Range{From: from, To: store.Uint(log, last-LogRetention)}); err != nil {
			return nil, from, err
		}
		if n := len(found); n > 0 {
			from = slices.Clone(found[n-1])
		}
	}
	ids := k.of("c", "")
	if g := generation(now); g > 1 {
		if err := collect(store.Range{From: ids, To: store.Uint(slices.Clone(ids), g-1)}); err != nil {
			return nil, from, err
		}
	}
	return found, from, nil
}

// Changes returns changes of this hub after a sequence number, in order, and the number to go on from. It fails with
// ErrExpired where changes after it may be forgotten already: the reader must start over from the entities.
func (t *Twin) Changes(ctx context.Context, after uint64) ([]Logged, uint64, error) {
	done := t.log.done()
	if after > 0 && after+LogRetention < done {
		return nil, done, tribune.Hint(fmt.Errorf("changes after %d: %w", after, tribune.ErrExpired), "read the entities again, then follow from %d", done)
	}
	var out []Logged
	err := eachPlace(ctx, t.cfg.Store, func(at tribune.Place) error {
		prefix := keysAt(at).of("c", t.log.hub)
		r := store.Range{From: store.Uint(slices.Clone(prefix), after+1), To: store.Uint(slices.Clone(prefix), done+1), Limit: maxLogged}
		n := 0
		for p, err := range t.cfg.Store.Scan(ctx, r) {
			if err != nil {
				return fmt.Errorf("reading change log: %w", err)
			}
			list, ok := decodeLogged(slices.Clone(p.Value))
			if !ok || len(p.Key) != len(prefix)+8 {
				return &tribune.IntegrityError{What: "change log", Err: errDamaged}
			}
			last := binary.BigEndian.Uint64(p.Key[len(prefix):])
			for i, c := range list {
				c.Seq, c.Tenant = last-uint64(len(list)-1-i), at.Tenant
				if c.Seq > after {
					out = append(out, c)
					n++
				}
			}
			if n >= maxLogged {
				break
			}
		}
		if n >= maxLogged { // there may be more here: other places must not run ahead
			done = min(done, out[len(out)-1].Seq)
		}
		return nil
	})
	if err != nil {
		return nil, after, err
	}
	slices.SortFunc(out, func(a, b Logged) int { return int(int64(a.Seq - b.Seq)) })
	for len(out) > 0 && out[len(out)-1].Seq > done {
		out = out[:len(out)-1]
	}
	return out, max(after, done), nil
}

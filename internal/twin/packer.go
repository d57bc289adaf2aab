package twin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Bounds of packing.
const (
	packAfter  = 2 * blockRows // rows written of an entity, or looked at by one query, before its series are looked at
	packAtOnce = 8 * blockRows // rows of one commit
	packBytes  = 8 << 20       // bytes of the rows of one commit
	keepLoose  = 64            // latest rows of a series, that stay as they are: more will come between them
	maxMerged  = 16            // blocks that late rows are merged into in one commit
	packQueue  = 1024          // entities that wait
	maxNoted   = 1 << 16       // entities whose rows are counted; beyond it counting starts over
)

// packer notes which entities have many rows that are not packed. While nobody packs it costs one look.
type packer struct {
	on    atomic.Bool
	queue chan entityKey

	mu     sync.Mutex
	counts map[entityKey]int
}

func newPacker() *packer {
	return &packer{queue: make(chan entityKey, packQueue), counts: make(map[entityKey]int)}
}

// wrote counts rows of an entity.
func (p *packer) wrote(k entityKey, rows int) {
	if rows == 0 || !p.on.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.counts) >= maxNoted {
		clear(p.counts)
	}
	if p.counts[k] += rows; p.counts[k] >= packAfter {
		delete(p.counts, k)
		p.want(k)
	}
}

// want has an entity packed, unless too many wait: it will be noted again.
func (p *packer) want(k entityKey) {
	if !p.on.Load() {
		return
	}
	select {
	case p.queue <- k:
	default:
	}
}

// Pack packs old rows of the history until ctx ends, a quarter of the time at most: with much to pack it is to leave the processors to who
// waits for an answer. One call at a time; without it the history is as right, and slower to read.
func (t *Twin) Pack(ctx context.Context, log *slog.Logger) error {
	t.packer.on.Store(true)
	defer t.packer.on.Store(false)
	for {
		select {
		case <-ctx.Done():
			return nil
		case k := <-t.packer.queue:
			if err := t.packEntity(ctx, k); err != nil && ctx.Err() == nil {
				log.Warn("packing history", "err", err)
			}
		}
	}
}

// packEntity packs every series of an entity.
func (t *Twin) packEntity(ctx context.Context, k entityKey) error {
	at := t.place(k)
	all, err := seriesOf(ctx, t.cfg.Store, keysAt(at), k.id, nil)
	if err != nil {
		return err
	}
	for _, s := range all {
		for _, order := range [...]byte{byObserved, byModified} {
			var from uint64 // what has been packed leaves marks in the store that a scan has to pass
			for conflicts := 0; conflicts < maxAttempts; {
				begun := time.Now()
				n, last, err := t.packSeries(ctx, k, at, s, timeSpan{order: order, from: from})
				if errors.Is(err, tribune.ErrConflict) {
					conflicts++
					continue
				}
				if err != nil {
					return fmt.Errorf("packing %s of %s: %w", s.name, k.id, err)
				}
				if n == 0 {
					break
				}
				from = last
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(3 * time.Since(begun)): // the other three quarters
				}
			}
		}
	}
	return nil
}

// packSeries packs up to packAtOnce of the oldest loose rows of a series in a span, and returns how many and when the last of them was. One
// commit takes the rows away and puts the blocks, on the condition that nobody changed either meanwhile.
func (t *Twin) packSeries(ctx context.Context, k entityKey, at tribune.Place, s seriesKey, span timeSpan) (n int, last uint64, err error) {
	w := []*task{{key: k, hash: t.cache.hash(k), at: at}}
	t.locks.lock(w) // against corrections of the past by this hub
	defer t.locks.unlock(w)
	past := &pastReader{r: t.cfg.Store, k: keysAt(at), packs: t.packs, id: k.id, s: s}
	loose, err := past.oldest(ctx, span)
	if err != nil || len(loose) < blockRows {
		return 0, 0, err
	}
	b := &store.Batch{}
	rows, loose, err := past.merge(ctx, b, loose)
	if err != nil {
		return 0, 0, err
	}
	for _, r := range loose {
		key := r.append(past.head("h"))
		b.ExpectPrefix(key, r.value)
		b.Delete(key)
		last = r.at
	}
	if err := t.packs.putBlocks(b, past.k, k.id, s, rows); err != nil {
		return 0, 0, err
	}
	return len(loose), last, t.cfg.Store.Commit(ctx, b)
}

// oldest are whole blocks of the oldest loose rows of a span that are not sealed, at most packAtOnce and about packBytes, never the last of all. Where
// so many bytes are less than a block of rows nothing is packed: such rows are not many to a read either.
func (p *pastReader) oldest(ctx context.Context, span timeSpan) ([]pastRow, error) {
	var out []pastRow
	bytes := 0
	for row, err := range looseRows(ctx, p.r, p.head("h"), span, false) {
		if err != nil {
			return nil, err
		}
		if sealedRow(row.value) {
			continue
		}
		out = append(out, pastRow{rowPlace{row.order, row.at, slices.Clone(row.suffix)}, slices.Clone(row.value)})
		if bytes += len(row.value); len(out) == packAtOnce+keepLoose || bytes > packBytes {
			break
		}
	}
	n := max(0, len(out)-keepLoose)
	return out[:n-n%blockRows], nil
}

// merge puts the rows of blocks in between into their place, and the deletion of those blocks into a batch. Where there are
// too many of them it leaves rows out, to be packed by the next commit.
func (p *pastReader) merge(ctx context.Context, b *store.Batch, loose []pastRow) (rows, taken []pastRow, err error) {
	first, last := loose[0], loose[len(loose)-1]
	taken = loose
	merged := 0
	for old, err := range p.blocks(ctx, timeSpan{order: first.order, from: first.at, to: last.at + 1}, false) {
		if err != nil {
			return nil, nil, err
		}
		if old.last.compare(first.rowPlace) < 0 || old.first.compare(last.rowPlace) > 0 {
			continue
		}
		before, _ := slices.BinarySearchFunc(loose, old.first, func(r pastRow, at rowPlace) int { return r.compare(at) })
		inside := before < len(loose) && loose[before].compare(old.last) <= 0
		if merged++; merged > maxMerged || !inside && len(rows)+before >= blockRows/2 {
			taken = loose[:before] // nothing is late there: the block stays as it is
			break
		}
		packed, err := p.body(ctx, old)
		if err != nil {
			return nil, nil, err
		}
		p.drop(b, old)
		rows = append(rows, packed...)
	}
	rows = append(rows, taken...)
	slices.SortFunc(rows, func(a, b pastRow) int { return a.compare(b.rowPlace) })
	return rows, taken, nil
}

// sealedRow reports whether the value of a row is a sealed instance.
func sealedRow(value []byte) bool { return len(value) > 1 && value[1]&hasSealed != 0 }

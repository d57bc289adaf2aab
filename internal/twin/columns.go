package twin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Bounds of all columns together. A cell takes some 80 bytes with its id.
const (
	maxColumns     = 16
	maxColumnCells = 2 << 20

	// columnAfter is how many documents queries must have looked at for want of a column before it is made.
	columnAfter = 4000

	// columnWait is how long a query waits for a column that is being made. Were many to look at documents meanwhile they would keep
	// from the processor what is to spare them that: with a million entities for a minute.
	columnWait = 2 * time.Second

	maxWanted = 1024 // columns that are missed; when there are more, all are forgotten
)

// columns are those of a twin.
type columns struct {
	after int
	wait  time.Duration

	// gate is held for reading from before a commit until the columns know of it, and for writing while a column is added: so it
	// hears of every commit that its first snapshot may not have.
	gate sync.RWMutex
	all  []*column // guarded by gate

	uses atomic.Uint64

	mu     sync.Mutex        // guards all below
	wanted map[columnKey]int // documents looked at for want of it; making while it is made, and where it would be too large
}

const making = -1 << 62

func newColumns() *columns {
	return &columns{after: columnAfter, wait: columnWait, wanted: map[columnKey]int{}}
}

// begin marks what a commit is about to change; end or fail must follow.
func (cs *columns) begin(at tribune.Place, drafts []*draft) {
	cs.gate.RLock()
	cs.each(at, drafts, func(c *column, d *draft) { c.mark(d.key.id) })
}

// end says what a commit has made of it, before the clock ticks.
func (cs *columns) end(at tribune.Place, drafts []*draft, clock uint64) {
	cs.each(at, drafts, func(c *column, d *draft) {
		x := c.cell(d.key.id, d.e, clock)
		if c.put(x); x.state == cellAbsent && c.stale() {
			c.dead.Store(true)
		}
	})
	cs.gate.RUnlock()
}

// fail ends a commit of which is not known what it has made: what it has marked stays so until the next, and is looked at in documents.
func (cs *columns) fail() { cs.gate.RUnlock() }

func (cs *columns) each(at tribune.Place, drafts []*draft, visit func(*column, *draft)) {
	for _, c := range cs.all {
		if c.at != at {
			continue
		}
		for _, d := range drafts {
			if c.concerns(d) {
				visit(c, d)
			}
		}
	}
}

// forget drops the columns of a tenant that is written to in another way than by commits of drafts.
func (cs *columns) forget(tenant tribune.Tenant) {
	cs.gate.RLock()
	defer cs.gate.RUnlock()
	for _, c := range cs.all {
		if c.at.Tenant == tenant {
			c.dead.Store(true)
		}
	}
}

// get is a column that can be trusted with a snapshot taken after the clock showed since; nil = none. Where one is being made, or is
// younger than the snapshot, made is closed once a new snapshot can go with it.
func (cs *columns) get(k columnKey, since uint64) (c *column, made <-chan struct{}) {
	cs.gate.RLock()
	defer cs.gate.RUnlock()
	i := slices.IndexFunc(cs.all, func(c *column) bool { return c.columnKey == k && !c.dead.Load() })
	if i < 0 {
		return nil, nil
	}
	c = cs.all[i]
	c.mu.RLock()
	good := c.ready && c.born <= since
	c.mu.RUnlock()
	if !good {
		return nil, c.made
	}
	c.used.Store(cs.uses.Add(1))
	return c, c.made
}

// missed counts documents that were looked at for want of a column; true where it is time for whoever asks to make it.
func (cs *columns) missed(k columnKey, n int) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.wanted) >= maxWanted {
		clear(cs.wanted)
	}
	if cs.wanted[k] += n; cs.wanted[k] < cs.after {
		return false
	}
	cs.wanted[k] = making
	return true
}

// column looks for the values that a comparison is about in memory: those of one attribute of one type.
func (f *finder) column(p *plan, k keys, types []tribune.Name) {
	terms := f.q.Q.Cover()
	if len(types) != 1 || len(terms) != 1 || f.q.Order != nil || f.t.cfg.MaxStale != 0 {
		return
	}
	if values, _ := terms[0].Spans(); values[0].Kind == 0 {
		return // all that have the attribute
	}
	key := columnKey{k.at, types[0], terms[0].Own()}
	switch c, made := f.t.columns.get(key, f.since); {
	case c != nil:
		p.column = &columnWalk{c: c, since: f.since, spans: p.rows.spans}
	case made == nil:
		p.wants = key
	default:
		f.made = made
	}
}

// makeColumn reads a column from the index. Commits go on meanwhile.
func (t *Twin) makeColumn(ctx context.Context, k columnKey) error {
	cs := t.columns
	c := &column{columnKey: k, made: make(chan struct{})}
	defer close(c.made)
	cs.gate.Lock()
	cs.all = append(slices.DeleteFunc(cs.all, func(c *column) bool { return c.dead.Load() }), c)
	cs.gate.Unlock()
	c.born = t.cache.now() // not read before it is ready
	err := c.load(ctx, t.cfg.Store)
	cs.settle(c, err)
	if err != nil && !errors.Is(err, tribune.ErrTooLarge) {
		return fmt.Errorf("making a column: %w", err)
	}
	return nil
}

// load fills a column from a snapshot.
func (c *column) load(ctx context.Context, st store.Store) error {
	snap, err := st.Snapshot(ctx)
	if err != nil {
		return err
	}
	base, err := c.cells(ctx, snap)
	if err = errors.Join(err, snap.Close()); err != nil {
		return err
	}
	c.fill(base)
	return nil
}

// cells reads the rows of a column.
func (c *column) cells(ctx context.Context, r store.Reader) (all []cell, err error) {
	head := keysAt(c.at).of("q", string(c.typ), string(c.name))
	rows := store.Prefix(head)
	rows.KeysOnly = true
	for pair, err := range r.Scan(ctx, rows) {
		if err != nil {
			return nil, err
		}
		rest, ok := skipOne(pair.Key[len(head):])
		id, tail, good := cut(rest)
		if !ok || !good || len(tail) != 0 {
			return nil, &tribune.IntegrityError{What: "an index key", Err: errDamaged}
		}
		x := cell{id: tribune.EntityID(id)}
		x.add(pair.Key[len(head) : len(pair.Key)-len(rest)])
		if all = append(all, x); len(all) > maxColumnCells {
			return nil, tooMany(maxColumnCells, "values")
		}
	}
	slices.SortFunc(all, func(a, b cell) int { return compareIDs(a.id, b.id) })
	out := all[:0]
	for _, x := range all {
		if n := len(out); n > 0 && out[n-1].id == x.id {
			out[n-1].state = cellLook
			continue
		}
		out = append(out, x)
	}
	return out, nil
}

// settle keeps the columns within their bounds once one is made, and lets one that could not be made be asked for again, unless it is
// too large.
func (cs *columns) settle(made *column, failed error) {
	cs.gate.Lock()
	defer cs.gate.Unlock()
	if failed != nil {
		made.dead.Store(true)
	}
	made.used.Store(cs.uses.Add(1))
	slices.SortFunc(cs.all, func(a, b *column) int { return cmp.Compare(b.used.Load(), a.used.Load()) })
	cells, n := 0, 0
	cs.all = slices.DeleteFunc(cs.all, func(c *column) bool {
		c.mu.RLock()
		defer c.mu.RUnlock()
		if n, cells = n+1, cells+c.size; n > maxColumns || cells > maxColumnCells {
			c.dead.Store(true)
		}
		return c.dead.Load()
	})
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !errors.Is(failed, tribune.ErrTooLarge) {
		delete(cs.wanted, made.columnKey)
	}
}

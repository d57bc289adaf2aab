package twin

import (
	"math"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// column is the q rows of one attribute of the entities of one type, in memory and in order of their ids: a comparison that many
// fulfil finds its first page there without a look at documents.
//
// It is as the cache is: before a commit its entities are marked, after it they have the clock of the commit. Whoever has noted the
// clock before taking a snapshot can trust a cell that is not younger than that; of the others the document says how it was.
// Cells of what is deleted stay, so that nothing is missed that a snapshot still has; see stale.
type column struct {
	columnKey
	born uint64        // snapshots of an earlier clock may hold what is not here
	used atomic.Uint64 // by which queries, counted; of the columns the least recently used goes first
	dead atomic.Bool   // it is not kept up to date any more: new queries do without
	made chan struct{} // closed once it is ready, or never will be

	mu     sync.RWMutex // guards all below
	ready  bool         // what there was before is here, too
	chunks [][]cell     // in order, none of them empty
	size   int
	gone   int // cells of what is deleted, at least
}

// columnKey names a column.
type columnKey struct {
	at        tribune.Place
	typ, name tribune.Name
}

// cell is one entity in a column.
type cell struct {
	id    tribune.EntityID
	clock uint64 // of the last commit that changed it; underWay while there is one
	value [23]byte
	state uint8 // bytes of value, the part of the q row between attribute and id; or one of those below
}

const (
	cellAbsent = 0   // the attribute is not there, or is sealed
	cellLook   = 255 // the value is too long, or there are several: look at the document

	underWay = math.MaxUint64

	chunkCells = 512 // cells
)

// add takes a q row's value.
func (x *cell) add(value []byte) {
	switch {
	case x.state != cellAbsent || len(value) > len(x.value) || query.Kind(value[0]) == query.Opaque:
		x.state = cellLook
	default:
		x.state = uint8(copy(x.value[:], value))
	}
}

// cell is what an entity has; nil is one that is not there.
func (c *column) cell(id tribune.EntityID, e *model.Entity, clock uint64) cell {
	x := cell{id: id, clock: clock}
	if e == nil || !slices.Contains(e.Types, c.typ) {
		return x
	}
	k := keysAt(c.at)
	head := k.of("q", string(c.typ), string(c.name))
	for _, row := range inOrder(k.rows(e, c.name, nil)) {
		if len(row) <= len(head) || string(row[:len(head)]) != string(head) {
			continue
		}
		if rest, ok := skipOne(row[len(head):]); ok {
			x.add(row[len(head) : len(row)-len(rest)])
		}
	}
	return x
}

// concerns reports whether a draft may change a row of the column; see rowsOf.
func (c *column) concerns(d *draft) bool {
	whole := d.retyped || d.old == nil || d.e == nil
	return (whole || slices.Contains(d.touched, c.name)) &&
		(d.old != nil && slices.Contains(d.old.entity.Types, c.typ) || d.e != nil && slices.Contains(d.e.Types, c.typ))
}

// find is where a cell is, or would be.
func (c *column) find(id tribune.EntityID) (chunk, at int, found bool) {
	chunk = max(0, sort.Search(len(c.chunks), func(i int) bool { return c.chunks[i][0].id > id })-1)
	if len(c.chunks) > 0 {
		at, found = slices.BinarySearchFunc(c.chunks[chunk], id, func(x cell, id tribune.EntityID) int { return compareIDs(x.id, id) })
	}
	return chunk, at, found
}

// mark says that an entity is being changed.
func (c *column) mark(id tribune.EntityID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, j, found := c.find(id)
	if found {
		c.chunks[i][j].clock = underWay
		return
	}
	c.insert(i, j, cell{id: id, clock: underWay})
}

func (c *column) put(x cell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.state == cellAbsent {
		c.gone++
	}
	i, j, found := c.find(x.id)
	if found {
		c.chunks[i][j] = x
		return
	}
	c.insert(i, j, x)
}

func (c *column) insert(i, j int, x cell) {
	c.size++
	if len(c.chunks) == 0 {
		c.chunks = [][]cell{{x}}
		return
	}
	chunk := slices.Insert(c.chunks[i], j, x)
	c.chunks[i] = chunk
	if len(chunk) > chunkCells {
		half := len(chunk) / 2
		c.chunks[i] = chunk[:half:half]
		c.chunks = slices.Insert(c.chunks, i+1, slices.Clone(chunk[half:]))
	}
}

// fill puts what there was before, in order, behind what has changed since.
func (c *column) fill(base []cell) {
	c.mu.Lock()
	changed := c.chunks
	c.chunks, c.size = nil, len(base)
	for chunk := range slices.Chunk(base, chunkCells/2) {
		c.chunks = append(c.chunks, slices.Clone(chunk))
	}
	c.ready = true
	for _, chunk := range changed {
		for _, x := range chunk {
			if i, j, found := c.find(x.id); found {
				c.chunks[i][j] = x
			} else {
				c.insert(i, j, x)
			}
		}
	}
	c.mu.Unlock()
}

// stale reports whether a column holds more of what is gone than is worth keeping.
func (c *column) stale() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gone > 1024+c.size/4
}

// columnWalk visits the entities in a column whose value lies in one of some spans.
type columnWalk struct {
	c     *column
	since uint64
	spans []span
	after tribune.EntityID // the last that was looked at
	begun bool
	found []candidate
}

// columnPiece is how many cells are looked at under one hold of the lock.
const columnPiece = 256

// lap looks at n cells; done where there are no more, or no more are wanted.
func (w *columnWalk) lap(n int, visit func(candidate) (more bool, err error)) (done bool, err error) {
	for ; n > 0 && !done; n -= columnPiece {
		done = w.read(columnPiece)
		for _, cand := range w.found {
			if more, err := visit(cand); err != nil || !more {
				return true, err
			}
		}
	}
	return done, nil
}

// read finds the candidates among the next n cells.
func (w *columnWalk) read(n int) (end bool) {
	w.found = w.found[:0]
	c := w.c
	c.mu.RLock()
	defer c.mu.RUnlock()
	i, j := 0, 0
	if w.begun {
		var found bool
		if i, j, found = c.find(w.after); found {
			j++
		}
	}
	w.begun = true
	for ; i < len(c.chunks); i, j = i+1, 0 {
		for chunk := c.chunks[i]; j < len(chunk); j++ {
			if n--; n < 0 {
				return false
			}
			x := &chunk[j]
			w.after = x.id
			if may, sure := w.judge(x); may {
				w.found = append(w.found, candidate{x.id, sure})
			}
		}
	}
	return true
}

func (w *columnWalk) judge(x *cell) (may, sure bool) {
	switch {
	case x.clock > w.since || x.state == cellLook:
		return true, false
	case x.state == cellAbsent:
		return false, false
	}
	value := x.value[:x.state]
	for i := range w.spans {
		s := &w.spans[i]
		if string(value) >= string(s.From[s.head:]) && string(value) < string(s.To[s.head:]) {
			may, sure = true, sure || s.sure
		}
	}
	return may, sure
}

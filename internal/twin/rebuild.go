package twin

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"tribune"
	"tribune/internal/store"
)

// Bounds of one batch of rebuilding.
const (
	rebuiltEntities = 256
	rebuiltBytes    = 1 << 20 // of index rows, unless one entity has more
	droppedRows     = 2048
)

// rebuilder makes the index rows of one place anew: first it takes all away, kind by kind, whatever layout they are of, then it writes those
// of every document.
//
// Each batch moves the row v|rebuild on, and expects it as it was. So a process that is killed is followed by one that goes on after
// its last batch, and of two hubs only one gets ahead: the other's batch conflicts. A document is expected as it was read, so that
// what somebody changes meanwhile never has the rows of what it was. The row stays when all is done, for a hub that comes late.
type rebuilder struct {
	st store.Store
	k  keys
	progress
	row []byte // as it stands in the store; nil = absent
}

// progress is the value of v|rebuild: layout u16, step u8, entities u64, the last key that is done, without its place.
type progress struct {
	step     int // an index of indexes: its rows are taken away; then toBuild, then allDone
	entities uint64
	last     []byte // empty = the step begins
}

const (
	toBuild      = len(indexes)
	allDone      = toBuild + 1
	progressSize = 2 + 1 + 8
)

func (p *progress) encode() []byte {
	b := append(binary.BigEndian.AppendUint16(nil, layoutNow), byte(p.step))
	return append(binary.BigEndian.AppendUint64(b, p.entities), p.last...)
}

// decodeProgress is the beginning where the row is of another layout's rebuilding.
func decodeProgress(b []byte) (p progress, err error) {
	if len(b) < progressSize || int(b[2]) > allDone && binary.BigEndian.Uint16(b) == layoutNow {
		return p, &tribune.IntegrityError{What: "how far the indexes are rebuilt", Err: errDamaged}
	}
	if binary.BigEndian.Uint16(b) != layoutNow {
		return p, nil
	}
	return progress{int(b[2]), binary.BigEndian.Uint64(b[3:]), bytes.Clone(b[progressSize:])}, nil
}

func (k keys) rebuilding() []byte { return k.of("v", "rebuild") }

// load reads how far the place is.
func (r *rebuilder) load(ctx context.Context) (err error) {
	r.row, err = r.st.Get(ctx, r.k.rebuilding())
	if isAbsent(err) {
		r.row, r.progress = nil, progress{}
		return nil
	}
	if err == nil {
		r.progress, err = decodeProgress(r.row)
	}
	return err
}

// next does one batch; ErrConflict where somebody else was faster, and nothing has changed.
func (r *rebuilder) next(ctx context.Context) error {
	var b store.Batch
	var to progress
	var err error
	if r.step < toBuild {
		to, err = r.drop(ctx, &b)
	} else {
		to, err = r.build(ctx, &b)
	}
	if err != nil {
		return err
	}
	key, row := r.k.rebuilding(), to.encode()
	if r.row == nil {
		b.ExpectAbsent(key)
	} else {
		b.ExpectPrefix(key, r.row)
	}
	b.Put(key, row)
	if err := r.st.Commit(ctx, &b); err != nil {
		return err
	}
	r.row, r.progress = row, to
	return nil
}

// span is what the step has still to look at of a kind of rows, and of no other: what is dropped must never be a document.
func (r *rebuilder) span(kind string, limit int) (store.Range, error) {
	rng := store.Prefix(r.k.of(kind))
	rng.Limit = limit
	if len(r.last) == 0 {
		return rng, nil
	}
	from := append(append(slices.Clone(r.k.prefix), r.last...), 0)
	if !bytes.HasPrefix(from, rng.From) {
		return rng, &tribune.IntegrityError{What: "how far the indexes are rebuilt", Err: errDamaged}
	}
	rng.From = from
	return rng, nil
}

// drop takes index rows away.
func (r *rebuilder) drop(ctx context.Context, b *store.Batch) (progress, error) {
	to, n := r.progress, 0
	rng, err := r.span(indexes[r.step], droppedRows)
	if err != nil {
		return to, err
	}
	rng.KeysOnly = true
	for p, err := range r.st.Scan(ctx, rng) {
		if err != nil {
			return to, err
		}
		key := bytes.Clone(p.Key)
		b.Delete(key)
		to.last = key[len(r.k.prefix):]
		n++
	}
	if n < droppedRows {
		to.step, to.last = r.step+1, nil
	}
	return to, nil
}

// build writes the rows of documents.
func (r *rebuilder) build(ctx context.Context, b *store.Batch) (progress, error) {
	to, n, size := r.progress, 0, 0
	head := r.k.of("e")
	rng, err := r.span("e", rebuiltEntities)
	if err != nil {
		return to, err
	}
	for p, err := range r.st.Scan(ctx, rng) {
		if err != nil {
			return to, err
		}
		id, rest, ok := cut(p.Key[len(head):])
		if !ok || len(rest) > 0 {
			return to, &tribune.IntegrityError{What: "an entity key", Err: errDamaged}
		}
		e, err := decodeDocument(tribune.EntityID(id), bytes.Clone(p.Value))
		if err != nil {
			return to, err
		}
		key := bytes.Clone(p.Key)
		b.ExpectPrefix(key, store.Uint(nil, e.version))
		for _, row := range r.k.allRows(e.entity) {
			b.Put(row, []byte{})
			size += len(row)
		}
		to.last = key[len(r.k.prefix):]
		to.entities++
		if n++; size >= rebuiltBytes {
			return to, nil
		}
	}
	if n < rebuiltEntities {
		to.step, to.last = allDone, nil
	}
	return to, nil
}

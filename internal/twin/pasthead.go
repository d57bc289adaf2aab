package twin

import (
	"context"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// pastHead is what is known of a temporal evolution beside its instances: of an entity that was deleted or never had a
// current state, and of types that only the evolution has.
//
//	h|id|""   = 0x01 types createdAt deletedAt
//	          / 0x02 types createdAt modifiedAt deletedAt
//	p|type|id = empty: finds the evolution by its type, "" = any
//	w|id      = time: instances have been taken out of the evolution until then
type pastHead struct {
	types                      []tribune.Name
	created, modified, deleted time.Time
}

const headFormat = 2

func (h *pastHead) encode() []byte {
	return appendTime(appendTime(appendTime(appendNames([]byte{headFormat}, h.types), h.created), h.modified), h.deleted)
}

// readHead is nil where there is none.
func readHead(ctx context.Context, r store.Reader, k keys, id tribune.EntityID) (*pastHead, error) {
	b, err := r.Get(ctx, k.of("h", string(id), ""))
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d := &decoder{b: b}
	h := &pastHead{}
	switch d.byte() {
	case docFormat:
		h.types, h.created, h.deleted = d.names(), d.time(), d.time()
		h.modified = h.deleted
	case headFormat:
		h.types, h.created, h.modified, h.deleted = d.names(), d.time(), d.time(), d.time()
	default:
		d.bad = true
	}
	if d.bad || d.at != len(b) {
		return nil, &tribune.IntegrityError{What: "history of " + string(id), Err: errDamaged}
	}
	return h, nil
}

// putHead writes the head and the rows that find it.
func (k keys) putHead(b *store.Batch, id tribune.EntityID, h *pastHead) {
	b.Put(k.of("h", string(id), ""), h.encode())
	for _, typ := range append(slices.Clone(h.types), "") {
		b.Put(k.of("p", string(typ), string(id)), []byte{})
	}
}

// describeEvolution gives an entity what its current state and its head say of it.
func describeEvolution(e *model.Entity, cur *model.Entity, h *pastHead) {
	if cur != nil {
		e.Types, e.Scope, e.CreatedAt, e.ModifiedAt = cur.Types, cur.Scope, cur.CreatedAt, cur.ModifiedAt
	}
	if h == nil {
		return
	}
	for _, typ := range h.types {
		if !slices.Contains(e.Types, typ) {
			e.Types = append(slices.Clip(e.Types), typ)
		}
	}
	if cur == nil {
		e.CreatedAt, e.ModifiedAt, e.DeletedAt = h.created, h.modified, h.deleted
	}
}

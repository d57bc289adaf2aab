package vault

import (
	"context"

	"tribune/internal/store"
)

// Row is one row of another room: its key in the store, and what it says in the clear; nil deletes it.
type Row struct{ Key, Data []byte }

// KeepAll is Keep for several rows of one place, all or none of them.
func (v *Vault) KeepAll(ctx context.Context, rows []Row) error {
	v.wrapping.RLock()
	defer v.wrapping.RUnlock()
	var b store.Batch
	ring := v.ring.Load()
	for _, r := range rows {
		if r.Data == nil {
			b.Delete(r.Key)
		} else {
			b.Put(r.Key, ring.wrap(string(r.Key), r.Data))
		}
	}
	return v.store.Commit(ctx, &b)
}

package twin

import (
	"context"
	"iter"
	"slices"

	"tribune"
	"tribune/internal/store"
)

// candidates are the entities of a partition that may match, in order of their ids, each once: those named, else those that
// an index of the present or of the past has under one of the types.
func (f *pastFinder) candidates(ctx context.Context, k keys) iter.Seq2[tribune.EntityID, error] {
	if len(f.q.IDs) > 0 {
		ids := slices.Clone(f.q.IDs)
		slices.Sort(ids)
		if f.q.Backward {
			slices.Reverse(ids)
		}
		return func(yield func(tribune.EntityID, error) bool) {
			for _, id := range slices.Compact(ids) {
				here := store.PartitionOf(f.q.Tenant, string(id), f.t.cfg.Store.Partitions())
				if keysAt(tribune.Place{Tenant: f.q.Tenant, Partition: here}).is(k) && !yield(id, nil) {
					return
				}
			}
		}
	}
	var heads [][]byte
	for _, typ := range f.types() {
		heads = append(heads, k.of("t", string(typ)), k.of("p", string(typ)))
	}
	if len(heads) == 0 {
		heads = [][]byte{k.of("e"), k.of("p", "")}
	}
	return f.merge(ctx, heads)
}

// types are those of which an entity must have one; nil = any.
func (f *pastFinder) types() []tribune.Name {
	all := f.q.Types.Candidates()
	if len(all) > 0 {
		return all
	}
	for i := range f.q.Selectors {
		some := f.q.Selectors[i].Types.Candidates()
		if len(some) == 0 {
			return nil
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// is reports whether keys are of the same place.
func (k keys) is(o keys) bool { return string(k.prefix) == string(o.prefix) }

// merge walks several indexes at once, whose next part is the id.
func (f *pastFinder) merge(ctx context.Context, heads [][]byte) iter.Seq2[tribune.EntityID, error] {
	type walk struct {
		id   tribune.EntityID
		next func() (tribune.EntityID, error, bool)
	}
	return func(yield func(tribune.EntityID, error) bool) {
		var walks []*walk
		for _, head := range heads {
			next, stop := iter.Pull2(f.ids(ctx, head))
			defer stop()
			walks = append(walks, &walk{next: next})
		}
		step := func(w *walk) (error, bool) {
			var err error
			var ok bool
			w.id, err, ok = w.next()
			return err, ok
		}
		move := func(past func(*walk) bool) error {
			var failed error
			walks = slices.DeleteFunc(walks, func(w *walk) bool {
				if !past(w) {
					return false
				}
				err, ok := step(w)
				if err != nil {
					failed = err
				}
				return !ok
			})
			return failed
		}
		err := move(func(*walk) bool { return true })
		for err == nil && len(walks) > 0 {
			next := walks[0].id
			for _, w := range walks {
				if (w.id < next) != f.q.Backward {
					next = w.id
				}
			}
			if !yield(next, nil) {
				return
			}
			err = move(func(w *walk) bool { return w.id == next })
		}
		if err != nil {
			yield("", err)
		}
	}
}

// ids walks one index.
func (f *pastFinder) ids(ctx context.Context, head []byte) iter.Seq2[tribune.EntityID, error] {
	s := within(head, false)
	s.KeysOnly, s.Reverse = true, f.q.Backward
	return func(yield func(tribune.EntityID, error) bool) {
		for p, err := range f.r.Scan(ctx, s.Range) {
			if err != nil {
				yield("", err)
				return
			}
			id, err := s.id(p.Key)
			if !yield(id, err) || err != nil {
				return
			}
		}
	}
}

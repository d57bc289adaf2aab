package storetest

import (
	"bytes"
	"errors"
	"testing"

	"tribune"
	"tribune/internal/store"
)

func readsBack(_ *testing.T, h *harness) {
	h.want(h.store, "a", "absent")
	h.put("a", "1", "b", "2", "empty", "")
	h.want(h.store, "a", "1")
	h.want(h.store, "b", "2")
	h.want(h.store, "empty", "")
	h.want(h.store, "c", "absent")
	h.put("a", "3")
	h.want(h.store, "a", "3")

	var b store.Batch
	b.Delete(key(0, "a"))
	b.Delete(key(0, "never"))
	h.check(h.store.Commit(h.t.Context(), &b))
	h.want(h.store, "a", "absent")
	h.want(h.store, "b", "2")
}

func laterWins(_ *testing.T, h *harness) {
	var b store.Batch
	b.Put(key(0, "a"), []byte("1"))
	b.Put(key(0, "a"), []byte("2"))
	b.Put(key(0, "b"), []byte("1"))
	b.Delete(key(0, "b"))
	b.Delete(key(0, "c"))
	b.Put(key(0, "c"), []byte("1"))
	h.check(h.store.Commit(h.t.Context(), &b))
	h.want(h.store, "a", "2")
	h.want(h.store, "b", "absent")
	h.want(h.store, "c", "1")
}

func reuseBuffers(_ *testing.T, h *harness) {
	k, v := key(0, "a"), []byte("first")
	var b store.Batch
	b.Put(k, v)
	h.check(h.store.Commit(h.t.Context(), &b))
	copy(v, "XXXXX")
	k[len(k)-3] = 'X'
	h.want(h.store, "a", "first")

	got, err := h.store.Get(h.t.Context(), key(0, "a"))
	h.check(err)
	copy(got, "XXXXX")
	h.want(h.store, "a", "first")
}

func expectations(t *testing.T, h *harness) {
	h.put("a", "version-7 rest", "empty", "")
	for _, test := range []struct {
		name  string
		build func(*store.Batch)
		holds bool
	}{
		{"absent and it is", func(b *store.Batch) { b.ExpectAbsent(key(0, "none")) }, true},
		{"absent but present", func(b *store.Batch) { b.ExpectAbsent(key(0, "a")) }, false},
		{"absent but present and empty", func(b *store.Batch) { b.ExpectAbsent(key(0, "empty")) }, false},
		{"prefix", func(b *store.Batch) { b.ExpectPrefix(key(0, "a"), []byte("version-7")) }, true},
		{"whole value", func(b *store.Batch) { b.ExpectPrefix(key(0, "a"), []byte("version-7 rest")) }, true},
		{"longer than the value", func(b *store.Batch) { b.ExpectPrefix(key(0, "a"), []byte("version-7 rest+")) }, false},
		{"other prefix", func(b *store.Batch) { b.ExpectPrefix(key(0, "a"), []byte("version-8")) }, false},
		{"prefix of an absent key", func(b *store.Batch) { b.ExpectPrefix(key(0, "none"), []byte("v")) }, false},
		{"empty prefix means present", func(b *store.Batch) { b.ExpectPrefix(key(0, "a"), nil) }, true},
		{"empty prefix of an empty value", func(b *store.Batch) { b.ExpectPrefix(key(0, "empty"), nil) }, true},
		{"empty prefix of an absent key", func(b *store.Batch) { b.ExpectPrefix(key(0, "none"), nil) }, false},
		{"one of two fails", func(b *store.Batch) {
			b.ExpectPrefix(key(0, "a"), []byte("version-7"))
			b.ExpectAbsent(key(0, "empty"))
		}, false},
		{"the same key twice, contradicting", func(b *store.Batch) {
			b.ExpectPrefix(key(0, "a"), []byte("version-7"))
			b.ExpectPrefix(key(0, "a"), []byte("version-8"))
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &harness{t: t, store: h.store}
			var b store.Batch
			b.Put(key(0, "out"), []byte(test.name))
			b.Put(key(0, "new"), []byte(test.name))
			b.Delete(key(0, "gone"))
			test.build(&b)
			h.put("out", "before", "gone", "before")
			err := h.store.Commit(t.Context(), &b)
			if test.holds {
				h.check(err)
				h.want(h.store, "out", test.name)
				h.want(h.store, "new", test.name)
				h.want(h.store, "gone", "absent")
			} else {
				h.wantErr(err, tribune.ErrConflict, "commit")
				h.want(h.store, "out", "before")
				h.want(h.store, "new", "absent")
				h.want(h.store, "gone", "before")
			}
			// Trying an expectation leaves no trace of its own.
			h.want(h.store, "none", "absent")
			h.want(h.store, "a", "version-7 rest")
			var clean store.Batch
			clean.Delete(key(0, "new"))
			h.check(h.store.Commit(t.Context(), &clean))
		})
	}
}

func expectsBefore(_ *testing.T, h *harness) {
	h.put("a", "1", "gone", "1")
	var b store.Batch
	b.Put(key(0, "a"), []byte("2"))
	b.Put(key(0, "new"), []byte("1"))
	b.Delete(key(0, "gone"))
	b.ExpectPrefix(key(0, "a"), []byte("1"))
	b.ExpectAbsent(key(0, "new"))
	b.ExpectPrefix(key(0, "gone"), []byte("1"))
	h.check(h.store.Commit(h.t.Context(), &b))
	h.want(h.store, "a", "2")
	h.want(h.store, "new", "1")
	h.want(h.store, "gone", "absent")
	h.wantErr(h.store.Commit(h.t.Context(), &b), tribune.ErrConflict, "the same batch again")

	// A key expected absent may be deleted by the same batch.
	var d store.Batch
	d.ExpectAbsent(key(0, "gone"))
	d.Delete(key(0, "gone"))
	h.check(h.store.Commit(h.t.Context(), &d))
	h.want(h.store, "gone", "absent")
}

func emptyBatch(_ *testing.T, h *harness) {
	h.put("a", "1")
	h.check(h.store.Commit(h.t.Context(), &store.Batch{}))
	var b store.Batch
	b.ExpectPrefix(key(0, "a"), []byte("1"))
	b.ExpectAbsent(key(0, "b"))
	h.check(h.store.Commit(h.t.Context(), &b))
	b.ExpectAbsent(key(0, "a"))
	h.wantErr(h.store.Commit(h.t.Context(), &b), tribune.ErrConflict, "commit of expectations alone")
	h.want(h.store, "b", "absent")
}

func bounds(t *testing.T, h *harness) {
	longest := bytes.Repeat([]byte("k"), store.MaxKey)
	largest := make([]byte, store.MaxValue)
	for _, test := range []struct {
		name  string
		build func(*store.Batch)
		want  error
	}{
		{"empty key", func(b *store.Batch) { b.Put(nil, []byte("v")) }, tribune.ErrInvalid},
		{"delete of an empty key", func(b *store.Batch) { b.Delete(nil) }, tribune.ErrInvalid},
		{"expectation of an empty key", func(b *store.Batch) { b.ExpectAbsent(nil) }, tribune.ErrInvalid},
		{"longest key", func(b *store.Batch) { b.Put(longest, []byte("v")) }, nil},
		{"key too long", func(b *store.Batch) { b.Put(append(longest, 'k'), nil) }, tribune.ErrTooLarge},
		{"expected key too long", func(b *store.Batch) { b.ExpectAbsent(append(longest, 'k')) }, tribune.ErrTooLarge},
		{"largest value", func(b *store.Batch) { b.Put(longest, largest) }, nil},
		{"value too large", func(b *store.Batch) { b.Put(longest, append(largest, 0)) }, tribune.ErrTooLarge},
		{"batch too large", func(b *store.Batch) {
			for i := range byte(store.MaxBatch/store.MaxValue + 1) {
				b.Put([]byte{'x', i}, largest)
			}
		}, tribune.ErrTooLarge},
		{"two partitions", func(b *store.Batch) {
			b.Put(key(0, "a"), nil)
			b.Put(key(1, "a"), nil)
		}, tribune.ErrInvalid},
		{"expectation in another partition", func(b *store.Batch) { b.ExpectAbsent(key(1, "a")) }, tribune.ErrInvalid},
		{"both absent and with a value", func(b *store.Batch) {
			b.Expects = append(b.Expects, store.Expect{Key: key(0, "b"), Prefix: []byte("v"), Absent: true})
		}, tribune.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &harness{t: t, store: h.store}
			var b store.Batch
			if test.want != nil {
				b.Put(key(0, "witness"), []byte("1"))
			}
			test.build(&b)
			err := h.store.Commit(t.Context(), &b)
			if test.want == nil {
				h.check(err)
				op := b.Ops[0]
				got, err := h.store.Get(t.Context(), op.Key)
				h.check(err)
				if !bytes.Equal(got, op.Value) {
					t.Fatalf("got %d bytes back, want %d", len(got), len(op.Value))
				}
				return
			}
			h.wantErr(err, test.want, "commit")
			h.want(h.store, "witness", "absent")
		})
	}
	if _, err := h.store.Get(t.Context(), append(longest, 'k')); !errors.Is(err, tribune.ErrNotFound) {
		t.Fatalf("get of a key that is too long: got %v, want ErrNotFound", err)
	}
}

package storetest

import (
	"bytes"
	"context"
	"testing"

	"tribune/internal/store"
)

func cancelled(t *testing.T, h *harness) {
	h.put("a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.store.Get(ctx, key(0, "a"))
	h.wantErr(err, context.Canceled, "get")
	_, err = collect(ctx, h.store, store.Range{})
	h.wantErr(err, context.Canceled, "scan")
	_, err = h.store.Snapshot(ctx)
	h.wantErr(err, context.Canceled, "snapshot")
	var b store.Batch
	b.Put(key(0, "a"), []byte("2"))
	h.wantErr(h.store.Commit(ctx, &b), context.Canceled, "commit")
	h.want(h.store, "a", "1") // cancelled before it began: surely not applied
	snap, err := h.store.Snapshot(t.Context())
	h.check(err)
	_, err = snap.Get(ctx, key(0, "a"))
	h.wantErr(err, context.Canceled, "get of a snapshot")
	h.want(snap, "a", "1") // the snapshot outlives a reader's cancelled call
	h.check(snap.Close())

	fill(h, 10_000, 16)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err = range h.store.Scan(ctx, store.Range{}) {
		if n++; n == 10 {
			cancel()
		}
		if err != nil {
			break
		}
	}
	h.wantErr(err, context.Canceled, "scan cancelled on its way")
	if n > 9_000 {
		t.Fatalf("scan went on for %d pairs after it was cancelled", n-10)
	}
}

func reopened(t *testing.T, h *harness) {
	m := fill(h, 2_000, 100)
	h.put("a", "1")
	var b store.Batch
	b.Delete(key(0, "a"))
	h.check(h.store.Commit(t.Context(), &b))
	for range 3 {
		h.check(h.store.Close())
		h.store = h.reopen()
		got, err := collect(t.Context(), h.store, store.Range{})
		h.check(err)
		if diff := m.compare(got, store.Range{}); diff != "" {
			t.Fatalf("after reopen: %s", diff)
		}
	}
}

func closed(t *testing.T, h *harness) {
	h.put("a", "1")
	snap, err := h.store.Snapshot(t.Context())
	h.check(err)
	h.check(h.store.Close())
	_, err = h.store.Get(t.Context(), key(0, "a"))
	h.wantErr(err, store.ErrClosed, "get")
	_, err = collect(t.Context(), h.store, store.Range{})
	h.wantErr(err, store.ErrClosed, "scan")
	_, err = h.store.Snapshot(t.Context())
	h.wantErr(err, store.ErrClosed, "snapshot")
	var b store.Batch
	b.Put(key(0, "a"), []byte("2"))
	h.wantErr(h.store.Commit(t.Context(), &b), store.ErrClosed, "commit")
	_, err = snap.Get(t.Context(), key(0, "a"))
	h.wantErr(err, store.ErrClosed, "get of a snapshot")
	h.check(h.store.Close()) // twice is harmless
}

func forgottenSnapshot(t *testing.T, h *harness) {
	h.put("a", "1")
	snap, err := h.store.Snapshot(t.Context())
	h.check(err)
	h.check(h.store.Close())
	h.check(snap.Close())
	h.store = h.reopen()
	h.want(h.store, "a", "1")
}

func partitionsFixed(t *testing.T, h *harness) {
	n := h.store.Partitions()
	if n == 0 {
		t.Fatal("a store without partitions")
	}
	for p := range n {
		var b store.Batch
		b.Put(key(p, "a"), []byte{byte(p)})
		h.check(h.store.Commit(t.Context(), &b))
	}
	h.check(h.store.Close())
	h.store = h.reopen()
	if got := h.store.Partitions(); got != n {
		t.Fatalf("%d partitions after reopen, want %d", got, n)
	}
	for p := range n {
		got, err := collect(t.Context(), h.store, store.Prefix(key(p)))
		h.check(err)
		if len(got) != 1 || got[0].Value[0] != byte(p) {
			t.Fatalf("partition %d holds %d pairs, want the one written there", p, len(got))
		}
	}
	// One snapshot and one scan reach across all of them, in order.
	snap, err := h.store.Snapshot(t.Context())
	h.check(err)
	got, err := collect(t.Context(), snap, store.Range{})
	h.check(err)
	h.check(snap.Close())
	if len(got) != int(n) {
		t.Fatalf("scan of all partitions: %d pairs, want %d", len(got), n)
	}
	for i, p := range got {
		if !bytes.Equal(p.Key, key(uint16(i), "a")) {
			t.Fatalf("scan of all partitions: pair %d is %q", i, p.Key)
		}
	}
}

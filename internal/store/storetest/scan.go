package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tribune/internal/store"
)

// fill commits n pairs with values of up to size bytes and returns them.
func fill(h *harness, n, size int) model {
	h.t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	m := model{}
	var b store.Batch
	for i := range n {
		k, v := key(0, "fill", fmt.Sprintf("%06d", i)), make([]byte, 1+rng.IntN(size))
		for j := range v {
			v[j] = byte(rng.Uint32())
		}
		b.Put(k, v)
		m[string(k)] = string(v)
		if len(b.Ops) == 1_000 || i == n-1 {
			h.check(h.store.Commit(h.t.Context(), &b))
			b = store.Batch{}
		}
	}
	return m
}

// trickyKeys are keys whose order goes wrong where keys are taken for text, or bounds for inclusive.
func trickyKeys(rng *rand.Rand, n int) (keys [][]byte) {
	alphabet := []byte{0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 'a', 'A', '%', '\\', '\''}
	for range n {
		k := make([]byte, 1+rng.IntN(6))
		for i := range k {
			k[i] = alphabet[rng.IntN(len(alphabet))]
		}
		keys = append(keys, k)
	}
	return append(keys, []byte{0xff}, []byte{0xff, 0xff}, []byte{0x00}, []byte("ä"), key(0, "a"), key(0))
}

func scanModel(t *testing.T, h *harness) {
	rng := rand.New(rand.NewPCG(2, 2))
	m := model{}
	for round := range 6 {
		for _, k := range trickyKeys(rng, 60) {
			if n, _ := store.PartitionIn(k); n != 0 {
				continue
			}
			var b store.Batch
			if rng.IntN(4) == 0 {
				b.Delete(k)
				delete(m, string(k))
			} else {
				v := fmt.Sprintf("%d", rng.Uint32())
				b.Put(k, []byte(v))
				m[string(k)] = v
			}
			h.check(h.store.Commit(t.Context(), &b))
		}
		snap, err := h.store.Snapshot(t.Context())
		h.check(err)
		for range 60 {
			r := store.Range{Reverse: rng.IntN(2) == 0, KeysOnly: rng.IntN(4) == 0}
			if rng.IntN(4) > 0 {
				r.From = trickyKeys(rng, 1)[0]
			}
			if rng.IntN(4) > 0 {
				r.To = trickyKeys(rng, 1)[0]
			}
			if rng.IntN(3) == 0 {
				r.Limit = 1 + rng.IntN(10)
			}
			if rng.IntN(5) == 0 {
				r = store.Prefix(trickyKeys(rng, 1)[0][:1])
			}
			for name, reader := range map[string]store.Reader{"store": h.store, "snapshot": snap} {
				got, err := collect(t.Context(), reader, r)
				h.check(err)
				if diff := m.compare(got, r); diff != "" {
					t.Fatalf("round %d, %s, range %+v: %s", round, name, r, diff)
				}
			}
		}
		h.check(snap.Close())
	}
}

func scanMany(t *testing.T, h *harness) {
	m := fill(h, 12_000, 60)
	for _, r := range []store.Range{
		{}, {Reverse: true}, {KeysOnly: true}, {Limit: 5_001}, {Limit: 5_001, Reverse: true},
		{Limit: 4_096}, {From: key(0, "fill", "003"), To: key(0, "fill", "009")},
		store.Prefix(key(0, "fill")), {From: key(0, "fill", "003999"), To: store.After(key(0)), Reverse: true},
	} {
		got, err := collect(t.Context(), h.store, r)
		h.check(err)
		if diff := m.compare(got, r); diff != "" {
			t.Fatalf("range %+v: %s", r, diff)
		}
	}
}

// scanLarge has values that no implementation may gather all in memory, small ones between, so that pages end anywhere.
func scanLarge(t *testing.T, h *harness) {
	m := fill(h, 50, 10)
	for i := range 12 {
		k, v := key(0, "fill", fmt.Sprintf("%06d-large", i*4)), bytes.Repeat([]byte{byte(i)}, 1+i<<18)
		var b store.Batch
		b.Put(k, v)
		h.check(h.store.Commit(t.Context(), &b))
		m[string(k)] = string(v)
	}
	for _, r := range []store.Range{{}, {Reverse: true}, {Limit: 33}, {Limit: 33, Reverse: true}, {KeysOnly: true}} {
		got, err := collect(t.Context(), h.store, r)
		h.check(err)
		if diff := m.compare(got, r); diff != "" {
			t.Fatalf("range %+v: %s", r, diff)
		}
	}
}

func scanNested(t *testing.T, h *harness) {
	fill(h, 3_000, 20)
	snap, err := h.store.Snapshot(t.Context())
	h.check(err)
	defer func() { h.check(snap.Close()) }()
	for name, r := range map[string]store.Reader{"store": h.store, "snapshot": snap} {
		n := 0
		for p, err := range r.Scan(t.Context(), store.Range{}) {
			h.check(err)
			k, v := slices.Clone(p.Key), slices.Clone(p.Value)
			if n%500 == 0 {
				got, err := r.Get(t.Context(), k)
				h.check(err)
				if !bytes.Equal(got, v) {
					t.Fatalf("%s: get within a scan: %q, the scan said %q", name, got, v)
				}
				inner, err := collect(t.Context(), r, store.Range{From: k, Limit: 3})
				h.check(err)
				if len(inner) == 0 || !bytes.Equal(inner[0].Key, k) {
					t.Fatalf("%s: scan within a scan from %q: %d pairs", name, k, len(inner))
				}
				var b store.Batch
				b.Put(key(0, "aside"), k)
				h.check(h.store.Commit(t.Context(), &b))
			}
			if !bytes.Equal(p.Key, k) {
				t.Fatalf("%s: the pair changed under the loop body", name)
			}
			if n++; n == 2_600 {
				break // leaving early holds nothing back
			}
		}
		if n != 2_600 {
			t.Fatalf("%s: %d pairs, want 2600", name, n)
		}
	}
}

func snapshotStill(t *testing.T, h *harness) {
	m := fill(h, 5_000, 40)
	h.put("a", "1")
	m[string(key(0, "a"))] = "1"
	snap, err := h.store.Snapshot(t.Context())
	h.check(err)

	overwrite := func(from, to int) {
		var b store.Batch
		for i := from; i < to; i++ {
			k := key(0, "fill", fmt.Sprintf("%06d", i))
			if i%2 == 0 {
				b.Delete(k)
			} else {
				b.Put(k, []byte("moved"))
			}
		}
		b.Put(key(0, "fill", "new"), []byte("1"))
		b.Put(key(0, "a"), []byte("2"))
		h.check(h.store.Commit(t.Context(), &b))
	}
	overwrite(0, 2_000)
	var got []store.Pair
	for p, err := range snap.Scan(t.Context(), store.Range{}) {
		h.check(err)
		if len(got) == 100 {
			overwrite(2_000, 5_000) // also what lies ahead of a scan under way
		}
		got = append(got, store.Pair{Key: slices.Clone(p.Key), Value: slices.Clone(p.Value)})
	}
	if diff := m.compare(got, store.Range{}); diff != "" {
		t.Fatalf("snapshot moved: %s", diff)
	}
	h.want(snap, "a", "1")
	h.want(h.store, "a", "2")
	h.check(snap.Close())
	h.check(snap.Close()) // twice is harmless
	if _, err := snap.Get(t.Context(), key(0, "a")); err == nil {
		t.Fatal("a closed snapshot answers")
	}
}

// snapshotWhole moves an amount between two accounts while snapshots add them up.
func snapshotWhole(t *testing.T, h *harness) {
	const total, moves = 1_000, 200
	h.put("left", fmt.Sprintf("%d", total), "right", "0")
	done := make(chan error, 1)
	go func() {
		for i := 1; i <= moves; i++ {
			var b store.Batch
			b.Put(key(0, "left"), fmt.Appendf(nil, "%d", total-i))
			b.Put(key(0, "right"), fmt.Appendf(nil, "%d", i))
			if err := h.store.Commit(t.Context(), &b); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for n := 0; ; n++ {
		snap, err := h.store.Snapshot(t.Context())
		h.check(err)
		sum := 0
		for _, name := range []string{"left", "right"} {
			v, err := snap.Get(t.Context(), key(0, name))
			h.check(err)
			var amount int
			if _, err := fmt.Sscan(string(v), &amount); err != nil {
				t.Fatal(err)
			}
			sum += amount
		}
		h.check(snap.Close())
		if sum != total {
			t.Fatalf("a snapshot saw half a batch: sum %d, want %d", sum, total)
		}
		select {
		case err := <-done:
			h.check(err)
			if n == 0 {
				t.Fatal("no snapshot was taken while batches were committed")
			}
			return
		default:
		}
	}
}

package store_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/store"
)

// parts splits a string into parts at every 'x', so that fuzzing reaches several parts with any bytes in them.
func parts(s string) []string { return strings.Split(s, "x") }

func FuzzKeyKeepsOrderAndRoundTrips(f *testing.F) {
	for _, seed := range []string{"", "a", "a\x00", "a\x00\x01", "a\x00\xff", "\xff\xff", "ax", "axb", "a\x00xb", "a\x01xb", "urn:ngsi-ld:A:1xname"} {
		f.Add(seed, "axb")
		f.Add(seed, "a\x00")
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		a, b := parts(x), parts(y)
		at := tribune.Place{Tenant: "t", Partition: 7}
		ka, kb := store.Key("room", at, a...), store.Key("room", at, b...)
		if got, want := cmp.Compare(bytes.Compare(ka, kb), 0), slices.Compare(a, b); got != want {
			t.Errorf("keys of %q and %q compare as %d, their parts as %d", a, b, got, want)
		}
		if got := cut(t, ka, 2, true); !slices.Equal(got, a) {
			t.Errorf("parts %q came back as %q", a, got)
		}
		// A part is a prefix of a key only where it is a whole part of it: no part reaches into the next.
		if bytes.HasPrefix(ka, kb) != (len(a) >= len(b) && slices.Equal(a[:len(b)], b)) {
			t.Errorf("key of %q as a prefix of the key of %q: %v", b, a, bytes.HasPrefix(ka, kb))
		}
		// What Prefix says is exactly what has the prefix.
		r := store.Prefix(kb)
		if in := bytes.Compare(ka, r.From) >= 0 && (r.To == nil || bytes.Compare(ka, r.To) < 0); in != bytes.HasPrefix(ka, kb) {
			t.Errorf("%q in the range of prefix %q: %v", ka, kb, in)
		}
		if n, ok := store.PartitionIn(ka); n != 7 || !ok {
			t.Errorf("partition of %q read as %d, %v", ka, n, ok)
		}
	})
}

// cut reads a key back: skip parts, the partition if placed, then all parts to the end.
func cut(t *testing.T, k []byte, skip int, placed bool) (out []string) {
	t.Helper()
	for i := 0; len(k) > 0; i++ {
		if i == skip && placed {
			k = k[2:]
		}
		s, rest, ok := store.CutPart(k)
		if !ok {
			t.Fatalf("no part at the start of %q", k)
		}
		if i >= skip {
			out = append(out, s)
		}
		k = rest
	}
	return out
}

// FuzzCutPart reads hostile bytes: whatever it accepts must be what Part writes.
func FuzzCutPart(f *testing.F) {
	for _, seed := range []string{"", "a", "\x00", "\x00\x01", "a\x00\x01rest", "\x00\xff\x00\x01", "a\x00\x02", "a\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, rest, ok := store.CutPart(b)
		if !ok {
			return
		}
		if again := append(store.Part(nil, s), rest...); !bytes.Equal(again, b) {
			t.Errorf("%q was read as part %q and rest %q, which is written as %q", b, s, rest, again)
		}
	})
}

// FuzzPlace reads partitions out of hostile keys and ranges; both readers of parts must agree.
func FuzzPlace(f *testing.F) {
	f.Add(store.Key("room", tribune.Place{Tenant: "t", Partition: 300}, "a"), []byte{0xff})
	f.Add([]byte("k"), []byte{})
	f.Add([]byte{0, 1, 0, 1, 0, 1}, []byte{0, 1, 0, 1, 0, 2})
	f.Fuzz(func(t *testing.T, from, to []byte) {
		n, ok := store.PartitionIn(from)
		_, rest, okRoom := store.CutPart(from)
		_, rest, okTenant := store.CutPart(rest)
		if want := okRoom && okTenant && len(rest) >= 2; ok != want || (!ok && n != 0) {
			t.Fatalf("partition of %q: %d, %v; reading part by part says %v", from, n, ok, want)
		}
		r := store.Range{From: from, To: to}
		p, confined := store.PartitionOfRange(r)
		if !confined || r.Empty() {
			return
		}
		// The last key of the range that we can name is in the same partition.
		last := slices.Clone(to)
		if last[len(last)-1] == 0 {
			last = last[:len(last)-1]
		} else {
			last[len(last)-1]--
			last = append(last, bytes.Repeat([]byte{0xff}, 8)...)
		}
		if bytes.Compare(last, from) < 0 {
			return
		}
		if q, ok := store.PartitionIn(last); !ok || q != p || p != n {
			t.Errorf("range %q..%q is said to be confined to %d, but %q in it is in %d, %v", from, to, p, last, q, ok)
		}
	})
}

func TestUintOrdersAsANumber(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2_000 {
		a, b := rng.Uint64()>>rng.IntN(64), rng.Uint64()>>rng.IntN(64)
		if got, want := bytes.Compare(store.Uint(nil, a), store.Uint(nil, b)), cmp.Compare(a, b); got != want {
			t.Fatalf("%d and %d order as %d", a, b, got)
		}
	}
}

func TestAfterIsTheSmallestKeyBehindAPrefix(t *testing.T) {
	for _, test := range []struct{ prefix, want string }{
		{"", ""}, {"a", "b"}, {"a\xff", "b"}, {"\xff", ""}, {"\xff\xff", ""}, {"a\x00", "a\x01"}, {"\xfe\xff\xff", "\xff"},
	} {
		prefix := []byte(test.prefix)
		if got := store.After(prefix); string(got) != test.want || (test.want == "") != (got == nil) {
			t.Errorf("After(%q) is %q, want %q", test.prefix, got, test.want)
		}
		if string(prefix) != test.prefix {
			t.Errorf("After(%q) altered its argument to %q", test.prefix, prefix)
		}
	}
}

// Partitions are part of every key for ever: a change of the hash would orphan what is stored.
func TestPartitionOfIsStableForEver(t *testing.T) {
	for _, test := range []struct {
		tenant     tribune.Tenant
		id         string
		partitions uint16
		want       uint16
	}{
		{"", "urn:ngsi-ld:OffStreetParking:1", 16, 3},
		{"", "urn:ngsi-ld:OffStreetParking:1", 1, 0},
		{"", "urn:ngsi-ld:OffStreetParking:1", 0, 0},
		{"north", "urn:ngsi-ld:OffStreetParking:1", 16, 12},
		{"", "", 65535, 25131},
	} {
		if got := store.PartitionOf(test.tenant, test.id, test.partitions); got != test.want {
			t.Errorf("PartitionOf(%q, %q, %d) is %d, want %d", test.tenant, test.id, test.partitions, got, test.want)
		}
	}
	if store.PartitionOf("a", "b", 65535) == store.PartitionOf("ab", "", 65535) {
		t.Error("tenant and id run into each other")
	}
}

func TestPartitionOfSpreadsNumberedIdsEvenly(t *testing.T) {
	const ids = 16_000
	for _, partitions := range []uint16{8, 16, 64} {
		n := make([]int, partitions)
		for i := range ids {
			n[store.PartitionOf("", fmt.Sprintf("urn:ngsi-ld:ParkingSession:%d", i), partitions)]++
		}
		mean := ids / int(partitions)
		if slices.Min(n) < mean/2 || slices.Max(n) > mean*2 {
			t.Errorf("%d partitions hold %d to %d of %d ids", partitions, slices.Min(n), slices.Max(n), ids)
		}
	}
}

func TestRangeOfAPrefixIsConfinedToItsPartition(t *testing.T) {
	at := tribune.Place{Tenant: "t", Partition: 0xffff}
	for name, r := range map[string]store.Range{
		"partition":     store.Prefix(store.Key("room", at)),
		"part":          store.Prefix(store.Key("room", at, "e")),
		"within a part": {From: store.Key("room", at, "a"), To: store.Key("room", at, "b")},
	} {
		if n, ok := store.PartitionOfRange(r); n != at.Partition || !ok {
			t.Errorf("%s: got %d, %v", name, n, ok)
		}
	}
	for name, r := range map[string]store.Range{
		"everything":     {},
		"to the end":     {From: store.Key("room", at, "a")},
		"two partitions": {From: store.Key("room", tribune.Place{Partition: 1}), To: store.Key("room", tribune.Place{Partition: 2}, "a")},
		"room":           store.Prefix(store.Part(nil, "room")),
	} {
		if n, ok := store.PartitionOfRange(r); ok {
			t.Errorf("%s: said to be confined to %d", name, n)
		}
	}
}

func TestAddKeepsDeletesAndEmptyValuesApart(t *testing.T) {
	var b store.Batch
	b.Add(tribune.Write{Key: []byte("gone")}, tribune.Write{Key: []byte("empty"), Value: []byte{}})
	if !b.Ops[0].Delete || b.Ops[1].Delete {
		t.Errorf("got %+v, want a delete and a put of an empty value", b.Ops)
	}
}

func TestCheckCountsEveryByteOfABatch(t *testing.T) {
	value := make([]byte, store.MaxValue)
	var b store.Batch
	for i := range byte(store.MaxBatch / store.MaxValue) {
		b.Put([]byte{i}, value)
	}
	if err := b.Check(); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("batch of MaxBatch bytes of values plus keys: got %v, want ErrTooLarge", err)
	}
	b.Ops[0].Value = value[:store.MaxValue-int(store.MaxBatch/store.MaxValue)]
	if err := b.Check(); err != nil {
		t.Errorf("batch of exactly MaxBatch bytes: %v", err)
	}
	b.ExpectPrefix([]byte("k"), nil)
	if err := b.Check(); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("one byte more in an expectation: got %v, want ErrTooLarge", err)
	}
}

package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
)

func TestCrashLosesNothingThatWasCommitted(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	seal := func(clear string) (tribune.Sealed, *store.Batch, func()) {
		sealed, writes, committed, err := f.Seal(t.Context(), tribune.Place{}, tribune.Class{ID: testClass}, p, []tribune.Item{item("urn:e:1", clear, clear)})
		if err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		b.Put(store.Key("test", tribune.Place{}, clear), sealed[0].Value)
		b.Add(writes...)
		return sealed[0], &b, committed
	}
	// The first batch never reaches the disk, and two more are under way at once: each must carry the headers.
	_, lost, _ := seal("lost")
	a, batchA, committedA := seal("a")
	b, batchB, committedB := seal("b")
	for i, batch := range []*store.Batch{lost, batchA, batchB} {
		if len(batch.Ops) != 2 {
			t.Fatalf("batch %d has %d writes, want the value and the headers", i, len(batch.Ops))
		}
	}
	if err := f.store.Commit(t.Context(), batchB); err != nil {
		t.Fatal(err)
	}
	f.crash(t) // before the room heard that B is durable
	f.clock.add(time.Minute)
	f.mustOpen(t, []string{"b"}, b)
	if _, err := f.Open(t.Context(), f.dealer.keysOf(t, f.Vault, f.clock.Now(), a), []tribune.Sealed{a}); err != nil {
		t.Errorf("a value of the same segment: %v", err)
	}
	committedA() // a late call of the old process must not harm
	committedB()

	c, batchC, committedC := seal("c")
	if err := f.store.Commit(t.Context(), batchC); err != nil {
		t.Fatal(err)
	}
	committedC()
	d, batchD, _ := seal("d")
	if len(batchD.Ops) != 1 {
		t.Errorf("headers that are durable were written again: %d writes", len(batchD.Ops))
	}
	if err := f.store.Commit(t.Context(), batchD); err != nil {
		t.Fatal(err)
	}
	f.crash(t)
	f.mustOpen(t, []string{"b", "c", "d"}, b, c, d)
}

// One subject in several partitions at the same second: one identity, several data keys, and none hides another.
func TestSubjectInSeveralPartitionsAndTenants(t *testing.T) {
	f := newFixture(t)
	f.store = several{f.store}
	f.start(t)
	f.clock.add(time.Minute)
	p := subjectNo(1)
	var sealed []tribune.Sealed
	want := []string{"zero", "three", "two, another tenant", "one", "three again"}
	for i, at := range []tribune.Place{{}, {Partition: 3}, {Tenant: "t", Partition: 2}, {Partition: 1}, {Partition: 3}} {
		sealed = append(sealed, f.put(t, at, p, want[i]))
	}
	for i, s := range sealed {
		if segmentOf(s) != segmentOf(sealed[0]) {
			t.Errorf("value %d is in %v, want one identity", i, segmentOf(s))
		}
	}
	if n := f.open.order.Len(); n != 4 {
		t.Errorf("%d open segments, want 4", n)
	}
	f.mustOpen(t, want, sealed...)
	f.CloseSegments(testClass, []tribune.Pseudonym{p})
	if n := f.open.order.Len(); n != 0 {
		t.Errorf("%d segments are open after an act, want none", n)
	}
}

func TestEmptyValueAndEmptyBatch(t *testing.T) {
	f := newFixture(t)
	s := f.put(t, tribune.Place{}, subjectNo(1), "")
	got, err := f.Open(t.Context(), f.dealer.keysOf(t, f.Vault, f.clock.Now(), s), []tribune.Sealed{s})
	if err != nil || len(got) != 1 || got[0] == nil {
		t.Errorf("empty value: got %v, %v", got, err)
	}
	sealed, writes, committed, err := f.Seal(t.Context(), tribune.Place{}, tribune.Class{ID: testClass}, subjectNo(2), nil)
	if err != nil || sealed != nil || writes != nil || committed == nil {
		t.Errorf("no items: got %v, %v, %v", sealed, writes, err)
	}
	if got, err := f.Open(t.Context(), nil, nil); err != nil || len(got) != 0 {
		t.Errorf("opening nothing: got %v, %v", got, err)
	}
}

func TestOversizedFieldsAreRefusedNotPanickedOn(t *testing.T) {
	f := newFixture(t)
	long := string(make([]byte, 1<<16))
	for name, c := range map[string]struct {
		class tribune.ClassID
		item  tribune.Item
	}{
		"entity":   {testClass, tribune.Item{Entity: tribune.EntityID(long)}},
		"attr":     {testClass, tribune.Item{Attr: long}},
		"time":     {testClass, tribune.Item{Time: long}},
		"class":    {tribune.ClassID(long[:257]), tribune.Item{}},
		"no class": {"", tribune.Item{}},
	} {
		if _, _, _, err := f.Seal(t.Context(), tribune.Place{}, tribune.Class{ID: c.class}, subjectNo(1), []tribune.Item{c.item}); !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) {
			t.Errorf("%s: got %v, want ErrInvalid or ErrTooLarge", name, err)
		}
	}
}

func TestTraceKeysAndTheCallForThem(t *testing.T) {
	f := newFixture(t)
	var new []tribune.Pseudonym
	f.OnNewSubject(func(p tribune.Pseudonym) { new = append(new, p) })
	p := subjectNo(1)
	if _, err := f.TraceKey(t.Context(), p); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("before enrolment: got %v, want ErrNotFound", err)
	}
	// Not before the value is durable, and once a segment.
	_, _, _, err := f.Seal(t.Context(), tribune.Place{}, tribune.Class{ID: testClass}, p, []tribune.Item{item("e", "a", "x")})
	if err != nil || len(new) != 0 {
		t.Fatalf("sealed only: called for %v, %v", new, err)
	}
	f.put(t, tribune.Place{}, p, "x")
	f.put(t, tribune.Place{}, p, "x")
	if len(new) != 1 || new[0] != p {
		t.Fatalf("one segment: called for %v, want %v once", new, p)
	}
	f.clock.add(time.Hour)
	f.put(t, tribune.Place{}, p, "x")
	if len(new) != 2 {
		t.Errorf("next segment, still not enrolled: called %d times, want 2", len(new))
	}
	d := f.dealer.keys(t, tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: p})
	for _, d := range d {
		if err := f.PutTrace(t.Context(), p, d); err != nil {
			t.Fatal(err)
		}
		f.crash(t)
		f.OnNewSubject(func(p tribune.Pseudonym) { new = append(new, p) })
		if got, err := f.TraceKey(t.Context(), p); err != nil || !bytes.Equal(got, d) {
			t.Errorf("after a crash: got %x, %v, want %x", got, err, d)
		}
	}
	f.clock.add(time.Hour)
	f.put(t, tribune.Place{}, p, "x")
	if len(new) != 2 {
		t.Errorf("enrolled: called %d times, want 2", len(new))
	}
	if err := f.PutTrace(t.Context(), p, []byte("short")); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a short trace key: got %v, want ErrInvalid", err)
	}
}

// The vectors for other implementations are made without this package.
func TestValueFormatAgreesWithTheVector(t *testing.T) {
	var vector struct{ DEK, SegmentID, Entity, Attribute, Time, Clear, Nonce, Value string }
	if err := json.Unmarshal(readFile(t, "../../ibe/testdata/value.json"), &vector); err != nil {
		t.Fatal(err)
	}
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	block, err := aes.NewCipher(raw(vector.DEK))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	s := tribune.Sealed{Entity: tribune.EntityID(vector.Entity), Attr: vector.Attribute, Time: vector.Time, Value: raw(vector.Value)}
	got, ok := openValue(aead, raw(vector.SegmentID), s)
	if !ok || !bytes.Equal(got, raw(vector.Clear)) {
		t.Errorf("got %q, %v, want %q", got, ok, raw(vector.Clear))
	}
}

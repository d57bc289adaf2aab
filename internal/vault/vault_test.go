package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/internal/store"
	"tribune/protocol"
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

func TestWholeDayKeyOpensEverySegmentOfThatDayOnly(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	a := f.put(t, tribune.Place{}, p, "morning")
	f.clock.add(6 * time.Hour)
	b := f.put(t, tribune.Place{}, p, "noon")
	f.clock.add(24 * time.Hour)
	c := f.put(t, tribune.Place{}, p, "tomorrow")
	now := f.clock.Now()
	want := []protocol.Subject{{P: p, IDs: []tribune.Identity{wholeDay(segmentOf(a)), segmentOf(c)}}}
	if got := f.Identities(now, []tribune.Sealed{a, b, c, a}); !reflect.DeepEqual(got, want) {
		t.Errorf("identities: got %v, want %v", got, want)
	}
	f.mustOpen(t, []string{"morning", "noon", "tomorrow"}, a, b, c)
	day := f.dealer.keys(t, wholeDay(segmentOf(a)))
	if _, err := f.Open(t.Context(), day, []tribune.Sealed{c}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("another day's value: got %v, want ErrNotFound", err)
	}
	segment := f.dealer.keys(t, segmentOf(a))
	if _, err := f.Open(t.Context(), segment, []tribune.Sealed{a, b}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("another segment's value: got %v, want ErrNotFound", err)
	}
}

func TestIdentitiesAreGroupedAndMindGuardiansClocks(t *testing.T) {
	f := newFixture(t)
	p, q := subjectNo(1), subjectNo(2)
	day := tribune.DayOf(morning())
	of := func(p tribune.Pseudonym, day, segment uint32) tribune.Sealed {
		return tribune.Sealed{Class: testClass, Pseudonym: p, Day: day, Segment: segment}
	}
	sealed := []tribune.Sealed{of(q, day, 10), of(p, day, 5), of(q, day, 20), of(q, day, 10), of(p, day-1, 7), of(p, day-1, 8)}
	id := func(s tribune.Sealed) tribune.Identity { return segmentOf(s) }
	segments := []protocol.Subject{
		{P: q, IDs: []tribune.Identity{id(sealed[0]), id(sealed[2])}},
		{P: p, IDs: []tribune.Identity{id(sealed[1]), wholeDay(id(sealed[4]))}},
	}
	days := []protocol.Subject{
		{P: q, IDs: []tribune.Identity{wholeDay(id(sealed[0]))}},
		{P: p, IDs: []tribune.Identity{wholeDay(id(sealed[1])), wholeDay(id(sealed[4]))}},
	}
	midnight := tribune.SegmentStart(day+1, 0)
	for _, c := range []struct {
		now  time.Time
		want []protocol.Subject
	}{
		{morning(), segments},
		{midnight.Add(59 * time.Second), segments}, // a guardian's day may not be over
		{midnight.Add(60 * time.Second), days},
	} {
		if got := f.Identities(c.now, sealed); !reflect.DeepEqual(got, c.want) {
			t.Errorf("at %v: got %v, want %v", c.now, got, c.want)
		}
	}
	if got := f.Identities(morning(), nil); len(got) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}

// Whoever may write to the store could otherwise move a value to a subject whose opening is permitted.
func TestMovedValuesDoNotOpen(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	good := f.put(t, tribune.Place{}, p, "clear")
	twin := f.put(t, tribune.Place{}, subjectNo(2), "another's")
	f.clock.add(time.Minute)
	f.CloseSegments(testClass, []tribune.Pseudonym{p})
	later := f.put(t, tribune.Place{}, p, "later")
	change := func(change func(*tribune.Sealed)) tribune.Sealed {
		s := good
		s.Value = bytes.Clone(s.Value)
		change(&s)
		return s
	}
	for name, s := range map[string]tribune.Sealed{
		"entity":           change(func(s *tribune.Sealed) { s.Entity += "0" }),
		"attribute":        change(func(s *tribune.Sealed) { s.Attr = "other" }),
		"time":             change(func(s *tribune.Sealed) { s.Time = "2026-11-22T05:00:00.8Z" }),
		"entity/attribute": change(func(s *tribune.Sealed) { s.Entity, s.Attr = "urn:e:", "1attr" }),
		"subject":          change(func(s *tribune.Sealed) { s.Pseudonym = twin.Pseudonym }),
		"segment":          change(func(s *tribune.Sealed) { s.Segment = later.Segment }),
		"value":            change(func(s *tribune.Sealed) { s.Value = twin.Value }),
		"last byte":        change(func(s *tribune.Sealed) { s.Value[len(s.Value)-1] ^= 1 }),
		"nonce":            change(func(s *tribune.Sealed) { s.Value[0] ^= 1 }),
		"cut":              change(func(s *tribune.Sealed) { s.Value = s.Value[:5] }),
		"none":             change(func(s *tribune.Sealed) { s.Value = nil }),
		"long field":       change(func(s *tribune.Sealed) { s.Attr = string(make([]byte, 70000)) }),
	} {
		t.Run(name, func(t *testing.T) {
			var stop *tribune.IntegrityError
			values, err := f.Open(t.Context(), f.dealer.keysOf(t, f.Vault, f.clock.Now(), s), []tribune.Sealed{s})
			if !errors.As(err, &stop) || values != nil {
				t.Errorf("got %q, %v, want an IntegrityError", values, err)
			}
		})
	}
	for name, s := range map[string]tribune.Sealed{
		"class":          change(func(s *tribune.Sealed) { s.Class = "other" }),
		"day":            change(func(s *tribune.Sealed) { s.Day-- }),
		"unused segment": change(func(s *tribune.Sealed) { s.Segment++ }),
	} {
		t.Run(name, func(t *testing.T) {
			if values, err := f.Open(t.Context(), f.dealer.keysOf(t, f.Vault, f.clock.Now(), s), []tribune.Sealed{s}); !errors.Is(err, tribune.ErrNotFound) {
				t.Errorf("got %q, %v, want ErrNotFound", values, err)
			}
		})
	}
	f.mustOpen(t, []string{"clear", "later"}, good, later)
}

func TestWrongKeyDoesNotOpen(t *testing.T) {
	f := newFixture(t)
	s := f.put(t, tribune.Place{}, subjectNo(1), "x")
	other := f.dealer.keysOf(t, f.Vault, f.clock.Now(), tribune.Sealed{Class: testClass, Pseudonym: subjectNo(2)})
	for _, d := range other {
		if _, err := f.Open(t.Context(), map[tribune.Identity][]byte{segmentOf(s): d}, []tribune.Sealed{s}); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	}
	if _, err := f.Open(t.Context(), nil, []tribune.Sealed{s}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("without a key: got %v, want ErrNotFound", err)
	}
}

func TestOpenOverwritesTheKeys(t *testing.T) {
	f := newFixture(t)
	s := f.put(t, tribune.Place{}, subjectNo(1), "x")
	keys := f.dealer.keysOf(t, f.Vault, f.clock.Now(), s)
	if _, err := f.Open(t.Context(), keys, []tribune.Sealed{s}); err != nil {
		t.Fatal(err)
	}
	for id, d := range keys {
		if !bytes.Equal(d, make([]byte, ibe.G1Size)) {
			t.Errorf("the key of %v is still in memory", id)
		}
	}
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

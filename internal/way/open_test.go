package way

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

func TestReadingWalksTheWholeWay(t *testing.T) {
	w := newWorld(t)
	a, b := w.seal(t, subject(1), "at the station"), w.seal(t, subject(2), "at the mall")
	if receipt := w.read(t, w.reading(a, b), "at the station", "at the mall"); len(receipt) == 0 {
		t.Error("no receipt")
	}
	leaves := w.log.of(t, tribune.ActRead)
	if len(leaves) != 1 || len(leaves[0].Tags) != 2 || leaves[0].Act.Count != 2 || !leaves[0].Decision.Permit {
		t.Fatalf("on record: %+v", leaves)
	}
	if len(w.log.of(t, tribune.ActEnrol)) != 1 {
		t.Error("the two newcomers were not enrolled by one leaf")
	}
}

// Published first, opened second: that is the promise. A hub without quorum must not even ask.
func TestNothingIsAskedOfGuardiansBeforePublication(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	w.read(t, w.reading(s), "secret") // enrols
	w.log.hooks(nil, func(uint64) error { return tribune.ErrNoQuorum })
	act, signature := w.prepareSigned(t, w.reading(s))
	asked := w.guards.calls()
	values, receipt, err := w.Open(t.Context(), act.ID, signature)
	if !errors.Is(err, tribune.ErrNoQuorum) || values != nil || receipt != nil {
		t.Errorf("got %q, receipt %q, error %v; want ErrNoQuorum and nothing", values, receipt, err)
	}
	if got := w.guards.calls(); got != asked {
		t.Errorf("guardians were asked %d times for an unpublished act", got-asked)
	}
	w.log.hooks(nil, nil)
	w.read(t, w.reading(s), "secret")
	if got := w.usesOf(t, subject(1)); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("uses on record: %v; the unpublished one counts", got)
	}
}

func TestWrongSignatureOpensNothingAndIsNotOnRecord(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	w.read(t, w.reading(s), "secret")
	size, asked := w.log.size(), w.guards.calls()
	for name, forge := range map[string]func(protocol.Act, []byte) []byte{
		"flipped": func(_ protocol.Act, s []byte) []byte { s[3] ^= 1; return s },
		"none":    func(protocol.Act, []byte) []byte { return nil },
		"by the hub": func(a protocol.Act, _ []byte) []byte {
			s, err := a.Sign(w.cfg.HubKey)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		"of another act": func(a protocol.Act, _ []byte) []byte { a.Count++; return w.sign(t, a) },
	} {
		act, signature := w.prepareSigned(t, w.reading(s))
		values, receipt, err := w.Open(t.Context(), act.ID, forge(act, signature))
		if !errors.Is(err, tribune.ErrInvalid) || values != nil || receipt != nil {
			t.Errorf("%s: got %q, %v", name, values, err)
		}
	}
	if w.log.size() != size || w.guards.calls() != asked {
		t.Errorf("%d leaves and %d requests to guardians came of forged signatures", w.log.size()-size, w.guards.calls()-asked)
	}
}

func TestPreparedActIsUsedOnce(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	act, signature := w.prepareSigned(t, w.reading(s))
	if _, _, err := w.Open(t.Context(), act.ID, signature); err != nil {
		t.Fatal(err)
	}
	if values, _, err := w.Open(t.Context(), act.ID, signature); !errors.Is(err, tribune.ErrNotFound) || values != nil {
		t.Errorf("a second opening: %q, %v", values, err)
	}
	if n := len(w.log.of(t, tribune.ActRead)); n != 1 {
		t.Errorf("%d leaves for one act", n)
	}
}

func TestPreparedActExpiresAndIsForgotten(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	act, signature := w.prepareSigned(t, w.reading(s))
	waiting := w.prepared.all[act.ID]
	w.clock.add(prepareFor + time.Second)
	if _, _, err := w.Open(t.Context(), act.ID, signature); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if len(w.log.of(t, tribune.ActRead)) != 0 {
		t.Error("an act that expired is on record")
	}
	if len(w.prepared.all) != 0 || w.prepared.held != 0 {
		t.Errorf("%d acts with %d values are still held", len(w.prepared.all), w.prepared.held)
	}
	for _, d := range waiting.traces {
		if slices.Max(d) != 0 {
			t.Error("a trace key outlived its act")
		}
	}
}

// A caller who prepares and never signs must not fill the memory.
func TestPreparedActsAreBounded(t *testing.T) {
	w := newWorld(t)
	fill := func(n, values int) (err error) {
		for range n {
			if err == nil {
				err = w.prepared.put(&sheet{act: protocol.Act{ID: protocol.NewID()}, sealed: make([]tribune.Sealed, values), until: w.clock.Now().Add(prepareFor)})
			}
		}
		return err
	}
	if err := fill(maxPrepared, 0); err != nil {
		t.Fatal(err)
	}
	if err := fill(1, 0); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("act %d: %v, want ErrBusy", maxPrepared+1, err)
	}
	w.clock.add(prepareFor + time.Second)
	if err := fill(2, maxHeld/2); err != nil {
		t.Errorf("after a minute: %v", err)
	}
	if err := fill(1, 1); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("beyond %d values: %v, want ErrBusy", maxHeld, err)
	}
}

func TestSecondOfTwoActsAboutOneSubjectConflictsAndGetsTheNextNumber(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	first, one := w.prepareSigned(t, w.reading(s))
	second, two := w.prepareSigned(t, w.reading(s))
	if _, _, err := w.Open(t.Context(), first.ID, one); err != nil {
		t.Fatal(err)
	}
	if values, _, err := w.Open(t.Context(), second.ID, two); !errors.Is(err, tribune.ErrConflict) || values != nil {
		t.Fatalf("got %q, %v; want ErrConflict", values, err)
	}
	w.read(t, w.reading(s), "secret")
	if got := w.usesOf(t, subject(1)); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("uses on record: %v, want 1, 2", got)
	}
}

// Guardians refuse a gap and a repetition: either would block the subject for good.
func TestConcurrentActsNumberWithoutGapOrReuse(t *testing.T) {
	w := newWorld(t)
	p := subject(1)
	s := w.seal(t, p, "secret")
	const officers = 20
	var all sync.WaitGroup
	errs := make(chan error, officers)
	for range officers {
		all.Go(func() {
			for {
				act, err := w.Prepare(t.Context(), w.reading(s))
				if err != nil {
					errs <- err
					return
				}
				signature, err := act.Sign(w.keys[inspector().Actor])
				if err != nil {
					errs <- err
					return
				}
				values, _, err := w.Open(t.Context(), act.ID, signature)
				if errors.Is(err, tribune.ErrConflict) {
					continue
				}
				if err == nil && string(values[0]) != "secret" {
					err = fmt.Errorf("got %q", values[0])
				}
				errs <- err
				return
			}
		})
	}
	all.Wait()
	for range officers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	got := w.usesOf(t, p)
	for i, n := range got {
		if n != uint64(i+1) {
			t.Fatalf("uses in the order of the log: %v", got)
		}
	}
	if len(got) != officers || len(w.log.of(t, tribune.ActEnrol)) != 1 {
		t.Errorf("%d uses and %d enrolments on record, want %d and 1", len(got), len(w.log.of(t, tribune.ActEnrol)), officers)
	}
}

// "No" is information too: who asks about a plate that is not there has used a power.
func TestNamingSomebodyIsOnRecordWhenNothingIsFound(t *testing.T) {
	w := newWorld(t)
	r := w.reading()
	r.Subjects = []tribune.Pseudonym{subject(7), subject(7)}
	act, signature := w.prepareSigned(t, r)
	asked := w.guards.calls()
	values, receipt, err := w.Open(t.Context(), act.ID, signature)
	if err != nil || len(values) != 0 || len(receipt) == 0 {
		t.Fatalf("got %q, receipt %q, %v", values, receipt, err)
	}
	if w.guards.calls() != asked {
		t.Error("guardians were asked for nothing")
	}
	if got := w.usesOf(t, subject(7)); !slices.Equal(got, []uint64{1}) {
		t.Errorf("uses on record: %v, want one", got)
	}
}

func TestReadingsThatOneLeafCannotHoldAreRefusedBeforeAnything(t *testing.T) {
	w := newWorld(t)
	people := w.reading()
	for i := range protocol.MaxTags + 1 {
		people.Subjects = append(people.Subjects, subject(i))
	}
	keys := w.reading()
	for i := range uint32(protocol.MaxIDs + 1) {
		keys.Sealed = append(keys.Sealed, tribune.Sealed{Class: testClass, Pseudonym: subject(1), Day: tribune.DayOf(w.clock.Now()), Segment: i})
	}
	mixed := w.reading(tribune.Sealed{Class: "air-quality", Pseudonym: subject(1)})
	for name, c := range map[string]struct {
		r    tribune.Reading
		want error
	}{
		"people": {people, tribune.ErrTooLarge}, "keys": {keys, tribune.ErrTooLarge},
		"nobody": {w.reading(), tribune.ErrInvalid}, "two classes": {mixed, tribune.ErrInvalid},
		"anonymous": {tribune.Reading{Class: testClass, Subjects: []tribune.Pseudonym{subject(1)}}, tribune.ErrUnknown},
	} {
		if _, err := w.Prepare(t.Context(), c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if w.log.size() != 0 || len(w.vault.closed) != 0 {
		t.Errorf("%d leaves and %d closed segments came of refused readings", w.log.size(), len(w.vault.closed))
	}
}

// The store and the vault must not be closed under an act that is on record.
func TestCloseWaitsForActsUnderWay(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	act, signature := w.prepareSigned(t, w.reading(s))
	reached, goOn := make(chan struct{}), make(chan struct{})
	w.log.hooks(nil, func(uint64) error { close(reached); <-goOn; return nil })
	opened := make(chan error, 1)
	go func() { _, _, err := w.Open(t.Context(), act.ID, signature); opened <- err }()
	<-reached
	closed := make(chan struct{})
	go func() { w.Close(); close(closed) }()
	select {
	case <-closed:
		t.Fatal("closed under an act")
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := w.Prepare(t.Context(), w.reading(s)); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("a new act while closing: %v, want ErrBusy", err)
	}
	close(goOn)
	if err := <-opened; err != nil {
		t.Errorf("the act under way: %v", err)
	}
	<-closed
}

// Who is looked up by a value and not found is nobody: the act has no subject, opens nothing, and stands on record all the same.
func TestLookUpThatFindsNobodyIsOnRecord(t *testing.T) {
	w := newWorld(t)
	r := w.reading()
	if _, err := w.Prepare(t.Context(), r); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a reading of nothing and nobody: %v, want ErrInvalid", err)
	}
	r.LookUp = vocab + "driver"
	r.Attrs = append(r.Attrs, r.LookUp)
	asked := w.guards.calls()
	if receipt := w.read(t, r); len(receipt) == 0 {
		t.Error("no receipt")
	}
	leaves := w.log.of(t, tribune.ActRead)
	if len(leaves) != 1 || leaves[0].Act.Count != 0 || len(leaves[0].Tags) != 0 || !leaves[0].Decision.Permit {
		t.Errorf("on record: %+v", leaves)
	}
	if w.guards.calls() != asked {
		t.Error("guardians were asked for keys")
	}
}

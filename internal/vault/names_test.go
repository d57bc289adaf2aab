package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
)

// direct computes a pseudonym without blinding, combination or cache.
func (d *dealer) direct(t testing.TB, idtype, name string) tribune.Pseudonym {
	t.Helper()
	secret, err := ibe.NewNameShare(shares("name", 0)[0])
	if err != nil {
		t.Fatal(err)
	}
	m, err := ibe.NewNameMaster(d.group.Name.Key)
	if err != nil {
		t.Fatal(err)
	}
	point, b, err := ibe.Blind(protocol.NameInput(testCity, idtype, name))
	if err != nil {
		t.Fatal(err)
	}
	y, err := ibe.EvaluateBlinded(secret, point)
	if err != nil {
		t.Fatal(err)
	}
	// One "guardian" who holds the whole secret, with threshold 1.
	ys, _, err := m.Unblind([][]byte{d.group.Name.Key}, 1, []*ibe.Blinding{b}, []ibe.Partial{{Index: 1, Points: [][]byte{y}}})
	if err != nil {
		t.Fatal(err)
	}
	return protocol.PseudonymOf(idtype, ys[0])
}

func TestPseudonymsFollowNamesAndAreAskedOnce(t *testing.T) {
	f := newFixture(t)
	got, err := f.Pseudonyms(t.Context(), "plate", []string{"A", "B", "A", "C"})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"A", "B", "A", "C"} {
		if want := f.dealer.direct(t, "plate", name); got[i] != want {
			t.Errorf("pseudonym of %s: got %v, want %v", name, got[i], want)
		}
	}
	if calls, points := f.names.asked(); calls != 1 || points != 3 {
		t.Errorf("guardians were asked %d times for %d points, want 1 and 3", calls, points)
	}
	again, err := f.Pseudonyms(t.Context(), "plate", []string{"C", "D"})
	if err != nil || again[0] != got[3] {
		t.Errorf("asked again: got %v, %v, want %v", again, err, got[3])
	}
	if calls, points := f.names.asked(); calls != 2 || points != 4 {
		t.Errorf("guardians were asked %d times for %d points, want 2 and 4", calls, points)
	}
	card, err := f.Pseudonyms(t.Context(), "card", []string{"A"})
	if err != nil || card[0] == got[0] {
		t.Errorf("the same name of another type: got %v, %v", card, err)
	}
}

func TestManyNamesGoInBoundedRequests(t *testing.T) {
	f := newFixture(t)
	names := make([]string, nameChunk+1)
	for i := range names {
		names[i] = fmt.Sprint("plate ", i)
	}
	if _, err := f.Pseudonyms(t.Context(), "plate", names); err != nil {
		t.Fatal(err)
	}
	if calls, points := f.names.asked(); calls != 2 || points != len(names) {
		t.Errorf("guardians were asked %d times for %d points, want 2 and %d", calls, points, len(names))
	}
}

func TestSameNameAtOnceIsAskedOnce(t *testing.T) {
	f := newFixture(t)
	entered, release := make(chan struct{}, 10), make(chan struct{})
	f.names.before = func(context.Context) error {
		entered <- struct{}{}
		<-release
		return nil
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := f.Pseudonyms(t.Context(), "plate", []string{"A"}); err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	<-entered
	time.Sleep(20 * time.Millisecond) // the others arrive
	close(release)
	wg.Wait()
	if calls, _ := f.names.asked(); calls != 1 {
		t.Errorf("guardians were asked %d times, want once", calls)
	}
}

// One who waits for another's request must not fail when that other gives up.
func TestImpatientCallerDoesNotFailThePatient(t *testing.T) {
	f := newFixture(t)
	entered := make(chan struct{}, 10)
	first := true
	f.names.before = func(ctx context.Context) error {
		entered <- struct{}{}
		if first {
			first = false
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	impatient, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := f.Pseudonyms(impatient, "plate", []string{"A"}); !errors.Is(err, context.Canceled) {
			t.Errorf("the impatient: got %v, want Canceled", err)
		}
	})
	<-entered
	wg.Go(func() {
		got, err := f.Pseudonyms(t.Context(), "plate", []string{"A"})
		if want := f.dealer.direct(t, "plate", "A"); err != nil || got[0] != want {
			t.Errorf("the patient: got %v, %v, want %v", got, err, want)
		}
	})
	time.Sleep(20 * time.Millisecond)
	cancel()
	wg.Wait()
}

func TestFailuresAreNotCached(t *testing.T) {
	f := newFixture(t)
	f.names.before = func(context.Context) error { return tribune.ErrNoQuorum }
	if _, err := f.Pseudonyms(t.Context(), "plate", []string{"A"}); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("got %v, want ErrNoQuorum", err)
	}
	f.names.before = nil
	if _, err := f.Pseudonyms(t.Context(), "plate", []string{"A"}); err != nil {
		t.Errorf("once there is a quorum: %v", err)
	}
	if len(f.Vault.names.underWay) != 0 {
		t.Errorf("%d evaluations are under way after all calls have returned", len(f.Vault.names.underWay))
	}
}

// A wrong pseudonym would seal a person's data to nobody, or to somebody else.
func TestLyingGuardianCannotBendPseudonyms(t *testing.T) {
	f := newFixture(t)
	f.names.bend = func(parts []ibe.Partial) { parts[0].Points[0] = parts[1].Points[0] }
	got, err := f.Pseudonyms(t.Context(), "plate", []string{"A"})
	if want := f.dealer.direct(t, "plate", "A"); err != nil || got[0] != want {
		t.Errorf("one lies of three: got %v, %v, want %v", got, err, want)
	}
	f.names.bend = func(parts []ibe.Partial) {
		parts[0].Points[0], parts[1].Points[0] = parts[1].Points[0], parts[0].Points[0]
	}
	if got, err := f.Pseudonyms(t.Context(), "plate", []string{"B"}); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("two lie of three: got %v, %v, want ErrNoQuorum", got, err)
	}
}

func TestNameCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	f := newFixture(t)
	f.Vault.names.max = 3
	ask := func(name string) {
		t.Helper()
		if _, err := f.Pseudonyms(t.Context(), "plate", []string{name}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"A", "B", "C", "A", "D"} { // B goes
		ask(name)
	}
	if n, m := len(f.Vault.names.cached), f.Vault.names.recent.Len(); n != 3 || m != 3 {
		t.Errorf("%d and %d names cached, want 3", n, m)
	}
	before, _ := f.names.asked()
	ask("A")
	ask("C")
	ask("D")
	if calls, _ := f.names.asked(); calls != before {
		t.Errorf("cached names were asked again %d times", calls-before)
	}
	ask("B")
	if calls, _ := f.names.asked(); calls != before+1 {
		t.Errorf("the least recently used name was still cached")
	}
}

func TestOversizedNamesAreRefusedNotPanickedOn(t *testing.T) {
	f := newFixture(t)
	long := string(make([]byte, maxNameSize+1))
	for _, c := range [][2]string{{"plate", ""}, {"plate", long}, {"", "A"}, {long, "A"}} {
		if _, err := f.Pseudonyms(t.Context(), c[0], []string{c[1]}); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("type of %d bytes, name of %d: got %v, want ErrInvalid", len(c[0]), len(c[1]), err)
		}
	}
	if got, err := f.Pseudonyms(t.Context(), "plate", nil); err != nil || len(got) != 0 {
		t.Errorf("no names: got %v, %v", got, err)
	}
}

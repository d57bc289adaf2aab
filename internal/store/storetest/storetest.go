// Package storetest is the text of the store contract: what every implementation of store.Store must do, as tests.
//
// An implementation's own test calls Run with a Factory of empty databases, Crash with a Machine that can lose power, and
// Bench for figures. Only tests import it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/store"
)

// Opener opens one database, again and again; what was committed survives the Close in between.
type Opener func() (store.Store, error)

// Factory makes an empty database that lives as long as the test.
type Factory func(t testing.TB) Opener

// Run runs the whole contract.
func Run(t *testing.T, factory Factory) {
	for name, test := range map[string]func(*testing.T, *harness){
		"ReadsBackWhatWasPut":                   readsBack,
		"LaterOperationWins":                    laterWins,
		"CallerMayReuseItsBuffers":              reuseBuffers,
		"ScanAgreesWithASortedMap":              scanModel,
		"ScanOfManyPairsMissesNone":             scanMany,
		"ScanOfLargeValuesMissesNone":           scanLarge,
		"ScanBodyMayReadAndLeave":               scanNested,
		"SnapshotDoesNotMove":                   snapshotStill,
		"SnapshotSeesWholeBatches":              snapshotWhole,
		"FailedExpectationChangesNothing":       expectations,
		"ExpectationSeesStateBeforeItsBatch":    expectsBefore,
		"OneOfManyCreatorsWins":                 oneCreator,
		"NoIncrementIsLost":                     increments,
		"UnconditionalPutIsNotOverlooked":       unconditional,
		"CrossedExpectationsDoNotBothHold":      crossed,
		"ReaderNeverGoesBackInTime":             monotonic,
		"BoundsAreKept":                         bounds,
		"CancelledContextEndsTheCall":           cancelled,
		"CommittedSurvivesReopen":               reopened,
		"ClosedStoreSaysSo":                     closed,
		"CloseWaitsForNoForgottenSnapshot":      forgottenSnapshot,
		"PartitionsAreFixedForTheLifeOfAStore":  partitionsFixed,
		"CommitWithoutOperationsChecksAndWaits": emptyBatch,
	} {
		t.Run(name, func(t *testing.T) {
			h := &harness{t: t, open: factory(t)}
			h.store = h.reopen()
			t.Cleanup(func() { h.check(h.store.Close()) })
			test(t, h)
		})
	}
}

// harness is one database under test.
type harness struct {
	t     *testing.T
	open  Opener
	store store.Store
}

func (h *harness) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) reopen() store.Store {
	h.t.Helper()
	s, err := h.open()
	h.check(err)
	return s
}

// key is a key of the suite in the given partition.
func key(partition uint16, parts ...string) []byte {
	return store.Key("storetest", tribune.Place{Partition: partition}, parts...)
}

// put commits the given pairs, all strings.
func (h *harness) put(pairs ...string) {
	h.t.Helper()
	var b store.Batch
	for i := 0; i < len(pairs); i += 2 {
		b.Put(key(0, pairs[i]), []byte(pairs[i+1]))
	}
	h.check(h.store.Commit(h.t.Context(), &b))
}

// want fails unless key k holds value v; v "absent" means that it does not exist.
func (h *harness) want(r store.Reader, k, v string) {
	h.t.Helper()
	got, err := r.Get(h.t.Context(), key(0, k))
	switch {
	case v == "absent" && !errors.Is(err, tribune.ErrNotFound):
		h.t.Fatalf("get %q: got %q, %v, want ErrNotFound", k, got, err)
	case v == "absent":
	case err != nil:
		h.t.Fatalf("get %q: %v", k, err)
	case string(got) != v:
		h.t.Fatalf("get %q: got %q, want %q", k, got, v)
	}
}

// wantErr fails unless err matches target.
func (h *harness) wantErr(err, target error, doing string) {
	h.t.Helper()
	if !errors.Is(err, target) {
		h.t.Fatalf("%s: got %v, want %v", doing, err, target)
	}
}

// collect reads a whole range, copying.
func collect(ctx context.Context, r store.Reader, rg store.Range) (out []store.Pair, err error) {
	for p, err := range r.Scan(ctx, rg) {
		if err != nil {
			return out, err
		}
		out = append(out, store.Pair{Key: slices.Clone(p.Key), Value: slices.Clone(p.Value)})
	}
	return out, nil
}

// model is the store as a map, the truth that scans are compared with.
type model map[string]string

func (m model) scan(r store.Range) (out []string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k >= string(r.From) && (len(r.To) == 0 || k < string(r.To)) {
			out = append(out, k)
		}
	}
	if r.Reverse {
		slices.Reverse(out)
	}
	if r.Limit > 0 && len(out) > r.Limit {
		out = out[:r.Limit]
	}
	return out
}

// compare says how pairs differ from the model's keys, "" if they do not.
func (m model) compare(pairs []store.Pair, r store.Range) string {
	want := m.scan(r)
	for i, p := range pairs {
		if i >= len(want) || string(p.Key) != want[i] {
			return fmt.Sprintf("pair %d has key %q, want keys %s", i, p.Key, quote(want))
		}
		if !r.KeysOnly && string(p.Value) != m[want[i]] {
			return fmt.Sprintf("key %q has value of %d bytes, want %d bytes", p.Key, len(p.Value), len(m[want[i]]))
		}
	}
	if len(pairs) < len(want) {
		return fmt.Sprintf("%d pairs, want %d: missing %s", len(pairs), len(want), quote(want[len(pairs):]))
	}
	return ""
}

func quote(keys []string) string {
	if len(keys) > 5 {
		return fmt.Sprintf("%q and %d more", keys[:5], len(keys)-5)
	}
	return strings.TrimSpace(fmt.Sprintf("%q", keys))
}

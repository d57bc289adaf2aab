package snapshot_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/snapshot"
)

// crashing is a twin whose process ends when data are to be dropped.
type crashing struct{ *twin.Twin }

func (crashing) Drop(context.Context, tribune.Tenant) error {
	return errors.New("the process has ended")
}

func TestACrashBetweenTheRecordAndItsDataLeavesNothingForEver(t *testing.T) {
	disk := vfs.NewMem()
	start := func(crashes bool) (store.Store, *twin.Twin, *snapshot.Snapshots) {
		st, err := pebble.Open(pebble.Config{Dir: "store", FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		tw, err := twin.New(twin.Config{Store: st})
		if err != nil {
			t.Fatal(err)
		}
		cfg := snapshot.Config{Store: st, Twin: tw}
		if crashes {
			cfg.Twin = crashing{tw}
		}
		s, err := snapshot.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return st, tw, s
	}
	rows := func(st store.Store) (n int) {
		for p, err := range st.Scan(t.Context(), store.Range{KeysOnly: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(p.Key), "snapshot ") {
				n++
			}
		}
		return n
	}
	st, _, s := start(true)
	for _, id := range []string{"urn:x:gone", "urn:x:kept"} {
		if _, err := s.Create(t.Context(), "", snapshot.Status{ID: id, Queries: query, Lifetime: "P1D"}, one); err != nil {
			t.Fatal(err)
		}
		wait(t, s, id)
	}
	both := rows(st)
	if err := s.Delete(t.Context(), "", "urn:x:gone"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if n := rows(st); n != both || n == 0 {
		t.Fatalf("the crash did not come between: %d rows of %d are left", n, both)
	}
	st.Close()

	st, tw, s := start(false)
	for range 500 {
		if rows(st) == both/2 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := rows(st); n != both/2 {
		t.Errorf("after a restart %d rows are left, want the %d of the snapshot that is there", n, both/2)
	}
	rests, err := s.Use("", "urn:x:kept")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Get(t.Context(), rests, "urn:a:1"); err != nil {
		t.Errorf("what was not deleted: %v", err)
	}
	if err := errors.Join(s.Close(), st.Close()); err != nil {
		t.Error(err)
	}
}

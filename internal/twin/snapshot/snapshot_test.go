package snapshot_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/internal/twin/notify"
	"tribune/internal/twin/snapshot"
)

var query = []json.RawMessage{json.RawMessage(`{"type":"Query"}`)}

type fixture struct {
	st  store.Store
	tw  *twin.Twin
	mu  sync.Mutex
	at  time.Time
	got []string
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *fixture) Send(_ context.Context, to notify.Endpoint, n notify.Notification) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, string(n.Body))
	return nil
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	f := &fixture{st: st, at: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	if f.tw, err = twin.New(twin.Config{Store: st, Now: f.now}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) open(t *testing.T) *snapshot.Snapshots {
	t.Helper()
	s, err := snapshot.Open(t.Context(), snapshot.Config{Store: f.st, Twin: f.tw, Sender: f, Now: f.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func one(_ context.Context, _ json.RawMessage, _ bool, keep func([]model.Entity) error) error {
	return keep([]model.Entity{{ID: "urn:a:1", Types: []tribune.Name{"Car"}, Attrs: map[tribune.Name][]model.Attr{"speed": {{Kind: model.Property, Value: json.RawMessage("3")}}}}})
}

func wait(t *testing.T, s *snapshot.Snapshots, id string) snapshot.Status {
	t.Helper()
	for range 500 {
		if st, err := s.Get("", id); err != nil || st.State != snapshot.Preparing {
			return st
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("never ready")
	return snapshot.Status{}
}

func TestASnapshotSurvivesARestartAndNothingSurvivesItsEnd(t *testing.T) {
	f := newFixture(t)
	s := f.open(t)
	st, err := s.Create(t.Context(), "", snapshot.Status{ID: "urn:x:1", Queries: query, Lifetime: "PT10M"}, one)
	if err != nil {
		t.Fatal(err)
	}
	if st = wait(t, s, st.ID); st.State != snapshot.Success || !st.ExpiresAt.Equal(f.at.Add(10*time.Minute)) {
		t.Errorf("got %+v", st)
	}
	s.Close()
	s = f.open(t)
	rests, err := s.Use("", "urn:x:1")
	if err != nil {
		t.Fatal(err)
	}
	if e, err := f.tw.Get(t.Context(), rests, "urn:a:1"); err != nil || string(e.Attrs["speed"][0].Value) != "3" {
		t.Errorf("after a restart: %+v, %v", e, err)
	}
	f.mu.Lock()
	f.at = f.at.Add(11 * time.Minute)
	f.mu.Unlock()
	if _, err := s.Use("", "urn:x:1"); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("after its end: %v", err)
	}
	s.Sweep()
	left := func() (n int) {
		for p, err := range f.st.Scan(t.Context(), store.Range{}) {
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(p.Key), "snapshot") {
				n++
			}
		}
		return n
	}
	for range 500 {
		if left() == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d rows are left of it", left())
}

func TestAFillThatACrashEndsIsAFailure(t *testing.T) {
	f := newFixture(t)
	s := f.open(t)
	entered := make(chan struct{})
	_, err := s.Create(t.Context(), "", snapshot.Status{ID: "urn:x:1", Queries: query}, func(ctx context.Context, _ json.RawMessage, _ bool, _ func([]model.Entity) error) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	again := f.open(t) // as after a crash: the first has written nothing of how it ended
	if st, err := again.Get("", "urn:x:1"); err != nil || st.State != snapshot.Failure {
		t.Errorf("got %+v, %v", st, err)
	}
	s.Close() // ends the fill
}

func TestStatesFollowWhatQueriesFound(t *testing.T) {
	f := newFixture(t)
	s := f.open(t)
	for _, c := range []struct{ results, want string }{{"1", "success"}, {"11", "success"}, {"10", "partial"}, {"1x", "partial"}, {"0", "empty"}, {"0x", "empty"}, {"x", "failure"}} {
		i := 0
		var queries []json.RawMessage
		for range c.results {
			queries = append(queries, query[0])
		}
		st, err := s.Create(t.Context(), "", snapshot.Status{Queries: queries, Endpoint: "http://example.org/told"}, func(ctx context.Context, q json.RawMessage, past bool, keep func([]model.Entity) error) error {
			i++
			switch c.results[i-1] {
			case '1':
				return one(ctx, q, past, keep)
			case 'x':
				return errors.New("the store is on fire")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := wait(t, s, st.ID); got.State != c.want || strings.Contains(string(mustJSON(t, got)), "fire") {
			t.Errorf("%s: got %s %s, want %s", c.results, got.State, mustJSON(t, got), c.want)
		}
	}
	s.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.got) != 7 || !strings.Contains(f.got[0], `"snapshotStatus":"success"`) || !strings.Contains(f.got[0], `"type":"SnapshotNotification"`) {
		t.Errorf("told: %v", f.got)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"type":"Snapshot","snapshotQueries":[{"type":"Query"}],"snapshotLifetime":"PT1H","endpoint":"http://a.b/c","receiverInfo":[{"key":"a","value":"b"}]}`))
	f.Add([]byte(`{"type":"Snapshot","snapshotTemporalQueries":[{"temporalQ":{}}],"snapshotPriority":3}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, fragment := range []bool{false, true} {
			var st snapshot.Status
			err := st.Read(raw, fragment)
			if err != nil && !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) && !errors.Is(err, tribune.ErrUnsupported) {
				t.Errorf("a refusal without its sentinel: %v", err)
			}
			if err == nil && (st.Priority < 0 || st.Priority > 10 || len(st.Queries)+len(st.TemporalQueries) > 20) {
				t.Errorf("accepted %+v", st)
			}
		}
	})
}

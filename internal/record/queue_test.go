package record

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// stubLog is a Tessera whose disk does what a test wants.
type stubLog struct {
	tessera.LogReader
	size uint64
	add  func(i int) (uint64, error)
	n    int
}

func (s *stubLog) IntegratedSize(context.Context) (uint64, error) { return s.size, nil }

func (s *stubLog) appender() *tessera.Appender {
	return &tessera.Appender{Add: func(context.Context, *tessera.Entry) tessera.IndexFuture {
		at, err := s.add(s.n)
		s.n++
		return func() (tessera.Index, error) { return tessera.Index{Index: at}, err }
	}}
}

// stubRecord has a queue that nobody empties and a quorum.
func stubRecord(s *stubLog) *Record {
	r := &Record{cfg: Config{PublishTimeout: time.Minute, Republish: time.Minute}, log: slog.New(slog.DiscardHandler), reader: s, appender: s.appender()}
	r.life, r.stop = context.WithCancel(context.Background())
	r.queue.wake, r.queue.drained = make(chan struct{}, 1), make(chan struct{})
	r.pub.head = &head{Checkpoint: &verify.Checkpoint{}, seen: time.Now()}
	return r
}

func enqueue(t *testing.T, r *Record, n int) []*Pending {
	t.Helper()
	var out []*Pending
	for range n {
		p, err := r.Enqueue([]byte("leaf"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func TestFailedBatchTakesLaterLeavesAlong(t *testing.T) {
	disk := errors.New("no space left on device")
	s := &stubLog{add: func(int) (uint64, error) { return 0, disk }}
	r := stubRecord(s)
	all := enqueue(t, r, BatchMaxSize+1)
	batch, _ := r.nextBatch(time.Time{})
	r.integrate(batch)
	for i, p := range []*Pending{all[0], all[BatchMaxSize-1], all[BatchMaxSize]} {
		if _, err := p.Wait(t.Context()); !errors.Is(err, disk) || errors.Is(err, tribune.ErrUncertain) {
			t.Errorf("leaf %d: got %v, want a sure %v", i, err, disk)
		}
	}
	s.add = func(int) (uint64, error) { s.size++; return s.size - 1, nil }
	p := enqueue(t, r, 1)[0]
	batch, _ = r.nextBatch(time.Time{})
	r.integrate(batch)
	if at, err := p.Wait(t.Context()); err != nil || at != 0 {
		t.Errorf("after the disk has recovered: got index %d, %v; want 0", at, err)
	}
}

func TestWriteThatFailedAfterItTookEffectIsUncertainAndStops(t *testing.T) {
	disk := errors.New("directory not synced")
	s := &stubLog{size: 2, add: func(i int) (uint64, error) { return 0, disk }}
	r := stubRecord(s)
	all := enqueue(t, r, 2)
	batch, _ := r.nextBatch(time.Time{})
	r.integrate(batch)
	for _, p := range all {
		if _, err := p.Wait(t.Context()); !errors.Is(err, tribune.ErrUncertain) {
			t.Errorf("got %v, want ErrUncertain", err)
		}
	}
	var integrity *tribune.IntegrityError
	if _, err := r.Enqueue([]byte("leaf")); !errors.As(err, &integrity) {
		t.Errorf("appending afterwards: got %v, want an IntegrityError", err)
	}
}

func TestLeafAtWrongIndexStopsTheRecord(t *testing.T) {
	s := &stubLog{add: func(i int) (uint64, error) { return uint64(i) + 1, nil }}
	r := stubRecord(s)
	p := enqueue(t, r, 1)[0]
	batch, _ := r.nextBatch(time.Time{})
	r.integrate(batch)
	if _, err := p.Wait(t.Context()); !errors.Is(err, tribune.ErrUncertain) {
		t.Errorf("got %v, want ErrUncertain", err)
	}
	var integrity *tribune.IntegrityError
	if _, err := r.Enqueue([]byte("leaf")); !errors.As(err, &integrity) {
		t.Errorf("appending afterwards: got %v, want an IntegrityError", err)
	}
}

func TestFullQueueIsBusy(t *testing.T) {
	r := stubRecord(&stubLog{})
	enqueue(t, r, maxQueue)
	if _, err := r.Enqueue([]byte("leaf")); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
}

func TestPushbackIsBusy(t *testing.T) {
	r := stubRecord(&stubLog{add: func(int) (uint64, error) { return 0, tessera.ErrPushbackIntegration }})
	p := enqueue(t, r, 1)[0]
	batch, _ := r.nextBatch(time.Time{})
	r.integrate(batch)
	if _, err := p.Wait(t.Context()); !errors.Is(err, tribune.ErrBusy) || errors.Is(err, tribune.ErrUncertain) {
		t.Errorf("got %v, want a sure ErrBusy", err)
	}
}

func TestLeafOfWrongSizeIsRefused(t *testing.T) {
	r := stubRecord(&stubLog{})
	for _, size := range []int{0, protocol.MaxLeaf + 1} {
		if _, err := r.Enqueue(make([]byte, size)); !errors.Is(err, tribune.ErrTooLarge) {
			t.Errorf("leaf of %d bytes: got %v, want ErrTooLarge", size, err)
		}
	}
}

func TestLeafAfterAPauseGoesAtOnceAndYoungBatchesWait(t *testing.T) {
	r := stubRecord(&stubLog{})
	enqueue(t, r, 1)
	start := time.Now()
	if b, _ := r.nextBatch(start.Add(-BatchMaxAge)); len(b) != 1 || time.Since(start) > BatchMaxAge/2 {
		t.Errorf("after a pause: %d leaves after %v", len(b), time.Since(start))
	}
	enqueue(t, r, 1)
	start = time.Now()
	if b, _ := r.nextBatch(start); len(b) != 1 || time.Since(start) < BatchMaxAge {
		t.Errorf("right after a batch: %d leaves after %v, want %v", len(b), time.Since(start), BatchMaxAge)
	}
}

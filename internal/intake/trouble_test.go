package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/internal/twin"
)

// together has devices send one message each so that those after the first workers make one batch, and returns once all are
// answered. apply waits until hold is closed.
func (w *world) together(hold chan struct{}, list []*device.Device) []error {
	errs := make([]error, len(list))
	var senders sync.WaitGroup
	for i, d := range list {
		senders.Go(func() {
			_, errs[i] = w.desk.Take(w.t.Context(), Message{Device: d, ContentType: TypeSenML, Body: []byte(pack(20, start.Add(-time.Duration(i)*time.Second)))})
		})
		synctest.Wait()
	}
	close(hold)
	senders.Wait()
	return errs
}

func of(list []tribune.Change, source string) bool {
	return slices.ContainsFunc(list, func(c tribune.Change) bool { return strings.HasPrefix(c.Source, source) })
}

// A device that alternates what the twin takes and what it refuses would else cost every batch-mate a call of its own.
func TestRefusedMessageCostsItsBatchFewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		w := newWorld(t, func(cfg *Config) {
			cfg.Apply = func(_ context.Context, list []tribune.Change) error {
				<-hold
				if of(list, "bad") {
					return tribune.ErrInvalid
				}
				return nil
			}
		})
		defer w.desk.Close()
		var list []*device.Device
		for i := range workers + 63 {
			list = append(list, w.add(fmt.Sprintf("good-%d", i), ""))
		}
		list = append(list, w.add("bad", ""))
		for i, err := range w.together(hold, list) {
			var q *Quarantined
			if bad := i == len(list)-1; errors.As(err, &q) != bad || (err != nil) != bad {
				t.Errorf("%s: %v", list[i].ID, err)
			}
		}
		if n := w.desk.Stats().Batches - workers; n > 2*6+1 {
			t.Errorf("%d calls for one refused message among 64", n)
		}
	})
}

// Guardians hang. A public reading that was in one batch with personal ones must neither be taken for one of them for as long as
// they come again, nor be put in quarantine for what the twin said of another.
func TestReadingIsNotHeldLiableForItsBatchMates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		w := newWorld(t, func(cfg *Config) {
			cfg.Apply = func(ctx context.Context, list []tribune.Change) error {
				<-hold
				if of(list, "personal") {
					<-ctx.Done()
					return tribune.ErrInvalid
				}
				return nil
			}
		})
		defer w.desk.Close()
		var list []*device.Device
		for i := range workers {
			list = append(list, w.add(fmt.Sprintf("busy-%d", i), ""))
		}
		for i := range 30 {
			list = append(list, w.add(fmt.Sprintf("personal-%d", i), ""))
		}
		public := w.add("public", "")
		list = append(list, public)
		for i, err := range w.together(hold, list)[workers:] {
			var q *Quarantined
			if !errors.Is(err, tribune.ErrBusy) || errors.As(err, &q) {
				t.Errorf("%s: %v, want busy: nobody knows what the twin thinks of it", list[workers+i].ID, err)
			}
		}
		over := make(chan struct{})
		var senders sync.WaitGroup
		for _, d := range list[workers : workers+30] {
			senders.Go(func() { // comes again and again, as devices do
				for {
					select {
					case <-over:
						return
					default:
						w.desk.Take(t.Context(), Message{Device: d, Body: []byte(`{"temperature":20}`)})
					}
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		if _, err := w.desk.Take(t.Context(), Message{Device: public, Body: []byte(`{"temperature":20}`)}); err != nil {
			t.Error(err)
		}
		if waited := time.Since(begun); waited > applyTimeout {
			t.Errorf("a public reading waited %v behind personal ones", waited)
		}
		close(over)
		senders.Wait()
	})
}

// "So many seconds from now" is a time too: a hostile gateway would set the city's present years ahead, where nothing
// true could follow.
func TestTimesRelativeToNowDoNotReachTheFuture(t *testing.T) {
	w := newWorld(t, nil)
	d := w.add("a", "")
	for _, seconds := range []string{"3601", "200000000", "268435455", "-1000000000", "-17000000000", "-34000000000"} {
		_, err := w.desk.Take(t.Context(), Message{Device: d, ContentType: TypeSenML, Body: []byte(`[{"n":"temperature","u":"Cel","v":20,"t":` + seconds + `}]`)})
		var q *Quarantined
		if !errors.As(err, &q) || !strings.Contains(q.Reason, "clock") {
			t.Errorf("%s s: %v", seconds, err)
		}
	}
	if _, err := w.desk.Take(t.Context(), Message{Device: d, ContentType: TypeSenML, Body: []byte(`[{"n":"temperature","u":"Cel","v":20,"t":-90}]`)}); err != nil {
		t.Errorf("a minute and a half ago: %v", err)
	}
}

// A signed reading may come an hour before its own time. Who has a copy must not find an hour in which the twin has forgotten it
// and the desk still takes it.
func TestSignedCopyIsTooOldBeforeTheTwinForgets(t *testing.T) {
	w := newWorld(t, nil)
	d, key := w.signing("s")
	m := Message{Device: d, ContentType: TypeCOSE, Body: seal(t, key, pack(20, start.Add(maxAhead)))}
	_, err := w.desk.Take(t.Context(), m)
	must(t, err)
	w.clock.move(twin.DedupeSpan + time.Second)
	var q *Quarantined
	if _, err := w.desk.Take(t.Context(), m); !errors.As(err, &q) {
		t.Errorf("a copy, a week later: %v", err)
	}
}

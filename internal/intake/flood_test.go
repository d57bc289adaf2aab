package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tribune"
)

// gate is an Apply that waits until a test lets it go on, and counts.
type gate struct {
	mu      sync.Mutex
	batches [][]tribune.Change
	open    chan struct{} // one token a batch
	calls   atomic.Int64
}

func newGate() *gate { return &gate{open: make(chan struct{}, 1000)} }

func (g *gate) apply(_ context.Context, list []tribune.Change) error {
	g.calls.Add(1)
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	g.batches = append(g.batches, slices.Clone(list))
	return nil
}

// before is how many batches were applied until the first that holds a change of source, itself included.
func (g *gate) before(source string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, b := range g.batches {
		if slices.ContainsFunc(b, func(c tribune.Change) bool { return c.Source == source }) {
			return i + 1
		}
	}
	return -1
}

// A hundred connections of one device send as fast as they can; another device's one message must not stand behind them.
func TestFloodOfOneDeviceLeavesAnothersPlaceInLine(t *testing.T) {
	for _, size := range []int{1, 2000} { // small messages, and large ones
		synctest.Test(t, func(t *testing.T) {
			g := newGate()
			w := newWorld(t, func(c *Config) { c.Apply = g.apply })
			defer w.desk.Close()
			flood, victim := w.add("flood", "", sense("s/*/t", "urn:x:{1}", "")), w.add("victim", "")
			var senders sync.WaitGroup
			for i := range 100 {
				var body strings.Builder
				body.WriteByte('[')
				for k := range size {
					fmt.Fprintf(&body, `{"n":"s/%d/t","v":1,"t":%d},`, k, start.Unix()-int64(i)-1)
				}
				text := strings.TrimSuffix(body.String(), ",") + "]"
				senders.Go(func() {
					w.desk.Take(t.Context(), Message{Device: flood, ContentType: TypeSenML, Body: []byte(text)})
				})
			}
			synctest.Wait()
			if n := len(w.desk.lane("flood").slots); n != maxWaiting {
				t.Errorf("%d messages of the flood are on their way, want %d", n, maxWaiting)
			}
			if s := w.desk.Stats(); s.Full != 1 || s.Waiting != 100 {
				t.Errorf("stats %+v", s)
			}
			begun := g.calls.Load()
			senders.Go(func() {
				if _, err := w.desk.Take(t.Context(), Message{Device: victim, ContentType: TypeSenML, Body: []byte(pack(20, start))}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			for g.before("victim") < 0 {
				g.open <- struct{}{}
				synctest.Wait()
			}
			if n := int64(g.before("victim")); n > begun+1 {
				t.Errorf("size %d: the other device was served by batch %d, after %d that had begun before it came", size, n, begun)
			}
			time.Sleep(2 * patience) // those in line are told that the desk is busy
			close(g.open)
			senders.Wait()
			if s := flood.Stats(); s.Refused == 0 || s.Accepted+s.Refused != 100 || s.Waiting != 0 {
				t.Errorf("the flood's stats: %+v", s)
			}
			if s := victim.Stats(); s.Accepted != 1 || s.Refused != 0 {
				t.Errorf("the other's stats: %+v", s)
			}
		})
	}
}

func TestFullQueueTellsItsOwnSenderThatItIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		w := newWorld(t, func(c *Config) { c.Apply = g.apply })
		defer w.desk.Close()
		d := w.add("a", "")
		var senders sync.WaitGroup
		for i := range maxWaiting {
			senders.Go(func() {
				w.desk.Take(t.Context(), Message{Device: d, ContentType: TypeSenML, Body: []byte(pack(20, start.Add(-time.Duration(i)*time.Second)))})
			})
		}
		synctest.Wait()
		begun := time.Now()
		_, err := w.desk.Take(t.Context(), Message{Device: d, ContentType: TypeSenML, Body: []byte(pack(21, start))})
		if !errors.Is(err, tribune.ErrBusy) || time.Since(begun) != patience {
			t.Errorf("got %v after %v, want busy after %v", err, time.Since(begun), patience)
		}
		var q *Quarantined
		if errors.As(err, &q) {
			t.Error("a message that was not taken must not be acknowledged")
		}
		close(g.open)
		senders.Wait()
	})
}

// 60 a minute: the minute's worth at once, then one a second, and no more than patience ahead.
func TestDeviceIsHeldToItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) {
			c.Now = time.Now
			c.Apply = func(context.Context, []tribune.Change) error { return nil }
		})
		defer w.desk.Close()
		l := w.desk.lane("a")
		now := start
		for i := range 60 {
			if wait := l.pace(now, 60); wait != 0 {
				t.Fatalf("message %d waits %v", i, wait)
			}
		}
		for i := range 5 {
			if wait := l.pace(now, 60); wait < time.Duration(i+1)*time.Second-time.Millisecond || wait > time.Duration(i+1)*time.Second+time.Millisecond {
				t.Errorf("message %d waits %v", 60+i, wait)
			}
		}
		for range 1000 {
			if wait := l.pace(now, 60); wait <= patience {
				t.Fatalf("a flood is told to wait %v, want to be refused", wait)
			}
		}
		if wait := l.pace(now.Add(6*time.Second), 60); wait != 0 {
			t.Errorf("after its pause it waits %v: refused messages must cost nothing", wait)
		}
	})
}

func TestOneDevicesMessagesStayInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		w := newWorld(t, func(c *Config) { c.Apply = g.apply })
		defer w.desk.Close()
		d := w.add("a", "")
		var senders sync.WaitGroup
		for i := range 10 {
			senders.Go(func() {
				w.desk.Take(t.Context(), Message{Device: d, ContentType: TypeSenML, Body: []byte(pack(float64(i), start.Add(time.Duration(i)*time.Second)))})
			})
			synctest.Wait()
		}
		if n := g.calls.Load(); n != 1 {
			t.Errorf("%d batches of one device at once", n)
		}
		close(g.open)
		senders.Wait()
		var last time.Time
		for _, b := range g.batches {
			for _, c := range b {
				if !c.ObservedAt.After(last) {
					t.Errorf("%v after %v", c.ObservedAt, last)
				}
				last = c.ObservedAt
			}
		}
		if n := len(g.batches); n != 2 {
			t.Errorf("%d batches, want 2: what waits is merged", n)
		}
	})
}

func TestCloseFinishesWhatWaitsAndTakesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		w := newWorld(t, func(c *Config) { c.Apply = g.apply })
		d := w.add("a", "")
		m := Message{Device: d, Body: []byte(`{"temperature":20}`)}
		var err error
		var senders sync.WaitGroup
		senders.Go(func() { _, err = w.desk.Take(t.Context(), m) })
		synctest.Wait()
		senders.Go(w.desk.Close)
		synctest.Wait()
		close(g.open)
		senders.Wait()
		if err != nil {
			t.Errorf("what waited: %v", err)
		}
		if _, err := w.desk.Take(t.Context(), m); !errors.Is(err, tribune.ErrBusy) {
			t.Errorf("after the close: %v", err)
		}
	})
}

func TestSenderThatGoesAwayHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		w := newWorld(t, func(c *Config) { c.Apply = g.apply })
		defer w.desk.Close()
		d := w.add("a", "")
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		var senders sync.WaitGroup
		senders.Go(func() { _, err = w.desk.Take(ctx, Message{Device: d, Body: []byte(`{"temperature":20}`)}) })
		synctest.Wait()
		cancel()
		senders.Wait()
		var q *Quarantined
		if !errors.Is(err, context.Canceled) || errors.As(err, &q) {
			t.Errorf("got %v", err)
		}
		close(g.open)
		synctest.Wait()
		if n := len(w.desk.lane("a").slots); n != 0 {
			t.Errorf("%d places are taken", n)
		}
	})
}

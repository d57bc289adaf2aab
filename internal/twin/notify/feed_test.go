package notify

import (
	"fmt"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
)

// A few thousand changes of large entities would take gigabytes while the matcher is busy: what they hold is bounded, and no change lost.
func TestChangesOfLargeEntitiesDoNotFillTheMemory(t *testing.T) {
	w := newTown(t)
	w.subscribe(cars, `"attributes":["speed"],"format":"keyValues",`, "")
	w.stop() // nobody takes from the feed
	w.feed.open.Store(true)
	const changes = 24 // each holds 3 MB before and after
	w.write(twin.Create, `{"id":"urn:c:0","type":"Car","speed":0}`)
	for i := range 3 {
		w.write(twin.Append, fmt.Sprintf(`{"id":"urn:c:0","plate%d":"%s"}`, i, strings.Repeat("x", 1<<20-100)))
	}
	for i := range changes {
		w.write(twin.Append, fmt.Sprintf(`{"id":"urn:c:0","speed":%d}`, i+1))
	}
	if waiting := len(w.feed.events); waiting == 0 || waiting >= changes || w.feed.lost.Load() == 0 {
		t.Fatalf("%d changes wait, of an entity of 3 MB; lost up to %d", waiting, w.feed.lost.Load())
	}
	w.sender = NewSender(SenderConfig{Reach: Reach{Anywhere: true}, Now: w.now})
	w.notifier.cfg.Sender = w.sender
	w.run()
	eventually(t, "the last is told", func() bool { return w.speeds()["urn:c:0"] == float64(changes) })
	eventually(t, "all room is given back", func() bool { return w.feed.bytes.Load() == 0 })
}

func TestOneChangeAlwaysFitsIntoTheFeed(t *testing.T) {
	f := NewFeed()
	f.open.Store(true)
	huge := &model.Entity{Attrs: map[tribune.Name][]model.Attr{"a": {{Value: make([]byte, feedBytes+1)}}}}
	f.Observe(twin.Event{Seq: 1, After: huge})
	if len(f.events) != 1 || f.lost.Load() != 0 {
		t.Errorf("%d wait, lost up to %d", len(f.events), f.lost.Load())
	}
	f.Observe(twin.Event{Seq: 2})
	if len(f.events) != 1 || f.lost.Load() != 2 {
		t.Errorf("and one more: %d wait, lost up to %d", len(f.events), f.lost.Load())
	}
	e := <-f.events
	if f.taken(&e); f.bytes.Load() != 0 {
		t.Errorf("%d bytes are left of nothing", f.bytes.Load())
	}
}

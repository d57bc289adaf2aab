package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
)

// speeds are the last speed that was told of each entity.
func (w *town) speeds() map[string]any {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]any{}
	for _, r := range w.got {
		for _, e := range r.entities(w.t) {
			out[e["id"].(string)] = e["speed"]
		}
	}
	return out
}

func TestSubscriptionsGoOnAfterARestart(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars, `"format":"keyValues",`, "")
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	w.take(1)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.quiet(0) // what was told is not told again
	w.write(twin.Append, `{"id":"urn:c:1","speed":2}`)
	if got := w.take(1)[0]; got.Of != id {
		t.Errorf("told %s", got.raw)
	}
}

// Changes made durable while nobody was notifying (the hub was going down, or crashed between the two) are told at the next start.
func TestChangesThatACrashKeptFromTheMatcherAreToldAfterIt(t *testing.T) {
	w := newTown(t)
	w.subscribe(cars+`"notificationTrigger":["entityCreated","entityUpdated","entityDeleted"],`, `"format":"keyValues",`, "")
	w.write(twin.Create, `{"id":"urn:c:0","type":"Car","speed":0}`)
	w.write(twin.Create, `{"id":"urn:c:9","type":"Car","speed":9}`)
	w.take(2)
	if err := w.notifier.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.crash()
	for i := range 5 {
		w.write(twin.Create, fmt.Sprintf(`{"id":"urn:c:1%d","type":"Car","speed":%d}`, i, i))
	}
	w.write(twin.Append, `{"id":"urn:c:0","speed":100}`)
	w.write(twin.Delete, "urn:c:9")
	w.open()
	eventually(t, "all are told", func() bool { return len(w.speeds()) == 7 })
	if got := w.speeds(); got["urn:c:0"] != 100.0 || got["urn:c:14"] != 4.0 || got["urn:c:9"] != nil {
		t.Errorf("told %v", got)
	}
	for _, r := range w.take(7) {
		if strings.Contains(r.raw, "urn:c:9") && !strings.Contains(r.raw, "deletedAt") {
			t.Errorf("the deletion: %s", r.raw)
		}
	}
}

// A notification that waited for its endpoint when the hub crashed is told after it; others that had been told are not.
func TestWhatWaitedForAnEndpointIsToldAfterACrash(t *testing.T) {
	w := newTown(t)
	stuck := dead(t)
	slow, err := w.notifier.Create(t.Context(), "", w.doc(`{"type":"Subscription","entities":[{"type":"Car"}],"notification":{"format":"keyValues","endpoint":{"uri":"`+stuck+`"}}}`), w.context(), Origin{})
	if err != nil {
		t.Fatal(err)
	}
	w.subscribe(cars, `"format":"keyValues",`, "")
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	eventually(t, "the quick one is told", func() bool { return len(w.speeds()) == 1 })
	position := w.twin.Position()
	eventually(t, "it is looked at", func() bool { w.notifier.mark(); return w.notifier.safe.Load() >= position })
	if err := w.notifier.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.crash()
	w.got = nil
	w.open()
	eventually(t, "the slow one waits again", func() bool {
		s := w.notifier.find("", slow)
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.flying == 1
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.got) != 0 {
		t.Errorf("told again: %s", w.got[0].raw)
	}
}

func TestAFullQueueLosesNoChange(t *testing.T) {
	w := newTown(t)
	w.subscribe(cars, `"format":"keyValues",`, "")
	w.write(twin.Create, `{"id":"urn:c:0","type":"Car","speed":0}`)
	w.take(1)
	w.stop()
	w.open()
	w.stop() // nobody takes from the feed
	const changes = 300
	small := make(chan event, 10)
	w.feed.events = small
	w.feed.open.Store(true)
	for i := range changes {
		w.write(twin.Append, fmt.Sprintf(`{"id":"urn:c:0","speed":%d}`, i+1))
		w.write(twin.Create, fmt.Sprintf(`{"id":"urn:c:x%d","type":"Car","speed":%d}`, i, i))
	}
	if w.feed.lost.Load() == 0 {
		t.Fatal("the queue was not full: this test holds nothing")
	}
	w.sender = NewSender(SenderConfig{Reach: Reach{Anywhere: true}, Now: w.now})
	w.notifier.cfg.Sender = w.sender
	w.run()
	eventually(t, "all are told", func() bool { return len(w.speeds()) == changes+1 && w.speeds()["urn:c:0"] == float64(changes) })
}

// forgetful is a twin whose change log does not reach back.
type forgetful struct {
	*twin.Twin
	times int
}

func (f *forgetful) Changes(ctx context.Context, after uint64) ([]twin.Logged, uint64, error) {
	if f.times++; f.times == 1 {
		return nil, f.Position(), tribune.ErrExpired
	}
	return f.Twin.Changes(ctx, after)
}

func TestWhereTheLogIsTooShortEverythingSubscribedToIsTold(t *testing.T) {
	w := newTown(t)
	w.subscribe(cars+`"watchedAttributes":["speed"],`, `"format":"keyValues",`, "")
	w.crash()
	for i := range 3 {
		w.write(twin.Create, fmt.Sprintf(`{"id":"urn:c:%d","type":"Car","speed":%d}`, i, i))
	}
	w.feed = NewFeed()
	w.sender = NewSender(SenderConfig{Reach: Reach{Anywhere: true}, Now: w.now})
	var err error
	w.notifier, err = Open(t.Context(), Config{Store: w.store, Twin: &forgetful{Twin: w.twin}, Feed: w.feed, Sender: w.sender, Contexts: w.contexts, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.run()
	eventually(t, "all are told", func() bool { return len(w.speeds()) == 3 })
}

// A context that cannot be had at start must not end the subscription: it goes on when the context is back.
func TestASubscriptionWaitsForItsContext(t *testing.T) {
	w := newTown(t)
	w.subscribe(cars, `"format":"keyValues",`, "")
	w.crash()
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	w.feed = NewFeed()
	w.sender = NewSender(SenderConfig{Reach: Reach{Anywhere: true}, Now: w.now})
	away := &away{Contexts: w.contexts, err: jsonld.ErrContext}
	var err error
	w.notifier, err = Open(t.Context(), Config{Store: w.store, Twin: w.twin, Feed: w.feed, Sender: w.sender, Contexts: away, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.notifier.fetchAbsent(t.Context())
	if len(w.notifier.each()) != 0 {
		t.Fatal("restored without its context")
	}
	away.err = nil
	w.run()
	w.notifier.fetchAbsent(t.Context())
	eventually(t, "what happened meanwhile is told", func() bool { return w.speeds()["urn:c:1"] == 1.0 })
}

type away struct {
	Contexts
	err error
}

func (a *away) Of(ctx context.Context, raw json.RawMessage) (*jsonld.Context, error) {
	if a.err != nil {
		return nil, a.err
	}
	return a.Contexts.Of(ctx, raw)
}

// A store that cannot be read for a while must not end notifications.
func TestNotificationsOutliveATroubledStore(t *testing.T) {
	w := newTown(t)
	w.subscribe(cars, `"format":"keyValues",`, "")
	w.crash()
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	w.feed = NewFeed()
	w.sender = NewSender(SenderConfig{Reach: Reach{Anywhere: true}, Now: w.now})
	var err error
	w.notifier, err = Open(t.Context(), Config{Store: w.store, Twin: &troubled{Twin: w.twin}, Feed: w.feed, Sender: w.sender, Contexts: w.contexts, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.run()
	eventually(t, "it is told", func() bool { return w.speeds()["urn:c:1"] == 1.0 })
}

type troubled struct {
	*twin.Twin
	times int
}

func (f *troubled) Changes(ctx context.Context, after uint64) ([]twin.Logged, uint64, error) {
	if f.times++; f.times == 1 {
		return nil, after, errors.New("disk trouble")
	}
	return f.Twin.Changes(ctx, after)
}

func TestASubscriptionIsToldNothingFromBeforeIt(t *testing.T) {
	w := newTown(t)
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	w.subscribe(cars, "", "")
	w.crash()
	w.open()
	w.quiet(0)
}

func TestADeletedSubscriptionStaysDeleted(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars, "", "")
	if err := w.notifier.Delete(t.Context(), "", id); err != nil {
		t.Fatal(err)
	}
	if err := w.notifier.Delete(t.Context(), "", id); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	w.quiet(0)
	w.crash()
	w.open()
	if all := w.notifier.each(); len(all) != 0 {
		t.Errorf("%d came back", len(all))
	}
}

func TestTenantsDoNotHearOfEachOther(t *testing.T) {
	w := newTown(t)
	w.subscribe(cars, "", "")
	e, err := w.context().Entity(w.doc(`{"id":"urn:c:1","type":"Car","speed":1}`), jsonld.Form{})
	if err != nil {
		t.Fatal(err)
	}
	if r := w.twin.Mutate(t.Context(), []twin.Mutation{{Tenant: "north", Mode: twin.Create, Entity: e}})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	w.quiet(0)
	if _, err := w.notifier.Create(t.Context(), "north", w.doc(`{"type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"`+w.url+`"}}}`), w.context(), Origin{}); err != nil {
		t.Fatal(err)
	}
	e.ID = "urn:c:2"
	w.twin.Mutate(t.Context(), []twin.Mutation{{Tenant: "north", Mode: twin.Create, Entity: e}})
	if got := w.take(1)[0]; got.header.Get("NGSILD-Tenant") != "north" {
		t.Errorf("the tenant is %q", got.header.Get("NGSILD-Tenant"))
	}
}

func TestOneDeadEndpointAndTheOthersAreTold(t *testing.T) {
	w := newTown(t)
	stuck := dead(t)
	for i := range 50 {
		_, err := w.notifier.Create(t.Context(), "", w.doc(fmt.Sprintf(`{"id":"urn:s:dead%d","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"%s/%d"}}}`, i, stuck, i)), w.context(), Origin{})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.subscribe(cars, `"format":"keyValues",`, "")
	w.write(twin.Create, `{"id":"urn:c:0","type":"Car","speed":0}`)
	var took []time.Duration
	for i := range 20 {
		begun := time.Now()
		w.write(twin.Append, fmt.Sprintf(`{"id":"urn:c:0","speed":%d}`, i+1))
		eventually(t, "it is told", func() bool { return w.speeds()["urn:c:0"] == float64(i+1) })
		took = append(took, time.Since(begun))
	}
	if worst := slices.Max(took); worst > 5*time.Second { // a delivery to the dead takes DefaultTimeout
		t.Errorf("it took up to %v", worst)
	}
}

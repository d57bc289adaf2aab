package notify

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
)

// tardy are contexts of which the server of one takes as long as it likes.
type tardy struct {
	*jsonld.Contexts
	asked   chan struct{} // somebody waits
	answers chan error
}

const tardyURL = "https://slow.example/c.jsonld"

func (c *tardy) URL(ctx context.Context, url string) (*jsonld.Context, error) {
	if url != tardyURL {
		return c.Contexts.URL(ctx, url)
	}
	c.asked <- struct{}{}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case err := <-c.answers:
		if err != nil {
			return nil, err
		}
		return c.Contexts.URL(ctx, "https://example.org/c.jsonld")
	}
}

func (w *town) tardy() *tardy {
	c := &tardy{Contexts: w.contexts, asked: make(chan struct{}), answers: make(chan error)}
	w.notifier.cfg.Contexts = c
	return c
}

func (w *town) patch(id, text string) error {
	return w.notifier.Update(w.t.Context(), "", id, w.doc(text), w.context(), "")
}

// An update names a context whose server hangs: subscriptions of others are made, changed, deleted and notified meanwhile.
func TestHangingContextServerDelaysNobodyElse(t *testing.T) {
	w := newTown(t)
	slow, quick := w.subscribe(cars, "", ""), w.subscribe(cars, "", "")
	c := w.tardy()
	done := make(chan error, 1)
	go func() { done <- w.patch(slow, `{"jsonldContext":"`+tardyURL+`"}`) }()
	<-c.asked
	begun := time.Now()
	if err := w.patch(quick, `{"description":"quick"}`); err != nil {
		t.Fatal(err)
	}
	third := w.subscribe(cars, "", "")
	if err := w.notifier.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	w.take(3)
	if err := w.notifier.Delete(t.Context(), "", third); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("the others took %v", d)
	}
	c.answers <- nil
	if err := <-done; err != nil {
		t.Errorf("and once it answers: %v", err)
	}
	if got := w.shown(slow)["jsonldContext"]; got != tardyURL {
		t.Errorf("its context is %v", got)
	}
}

// While one update waits for a context another changes the same subscription: neither is lost.
func TestUpdateThatWaitedKeepsWhatOthersChangedMeanwhile(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars, "", "")
	c := w.tardy()
	done := make(chan error, 1)
	go func() { done <- w.patch(id, `{"jsonldContext":"`+tardyURL+`"}`) }()
	<-c.asked
	if err := w.patch(id, `{"description":"meanwhile"}`); err != nil {
		t.Fatal(err)
	}
	c.answers <- nil
	<-c.asked // it begins anew
	c.answers <- nil
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := w.shown(id); got["description"] != "meanwhile" || got["jsonldContext"] != tardyURL {
		t.Errorf("got %v", got)
	}
	go func() { done <- w.patch(id, `{"description":"too late","jsonldContext":"`+tardyURL+`"}`) }()
	<-c.asked
	if err := w.notifier.Delete(t.Context(), "", id); err != nil {
		t.Fatal(err)
	}
	c.answers <- nil
	if err := <-done; !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("an update of what was deleted meanwhile: %v", err)
	}
}

func TestUpdateThatLosesEveryRaceGivesUp(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars, "", "")
	c := w.tardy()
	done := make(chan error, 1)
	go func() { done <- w.patch(id, `{"jsonldContext":"`+tardyURL+`"}`) }()
	for range maxRaces {
		<-c.asked
		if err := w.patch(id, `{"description":"again"}`); err != nil {
			t.Fatal(err)
		}
		c.answers <- nil
	}
	if err := <-done; !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
}

// The context of a subscription that rests cannot be had, and its server hangs: the others are notified, and it goes on once it can.
func TestSubscriptionThatWaitsForItsContextDelaysNobody(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars, `"format":"keyValues",`, "")
	w.subscribe(cars, "", "")
	n := w.notifier
	n.changing.Lock()
	s := n.find("", id)
	k := kept{id: id, row: s.row()}
	k.start(n.cfg.Twin.Position())
	k.row.SentIn = []byte(`"` + tardyURL + `"`)
	n.take(s)
	n.absent = append(n.absent, k)
	n.changing.Unlock()
	c := &tardy{Contexts: w.contexts, asked: make(chan struct{}), answers: make(chan error)}
	n.cfg.Contexts = tardyOf{c}
	go n.fetchAbsent(t.Context())
	<-c.asked
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	w.take(1)
	if err := w.patch(id, `{}`); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("it is back before its context: %v", err)
	}
	c.answers <- nil
	if got := w.take(1)[0]; got.Of != id {
		t.Errorf("after it is back: %s", got.raw)
	}
}

// tardyOf finds the slow context by its name in a row, too.
type tardyOf struct{ *tardy }

func (c tardyOf) Of(ctx context.Context, raw json.RawMessage) (*jsonld.Context, error) {
	if string(raw) == `"`+tardyURL+`"` {
		return c.URL(ctx, tardyURL)
	}
	return c.Contexts.Of(ctx, raw)
}

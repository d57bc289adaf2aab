package notify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin"
)

// road is the one way as standing acts need it: it keeps of whom it was told to tell.
type road struct {
	mu      sync.Mutex // guards all
	err     error      // of Deliver
	over    error      // of Stands
	leaves  [][]tribune.Pseudonym
	checked int
}

func (r *road) Stands(context.Context, tribune.Standing) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked++
	return r.over
}

func (r *road) Deliver(_ context.Context, _ tribune.Standing, subjects []tribune.Pseudonym) ([]tribune.Pseudonym, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	r.leaves = append(r.leaves, slices.Clone(subjects))
	return subjects, nil
}

func (r *road) set(err, over error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.over = err, over
}

func (r *road) tags() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.leaves {
		n += len(l)
	}
	return n
}

const plateName tribune.Name = "https://example.org/plate"

func standingTown(t *testing.T) (*town, *road) {
	r := &road{}
	w := newTown(t, func(w *town) { w.classOf, w.sealer, w.way = platesArePersonal, vault{}, r })
	w.notifier.retry = time.Millisecond
	return w, r
}

func (w *town) act() tribune.Standing {
	class := platesArePersonal([]tribune.Name{"https://example.org/Car"}, plateName)
	return tribune.Standing{Act: "0123456789abcdef0123456789abcdef", Caller: tribune.Caller{Actor: "ward"}, Class: class.ID, Attrs: []tribune.Name{plateName}, From: w.now(), Until: w.now().Add(48 * time.Hour)}
}

func (w *town) stand(more string) string {
	w.t.Helper()
	id, err := w.notifier.CreateStanding(w.t.Context(), "", w.doc(`{"type":"Subscription","entities":[{"type":"Car"}],`+more+`"notification":{"endpoint":{"uri":"`+w.url+`"}}}`), w.context(), w.act())
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func car(id, plate string) string {
	return `{"id":"urn:c:` + id + `","type":"Car","speed":{"type":"Property","value":1},"plate":{"type":"Property","value":"` + plate + `"}}`
}

func TestStandingSubscriptionIsToldAfterItIsOnRecord(t *testing.T) {
	w, r := standingTown(t)
	w.stand(`"watchedAttributes":["plate"],`)
	w.write(twin.Create, car("1", "AB1"))
	got := w.take(1)
	if e := got[0].entities(t)[0]; !strings.Contains(got[0].raw, "AB1") || e["speed"] == nil {
		t.Errorf("got %s", got[0].raw)
	}
	if r.tags() != 1 {
		t.Errorf("%d tags, want 1", r.tags())
	}
	w.write(twin.Update, `{"id":"urn:c:1","type":"Car","plate":{"type":"Property","value":"AB1"}}`)
	if got := w.take(1); !strings.Contains(got[0].raw, "AB1") || r.tags() != 1 {
		t.Errorf("the second value of that day: %s, %d tags", got[0].raw, r.tags())
	}
	w.later(24 * time.Hour)
	w.write(twin.Update, `{"id":"urn:c:1","type":"Car","plate":{"type":"Property","value":"AB1"}}`)
	if w.take(1); r.tags() != 2 {
		t.Errorf("on the next day: %d tags, want 2", r.tags())
	}
	w.write(twin.Update, `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":2}}`)
	w.quiet(0)
}

// Of whom was told today is not forgotten by a restart: nobody's tags are spent twice.
func TestRestartSpendsNoSecondTag(t *testing.T) {
	w, r := standingTown(t)
	w.stand(`"watchedAttributes":["plate"],`)
	w.write(twin.Create, car("1", "AB1"))
	w.take(1)
	w.stop()
	w.open()
	w.write(twin.Update, `{"id":"urn:c:1","type":"Car","plate":{"type":"Property","value":"AB1"}}`)
	if got := w.take(1); !strings.Contains(got[0].raw, "AB1") || r.tags() != 1 {
		t.Errorf("after a restart: %s, %d tags", got[0].raw, r.tags())
	}
}

func TestWithoutQuorumThePublicIsToldAndThePersonalWaits(t *testing.T) {
	w, r := standingTown(t)
	id := w.stand(`"watchedAttributes":["plate","speed"],`)
	r.set(tribune.ErrNoQuorum, nil)
	w.write(twin.Create, car("1", "AB1"))
	got := w.take(1)
	if strings.Contains(got[0].raw, "AB1") || strings.Contains(got[0].raw, "plate") || !strings.Contains(got[0].raw, "speed") {
		t.Errorf("without quorum: %s", got[0].raw)
	}
	r.set(nil, nil)
	if got := w.take(1); !strings.Contains(got[0].raw, "AB1") {
		t.Errorf("with quorum again: %s", got[0].raw)
	}
	r.set(tribune.ErrNoQuorum, nil)
	w.later(24 * time.Hour) // of today it is on record already
	w.write(twin.Create, car("2", "AB2"))
	w.take(1)
	w.later(tellFor + time.Second)
	eventually(t, "what waited too long is dropped and counted", func() bool {
		n := w.shown(id)["notification"].(map[string]any)
		return n["timesFailed"] == 1.0 && n["status"] == "failed"
	})
	r.set(nil, nil)
	w.quiet(0)
}

func TestStandingSubscriptionEndsWithItsAct(t *testing.T) {
	for name, end := range map[string]func(*town, *road){
		"by its end":               func(w *town, _ *road) { w.later(49 * time.Hour) },
		"as the law has changed":   func(_ *town, r *road) { r.set(nil, &tribune.Denial{}) },
		"as the mandate has ended": func(_ *town, r *road) { r.set(nil, tribune.ErrExpired) },
	} {
		t.Run(name, func(t *testing.T) {
			w, r := standingTown(t)
			id := w.stand(`"watchedAttributes":["plate"],`)
			end(w, r)
			w.write(twin.Create, car("1", "AB1"))
			eventually(t, "it is expired", func() bool { return w.shown(id)["status"] == "expired" })
			w.quiet(0)
			if r.tags() != 0 {
				t.Errorf("%d tags were spent after its end", r.tags())
			}
			w.stop()
			r.set(nil, nil)
			w.open()
			w.write(twin.Create, car("2", "AB2"))
			w.quiet(0)
			if got := w.shown(id)["status"]; got != "expired" {
				t.Errorf("after a restart it is %v", got)
			}
		})
	}
}

// What is outside the act's scope stays sealed, and other subscriptions are told nothing more than before.
func TestStandingActTellsNobodyElseAndNothingElse(t *testing.T) {
	w, r := standingTown(t)
	w.subscribe(`"entities":[{"type":"Car"}],`, ``, ``)
	act := w.act()
	act.Attrs = []tribune.Name{"https://example.org/other"}
	if _, err := w.notifier.CreateStanding(t.Context(), "", w.doc(`{"type":"Subscription","entities":[{"type":"Car"}],"watchedAttributes":["plate"],"notification":{"endpoint":{"uri":"`+w.url+`"}}}`), w.context(), act); err != nil {
		t.Fatal(err)
	}
	w.write(twin.Create, car("1", "AB1"))
	if got := w.take(1); strings.Contains(got[0].raw, "AB1") {
		t.Errorf("somebody was told: %s", got[0].raw)
	}
	if r.tags() != 0 {
		t.Errorf("%d tags were spent", r.tags())
	}
}

func TestStandingSubscriptionCannotBeChanged(t *testing.T) {
	w, _ := standingTown(t)
	id := w.stand(`"watchedAttributes":["plate"],`)
	for _, fragment := range []string{`{"notification":{"endpoint":{"uri":"http://127.0.0.1:1/"}}}`, `{"watchedAttributes":["speed"]}`, `{"expiresAt":"2099-01-01T00:00:00Z"}`, `{"q":"speed>1"}`} {
		if err := w.notifier.Update(t.Context(), "", id, w.doc(fragment), w.context(), ""); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v", fragment, err)
		}
	}
	if err := w.notifier.Update(t.Context(), "", id, w.doc(`{"isActive":false}`), w.context(), ""); err != nil {
		t.Fatal(err)
	}
	w.write(twin.Create, car("1", "AB1"))
	w.quiet(0)
	if err := w.notifier.Delete(t.Context(), "", id); err != nil {
		t.Fatal(err)
	}
	if w.feed.Tells() {
		t.Error("events say what arrives sealed, and nobody is told of it")
	}
}

func TestWishesThatNobodyCouldKeep(t *testing.T) {
	w, _ := standingTown(t)
	wish := func(text string) error {
		_, err := w.notifier.Wish(t.Context(), "", w.doc(text), w.context())
		return err
	}
	const begin, end = `{"type":"Subscription",`, `"notification":{"endpoint":{"uri":"https://example.org/n"}}}`
	if err := wish(begin + `"entities":[{"type":"Car"}],"watchedAttributes":["plate"],` + end); err != nil {
		t.Errorf("control: %v", err)
	}
	for name, text := range map[string]string{
		"no type":       begin + `"watchedAttributes":["plate"],` + end,
		"any type":      begin + `"entities":[{"type":"*"}],"watchedAttributes":["plate"],` + end,
		"no attribute":  begin + `"entities":[{"type":"Car"}],` + end,
		"again":         begin + `"entities":[{"type":"Car"}],"timeInterval":5,"notification":{"attributes":["plate"],"endpoint":{"uri":"https://example.org/n"}}}`,
		"held back":     begin + `"entities":[{"type":"Car"}],"watchedAttributes":["plate"],"throttling":5,` + end,
		"what was":      begin + `"entities":[{"type":"Car"}],"watchedAttributes":["plate"],"notification":{"showChanges":true,"endpoint":{"uri":"https://example.org/n"}}}`,
		"in the clear":  begin + `"entities":[{"type":"Car"}],"watchedAttributes":["plate"],"notification":{"endpoint":{"uri":"http://example.org/n"}}}`,
		"clear by mqtt": begin + `"entities":[{"type":"Car"}],"watchedAttributes":["plate"],"notification":{"endpoint":{"uri":"mqtt://example.org/n"}}}`,
	} {
		if err := wish(text); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Clear values are in no row of the store: neither in subscriptions nor in what waits.
func TestStoreHoldsNothingThatIsTold(t *testing.T) {
	w, r := standingTown(t)
	w.stand(`"watchedAttributes":["plate"],`)
	r.set(tribune.ErrNoQuorum, nil)
	w.write(twin.Create, car("1", "NEEDLE77"))
	if err := w.notifier.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.set(nil, nil)
	if got := w.take(1); !strings.Contains(got[0].raw, "NEEDLE77") {
		t.Fatalf("positive control: %s", got[0].raw)
	}
	for p, err := range w.store.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(p.Key)+string(p.Value), "NEEDLE77") {
			t.Errorf("the store holds what was told, at %q", p.Key)
		}
	}
}

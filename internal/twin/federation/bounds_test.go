package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// One tenant that registers without end must not take the room of the others.
func TestOneTenantCannotTakeAllRoomForRegistrations(t *testing.T) {
	g := &Registry{tenants: map[tribune.Tenant]*index{}, wake: make(chan struct{}, 1)}
	reg := func(tenant tribune.Tenant, id string) *Registration {
		return &Registration{ID: id, Tenant: tenant, doc: document{{"description", make(json.RawMessage, maxWeightOfOne/4)}}}
	}
	g.keep(reg("greedy", "1"))
	if err := g.room(reg("greedy", "2"), nil); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("a second one of the same tenant: got %v, want ErrTooLarge", err)
	}
	if err := g.room(reg("other", "1"), nil); err != nil {
		t.Errorf("the first of another tenant: %v", err)
	}
	one := g.tenants["greedy"].byID["1"]
	if g.tenants["greedy"].remove(one); g.tenants["greedy"].weight != 0 {
		t.Errorf("what is removed still weighs %d", g.tenants["greedy"].weight)
	}
}

func TestWhatRegistrationSubscriptionsTakeIsBounded(t *testing.T) {
	s := &Subscriptions{tenants: map[tribune.Tenant]map[string]*watcher{"greedy": {"1": {tenant: "greedy", weight: maxSubscribedOfOne - 100}}}, count: 1}
	for name, c := range map[string]struct {
		w, old *watcher
		ok     bool
	}{
		"one more":           {&watcher{tenant: "greedy", weight: 101}, nil, false},
		"a small one":        {&watcher{tenant: "greedy", weight: 100}, nil, true},
		"of another tenant":  {&watcher{tenant: "other", weight: 101}, nil, true},
		"in the place of it": {&watcher{tenant: "greedy", weight: maxSubscribedOfOne}, s.tenants["greedy"]["1"], true},
		"a larger one":       {&watcher{tenant: "greedy", weight: maxSubscribedOfOne + 1}, s.tenants["greedy"]["1"], false},
	} {
		if err := s.room(c.w, c.old); (err == nil) != c.ok || err != nil && !errors.Is(err, tribune.ErrTooLarge) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for range MaxSubscriptions - 1 { // those whose contexts cannot be had come back: they count
		s.absent = append(s.absent, absent{tenant: "greedy"})
	}
	if err := s.room(&watcher{tenant: "greedy"}, nil); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("one more than a tenant may have, of which most wait for a context: got %v", err)
	}
}

// Many sources that notify faster than anybody reads must not fill the memory, each below its own bound.
func TestInboxesTogetherAreBounded(t *testing.T) {
	doc, err := jsonld.Read([]byte(`{"data":"` + strings.Repeat("x", 1<<20) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	l := &Legs{ctx: context.Background()}
	taken := 0
	for range 2 * maxWaiting / maxInboxBytes {
		g := &leg{reading: true} // nobody gets to it
		for l.take(g, letter{doc: doc}) {
			taken++
		}
	}
	if l.waiting > maxWaiting || taken < maxWaiting>>20-2*maxWaiting/maxInboxBytes {
		t.Errorf("%d notifications of %d bytes wait, want at most %d", taken, l.waiting, maxWaiting)
	}
	flood := &letter{header: words(http.Header{"Link": {"<x>"}, "X-Flood": {string(make([]byte, 1<<20))}})}
	if flood.size() > 2<<10 || flood.header.Get("Link") != "<x>" {
		t.Errorf("headers that say nothing are kept: %d bytes", flood.size())
	}
}

// A hundred callers whose questions each gather as much as one may.
func TestAllQuestionsTogetherAreBounded(t *testing.T) {
	s := &Sources{}
	var all []*allowance
	for range maxEverywhere / maxGathered {
		a := s.newAllowance()
		if a.spent() {
			t.Fatal("there is room, and none is given")
		}
		a.take(maxGathered, 1)
		all = append(all, a)
	}
	late := s.newAllowance()
	if !late.spent() {
		t.Error("a question more is read as if nobody else asked")
	}
	for _, a := range all {
		a.end()
	}
	if late.spent() || s.gathered.Load() != 0 {
		t.Errorf("%d bytes are held for questions that have ended", s.gathered.Load())
	}
}

// All that is registered may match one subscription: it must not become one body of hundreds of megabytes.
func TestNotificationsOfManyRegistrationsComeInParts(t *testing.T) {
	w := watching(t, memory(t))
	defer w.end(t)
	for i := range 50 {
		register(t, w.g, "", fmt.Sprintf(`"id": "urn:r:%02d", "note": {"type": "Property", "value": %q}`, i, strings.Repeat("x", 100<<10)))
	}
	if err := w.subscribe(t, `"entities": [{"type": "Car"}]`); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, body := range w.out.bodies {
		if told += strings.Count(body, `"urn:r:`); len(body) > maxNotice {
			t.Errorf("a notification has %d bytes", len(body))
		}
	}
	if told != 50 || len(w.out.bodies) < 2 {
		t.Errorf("%d registrations were told in %d notifications, want all 50 in some", told, len(w.out.bodies))
	}
}

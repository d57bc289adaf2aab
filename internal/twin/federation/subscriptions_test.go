package federation

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// outbox takes notifications and, unless told otherwise, has delivered them at once.
type outbox struct {
	mu     sync.Mutex
	sent   []string // reason: registrations
	bodies []string
	err    error
}

func (o *outbox) Check(e notify.Endpoint) error {
	if strings.Contains(e.URI, "inside") {
		return tribune.ErrInvalid
	}
	return nil
}

func (o *outbox) Forget(string) {}

func (o *outbox) Post(_ string, _ notify.Endpoint, n notify.Notification, told notify.Told) {
	var m struct {
		TriggerReason string
		Data          []struct{ ID string }
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := json.Unmarshal(n.Body, &m); err != nil {
		o.sent = append(o.sent, err.Error())
	}
	var ids []string
	for _, r := range m.Data {
		ids = append(ids, strings.TrimPrefix(r.ID, "urn:r:"))
	}
	o.sent = append(o.sent, m.TriggerReason+": "+strings.Join(ids, " "))
	o.bodies = append(o.bodies, string(n.Body))
	told.Sent(time.Now())
	told.Ended(time.Now(), o.err)
}

// take is what was sent since the last call.
func (o *outbox) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := strings.Join(o.sent, "; ")
	o.sent = nil
	return out
}

type watched struct {
	*Subscriptions
	g        *Registry
	out      *outbox
	contexts *jsonld.Contexts
}

func watching(t testing.TB, s store.Store) *watched {
	t.Helper()
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{g: open(t, s, time.Now), out: &outbox{}, contexts: contexts}
	if w.Subscriptions, err = NewSubscriptions(t.Context(), SubscriptionsConfig{Registry: w.g, Sender: w.out, Contexts: contexts}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watched) end(t testing.TB) {
	t.Helper()
	if err := errors.Join(w.Close(), w.g.Close()); err != nil {
		t.Fatal(err)
	}
}

func (w *watched) context(t testing.TB) *jsonld.Context {
	t.Helper()
	names := map[string]string{}
	for _, n := range []string{"Car", "Bus", "Train", "speed", "owner", "colour"} {
		names[n] = string(terms) + n
	}
	raw, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := w.contexts.Of(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func read1(t testing.TB, text string) jsonld.Document {
	t.Helper()
	doc, err := jsonld.Read([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return doc
}

func (w *watched) subscribe(t testing.TB, members string) error {
	t.Helper()
	_, err := w.Create(t.Context(), "", read1(t, `{"id": "urn:s:1", "type": "Subscription", "notification": {"endpoint": {"uri": "https://example.org/notify"}}, `+members+`}`), w.context(t), "")
	return err
}

func (w *watched) patch(t testing.TB, id, fragment string) {
	t.Helper()
	err := w.g.Update(t.Context(), "", id, func(old *Registration) (*Registration, error) { return old.Patched(read1(t, fragment), terms) }, func(*Registration) error { return nil })
	if err != nil {
		t.Fatalf("%s: %v", fragment, err)
	}
}

// Clauses 5.3.3 and 5.11.7: what is told, and why.
func TestChangesAreToldWithTheirReason(t *testing.T) {
	w := watching(t, memory(t))
	defer w.end(t)
	register(t, w.g, "", `"id": "urn:r:1"`)
	register(t, w.g, "another", `"id": "urn:r:2"`)
	expect := func(what, want string) {
		t.Helper()
		if got := w.out.take(); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	if err := w.subscribe(t, `"entities": [{"type": "Car"}]`); err != nil {
		t.Fatal(err)
	}
	expect("at first", "newlyMatching: 1")
	register(t, w.g, "", `"id": "urn:r:3", "information": [{"entities": [{"type": "Bus"}]}]`)
	expect("one that does not match", "")
	register(t, w.g, "", `"id": "urn:r:4"`)
	expect("a new one", "newlyMatching: 4")
	w.patch(t, "urn:r:4", `{"description": "new"}`)
	expect("an update", "updated: 4")
	w.patch(t, "urn:r:3", `{"information": [{"entities": [{"type": "Car"}]}]}`)
	expect("an update that makes it match", "newlyMatching: 3")
	w.patch(t, "urn:r:3", `{"information": [{"entities": [{"type": "Bus"}]}]}`)
	expect("an update that ends it", "noLongerMatching: 3")
	if err := w.g.Delete(t.Context(), "", "urn:r:4"); err != nil {
		t.Fatal(err)
	}
	expect("a deletion", "noLongerMatching: 4")
	if err := w.g.Delete(t.Context(), "", "urn:r:3"); err != nil {
		t.Fatal(err)
	}
	expect("a deletion of what did not match", "")

	update := func(fragment string) {
		t.Helper()
		if err := w.Update(t.Context(), "", "urn:s:1", read1(t, fragment), w.context(t), ""); err != nil {
			t.Fatal(err)
		}
	}
	update(`{"description": "mine"}`)
	expect("an updated subscription", "newlyMatching: 1")
	update(`{"isActive": false}`)
	w.patch(t, "urn:r:1", `{"description": "new"}`)
	expect("a paused subscription", "")
	if err := w.Delete(t.Context(), "", "urn:s:1"); err != nil {
		t.Fatal(err)
	}
	register(t, w.g, "", `"id": "urn:r:9"`)
	expect("a deleted subscription", "")
	if _, err := w.Get("", "urn:s:1"); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
}

// Clauses 5.11.2.4 and 5.12: which registrations a subscription is about.
func TestSubscriptionMatchesWhatItAsksFor(t *testing.T) {
	for subscription, want := range map[string]string{
		`"entities": [{"type": "Car"}]`:                                  "attrs car",
		`"entities": [{"type": "Car"}, {"type": "Bus"}]`:                 "attrs bus car",
		`"entities": [{"type": "Car", "id": "urn:car:1"}]`:               "attrs car",
		`"entities": [{"type": "Bus", "id": "urn:bus:2"}]`:               "attrs",
		`"entities": [{"type": "*"}]`:                                    "attrs bus car",
		`"watchedAttributes": ["colour"]`:                                "car",
		`"watchedAttributes": ["owner"]`:                                 "attrs car",
		`"entities": [{"type": "Bus"}], "watchedAttributes": ["colour"]`: "attrs bus", // 5.11.2.4: no attributes in notification, so all
		`"entities": [{"type": "Bus"}], "watchedAttributes": ["colour"], "notification": {"attributes": ["speed"], "endpoint": {"uri": "https://example.org/"}}`: "bus",
		`"entities": [{"type": "Car"}], "temporalQ": {"timerel": "after", "timeAt": "2020-06-01T00:00:00Z"}`:                                                     "past",
		`"entities": [{"type": "Car"}], "temporalQ": {"timerel": "after", "timeAt": "2020-06-01T00:00:00Z", "timeproperty": "modifiedAt"}`:                       "",
		`"entities": [{"type": "Car"}], "csf": "endpoint==\"https://bus.example.org\""`:                                                                          "",
		`"entities": [{"type": "Bus"}], "csf": "endpoint==\"https://bus.example.org\""`:                                                                          "bus",
	} {
		w := watching(t, memory(t))
		register(t, w.g, "", `"id": "urn:r:car", "information": [{"entities": [{"type": "Car"}]}]`)
		register(t, w.g, "", `"id": "urn:r:bus", "endpoint": "https://bus.example.org", "information": [{"entities": [{"type": "Bus", "id": "urn:bus:1"}], "propertyNames": ["speed"]}]`)
		register(t, w.g, "", `"id": "urn:r:attrs", "information": [{"relationshipNames": ["owner"]}]`)
		register(t, w.g, "", `"id": "urn:r:past", "observationInterval": {"startAt": "2020-01-01T00:00:00Z"}`)
		if strings.Contains(subscription, `"notification"`) {
			_, err := w.Create(t.Context(), "", read1(t, `{"id": "urn:s:1", "type": "Subscription", `+subscription+`}`), w.context(t), "")
			if err != nil {
				t.Errorf("%s: %v", subscription, err)
			}
		} else if err := w.subscribe(t, subscription); err != nil {
			t.Errorf("%s: %v", subscription, err)
		}
		if got := strings.TrimPrefix(w.out.take(), "newlyMatching: "); got != want {
			t.Errorf("%s: got %q, want %q", subscription, got, want)
		}
		w.end(t)
	}
}

func TestSubscriptionIsRefused(t *testing.T) {
	w := watching(t, memory(t))
	defer w.end(t)
	for _, members := range []string{
		`"entities": []`, `"watchedAttributes": []`, `"description": "of nothing"`, `"entities": [{"type": "Car"}], "expiresAt": "2018-01-01T00:00:00Z"`,
		`"entities": [{"type": "Car"}], "temporalQ": {"timerel": "after"}`, `"entities": [{"type": "Car"}], "temporalQ": []`, `"entities": [{"type": "Car"}], "csf": "=="`,
		`"entities": [{"type": "Car"}], "timeInterval": 0`, `"entities": [{"type": "Car"}], "q": "a=="`,
	} {
		if err := w.subscribe(t, members); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v", members, err)
		}
	}
	if err := w.subscribe(t, `"entities": [{"type": "Car"}]`); err != nil {
		t.Fatal(err)
	}
	if err := w.subscribe(t, `"entities": [{"type": "Car"}]`); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("twice: got %v", err)
	}
	inside := `{"type": "Subscription", "entities": [{"type": "Car"}], "notification": {"endpoint": {"uri": "http://inside/"}}}`
	if _, err := w.Create(t.Context(), "", read1(t, inside), w.context(t), ""); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("an endpoint out of reach: got %v", err)
	}
}

func TestSubscriptionsSurviveARestart(t *testing.T) {
	s := memory(t)
	w := watching(t, s)
	if err := w.subscribe(t, `"entities": [{"type": "Car"}], "csf": "colour==\"red\""`); err != nil {
		t.Fatal(err)
	}
	register(t, w.g, "", `"id": "urn:r:1", "colour": "red"`)
	before := w.shown(t)
	if !strings.Contains(before, `"timesSent":1`) || !strings.Contains(before, `"status":"ok"`) || strings.Contains(before, "jsonldContext") {
		t.Errorf("got %s", before)
	}
	w.end(t)
	w = watching(t, s)
	defer w.end(t)
	if after := w.shown(t); after != before {
		t.Errorf("got  %s\nwant %s", after, before)
	}
	w.out.err = errors.New("gone")
	register(t, w.g, "", `"id": "urn:r:2", "colour": "red"`)
	register(t, w.g, "", `"id": "urn:r:3", "colour": "blue"`)
	if got := w.out.take(); got != "newlyMatching: 2" {
		t.Errorf("after the restart: got %q", got)
	}
	if after := w.shown(t); !strings.Contains(after, `"status":"failed"`) || !strings.Contains(after, `"timesFailed":1`) || !strings.Contains(after, `"timesSent":2`) {
		t.Errorf("after a failure: %s", after)
	}
}

func (w *watched) shown(t testing.TB) string {
	t.Helper()
	all, n := w.List("", 0, 10)
	if len(all) != 1 || n != 1 {
		t.Fatalf("got %d of %d subscriptions", len(all), n)
	}
	b, err := all[0].Append(nil, w.context(t), time.Now(), false, false)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), ": ", ":") // white space does not survive
}

// Clause 5.11.7: only what matches is shown, in the subscription's context, and never what opens a source.
func TestNotificationShowsWhatMatches(t *testing.T) {
	w := watching(t, memory(t))
	defer w.end(t)
	body := `{"id": "urn:s:1", "type": "Subscription", "entities": [{"type": "Car"}], "notification": {"endpoint": {"uri": "https://example.org/", "accept": "application/ld+json"}}}`
	if _, err := w.Create(t.Context(), "", read1(t, body), w.context(t), ""); err != nil {
		t.Fatal(err)
	}
	register(t, w.g, "", `"contextSourceInfo": [{"key": "Authorization", "value": "secret"}], "information": [{"entities": [{"type": "Bus"}]}, {"entities": [{"type": "Car"}], "propertyNames": ["speed"]}]`)
	if len(w.out.bodies) != 1 {
		t.Fatalf("got %d notifications", len(w.out.bodies))
	}
	got := w.out.bodies[0]
	for _, want := range []string{`"type":"ContextSourceNotification"`, `"subscriptionId":"urn:s:1"`, `"information":[{"entities":[{"type":["Car"]}],"propertyNames":["speed"]}]`, `"@context":`, `"notifiedAt":"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
	if strings.Contains(got, "secret") {
		t.Errorf("it shows a secret: %s", got)
	}
}

// Clause 5.11.7: with timeInterval all that matches is told again and again, and nothing else; also where nothing matches.
func TestPeriodicNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory(t)
		w := watching(t, s)
		register(t, w.g, "", `"id": "urn:r:1"`)
		if err := w.subscribe(t, `"entities": [{"type": "Car"}], "timeInterval": 10`); err != nil {
			t.Fatal(err)
		}
		register(t, w.g, "", `"id": "urn:r:2"`)
		if got := w.out.take(); got != "newlyMatching: 1" {
			t.Errorf("at first: got %q", got)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := w.out.take(); got != "updated: 1 2" {
			t.Errorf("after the first interval: got %q", got)
		}
		w.end(t)
		time.Sleep(4 * time.Second)
		w = watching(t, s) // the interval goes on: the next is due at 20 s
		for _, id := range []string{"urn:r:1", "urn:r:2"} {
			if err := w.g.Delete(t.Context(), "", id); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if got := w.out.take(); got != "updated: " {
			t.Errorf("after a restart: got %q", got)
		}
		w.end(t)
	})
}

// Throttling delays what is told, and loses none of it.
func TestThrottlingGathersChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watching(t, memory(t))
		defer w.end(t)
		register(t, w.g, "", `"id": "urn:r:1"`)
		if err := w.subscribe(t, `"entities": [{"type": "Car"}], "throttling": 5`); err != nil {
			t.Fatal(err)
		}
		for i := 2; i < 5; i++ {
			register(t, w.g, "", fmt.Sprintf(`"id": "urn:r:%d"`, i))
		}
		w.patch(t, "urn:r:2", `{"description": "new"}`)
		w.patch(t, "urn:r:1", `{"description": "new"}`)
		if err := w.g.Delete(t.Context(), "", "urn:r:3"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := w.out.take(); got != "newlyMatching: 1" {
			t.Errorf("before it ends: got %q", got)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if got := w.out.take(); got != "newlyMatching: 2 4; updated: 1" {
			t.Errorf("when it ends: got %q", got)
		}
	})
}

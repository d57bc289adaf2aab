package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// notifying is a broker that notifies, and takes its subscriptions to other brokers. personal is an attribute that the law calls so.
func notifying(t *testing.T, personal tribune.Name) *broker {
	t.Helper()
	return newBroker(t, func(cfg *api.Config) {
		st, err := pebble.Open(pebble.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		feed := notify.NewFeed()
		tw, err := twin.New(twin.Config{Store: st, Observer: feed})
		if err != nil {
			t.Fatal(err)
		}
		contexts, err := jsonld.New(jsonld.Config{})
		if err != nil {
			t.Fatal(err)
		}
		sender := notify.NewSender(notify.SenderConfig{Reach: notify.Reach{Anywhere: true}})
		n, err := notify.Open(t.Context(), notify.Config{Store: st, Twin: tw, Feed: feed, Sender: sender, Contexts: contexts})
		if err != nil {
			t.Fatal(err)
		}
		registry, err := federation.Open(t.Context(), federation.Config{Store: st})
		if err != nil {
			t.Fatal(err)
		}
		watching, err := federation.NewSubscriptions(t.Context(), federation.SubscriptionsConfig{Registry: registry, Sender: sender, Contexts: contexts})
		if err != nil {
			t.Fatal(err)
		}
		self, err := federation.Identity(t.Context(), st)
		if err != nil {
			t.Fatal(err)
		}
		sources := federation.NewSources(federation.SourcesConfig{Contexts: contexts, Self: self, Dialer: &net.Dialer{}})
		in := &inbound{}
		door := httptest.NewServer(in)
		legs, err := federation.OpenLegs(t.Context(), federation.LegsConfig{
			Registry: registry, Sources: sources, Notifier: n, Contexts: contexts, Store: st, Twin: tw, URL: func() string { return door.URL },
			Withhold: func(_ []tribune.Name, name tribune.Name) bool { return name == personal },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		cfg.Twin, cfg.Notify, cfg.Registry, cfg.RegistrySubscriptions, cfg.Sources, cfg.Contexts, cfg.Legs = tw, n, registry, watching, sources, contexts, legs
		in.set(api.New(*cfg))
		t.Cleanup(func() {
			door.Close()
			legs.Close()
			stop()
			<-done
			sender.Close()
			watching.Close()
			registry.Close()
			st.Close()
		})
	})
}

// inbound is where sources notify a broker; the broker's handler is made after it.
type inbound struct {
	mu sync.Mutex
	h  http.Handler
}

func (i *inbound) set(h http.Handler) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.h = h
}

func (i *inbound) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	h := i.h
	i.mu.Unlock()
	h.ServeHTTP(w, r)
}

// subscriber keeps what it is notified of.
type subscriber struct {
	*httptest.Server
	got chan string
}

func newSubscriber(t *testing.T) *subscriber {
	s := &subscriber{got: make(chan string, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		s.got <- string(b)
	}))
	t.Cleanup(s.Close)
	return s
}

// hears waits for a notification that holds all of the words.
func (s *subscriber) hears(t *testing.T, words ...string) string {
	t.Helper()
	end := time.After(60 * time.Second)
next:
	for {
		select {
		case got := <-s.got:
			for _, w := range words {
				if !strings.Contains(got, w) {
					continue next
				}
			}
			return got
		case <-end:
			t.Fatalf("nothing with %q was notified", words)
		}
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 500 {
		if is() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal(what)
}

func registersOf(b *broker, more string) string {
	return fmt.Sprintf(`{"id":"urn:r:1","type":"ContextSourceRegistration","information":[{"entities":[{"type":"Car"}]%s}],"endpoint":%q}`, more, b.URL)
}

func copies(t *testing.T, b *broker) (all []map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(b.must(t, 200, "GET", "/subscriptions", "")), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestASubscriptionHearsOfEntitiesElsewhereAndEndsThere(t *testing.T) {
	near, far, who := notifying(t, ""), notifying(t, ""), newSubscriber(t)
	near.must(t, 201, "POST", "/subscriptions", fmt.Sprintf(`{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Car"}],"q":"speed>10","notification":{"attributes":["speed"],"endpoint":{"uri":%q}}}`, who.URL))
	near.must(t, 201, "POST", "/csourceRegistrations", registersOf(far, "")) // later than the subscription
	eventually(t, "no copy at the source", func() bool { return len(copies(t, far)) == 1 })
	one := copies(t, far)[0]
	if text := fmt.Sprint(one); strings.Contains(text, who.URL) || !strings.Contains(text, federation.NotifyPath) || one["q"] != "speed>10" {
		t.Errorf("the copy is %v", one)
	}
	if list := near.must(t, 200, "GET", "/csourceSubscriptions", ""); !strings.Contains(list, "urn:s:1") {
		t.Errorf("no subscription to registrations: %s", list)
	}
	far.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":50},"brand":{"type":"Property","value":"X"}}`)
	if got := who.hears(t, `"urn:s:1"`, `"value":50`); strings.Contains(got, "brand") || strings.Contains(got, "modifiedAt") || strings.Contains(got, one["id"].(string)) {
		t.Errorf("told more than it has subscribed to: %s", got)
	}

	near.must(t, 204, "PATCH", "/subscriptions/urn:s:1", `{"q":"speed>100"}`)
	eventually(t, "the copy is not updated", func() bool { return copies(t, far)[0]["q"] == "speed>100" })
	far.must(t, 204, "PATCH", "/entities/urn:c:1/attrs", `{"speed":{"type":"Property","value":60}}`)
	far.must(t, 204, "PATCH", "/entities/urn:c:1/attrs", `{"speed":{"type":"Property","value":150}}`)
	if got := <-who.got; !strings.Contains(got, `"value":150`) {
		t.Errorf("told of what the update excludes: %s", got)
	}

	near.must(t, 204, "PATCH", "/subscriptions/urn:s:1", `{"q":"urn:ngsi-ld:null","isActive":false}`)
	eventually(t, "the copy is not paused", func() bool { c := copies(t, far)[0]; return c["status"] == "paused" && c["q"] == nil })
	near.must(t, 204, "DELETE", "/csourceRegistrations/urn:r:1", "")
	eventually(t, "the copy outlives the registration", func() bool { return len(copies(t, far)) == 0 })
	near.must(t, 201, "POST", "/csourceRegistrations", registersOf(far, ""))
	eventually(t, "no copy for the new registration", func() bool { return len(copies(t, far)) == 1 })
	near.must(t, 204, "DELETE", "/subscriptions/urn:s:1", "")
	eventually(t, "the copy outlives its subscription", func() bool { return len(copies(t, far)) == 0 })
}

func TestPiecesOfAnEntityAreHeldAgainstConditionsTogether(t *testing.T) {
	near, far, who := notifying(t, ""), notifying(t, ""), newSubscriber(t)
	near.must(t, 201, "POST", "/csourceRegistrations", registersOf(far, ""))
	near.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","brand":{"type":"Property","value":"X"}}`)
	near.must(t, 201, "POST", "/subscriptions", fmt.Sprintf(`{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Car"}],"splitEntities":true,"q":"speed>10;brand==\"X\"","notification":{"endpoint":{"uri":%q}}}`, who.URL))
	eventually(t, "no copy at the source", func() bool { return len(copies(t, far)) == 1 })
	if q, ok := copies(t, far)[0]["q"]; ok {
		t.Errorf("the source is to apply %v to pieces", q)
	}
	far.must(t, 201, "POST", "/entities", `{"id":"urn:c:2","type":"Car","speed":{"type":"Property","value":5}}`)
	far.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":50}}`)
	if got := <-who.got; !strings.Contains(got, `"urn:c:1"`) || !strings.Contains(got, `"value":50`) || !strings.Contains(got, `"X"`) {
		t.Errorf("told %s", got)
	}
	near.must(t, 204, "PATCH", "/entities/urn:c:1/attrs/brand?local=true", `{"value":"Y"}`) // a change here, of what is in pieces
	near.must(t, 204, "PATCH", "/entities/urn:c:1/attrs/brand?local=true", `{"value":"X"}`)
	if got := <-who.got; strings.Contains(got, `"Y"`) || !strings.Contains(got, `"value":50`) || !strings.Contains(got, `"X"`) {
		t.Errorf("told %s of a change here", got)
	}
}

func TestNothingPersonalIsInACopyNorTakenFromASource(t *testing.T) {
	const plate = "https://uri.etsi.org/ngsi-ld/default-context/plate"
	near, far, who := notifying(t, plate), notifying(t, ""), newSubscriber(t)
	near.must(t, 201, "POST", "/csourceRegistrations", registersOf(far, ""))
	near.must(t, 201, "POST", "/subscriptions", fmt.Sprintf(`{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Car"}],"q":"plate==\"B-1\"","notification":{"endpoint":{"uri":%q}}}`, who.URL))
	near.must(t, 201, "POST", "/subscriptions", fmt.Sprintf(`{"id":"urn:s:2","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":%q}}}`, who.URL))
	eventually(t, "no copy at the source", func() bool { return len(copies(t, far)) == 1 })
	far.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","plate":{"type":"Property","value":"B-1"},"speed":{"type":"Property","value":1}}`)
	if got := who.hears(t, `"urn:s:2"`); strings.Contains(got, "B-1") {
		t.Errorf("a personal attribute came from a source: %s", got)
	}
	if all := copies(t, far); len(all) != 1 {
		t.Errorf("a copy names a personal attribute: %v", all)
	}
}

func TestACopyGoesRoundNoCircle(t *testing.T) {
	near, far, who := notifying(t, ""), notifying(t, ""), newSubscriber(t)
	near.must(t, 201, "POST", "/csourceRegistrations", registersOf(far, ""))
	far.must(t, 201, "POST", "/csourceRegistrations", registersOf(near, ""))
	near.must(t, 201, "POST", "/subscriptions", fmt.Sprintf(`{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":%q}}}`, who.URL))
	eventually(t, "no copy at the source", func() bool { return len(copies(t, far)) == 1 })
	near.must(t, 201, "POST", "/entities?local=true", `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":1}}`)
	who.hears(t, "urn:c:1")
	select {
	case got := <-who.got:
		t.Errorf("told again: %s", got)
	case <-time.After(300 * time.Millisecond):
	}
	if all := copies(t, near); len(all) != 1 {
		t.Errorf("a copy of a copy: %v", all)
	}
}

func TestAStrangersNotificationIsNotRelayed(t *testing.T) {
	near, far, who := notifying(t, ""), notifying(t, ""), newSubscriber(t)
	near.must(t, 201, "POST", "/csourceRegistrations", registersOf(far, `,"propertyNames":["speed"]`))
	near.must(t, 201, "POST", "/subscriptions", fmt.Sprintf(`{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":%q}}}`, who.URL))
	eventually(t, "no copy at the source", func() bool { return len(copies(t, far)) == 1 })
	one := copies(t, far)[0]
	at := one["notification"].(map[string]any)["endpoint"].(map[string]any)["uri"].(string)
	post := func(id, entity string) int {
		res, err := http.Post(at, "application/json", strings.NewReader(fmt.Sprintf(`{"id":"urn:n:1","type":"Notification","subscriptionId":%q,"data":[%s]}`, id, entity)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for name, id := range map[string]string{"unknown": "urn:s:9", "the subscriber's": "urn:s:1"} {
		if status := post(id, `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":1}}`); status != 404 {
			t.Errorf("%s id: %d", name, status)
		}
	}
	for name, entity := range map[string]string{"of another type": `{"id":"urn:c:2","type":"Bus","speed":{"type":"Property","value":2}}`, "not registered": `{"id":"urn:c:3","type":"Car","name":{"type":"Property","value":3}}`, "broken": `{"id":7}`} {
		if status := post(one["id"].(string), entity); status != 200 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := post(one["id"].(string), `{"id":"urn:c:4","type":"Car","speed":{"type":"Property","value":4},"name":{"type":"Property","value":"n"}}`); status != 200 {
		t.Errorf("the source's own: %d", status)
	}
	if got := <-who.got; !strings.Contains(got, "urn:c:4") || strings.Contains(got, "name") {
		t.Errorf("told %s", got)
	}
}

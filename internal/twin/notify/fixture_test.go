package notify

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
)

// town is a twin with its notifier, and an endpoint that keeps what it is sent.
type town struct {
	t        testing.TB
	store    store.Store
	contexts *jsonld.Contexts
	classOf  func([]tribune.Name, tribune.Name) tribune.Class
	sealer   tribune.Sealer
	way      Standings

	feed     *Feed
	twin     *twin.Twin
	sender   *Sender
	notifier *Notifier
	stop     func() error

	url string

	mu     sync.Mutex // guards all below
	offset time.Duration
	status int // what the endpoint answers
	got    []received
}

type received struct {
	header http.Header
	raw    string
	ID     string `json:"id"`
	Of     string `json:"subscriptionId"`
	At     string `json:"notifiedAt"`
	Data   json.RawMessage
}

// entities are the entities of the notification.
func (r *received) entities(t testing.TB) (out []map[string]any) {
	t.Helper()
	if err := json.Unmarshal(r.Data, &out); err != nil {
		t.Fatalf("%v in %s", err, r.raw)
	}
	return out
}

func (w *town) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

// later moves the clock on.
func (w *town) later(d time.Duration) {
	w.mu.Lock()
	w.offset += d
	w.mu.Unlock()
	select { // timers are real: wake what waits for them
	case w.notifier.clock.wake <- struct{}{}:
	default:
	}
}

func newTown(t testing.TB, options ...func(*town)) *town {
	t.Helper()
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	contexts, err := jsonld.New(jsonld.Config{Files: map[string][]byte{"https://example.org/c.jsonld": []byte(`{"@context":{"Car":"https://example.org/Car","speed":"https://example.org/speed","plate":"https://example.org/plate"}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, store: st, contexts: contexts, status: 200}
	for _, o := range options {
		o(w)
	}
	server := httptest.NewServer(w)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	w.url = server.URL
	w.open()
	t.Cleanup(func() {
		if w.stop != nil {
			w.stop()
		}
	})
	return w
}

// open starts twin and notifier on the store, as a hub does.
func (w *town) open() {
	w.t.Helper()
	w.feed = NewFeed()
	var err error
	if w.twin, err = twin.New(twin.Config{Store: w.store, Now: w.now, Observer: w.feed, ClassOf: w.classOf, Sealer: w.sealer}); err != nil {
		w.t.Fatal(err)
	}
	w.sender = NewSender(SenderConfig{Reach: Reach{Anywhere: true}, Now: w.now})
	w.notifier, err = Open(w.t.Context(), Config{Store: w.store, Twin: w.twin, Feed: w.feed, Sender: w.sender, Contexts: w.contexts, Now: w.now, ClassOf: w.classOf, Standings: w.way})
	if err != nil {
		w.t.Fatal(err)
	}
	w.run()
}

func (w *town) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	n, s := w.notifier, w.sender
	go func() { done <- n.Run(ctx) }()
	w.stop = func() error {
		cancel()
		w.stop = nil
		err := <-done
		s.Close()
		return err
	}
}

// crash ends everything without saving.
func (w *town) crash() {
	n := w.notifier
	n.shelf = shelf{refusing{w.store}}
	w.stop()
}

// refusing writes nothing any more.
type refusing struct{ store.Store }

func (refusing) Commit(context.Context, *store.Batch) error { return tribune.ErrBusy }

func (w *town) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	in := received{header: r.Header, raw: string(body)}
	json.Unmarshal(body, &in)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, in)
	rw.WriteHeader(w.status)
}

func (w *town) doc(text string) jsonld.Document {
	w.t.Helper()
	d, err := jsonld.Read([]byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *town) context() *jsonld.Context {
	w.t.Helper()
	c, err := w.contexts.URL(w.t.Context(), "https://example.org/c.jsonld")
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// subscribe makes a subscription; more are members of it, params of its notification, endpoint of its endpoint.
func (w *town) subscribe(more, params, endpoint string) string {
	w.t.Helper()
	id, err := w.trySubscribe(more, params, endpoint)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *town) trySubscribe(more, params, endpoint string) (string, error) {
	w.t.Helper()
	return w.notifier.Create(w.t.Context(), "", w.doc(`{"type":"Subscription",`+more+`"notification":{`+params+`"endpoint":{`+endpoint+`"uri":"`+w.url+`"}}}`), w.context(), Origin{})
}

// write changes an entity and fails where that fails.
func (w *town) write(mode twin.Mode, text string) {
	w.t.Helper()
	form := jsonld.Form{}
	switch mode {
	case twin.Merge, twin.Partial:
		form.Fragment = true
	case twin.Append, twin.Update, twin.Replace:
		form.Part = true
	}
	m := twin.Mutation{Mode: mode}
	var err error
	if mode == twin.Delete {
		m.Entity.ID = tribune.EntityID(text)
	} else if m.Entity, err = w.context().Entity(w.doc(text), form); err != nil {
		w.t.Fatal(err)
	}
	if r := w.twin.Mutate(w.t.Context(), []twin.Mutation{m})[0]; r.Err != nil {
		w.t.Fatal(r.Err)
	}
}

// take is what has arrived since the last take, once it is so much.
func (w *town) take(n int) []received {
	w.t.Helper()
	eventually(w.t, "the notifications arrive", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.got) >= n
	})
	w.quiet(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got = nil
	return got
}

// quiet checks that no more than n have arrived once everything that was written has been looked at and sent.
func (w *town) quiet(n int) {
	w.t.Helper()
	w.settled()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.got) != n {
		raw := ""
		for _, r := range w.got {
			raw += "\n" + r.raw
		}
		w.t.Fatalf("%d notifications, want %d:%s", len(w.got), n, raw)
	}
}

// settled waits until all changes have been looked at and nothing is on its way.
func (w *town) settled() {
	w.t.Helper()
	w.notifier.mark()
	position := w.twin.Position()
	eventually(w.t, "everything is looked at", func() bool {
		if w.notifier.safe.Load() < position {
			w.notifier.mark()
			return false
		}
		for _, s := range w.notifier.each() {
			s.mu.Lock()
			flying := s.flying
			s.mu.Unlock()
			if flying > 0 {
				return false
			}
		}
		return true
	})
}

// shown is a subscription as its owner sees it.
func (w *town) shown(id string) map[string]any {
	w.t.Helper()
	s, err := w.notifier.Get("", id)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := s.Append(nil, w.context(), w.now(), true, false)
	if err != nil {
		w.t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		w.t.Fatalf("%v in %s", err, b)
	}
	return out
}

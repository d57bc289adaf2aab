package notify

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

// BenchmarkLook is what the matcher does for one change that one subscription matches, beside so many others.
func BenchmarkLook(b *testing.B) {
	for _, others := range []int{1, 1000, 10_000} {
		b.Run(fmt.Sprint(others, " subscriptions"), func(b *testing.B) {
			w := newTown(b)
			w.stop()
			w.notifier.cfg.Sender = NewSender(SenderConfig{Reach: Reach{Anywhere: true}})
			defer w.notifier.cfg.Sender.Close()
			for i := range others {
				_, err := w.notifier.Create(b.Context(), "", w.doc(fmt.Sprintf(`{"id":"urn:s:%d","type":"Subscription","entities":[{"id":"urn:c:%d","type":"Car"}],"watchedAttributes":["speed"],"throttling":1e6,"notification":{"format":"keyValues","endpoint":{"uri":"http://127.0.0.1:1/"}}}`, i, i)), w.context(), Origin{})
				if err != nil {
					b.Fatal(err)
				}
			}
			states := [2]*model.Entity{}
			for i := range states {
				e, err := w.context().Entity(w.doc(fmt.Sprintf(`{"id":"urn:c:0","type":"Car","speed":%d,"colour":"red"}`, i)), jsonld.Form{})
				if err != nil {
					b.Fatal(err)
				}
				states[i] = &e
			}
			name := w.notifier.find("", "urn:s:0").watched
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				w.notifier.look(b.Context(), event{Event: twin.Event{Seq: uint64(i) + 1, Entity: "urn:c:0", Before: states[i%2], After: states[(i+1)%2], Touched: name, At: time.Now()}})
			}
		})
	}
}

// BenchmarkSend is one notification over a connection that is there already, with the server's share of it.
func BenchmarkSend(b *testing.B) {
	to := endpoint(b, serve(b, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}), `"receiverInfo":[{"key":"Authorization","value":"Bearer t"}]`)
	s := sender(b)
	n := Notification{Body: make([]byte, 500), ContentType: TypeJSON, Link: "https://example.org/c.jsonld"}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Send(b.Context(), to, n); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkObserve is what an entity of 20 attributes costs its writer on the way into the feed.
func BenchmarkObserve(b *testing.B) {
	f := NewFeed()
	f.open.Store(true)
	e := &model.Entity{Attrs: map[tribune.Name][]model.Attr{}}
	for i := range 20 {
		e.Attrs[tribune.Name(fmt.Sprint("https://example.org/a", i))] = []model.Attr{{Value: make([]byte, 40)}}
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Observe(twin.Event{Seq: 1, Before: e, After: e})
		e := <-f.events
		f.taken(&e)
	}
}

package notify

import (
	"fmt"
	"testing"
	"time"

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
				_, err := w.notifier.Create(b.Context(), "", w.doc(fmt.Sprintf(`{"id":"urn:s:%d","type":"Subscription","entities":[{"id":"urn:c:%d","type":"Car"}],"watchedAttributes":["speed"],"throttling":1e6,"notification":{"format":"keyValues","endpoint":{"uri":"http://127.0.0.1:1/"}}}`, i, i)), w.context())
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

package notify

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin"
)

// q and csf are kept as they were written: who changes one of them in another context does not change what the other means.
func TestQueriesKeepTheContextInWhichTheyWereWritten(t *testing.T) {
	w := newTown(t)
	spec := func(v *Spec) (q, csf string) {
		t.Helper()
		queries, err := v.WrittenIn(t.Context(), w.contexts)
		if err != nil {
			t.Fatal(err)
		}
		sources, err := v.SourcesIn(t.Context(), w.contexts)
		if err != nil {
			t.Fatal(err)
		}
		return queries.Link(), sources.Link()
	}
	const town = "https://example.org/c.jsonld"
	core := w.contexts.Core()
	for _, c := range []struct{ fragment, q, csf string }{
		{`{"description":"x"}`, town, town},
		{`{"q":"speed>1"}`, core.Link(), town},
		{`{"csf":"speed>1"}`, town, core.Link()},
		{`{"q":"speed>1","csf":"speed>1"}`, core.Link(), core.Link()},
		{`{"q":"urn:ngsi-ld:null"}`, core.Link(), town},
	} {
		body := w.doc(`{"type":"Subscription",` + cars + `"q":"speed>0","csf":"speed>0","notification":{"endpoint":{"uri":"` + w.url + `"}}}`)
		v, err := ReadSpec(t.Context(), body, w.context(), w.contexts, "", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if v, err = v.Patched(t.Context(), w.doc(c.fragment), core, w.contexts, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		row, err := v.Row()
		if err != nil {
			t.Fatal(err)
		}
		again, err := RestoreSpec(t.Context(), row, w.contexts)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string]*Spec{"patched": v, "restored": again} {
			if q, csf := spec(v); q != c.q || csf != c.csf {
				t.Errorf("%s, %s: q in %q, csf in %q, want %q and %q", c.fragment, name, q, csf, c.q, c.csf)
			}
		}
	}
}

func TestFilterOfSourcesThatIsNoneIsRefused(t *testing.T) {
	w := newTown(t)
	if _, err := w.trySubscribe(cars+`"csf":"((",`, "", ""); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a new one: %v", err)
	}
	id := w.subscribe(cars, "", "")
	if err := w.patch(id, `{"csf":"a=="}`); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("an update: %v", err)
	}
}

// What is no member of a subscription means nothing, and is not shown as if it did (table 5.2.12-1).
func TestStrangeMembersAreNotKept(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars+`"__context":"https://example.org/hijacked","status":"expired","Q":"speed>1",`, `"timesSent":42,`, "")
	if err := w.patch(id, `{"__more":1}`); err != nil {
		t.Fatal(err)
	}
	shown := w.shown(id)
	for _, name := range []string{"__context", "__more", "Q"} {
		if v, has := shown[name]; has {
			t.Errorf("%s is %v", name, v)
		}
	}
	if shown["status"] != "active" || shown["notification"].(map[string]any)["timesSent"] != nil {
		t.Errorf("got %v", shown)
	}
}

// A notification counts as sent while its endpoint still thinks about it (clause 5.8.6), and as taken once the head of the answer is here.
func TestSentCountsBeforeTheAnswerAndTheAnswerBeforeItsEnd(t *testing.T) {
	head, end, arrived := make(chan struct{}), make(chan struct{}), make(chan struct{})
	slow := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-head
		rw.WriteHeader(200)
		rw.(http.Flusher).Flush()
		<-end
	})
	w := newTown(t)
	id, err := w.notifier.Create(t.Context(), "", w.doc(`{"type":"Subscription",`+strings.TrimSuffix(cars, ",")+`,"notification":{"endpoint":{"uri":"`+slow+`"}}}`), w.context(), Origin{})
	if err != nil {
		t.Fatal(err)
	}
	params := func() map[string]any { return w.shown(id)["notification"].(map[string]any) }
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	<-arrived
	if p := params(); p["timesSent"] != 1.0 || p["lastNotification"] == nil || p["status"] != nil || p["lastSuccess"] != nil {
		t.Errorf("before the answer: %v", p)
	}
	close(head)
	eventually(t, "the head of the answer counts", func() bool { p := params(); return p["status"] == "ok" && p["lastSuccess"] != nil })
	close(end)
}

package federation

import (
	"context"
	"testing"

	"tribune/internal/twin/jsonld"
)

// tardy are contexts of which the server of one takes as long as it likes.
type tardy struct {
	*jsonld.Contexts
	asked, answer chan struct{}
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
	case <-c.answer:
		return c.Core(), nil
	}
}

// An update names a context whose server hangs: registrations and the subscriptions of others go on. What has been changed meanwhile is not lost.
func TestHangingContextServerHoldsNoRegistryUp(t *testing.T) {
	w := watching(t, memory(t))
	defer w.end(t)
	const slow, quick = "urn:s:slow", "urn:s:quick"
	for _, id := range []string{slow, quick} {
		doc := read1(t, `{"id":"`+id+`","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"https://example.org/notify"}}}`)
		if _, err := w.Create(t.Context(), "", doc, w.context(t), ""); err != nil {
			t.Fatal(err)
		}
	}
	c := &tardy{w.contexts, make(chan struct{}), make(chan struct{})}
	w.cfg.Contexts = c
	update := func(id, fragment string) error {
		return w.Update(t.Context(), "", id, read1(t, fragment), w.context(t), "")
	}
	done := make(chan error, 1)
	go func() { done <- update(slow, `{"jsonldContext":"`+tardyURL+`"}`) }()
	<-c.asked
	register(t, w.g, "", `"id": "urn:r:1"`)
	for _, id := range []string{quick, slow} {
		if err := update(id, `{"description":"meanwhile"}`); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Delete(t.Context(), "", quick); err != nil {
		t.Fatal(err)
	}
	c.answer <- struct{}{}
	<-c.asked // again: the subscription is another one now
	c.answer <- struct{}{}
	if err := <-done; err != nil {
		t.Fatalf("and once it answers: %v", err)
	}
	if got := w.find("", slow).spec; got.Text("description") != "meanwhile" || got.Text("jsonldContext") != tardyURL {
		t.Errorf("description %q, jsonldContext %q", got.Text("description"), got.Text("jsonldContext"))
	}
}

package jsonld_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin/jsonld"
)

const elsewhere = "https://example.org/context.jsonld"

// web is what a test's contexts are downloaded from.
type web struct {
	mu    sync.Mutex
	doc   string
	fresh time.Duration // 0 = for ever
	fails error
	asked atomic.Int64
	wait  chan struct{} // nil = answers at once
}

func (w *web) set(doc string, fails error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.doc, w.fails = doc, fails
}

func (w *web) download(ctx context.Context, _ string) ([]byte, time.Time, error) {
	w.asked.Add(1)
	if w.wait != nil {
		select {
		case <-w.wait:
		case <-ctx.Done():
			return nil, time.Time{}, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails != nil {
		return nil, time.Time{}, w.fails
	}
	var until time.Time
	if w.fresh > 0 {
		until = time.Now().Add(w.fresh)
	}
	return []byte(w.doc), until, nil
}

func online(tb testing.TB, cfg jsonld.Config) *jsonld.Contexts {
	tb.Helper()
	c, err := jsonld.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// speed is what a context calls "speed".
func speed(tb testing.TB, c *jsonld.Contexts, url string) (tribune.Name, error) {
	tb.Helper()
	x, err := c.URL(tb.Context(), url)
	if err != nil {
		return "", err
	}
	return x.Expand("speed")
}

func speedIs(n int) string {
	return fmt.Sprintf(`{"@context":{"speed":"https://example.org/speed%d"}}`, n)
}

func TestABrokenContextIsNotKeptForEver(t *testing.T) {
	for name, broken := range map[string]struct {
		doc  string
		err  error
		want error
	}{
		"the server is down":      {err: errors.New("connection refused"), want: jsonld.ErrContext},
		"it answers with a page":  {doc: `<html>`, want: tribune.ErrInvalid},
		"there is no @context":    {doc: `{"speed":"https://example.org/speed"}`, want: tribune.ErrInvalid},
		"it is no JSON-LD":        {doc: `{"@context":{"speed":7}}`, want: tribune.ErrInvalid},
		"it is cyclic":            {doc: `{"@context":["https://example.org/context.jsonld","https://example.org/2"]}`, want: tribune.ErrInvalid},
		"it is protected":         {doc: `{"@context":{"@protected":true,"location":"https://example.org/x"}}`, want: tribune.ErrInvalid},
		"it has too many members": {doc: `{"@context":{` + strings.Repeat(" ", 5<<20) + `}}`, want: jsonld.ErrContext},
	} {
		t.Run(name, func(t *testing.T) {
			w := &web{doc: broken.doc, fails: broken.err}
			c := online(t, jsonld.Config{Download: w.download})
			for range 2 {
				if _, err := speed(t, c, elsewhere); !errors.Is(err, broken.want) {
					t.Fatalf("got %v, want %v", err, broken.want)
				}
			}
			if all := c.List("", jsonld.Cached); len(all) != 8 {
				t.Errorf("%d copies are stored, want only the core context's 8", len(all))
			}
			w.set(speedIs(1), nil)
			if got, err := speed(t, c, elsewhere); err != nil || got != "https://example.org/speed1" {
				t.Errorf("once it was mended: %s, %v", got, err)
			}
		})
	}
}

func TestManyWhoNeedAContextAtOnceDownloadItOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &web{doc: speedIs(1), wait: make(chan struct{})}
		c := online(t, jsonld.Config{Download: w.download})
		impatient, leave := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { // asks first, and leaves
			if _, err := c.URL(impatient, elsewhere); !errors.Is(err, context.Canceled) {
				t.Errorf("whoever left got %v", err)
			}
		})
		synctest.Wait()
		for i := range 50 {
			group.Go(func() {
				raw := json.RawMessage(`"` + elsewhere + `"`)
				if i%2 == 0 {
					raw = json.RawMessage(`["` + elsewhere + `",{"n":"https://example.org/n"}]`)
				}
				if _, err := c.Of(t.Context(), raw); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		leave()
		if _, err := c.Of(t.Context(), json.RawMessage(`{"other":"https://example.org/other"}`)); err != nil {
			t.Errorf("a context that needs no download waited for one: %v", err)
		}
		close(w.wait)
		group.Wait()
		if n := w.asked.Load(); n != 1 {
			t.Errorf("downloaded %d times, want once", n)
		}
	})
}

func TestACopyIsRenewedWhenItIsOverAndServesWhereNoneCanBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &web{doc: speedIs(1), fresh: time.Hour}
		c := online(t, jsonld.Config{Download: w.download})
		want := func(name string, asked int64) {
			t.Helper()
			got, err := speed(t, c, elsewhere)
			if err != nil || got != tribune.Name("https://example.org/"+name) || w.asked.Load() != asked {
				t.Errorf("after %d downloads, want %d: %s, %v, want %s", w.asked.Load(), asked, got, err, name)
			}
		}
		want("speed1", 1)
		before, _ := c.URL(t.Context(), elsewhere)
		time.Sleep(59 * time.Minute)
		want("speed1", 1)
		time.Sleep(time.Minute) // over, and the same
		want("speed1", 2)
		if after, _ := c.URL(t.Context(), elsewhere); after != before {
			t.Error("a copy that did not change was processed again")
		}
		w.set("", errors.New("no route"))
		time.Sleep(time.Hour)
		want("speed1", 3)
		want("speed1", 3) // not tried with each request
		time.Sleep(31 * time.Second)
		want("speed1", 4)
		w.set(speedIs(2), nil)
		time.Sleep(31 * time.Second)
		want("speed2", 5)
		if after, _ := c.URL(t.Context(), elsewhere); after.Key() == before.Key() {
			t.Error("two versions of a context have one key: what was rendered under the old one would be shown")
		}
		w.set("", errors.New("no route"))
		time.Sleep(26 * time.Hour)
		if _, err := speed(t, c, elsewhere); !errors.Is(err, jsonld.ErrContext) {
			t.Errorf("a copy a day over its end: %v", err)
		}
	})
}

func TestHostedContextsAndCopiesOutliveTheProcess(t *testing.T) {
	s, err := pebble.Open(pebble.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := &web{doc: speedIs(1)}
	first := online(t, jsonld.Config{Store: s, Download: w.download})
	doc, err := jsonld.Read([]byte(`{"@context":["` + elsewhere + `",{"a":"https://example.org/a"}],"more":1}`))
	if err != nil {
		t.Fatal(err)
	}
	id, err := first.Add(t.Context(), "", doc)
	if err != nil {
		t.Fatal(err)
	}
	again := online(t, jsonld.Config{Store: s}) // and offline now
	got, err := again.Serve(id)
	if err != nil || string(got.Document) != `{"@context":["`+elsewhere+`",{"a":"https://example.org/a"}]}` || got.Kind != jsonld.Hosted {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, host := range []string{"http://localhost:9090/ngsi-ld/v1/jsonldContexts/", "https://hub.example/broker/ngsi-ld/v1/jsonldContexts/"} {
		x, err := again.URL(t.Context(), host+id)
		if err != nil {
			t.Fatalf("as %s: %v", host, err)
		}
		a, _ := x.Expand("a")
		v, _ := x.Expand("speed")
		if a != "https://example.org/a" || v != "https://example.org/speed1" {
			t.Errorf("as %s: a is %s, speed is %s", host, a, v)
		}
	}
	if w.asked.Load() != 1 {
		t.Errorf("downloaded %d times, want once", w.asked.Load())
	}
	if err := again.Delete(t.Context(), "", id); err != nil {
		t.Fatal(err)
	}
	if _, err := again.URL(t.Context(), "http://localhost:9090/ngsi-ld/v1/jsonldContexts/"+id); !errors.Is(err, jsonld.ErrContext) {
		t.Errorf("a deleted context is still used: %v", err)
	}
	if _, err := online(t, jsonld.Config{Store: s}).Serve(id); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("a deleted context came back with the next start: %v", err)
	}
}

func TestCopiesAreBoundedAndTheLeastUsedGo(t *testing.T) {
	w := &web{doc: speedIs(1)}
	now := time.Now()
	c := online(t, jsonld.Config{Download: w.download, Now: func() time.Time { now = now.Add(time.Millisecond); return now }})
	for i := range 600 {
		if _, err := speed(t, c, fmt.Sprintf("https://example.org/%d", i)); err != nil {
			t.Fatal(err)
		}
		if _, err := speed(t, c, "https://example.org/0"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.List("", jsonld.Cached)) - 8; n != 512 {
		t.Errorf("%d copies, want 512", n)
	}
	if _, err := c.Details("", "https://example.org/0"); err != nil {
		t.Errorf("the copy that is used all the time: %v", err)
	}
	if _, err := c.Details("", "https://example.org/1"); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("the copy that nobody used: %v", err)
	}
}

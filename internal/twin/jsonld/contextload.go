package jsonld

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/piprate/json-gold/ld"

	"tribune"
)

const (
	staleFor   = 24 * time.Hour   // a copy that is over serves so long where no new one can be had
	retryAfter = 30 * time.Second // then it is tried again
)

// copied is what was found at a URL.
type copied struct {
	document json.RawMessage
	until    time.Time
	file     bool
}

// loader gives json-gold the documents it asks for; it counts them, since json-gold would follow a cycle of contexts for ever.
type loader struct {
	ctx      context.Context
	contexts *Contexts
	checking bool // a document that is to replace a stored one: what is stored is taken as it is
	loaded   int
	core     bool     // the core context has been asked for
	parts    []*entry // what has been used of the storage
	fresh    []*entry // and what is to be put there, if the whole can be used
	err      error    // the first failure: json-gold hides which one it was
}

// LoadDocument implements ld.DocumentLoader. Documents are parsed anew each time because json-gold changes them.
func (l *loader) LoadDocument(url string) (*ld.RemoteDocument, error) {
	doc, err := l.load(url)
	if err != nil {
		if l.err == nil {
			l.err = err
		}
		return nil, err
	}
	return &ld.RemoteDocument{DocumentURL: url, Document: doc}, nil
}

func (l *loader) load(url string) (any, error) {
	if l.loaded++; l.loaded > maxIncludes {
		return nil, fmt.Errorf("%w: @context draws in more than %d documents", tribune.ErrInvalid, maxIncludes)
	}
	if isCore(url) { // it is processed last in any case
		l.core = true
		return map[string]any{"@context": map[string]any{}}, nil
	}
	e, err := l.entry(url)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := json.Unmarshal(e.document, &doc); err != nil {
		return nil, fmt.Errorf("%w: what stands at %s is not JSON", tribune.ErrInvalid, short(url))
	}
	return map[string]any{"@context": doc["@context"]}, nil
}

// entry finds a document: stored, drawn in before, or fetched now.
func (l *loader) entry(url string) (*entry, error) {
	for _, known := range [][]*entry{l.parts, l.fresh} {
		for _, e := range known {
			if e.url == url {
				return e, nil
			}
		}
	}
	if !isURL(url) {
		return nil, tribune.Hint(fmt.Errorf("%w: %q is not an http or https URL of an @context", tribune.ErrInvalid, short(url)), "Name contexts by whole URLs.")
	}
	c := l.contexts
	if e := c.storage.at(url); e != nil {
		if !l.checking && c.over(e, c.cfg.Now()) {
			e = c.renew(l.ctx, e)
		}
		if e != nil {
			l.parts = append(l.parts, e)
			return e, nil
		}
	}
	got, err := c.get(l.ctx, url)
	if err != nil {
		return nil, err
	}
	e := c.copyOf(url, got)
	l.fresh = append(l.fresh, e)
	return e, nil
}

// keep stores what was fetched: the context as a whole could be used.
func (l *loader) keep() error {
	for _, e := range l.fresh {
		if err := l.contexts.storage.put(l.ctx, e); err != nil {
			return err
		}
	}
	l.parts, l.fresh = append(l.parts, l.fresh...), nil
	return nil
}

func (c *Contexts) copyOf(url string, got copied) *entry {
	e := &entry{id: idOf("copy", url), url: url, kind: Cached, created: c.cfg.Now().UTC(), document: got.document, file: got.file}
	if !got.until.IsZero() {
		e.renewed(got.until)
		e.end.Store(got.until.Add(staleFor).UnixNano())
	}
	return e
}

// get fetches what stands at url, once for all who need it now, and checks that it is a context's document.
func (c *Contexts) get(ctx context.Context, url string) (copied, error) {
	c.mu.Lock()
	file, ok := c.files[url]
	c.mu.Unlock()
	if ok {
		doc, err := onlyContext(file)
		if err != nil {
			return copied{}, fmt.Errorf("%w: %s", err, short(url))
		}
		return copied{document: doc, file: true}, nil
	}
	if c.cfg.Download == nil {
		return copied{}, tribune.Hint(fmt.Errorf("%w: %s is not in the context map, and this hub downloads nothing", ErrContext, short(url)),
			"Ask the hub's operators to add the file to the context map, add it with POST %s, or send the terms themselves in @context.", "/ngsi-ld/v1/jsonldContexts")
	}
	return c.getting.do(ctx, url, downloadTime+time.Second, func(ctx context.Context) (copied, error) {
		data, until, err := c.cfg.Download(ctx, url)
		if err != nil {
			return copied{}, fmt.Errorf("%w: downloading %s: %s", ErrContext, short(url), whatFailed(err))
		}
		if len(data) > maxFile {
			return copied{}, fmt.Errorf("%w: %s has more than %d bytes", ErrContext, short(url), maxFile)
		}
		doc, err := onlyContext(data)
		if err != nil {
			return copied{}, fmt.Errorf("%w: %s", err, short(url))
		}
		return copied{document: doc, until: until}, nil
	})
}

// whatFailed is the reason of a failed download; that of an inner time limit is not the caller's.
func whatFailed(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the server did not answer in time"
	}
	return err.Error()
}

// onlyContext is {"@context": ...} of a document, without the rest of it (clause 5.13.2.3).
func onlyContext(data []byte) (json.RawMessage, error) {
	doc, err := Read(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if err != nil {
		return nil, fmt.Errorf("%w: this is not JSON of a context", tribune.ErrInvalid)
	}
	inner, ok := doc.Member("@context")
	if !ok || string(inner.Raw()) == "null" {
		return nil, fmt.Errorf("%w: this has no @context", tribune.ErrInvalid)
	}
	return wrapped(inner.Raw()), nil
}

func wrapped(inner []byte) json.RawMessage {
	out := append(make(json.RawMessage, 0, len(inner)+14), `{"@context":`...)
	return append(append(out, inner...), '}')
}

// renewAll renews the parts of x that are over and reports whether x, as it is, still holds.
func (c *Contexts) renewAll(ctx context.Context, x *Context) bool {
	for _, e := range x.parts {
		if !e.gone.Load() && c.over(e, c.cfg.Now()) {
			c.renew(ctx, e)
		}
		if e.gone.Load() {
			return false
		}
	}
	return true
}

// renew fetches a copy anew that is over: the same entry where nothing has changed or nothing better can be had, another
// where it has, nil where it is over for good.
func (c *Contexts) renew(ctx context.Context, e *entry) *entry {
	got, err := c.get(ctx, e.url)
	if err == nil && !bytes.Equal(got.document, e.document) {
		fresh := c.copyOf(e.url, got)
		if err = c.check(ctx, got.document); err == nil {
			if err = c.storage.put(ctx, fresh); err == nil {
				return fresh
			}
		}
	}
	now := c.cfg.Now()
	switch {
	case err == nil:
		e.renewed(got.until)
		e.end.Store(got.until.Add(staleFor).UnixNano())
	case now.UnixNano() < e.end.Load():
		e.renewed(now.Add(retryAfter))
	default:
		c.storage.remove(ctx, e) // what cannot be erased is over at the next start as well
		return nil
	}
	return e
}

// check finds out whether a document can be used as a context.
func (c *Contexts) check(ctx context.Context, document json.RawMessage) error {
	doc, err := Read(document)
	if err != nil {
		return err
	}
	inner, _ := doc.Member("@context")
	_, _, err = c.run(ctx, inner.Raw(), true)
	return err
}

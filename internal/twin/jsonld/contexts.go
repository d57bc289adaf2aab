// Package jsonld is the edge between JSON-LD as NGSI-LD writes it (ETSI GS CIM 009, clauses 4.5 and 5.5) and the model:
// contexts become immutable maps between terms and IRIs, entities are parsed, validated and rendered on those maps.
//
// Its caller is twin/api (and whoever reads entity files). It promises: nothing is downloaded unless Config.Download is
// set; no generic JSON-LD algorithm runs per request; values of Properties are opaque; every refusal names the
// attribute and the rule it breaks, and quotes no value; whatever is parsed and rendered under one context comes back
// the same.
//
// A context is processed by json-gold, once, with the core context last so that nobody can redefine its terms
// (clause 5.5.7), and cached. Contexts are found in five places, in this order: the core context is built in, in every version
// ETSI has published; what has been added here is stored (clause 5.13); copies of what stands elsewhere are stored, too, and
// renewed when they are over; the map file and shipped files stand for their URLs; the rest is downloaded, if at all.
//
// A failure is never kept: the next who needs the context tries again. One attempt serves all who wait for it, and nobody else
// waits. Where a copy is over and no new one can be had, the old one serves for another day.
package jsonld

import (
	"container/list"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/store"
)

// CoreURL names the core context in answers. Every published version of it means the one built in.
const CoreURL = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"

// The terms of the core context are those of ETSI GS CIM 009 V1.8.1, Annex B (ETSI); the file is written anew from
// them, sorted.
//
//go:embed core.jsonld
var core []byte

// ErrContext says that a context could not be had: LdContextNotAvailable. It does not match tribune.ErrInvalid.
var ErrContext = errors.New("the @context is not available")

// Bounds, with their reasons.
const (
	maxInline   = 64 << 10         // a context in a body; larger vocabularies belong into the map file
	maxFile     = 4 << 20          // a context in the map file or downloaded
	maxCached   = 512              // contexts kept processed; about 100 kB each with a thousand terms
	maxIncludes = 32               // documents one context may draw in: json-gold itself does not stop a cycle
	maxMaking   = 20 * time.Second // for all documents of one context
)

// Config of Contexts.
type Config struct {
	// Map is a JSON file that names a local file, in its own folder or below, for each context URL:
	// {"https://example.org/context.jsonld": "example.jsonld"}. "" = none.
	Map string

	// Files are contexts by URL that are there already (embedded ones). Where Map names the same URL, Map wins.
	Files map[string][]byte

	// Download fetches a context that is not in the map, and says until when the copy holds (zero = for ever); a
	// Downloader's Download is one. nil = never: the hub is offline.
	Download func(ctx context.Context, url string) (document []byte, until time.Time, err error)

	// Store keeps what is added, and copies of what was downloaded; nil = nothing outlives the process.
	Store store.Store

	Now func() time.Time // nil = time.Now
}

// Contexts finds, processes and caches contexts. It is safe for concurrent use.
type Contexts struct {
	cfg     Config
	core    *Context
	started time.Time
	storage *storage

	making  flights[*Context]
	getting flights[copied]

	generation atomic.Int64 // of processed contexts: another version of a context has another Key

	mu    sync.Mutex               // guards files, byKey and order, of which the last two hold the same entries
	files map[string][]byte        // by URL
	byKey map[string]*list.Element // by URL, or by the context's text
	order *list.List               // of *Context, most recently used first
}

// New reads the map file and processes every context it knows, so that a broken one is found at start.
func New(cfg Config) (*Contexts, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Contexts{cfg: cfg, started: cfg.Now().UTC(), storage: newStorage(cfg.Store), files: map[string][]byte{}, byKey: map[string]*list.Element{}, order: list.New()}
	var err error
	if c.core, err = c.process(context.Background(), nil); err != nil {
		return nil, fmt.Errorf("core context: %w", err)
	}
	maps.Copy(c.files, cfg.Files)
	if cfg.Map != "" {
		mapped, err := readMap(cfg.Map)
		if err != nil {
			return nil, fmt.Errorf("reading context map %s: %w", cfg.Map, err)
		}
		maps.Copy(c.files, mapped)
	}
	if err := c.storage.load(context.Background()); err != nil {
		return nil, err
	}
	for url := range c.files {
		if e := c.storage.at(url); e != nil && e.kind == Cached { // downloaded before it was mapped: the map wins
			if err := c.storage.remove(context.Background(), e); err != nil {
				return nil, err
			}
		}
	}
	for url := range c.files {
		if _, err := c.make(context.Background(), url, quoted(url), nil); err != nil {
			return nil, fmt.Errorf("context %s: %w", url, err)
		}
	}
	return c, nil
}

// Core is the core context alone: what a request without any context means.
func (c *Contexts) Core() *Context { return c.core }

// URL is the context at a URL, as a Link header names it.
func (c *Contexts) URL(ctx context.Context, url string) (*Context, error) {
	if hit := c.lookup(url); hit != nil && c.alive(hit) {
		return hit, nil
	}
	return c.used(c.make(ctx, url, quoted(url), c.lookup(url)))
}

// Of is the context that raw says: a URL, an object, or an array of both. Empty means the core context.
func (c *Contexts) Of(ctx context.Context, raw json.RawMessage) (*Context, error) {
	if len(raw) == 0 {
		return c.core, nil
	}
	if len(raw) > maxInline {
		return nil, tribune.Hint(fmt.Errorf("@context of %d bytes: %w", len(raw), tribune.ErrTooLarge), "A context in a body has at most %d bytes; name it by its URL.", maxInline)
	}
	key := string(raw)
	var url string
	if raw[0] == '"' && json.Unmarshal(raw, &url) == nil {
		key = url
	} else if len(raw) > 1024 {
		sum := sha256.Sum256(raw)
		key = string(sum[:])
	}
	old := c.lookup(key)
	if old != nil && c.alive(old) {
		return old, nil
	}
	return c.used(c.make(ctx, key, raw, old))
}

func quoted(url string) json.RawMessage {
	text, _ := json.Marshal(url) // a string can always be written
	return text
}

func (c *Contexts) lookup(key string) *Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*Context)
}

// alive reports whether what a context was made of still holds, and counts the use if so.
func (c *Contexts) alive(x *Context) bool {
	if len(x.parts) == 0 {
		return true
	}
	now := c.cfg.Now()
	for _, e := range x.parts {
		if e.gone.Load() || c.over(e, now) {
			return false
		}
	}
	for _, e := range x.parts {
		e.touch(now)
	}
	return true
}

// over: a copy is, where a new one could be had.
func (c *Contexts) over(e *entry, now time.Time) bool { return c.cfg.Download != nil && e.stale(now) }

func (c *Contexts) used(x *Context, err error) (*Context, error) {
	if err == nil && len(x.parts) > 0 {
		now := c.cfg.Now()
		for _, e := range x.parts {
			e.touch(now)
		}
	}
	return x, err
}

// make processes a context, once for all who need it now. old is what was made of it before, if anything: it goes on where
// its parts have only to be renewed and have not changed.
func (c *Contexts) make(ctx context.Context, key string, raw json.RawMessage, old *Context) (*Context, error) {
	raw = append(json.RawMessage(nil), raw...) // a body may be reused by its reader
	return c.making.do(ctx, key, maxMaking, func(ctx context.Context) (*Context, error) {
		if old != nil && c.renewAll(ctx, old) {
			return old, nil
		}
		fresh, err := c.process(ctx, raw)
		if err != nil {
			return nil, err
		}
		fresh.cached, fresh.key = key, key
		if len(fresh.parts) > 0 {
			fresh.key = key + "\x00" + strconv.FormatInt(c.generation.Add(1), 10)
		}
		c.keep(fresh)
		return fresh, nil
	})
}

func (c *Contexts) keep(fresh *Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[fresh.cached]; ok {
		c.order.Remove(e)
	}
	c.byKey[fresh.cached] = c.order.PushFront(fresh)
	if c.order.Len() > maxCached {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.byKey, last.Value.(*Context).cached)
	}
}

// isCore reports whether url is a published version of the core context.
func isCore(url string) bool {
	rest, ok := strings.CutPrefix(strings.Replace(url, "http://", "https://", 1), coreBase)
	if !ok {
		return false
	}
	rest, ok = strings.CutSuffix(rest, ".jsonld")
	return ok && (rest == "" || strings.HasPrefix(rest, "-v1."))
}

func isURL(s string) bool {
	return (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) && isURI(s)
}

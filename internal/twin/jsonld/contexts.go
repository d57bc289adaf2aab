// Package jsonld is the edge between JSON-LD as NGSI-LD writes it (ETSI GS CIM 009, clauses 4.5 and 5.5) and the model:
// contexts become immutable maps between terms and IRIs, entities are parsed, validated and rendered on those maps.
//
// Its caller is twin/api (and whoever reads entity files). It promises: nothing is downloaded unless Config.Download is
// set; no generic JSON-LD algorithm runs per request; values of Properties are opaque; every refusal names the
// attribute and the rule it breaks, and quotes no value; whatever is parsed and rendered under one context comes back
// the same.
//
// A context is processed by json-gold, once, with the core context last so that nobody can redefine its terms
// (clause 5.5.7), and cached. Contexts are found in three places: the core context is built in, the map file names
// local files for URLs, and what a body carries is processed as it is.
package jsonld

import (
	"container/list"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"tribune"
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
	maxInline   = 64 << 10 // a context in a body; larger vocabularies belong into the map file
	maxFile     = 4 << 20  // a context in the map file or downloaded
	maxCached   = 512      // contexts kept processed; about 100 kB each with a thousand terms
	maxIncludes = 32       // documents one context may draw in: json-gold itself does not stop a cycle
)

// Config of Contexts.
type Config struct {
	// Map is a JSON file that names a local file, in its own folder or below, for each context URL:
	// {"https://example.org/context.jsonld": "example.jsonld"}. "" = none.
	Map string

	// Files are contexts by URL that are there already (embedded ones). Where Map names the same URL, Map wins.
	Files map[string][]byte

	// Download fetches a context that is not in the map. nil = never: the hub is offline.
	Download func(ctx context.Context, url string) ([]byte, error)
}

// Contexts finds, processes and caches contexts. It is safe for concurrent use.
type Contexts struct {
	files    map[string][]byte // by URL; immutable
	download func(ctx context.Context, url string) ([]byte, error)
	core     *Context

	mu    sync.Mutex // guards byKey and order, which hold the same entries
	byKey map[string]*list.Element
	order *list.List // of *Context, most recently used first
}

// New reads the map file and processes every context it knows, so that a broken one is found at start.
func New(cfg Config) (*Contexts, error) {
	c := &Contexts{files: map[string][]byte{}, download: cfg.Download, byKey: map[string]*list.Element{}, order: list.New()}
	var err error
	if c.core, err = c.process(context.Background(), nil); err != nil {
		return nil, fmt.Errorf("core context: %w", err)
	}
	maps.Copy(c.files, cfg.Files)
	if cfg.Map != "" {
		if err := c.readMap(cfg.Map); err != nil {
			return nil, fmt.Errorf("reading context map %s: %w", cfg.Map, err)
		}
	}
	for url := range c.files {
		if _, err := c.URL(context.Background(), url); err != nil {
			return nil, fmt.Errorf("context %s: %w", url, err)
		}
	}
	return c, nil
}

func (c *Contexts) readMap(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var files map[string]string
	if err := json.Unmarshal(text, &files); err != nil {
		return tribune.Hint(fmt.Errorf("%w: %w", tribune.ErrInvalid, err), `Write {"URL": "FILE", ...}.`)
	}
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	for url, name := range files {
		if !isURL(url) {
			return fmt.Errorf("%w: %q is not an http or https URL", tribune.ErrInvalid, url)
		}
		f, err := dir.Open(name)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
		f.Close()
		if err != nil {
			return err
		}
		if len(data) > maxFile {
			return fmt.Errorf("%s: %w: at most %d bytes", name, tribune.ErrTooLarge, maxFile)
		}
		c.files[url] = data
	}
	return nil
}

// Core is the core context alone: what a request without any context means.
func (c *Contexts) Core() *Context { return c.core }

// URL is the context at a URL, as a Link header names it.
func (c *Contexts) URL(ctx context.Context, url string) (*Context, error) {
	quoted, err := json.Marshal(url)
	if err != nil {
		return nil, fmt.Errorf("%w: context URL", tribune.ErrInvalid)
	}
	return c.Of(ctx, quoted)
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
	if len(raw) > 1024 {
		sum := sha256.Sum256(raw)
		key = string(sum[:])
	}
	c.mu.Lock()
	e, ok := c.byKey[key]
	if ok {
		c.order.MoveToFront(e)
	}
	c.mu.Unlock()
	if ok {
		return e.Value.(*Context), nil
	}
	fresh, err := c.process(ctx, raw)
	if err != nil {
		return nil, err
	}
	fresh.key = key
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok { // another request was faster
		return e.Value.(*Context), nil
	}
	c.byKey[key] = c.order.PushFront(fresh)
	if c.order.Len() > maxCached {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.byKey, last.Value.(*Context).key)
	}
	return fresh, nil
}

// isCore reports whether url is a published version of the core context.
func isCore(url string) bool {
	const prefix = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context"
	rest, ok := strings.CutPrefix(strings.Replace(url, "http://", "https://", 1), prefix)
	if !ok {
		return false
	}
	rest, ok = strings.CutSuffix(rest, ".jsonld")
	return ok && (rest == "" || strings.HasPrefix(rest, "-v1."))
}

func isURL(s string) bool {
	return (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) && isURI(s)
}

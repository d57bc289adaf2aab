package jsonld

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"tribune"
)

// Managing what is stored (clause 5.13). Names of stored contexts are local identifiers or, of copies, the URLs they are of.

// Add stores a context that a client brings, {"@context": ...}, and returns its local identifier (clause 5.13.2). A context
// that names others which cannot be had just now is stored all the same; one that can never be used is not.
func (c *Contexts) Add(ctx context.Context, tenant tribune.Tenant, document Document) (id string, err error) {
	raw := document.Raw()
	if len(raw) > maxDocument {
		return "", fmt.Errorf("@context of %d bytes: %w: at most %d", len(raw), tribune.ErrTooLarge, maxDocument)
	}
	inner, _ := document.Member("@context")
	if _, err := c.process(ctx, inner.Raw()); err != nil && !errors.Is(err, ErrContext) {
		return "", fmt.Errorf("adding an @context: %w", err)
	}
	e := &entry{id: newID(), kind: Hosted, tenant: tenant, created: c.cfg.Now().UTC(), document: wrapped(inner.Raw())}
	if err := c.storage.put(ctx, e); err != nil {
		return "", err
	}
	return e.id, nil
}

// Implicit stores x, which no single URL names, so that one does, and returns its local identifier: that of a subscription
// stays until it is deleted, that of one answer only for a while (stays false).
func (c *Contexts) Implicit(ctx context.Context, tenant tribune.Tenant, x *Context, stays bool) (id string, err error) {
	id = idOf("implicit", string(tenant), string(x.show))
	if e := c.storage.find(id); e != nil && (!stays || !e.passing.Load()) {
		return id, nil
	}
	e := &entry{id: id, kind: ImplicitlyCreated, tenant: tenant, created: c.cfg.Now().UTC(), document: wrapped(x.show)}
	e.passing.Store(!stays)
	e.used.Store(e.created.UnixNano())
	return id, c.storage.put(ctx, e)
}

// List is what a tenant sees of the storage; kind "" = every kind (clause 5.13.3).
func (c *Contexts) List(tenant tribune.Tenant, kind Kind) []Stored {
	var out []Stored
	if kind == "" || kind == Cached {
		for n := range coreVersions {
			s := c.builtin(coreVersion(n))
			s.Document = nil
			out = append(out, s)
		}
	}
	for _, e := range c.storage.list(tenant, kind) {
		if e.passing.Load() {
			continue // it is nobody's to manage
		}
		s := e.stored()
		s.Document = nil
		out = append(out, s)
	}
	return out
}

// Serve is one context of the storage, and counts the use (clause 5.13.4). What was added or created is served to anybody who
// has its identifier and names no tenant: a context is named by its URL, and a JSON-LD processor that follows that knows none.
func (c *Contexts) Serve(name string) (Stored, error) {
	if c.isBuiltin(name) {
		return c.builtin(name), nil
	}
	e := c.storage.find(name)
	if e == nil {
		return Stored{}, errNotStored()
	}
	s := e.stored()
	e.touch(c.cfg.Now())
	return s, nil
}

// ServeIn is Serve for whoever names a tenant: what another has added is not there (clause 5.5.10).
func (c *Contexts) ServeIn(tenant tribune.Tenant, name string) (Stored, error) {
	if e := c.storage.find(name); e != nil && !e.visible(tenant) {
		return Stored{}, errNotStored()
	}
	return c.Serve(name)
}

// Details is what is known of one context that the tenant sees; it counts as a use, too.
func (c *Contexts) Details(tenant tribune.Tenant, name string) (Stored, error) {
	s, err := c.ServeIn(tenant, name)
	s.Document = nil
	return s, err
}

// Delete removes a context (clause 5.13.5). What was made of it before is not touched.
func (c *Contexts) Delete(ctx context.Context, tenant tribune.Tenant, name string) error {
	e, err := c.owned(tenant, name)
	if err != nil {
		return err
	}
	if e == nil {
		return tribune.Hint(fmt.Errorf("%w: the core context is built in and cannot be deleted", tribune.ErrInvalid), "It is part of the standard (clause 4.4).")
	}
	return c.storage.remove(ctx, e)
}

// Reload fetches a copy anew and puts it in the place of the stored one, which stays where that fails (clause 5.13.5).
func (c *Contexts) Reload(ctx context.Context, tenant tribune.Tenant, name string) error {
	e, err := c.owned(tenant, name)
	switch {
	case err != nil:
		return err
	case e == nil:
		return nil // the core context is never another
	case e.kind != Cached:
		return tribune.Hint(fmt.Errorf("%w: only contexts of the kind Cached can be reloaded, this one is %s (clause 5.13.5.4)", tribune.ErrInvalid, e.kind), "Delete it, and add it anew.")
	}
	if err := c.remap(e.url); err != nil {
		return err
	}
	got, err := c.get(ctx, e.url)
	if err == nil {
		err = c.check(ctx, got.document)
	}
	if errors.Is(err, tribune.ErrInvalid) {
		err = fmt.Errorf("%w: %s", ErrContext, err) // that of a request: here it is the other server's
	}
	if err != nil {
		return fmt.Errorf("reloading an @context: %w", err)
	}
	return c.storage.put(ctx, c.copyOf(e.url, got))
}

// remap reads the map file anew where url is in it.
func (c *Contexts) remap(url string) error {
	if c.cfg.Map == "" {
		return nil
	}
	mapped, err := readMap(c.cfg.Map)
	if err != nil {
		return fmt.Errorf("%w: reading the context map: %w", ErrContext, err)
	}
	if doc, ok := mapped[url]; ok {
		c.mu.Lock()
		c.files[url] = doc
		c.mu.Unlock()
	}
	return nil
}

// owned is the entry that a tenant may manage; nil without an error = the core context.
func (c *Contexts) owned(tenant tribune.Tenant, name string) (*entry, error) {
	if e := c.storage.find(name); e != nil && e.visible(tenant) {
		return e, nil
	}
	if c.isBuiltin(name) {
		return nil, nil
	}
	return nil, errNotStored()
}

func errNotStored() error {
	return tribune.Hint(fmt.Errorf("%w: no @context is stored under this identifier", tribune.ErrNotFound), "GET /ngsi-ld/v1/jsonldContexts lists what is.")
}

// Versions of the core context that ETSI has published are v1.3 to v1.9, and the name without a version.
const (
	coreBase     = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context"
	coreVersions = 8
)

func coreVersion(n int) string {
	if n == coreVersions-1 {
		return coreBase + ".jsonld"
	}
	return coreBase + "-v1." + strconv.Itoa(n+3) + ".jsonld"
}

// isBuiltin reports whether a name, URL or identifier, is one of the core context.
func (c *Contexts) isBuiltin(name string) bool {
	for n := range coreVersions {
		if url := coreVersion(n); name == url || name == idOf("copy", url) {
			return true
		}
	}
	return isCore(name)
}

// builtin is the core context under one of its names.
func (c *Contexts) builtin(name string) Stored {
	url := name
	for n := range coreVersions {
		if v := coreVersion(n); name == idOf("copy", v) {
			url = v
		}
	}
	return Stored{ID: idOf("copy", url), URL: url, Kind: Cached, Created: c.started, Builtin: true, Document: json.RawMessage(core)}
}

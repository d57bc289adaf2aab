package jsonld

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/piprate/json-gold/ld"

	"tribune"
)

// process runs json-gold over raw and then the core context, and keeps of the result what entities need.
func (c *Contexts) process(ctx context.Context, raw json.RawMessage) (out *Context, err error) {
	var user any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &user); err != nil {
			return nil, fmt.Errorf("%w: @context is not JSON", tribune.ErrInvalid)
		}
		if !shapely(user) {
			return nil, fmt.Errorf("%w: @context must be a URL, an object, or an array of both", tribune.ErrInvalid)
		}
	}
	loader := &loader{ctx: ctx, contexts: c}
	// json-gold panics on some malformed contexts ("@protected": 1); its callers must not.
	defer func() {
		if recover() != nil {
			out, err = nil, fmt.Errorf("%w: @context does not follow JSON-LD 1.1", tribune.ErrInvalid)
		}
	}()
	opts := ld.NewJsonLdOptions("")
	opts.ProcessingMode = ld.JsonLd_1_1
	opts.DocumentLoader = loader
	active, err := ld.NewContext(nil, opts).Parse(user)
	if loader.err != nil {
		return nil, loader.err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: @context does not follow JSON-LD 1.1: %s", tribune.ErrInvalid, codeOf(err))
	}
	var doc struct {
		Context map[string]any `json:"@context"`
	}
	if err := json.Unmarshal(core, &doc); err != nil {
		return nil, fmt.Errorf("built-in core context: %w", err)
	}
	if active, err = active.Parse(doc.Context); err != nil {
		return nil, tribune.Hint(fmt.Errorf("%w: @context protects terms that the core context defines: %s", tribune.ErrInvalid, codeOf(err)),
			"Remove @protected, or the terms that NGSI-LD itself defines.")
	}
	return newContext(active, raw), nil
}

// shapely: strings, objects, and arrays of them. json-gold would take null as "forget everything".
func shapely(v any) bool {
	switch v := v.(type) {
	case string, map[string]any:
		return true
	case []any:
		for _, e := range v {
			switch e.(type) {
			case string, map[string]any:
			default:
				return false
			}
		}
		return true
	}
	return false
}

func codeOf(err error) string {
	var e *ld.JsonLdError
	if errors.As(err, &e) {
		return string(e.Code)
	}
	return "it cannot be processed"
}

// loader gives json-gold the documents it asks for, from files first; it counts them, since json-gold would follow a
// cycle of contexts for ever.
type loader struct {
	ctx      context.Context
	contexts *Contexts
	loaded   int
	err      error // the first failure: json-gold hides which one it was
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
		return map[string]any{"@context": map[string]any{}}, nil
	}
	data, ok := l.contexts.files[url]
	if !ok {
		if l.contexts.download == nil || !isURL(url) {
			return nil, tribune.Hint(fmt.Errorf("%w: %s is not in the context map, and this hub downloads nothing", ErrContext, short(url)),
				"Ask the hub's operators to add the file to the context map, or send the terms themselves in @context.")
		}
		var err error
		if data, err = l.contexts.download(l.ctx, url); err != nil {
			return nil, fmt.Errorf("%w: downloading %s: %w", ErrContext, short(url), err)
		}
		if len(data) > maxFile {
			return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrContext, short(url), maxFile)
		}
	}
	var doc any
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&doc); err != nil {
		return nil, fmt.Errorf("%w: %s is not JSON", ErrContext, short(url))
	}
	if m, ok := doc.(map[string]any); !ok || m["@context"] == nil {
		return nil, fmt.Errorf("%w: %s has no @context", ErrContext, short(url))
	}
	return doc, nil
}

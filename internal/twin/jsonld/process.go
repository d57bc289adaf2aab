package jsonld

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/piprate/json-gold/ld"

	"tribune"
)

// process makes a context of raw and stores what it had to fetch for it.
func (c *Contexts) process(ctx context.Context, raw json.RawMessage) (*Context, error) {
	out, loader, err := c.run(ctx, raw, false)
	if err != nil {
		return nil, err
	}
	if err := loader.keep(); err != nil {
		return nil, err
	}
	out.parts = loader.parts
	return out, nil
}

// run runs json-gold over raw and then the core context, and keeps of the result what entities need.
func (c *Contexts) run(ctx context.Context, raw json.RawMessage, checking bool) (out *Context, loaded *loader, err error) {
	var user any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &user); err != nil {
			return nil, nil, fmt.Errorf("%w: @context is not JSON", tribune.ErrInvalid)
		}
		if !shapely(user) {
			return nil, nil, fmt.Errorf("%w: @context must be a URL, an object, or an array of both", tribune.ErrInvalid)
		}
	}
	loader := &loader{ctx: ctx, contexts: c, checking: checking}
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
		return nil, nil, loader.err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: @context does not follow JSON-LD 1.1: %s", tribune.ErrInvalid, codeOf(err))
	}
	for term, def := range active.TermDefinitions {
		if def != nil && def.HasContext && !c.isCoreTerm(term) {
			return nil, nil, tribune.Hint(fmt.Errorf("%w: @context gives the term %q a context of its own (clause 5.5.7)", tribune.ErrInvalid, short(term)),
				"Scoped contexts could give the standard's own terms another meaning: define the terms at the top.")
		}
	}
	var doc struct {
		Context map[string]any `json:"@context"`
	}
	if err := json.Unmarshal(core, &doc); err != nil {
		return nil, nil, fmt.Errorf("built-in core context: %w", err)
	}
	if active, err = active.Parse(doc.Context); err != nil {
		return nil, nil, tribune.Hint(fmt.Errorf("%w: @context protects terms that the core context defines: %s", tribune.ErrInvalid, codeOf(err)),
			"Remove @protected, or the terms that NGSI-LD itself defines.")
	}
	return newContext(active, raw, loader.core), loader, nil
}

// isCoreTerm: copies of the core context stand in contexts of others, and have what the core context has.
func (c *Contexts) isCoreTerm(term string) bool {
	if c.core == nil {
		return true // this is it
	}
	_, ok := c.core.iris[term]
	return ok
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

package api

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
)

const (
	typeJSON  = "application/json"
	typeLD    = "application/ld+json"
	typeMerge = "application/merge-patch+json"

	tenantHeader  = "NGSILD-Tenant"
	warningHeader = "NGSILD-Warning"
	countHeader   = "NGSILD-Results-Count"
)

// payload is a request body with the context that its terms are in.
type payload struct {
	raw []byte
	doc jsonld.Document
	ctx *jsonld.Context // nil where every element of the body brings its own
	ld  bool            // application/ld+json: the @context stands in the body (clause 6.3.5)
}

// read reads the body and finds its context. For JSON that is the Link header's or the core context, and the body may
// not have one; for JSON-LD it is the body's, and no Link header may name another.
func (a *api) read(r *http.Request) (payload, error) {
	var p payload
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return p, fmt.Errorf("%w: the Content-Type header cannot be read", errMediaType)
	}
	switch media {
	case typeJSON, typeMerge:
	case typeLD:
		p.ld = true
	default:
		return p, tribune.Hint(fmt.Errorf("%w: a body is %s or %s", errMediaType, typeJSON, typeLD), "Set Content-Type: %s.", typeJSON)
	}
	link, err := contextLink(r.Header.Values("Link"))
	if err != nil {
		return p, err
	}
	if p.raw, err = web.Body(r); err != nil {
		return p, err
	}
	if p.doc, err = jsonld.Read(p.raw); err != nil {
		return p, tribune.Hint(fmt.Errorf("%w: %w", errInvalidRequest, err), "%s", tribune.HintOf(err))
	}
	if p.ld {
		if link != "" {
			return p, tribune.Hint(fmt.Errorf("%w: a Link header names an @context beside a body of %s (clause 6.3.5)", tribune.ErrInvalid, typeLD), "Put the @context into the body, or send %s.", typeJSON)
		}
		if p.doc.IsArray() {
			return p, nil
		}
		p.ctx, err = a.bodyContext(r, p.doc)
		return p, err
	}
	if _, has := p.doc.Member("@context"); has {
		return p, contextInJSON()
	}
	p.ctx, err = a.linked(r, link)
	return p, err
}

func contextInJSON() error {
	return tribune.Hint(fmt.Errorf("%w: @context stands in a body of %s (clause 6.3.5)", tribune.ErrInvalid, typeJSON), "Send Content-Type: %s, or name the context in a Link header.", typeLD)
}

// bodyContext is the context that a JSON-LD object brings.
func (a *api) bodyContext(r *http.Request, doc jsonld.Document) (*jsonld.Context, error) {
	raw, ok := doc.Member("@context")
	if !ok {
		return nil, tribune.Hint(fmt.Errorf("%w: a body of %s has no @context (clause 6.3.5)", tribune.ErrInvalid, typeLD), "Add @context, or send Content-Type: %s.", typeJSON)
	}
	return a.Contexts.Of(r.Context(), raw.Raw())
}

// elementContext is the context of one element of a batch.
func (a *api) elementContext(r *http.Request, p payload, element jsonld.Document) (*jsonld.Context, error) {
	if p.ctx == nil {
		return a.bodyContext(r, element)
	}
	if _, has := element.Member("@context"); has && !p.ld {
		return nil, contextInJSON()
	}
	return p.ctx, nil
}

// linkedContext is the context of a request without a body.
func (a *api) linkedContext(r *http.Request) (*jsonld.Context, error) {
	headers := r.Header["Link"]
	if len(headers) == 0 {
		return a.Contexts.Core(), nil
	}
	link, err := contextLink(headers)
	if err != nil {
		return nil, err
	}
	return a.linked(r, link)
}

func (a *api) linked(r *http.Request, link string) (*jsonld.Context, error) {
	if link == "" {
		return a.Contexts.Core(), nil
	}
	return a.Contexts.URL(r.Context(), link)
}

// acceptsLD decides between JSON and JSON-LD; JSON where both are as welcome (clause 6.3.4).
func acceptsLD(r *http.Request) (bool, error) {
	headers := r.Header["Accept"]
	if len(headers) == 0 || len(headers) == 1 && (headers[0] == "*/*" || headers[0] == typeJSON) {
		return false, nil
	}
	plain, ld := 0.0, 0.0
	for _, h := range headers {
		for part := range strings.SplitSeq(h, ",") {
			media, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue // a range that cannot be read accepts nothing
			}
			q := 1.0
			if s, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(s, 64); err != nil {
					continue
				}
			}
			switch media {
			case typeJSON:
				plain = max(plain, q)
			case typeLD:
				ld = max(ld, q)
			case "*/*", "application/*":
				plain, ld = max(plain, q), max(ld, q/2)
			}
		}
	}
	if plain <= 0 && ld <= 0 {
		return false, tribune.Hint(fmt.Errorf("%w: answers are %s or %s", errNotAcceptable, typeJSON, typeLD), "Set Accept: %s.", typeJSON)
	}
	return ld > plain, nil
}

// tenant reads the tenant a request is about and repeats it in the answer (clause 6.3.14).
func tenant(w http.ResponseWriter, r *http.Request) (tribune.Tenant, error) {
	all := r.Header[http.CanonicalHeaderKey(tenantHeader)]
	if len(all) == 0 {
		return "", nil
	}
	name := all[0]
	ok := len(all) == 1 && len(name) > 0 && len(name) <= 64
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if !ok {
		return "", tribune.Hint(fmt.Errorf("%w: %s must name one tenant", tribune.ErrInvalid, tenantHeader), "Letters, digits, _ and -, at most 64.")
	}
	w.Header().Set(tenantHeader, name)
	return tribune.Tenant(name), nil
}

package api

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
)

const (
	typeJSON  = "application/json"
	typeLD    = "application/ld+json"
	typeMerge = "application/merge-patch+json"

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

// payload reads the body and finds its context. For JSON that is the Link header's or the core context, and the body may
// not have one; for JSON-LD it is the body's, and no Link header may name another.
func (a *api) payload(r *http.Request) (payload, error) {
	var p payload
	media, err := mediaOf(r)
	if err != nil {
		return p, err
	}
	p.ld = media == typeLD
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

// mediaOf is the media type of a request body, which must say how long it is (clause 6.3.4).
func mediaOf(r *http.Request) (string, error) {
	if r.ContentLength < 0 && r.ProtoMajor < 2 {
		return "", errLength
	}
	header := r.Header.Get("Content-Type")
	switch header {
	case typeJSON, typeLD: // nearly always
		return header, nil
	case "": // no media type is none that is unsupported: the precondition as such is not met, which 400 can explain (docs/decisions/0018)
		return "", tribune.Hint(fmt.Errorf("%w: the Content-Type header is missing (clause 6.3.4)", errInvalidRequest), "Set Content-Type: %s.", typeJSON)
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil {
		return "", fmt.Errorf("%w: the Content-Type header cannot be read", errMediaType)
	}
	if set, ok := params["charset"]; ok && !strings.EqualFold(set, "utf-8") && !strings.EqualFold(set, "us-ascii") {
		return "", fmt.Errorf("%w: JSON is UTF-8", errMediaType)
	}
	switch {
	case media == typeJSON, media == typeLD, media == typeMerge && r.Method == http.MethodPatch:
		return media, nil
	}
	return "", tribune.Hint(fmt.Errorf("%w: a body is %s or %s", errMediaType, typeJSON, typeLD), "Set Content-Type: %s.", typeJSON)
}

// fail answers with the problem of err: as application/json (clause 6.3.3); what the body was not, or how long, with the status
// alone, and what cannot be accepted with a list of what could be (clause 6.3.4).
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *partial
	switch {
	case errors.As(err, &p):
		if err := a.sendPartial(w, r, p); err != nil {
			a.problems.Write(w, r, err)
		}
	case errors.Is(err, errLength):
		w.WriteHeader(http.StatusLengthRequired)
	case errors.Is(err, errMediaType):
		w.WriteHeader(http.StatusUnsupportedMediaType)
	default:
		a.problems.Write(w, r, err)
	}
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
	a := readAccept(headers)
	if a.json.q <= 0 && a.ld.q <= 0 {
		return false, tribune.Hint(fmt.Errorf("%w: answers are %s or %s", errNotAcceptable, typeJSON, typeLD), "Set Accept: %s.", typeJSON)
	}
	return a.ld.q > a.json.q, nil
}

// acceptsJSON is for answers that no @context belongs to.
func acceptsJSON(r *http.Request) error {
	_, err := acceptsLD(r)
	return err
}

// tenant is the tenant that a request is about: for one on a snapshot it is where that rests.
func tenant(r *http.Request) (tribune.Tenant, error) {
	t, err := tenantNamed(r)
	if err != nil {
		return "", err
	}
	return restsOf(r, t), nil
}

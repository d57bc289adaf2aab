package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
)

// Stored @contexts (clauses 5.13, 6.29 and 6.30): what clients add, copies of what stands elsewhere, and what is created where
// an answer or a notification must name several contexts by one URL.

const contextsPath = "/jsonldContexts"

func (a *api) contextRoutes() table {
	return table{
		contextsPath:                {"GET": a.listContexts, "POST": a.write(a.addContext)},
		contextsPath + "/{context}": {"GET": a.serveContext, "DELETE": a.write(a.deleteContext)},
	}
}

func (a *api) addContext(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r); err != nil {
		return err
	}
	tenant, err := tenant(r)
	if err != nil {
		return err
	}
	if _, err := mediaOf(r); err != nil {
		return err
	}
	raw, err := web.Body(r)
	if err != nil {
		return err
	}
	doc, err := jsonld.Read(raw)
	if err != nil {
		return tribune.Hint(fmt.Errorf("%w: %w", errInvalidRequest, err), "%s", tribune.HintOf(err))
	}
	if _, ok := doc.Member("@context"); !ok || !doc.IsObject() {
		return tribune.Hint(fmt.Errorf("%w: the body is not an object with a member @context (clause 5.13.2.3)", errInvalidRequest), `Send {"@context": ...}.`)
	}
	id, err := a.Contexts.Add(r.Context(), tenant, doc)
	if err != nil {
		return err
	}
	w.Header().Set("Location", contextPath(id))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// contextPath is where a stored context stands.
func contextPath(id string) string { return Prefix + contextsPath + "/" + url.PathEscape(id) }

func (a *api) listContexts(w http.ResponseWriter, r *http.Request) error {
	p, err := readParams(r, "details", "kind")
	if err != nil {
		return err
	}
	tenant, err := tenant(r)
	if err != nil {
		return err
	}
	details, err := p.flag("details")
	if err != nil {
		return err
	}
	kind := jsonld.Kind(p["kind"])
	switch kind {
	case "", jsonld.Hosted, jsonld.Cached, jsonld.ImplicitlyCreated:
	default:
		return fmt.Errorf("%w: kind is %s, %s or %s", tribune.ErrInvalid, jsonld.Hosted, jsonld.Cached, jsonld.ImplicitlyCreated)
	}
	if err := acceptsJSON(r); err != nil {
		return err
	}
	out := []any{}
	for _, s := range a.Contexts.List(tenant, kind) {
		if details {
			out = append(out, a.storedContext(r, s))
		} else {
			out = append(out, a.contextAt(r, s))
		}
	}
	return sendJSON(w, http.StatusOK, out)
}

func (a *api) serveContext(w http.ResponseWriter, r *http.Request) error {
	p, err := readParams(r, "details")
	if err != nil {
		return err
	}
	tenant, err := tenant(r)
	if err != nil {
		return err
	}
	details, err := p.flag("details")
	if err != nil {
		return err
	}
	ld, err := acceptsLD(r)
	if err != nil {
		return err
	}
	name := r.PathValue("context")
	if details {
		s, err := a.Contexts.Details(tenant, name)
		if err != nil {
			return err
		}
		return sendJSON(w, http.StatusOK, a.storedContext(r, s))
	}
	var s jsonld.Stored
	if tenant == "" {
		s, err = a.Contexts.Serve(name)
	} else {
		s, err = a.Contexts.ServeIn(tenant, name)
	}
	if err != nil {
		return err
	}
	if s.Kind == jsonld.Cached {
		return tribune.Hint(fmt.Errorf("%w: copies are not served, this one is of %s (clause 5.13.4.4)", tribune.ErrUnsupported, s.URL), "Ask there.")
	}
	h := w.Header()
	h["Content-Type"] = jsonHeader
	if ld {
		h["Content-Type"] = ldHeader
	}
	h.Set("Cache-Control", "public, max-age=300")
	h["Content-Length"] = []string{strconv.Itoa(len(s.Document))}
	w.Write(s.Document)
	return nil
}

func (a *api) deleteContext(w http.ResponseWriter, r *http.Request) error {
	p, err := readParams(r, "reload")
	if err != nil {
		return err
	}
	tenant, err := tenant(r)
	if err != nil {
		return err
	}
	reload, err := p.flag("reload")
	if err != nil {
		return err
	}
	name := r.PathValue("context")
	if reload {
		err = a.Contexts.Reload(r.Context(), tenant, name)
	} else {
		err = a.Contexts.Delete(r.Context(), tenant, name)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// storedDetails is clause 5.13.3.5 in JSON.
type storedDetails struct {
	URL          string      `json:"URL"`
	LocalID      string      `json:"localId"`
	Kind         jsonld.Kind `json:"kind"`
	CreatedAt    time.Time   `json:"createdAt"`
	ExpiresAt    time.Time   `json:"expiresAt,omitzero"`
	LastUsage    time.Time   `json:"lastUsage,omitzero"`
	NumberOfHits *int64      `json:"numberOfHits,omitempty"`
	ExtraInfo    string      `json:"extraInfo,omitempty"`
}

func (a *api) storedContext(r *http.Request, s jsonld.Stored) storedDetails {
	d := storedDetails{
		URL: a.contextAt(r, s), LocalID: s.ID, Kind: s.Kind, CreatedAt: s.Created.Truncate(time.Millisecond),
		ExpiresAt: s.Expires.Truncate(time.Millisecond), LastUsage: s.Used.Truncate(time.Millisecond), NumberOfHits: &s.Hits,
	}
	if s.Builtin {
		d.NumberOfHits, d.ExtraInfo = nil, "built in: the core context is neither downloaded nor deleted"
	}
	return d
}

// contextAt is the URL that a stored context is known by.
func (a *api) contextAt(r *http.Request, s jsonld.Stored) string {
	if s.URL != "" {
		return s.URL
	}
	return a.base(r) + contextPath(s.ID)
}

// base is the scheme and host under which callers reach this hub: as configured, else as this request has.
func (a *api) base(r *http.Request) string {
	switch {
	case a.URL != "":
		return a.URL
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// linkable is a context that a Link header can name.
func (a *api) linkable(r *http.Request, tenant tribune.Tenant, ctx *jsonld.Context) (*jsonld.Context, error) {
	if ctx.Link() != "" {
		return ctx, nil
	}
	at, err := a.contextURL(r, tenant, ctx, false)
	return ctx.At(at), err
}

// withContext gives a subscription the member jsonldContext where its context has no URL of its own (clause 5.8.1.4): what is
// notified as plain JSON must name it by one.
func (a *api) withContext(r *http.Request, tenant tribune.Tenant, in payload) (jsonld.Document, error) {
	if _, has := in.doc.Member("jsonldContext"); has || in.ctx.Link() != "" || !in.doc.IsObject() {
		return in.doc, nil
	}
	at, err := a.contextURL(r, tenant, in.ctx, false)
	if err != nil {
		return in.doc, err
	}
	rest := bytes.TrimLeft(in.doc.Raw()[1:], " \t\r\n")
	if len(rest) > 0 && rest[0] == '}' {
		return in.doc, nil // it lacks all that it must have, and will be refused
	}
	text, err := json.Marshal(at)
	if err != nil {
		return in.doc, fmt.Errorf("naming an @context: %w", err)
	}
	return jsonld.Read(slices.Concat([]byte(`{"jsonldContext":`), text, []byte(`,`), rest))
}

// contextURL names a context by one URL, as a Link header and a subscription's jsonldContext must. Where it has none of its own
// it gets one here; that of a subscription stays.
func (a *api) contextURL(r *http.Request, tenant tribune.Tenant, ctx *jsonld.Context, stays bool) (string, error) {
	if at := ctx.Link(); at != "" {
		return at, nil
	}
	if len(r.Header[snapshotKey]) > 0 { // it outlives the snapshot, and stands where the request says it is
		tenant = tribune.Tenant(r.Header.Get(tenantHeader))
	}
	id, err := a.Contexts.Implicit(r.Context(), tenant, ctx, stays)
	if err != nil {
		return "", err
	}
	return a.base(r) + contextPath(id), nil
}

package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/web"
)

func (a *api) entityRoutes() table {
	return table{
		"/entities":      {"GET": a.queryEntities, "POST": a.write(a.createEntity), "DELETE": a.write(a.purge)},
		"/entities/{id}": {"GET": a.retrieveEntity, "DELETE": a.write(a.deleteEntity), "PUT": a.write(a.replaceEntity), "PATCH": a.write(a.mergeEntity)},
	}
}

// form is what the body of a change in this mode may be: which modes know the NGSI-LD null stands in clauses 5.5.4 and 5.6.
func form(simplified bool, mode twin.Mode) jsonld.Form {
	f := jsonld.Form{Simplified: simplified}
	switch mode {
	case twin.Merge:
		f.Merge = true
	case twin.Partial:
		f.Fragment = true
	case twin.Update:
		f.Part, f.Nulls = true, true
	case twin.Append, twin.AppendNew, twin.Replace:
		f.Part = true
	}
	return f
}

// representation says whether a body is simplified; format decides over options (clause 6.5.3.4).
func (p params) representation(words ...string) (simplified bool, o options, err error) {
	if o, err = p.options(append(words, "keyValues", "simplified", "concise", "normalized")...); err != nil {
		return false, o, err
	}
	switch p["format"] {
	case "":
		return o["keyValues"] || o["simplified"], o, nil
	case "keyValues", "simplified":
		return true, o, nil
	}
	return false, o, nil
}

// createEntity is POST /entities (clause 6.4.3.1).
func (a *api) createEntity(w http.ResponseWriter, r *http.Request) error {
	m, err := a.mutation(w, r, twin.Create, "")
	if err != nil {
		return err
	}
	if res := a.mutate(r, m); res.Err != nil {
		return res.Err
	}
	w.Header().Set("Location", Prefix+"/entities/"+url.PathEscape(string(m.Entity.ID)))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// replaceEntity is PUT /entities/{id} (clause 6.5.3.4).
func (a *api) replaceEntity(w http.ResponseWriter, r *http.Request) error {
	return a.changeEntity(w, r, twin.Replace)
}

// mergeEntity is PATCH /entities/{id} (clause 6.5.3.5).
func (a *api) mergeEntity(w http.ResponseWriter, r *http.Request) error {
	return a.changeEntity(w, r, twin.Merge)
}

func (a *api) changeEntity(w http.ResponseWriter, r *http.Request, mode twin.Mode) error {
	m, err := a.mutation(w, r, mode, r.PathValue("id"))
	if err != nil {
		return err
	}
	if res := a.mutate(r, m); res.Err != nil {
		return res.Err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteEntity is DELETE /entities/{id} (clause 6.5.3.2).
func (a *api) deleteEntity(w http.ResponseWriter, r *http.Request) error {
	p, err := readParams(r, "type", "local")
	if err != nil {
		return err
	}
	m, err := a.target(w, r, twin.Delete)
	if err != nil {
		return err
	}
	ctx, err := a.linkedContext(r)
	if err != nil {
		return err
	}
	if m.Only, err = p.only(ctx); err != nil {
		return err
	}
	if res := a.mutate(r, m); res.Err != nil {
		return res.Err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// target is a mutation of the entity in the path, without a body.
func (a *api) target(w http.ResponseWriter, r *http.Request, mode twin.Mode) (twin.Mutation, error) {
	m := twin.Mutation{Mode: mode, Source: string(web.CallerOf(r.Context()).Actor)}
	var err error
	if m.Tenant, err = tenant(r); err != nil {
		return m, err
	}
	m.Entity.ID, err = jsonld.ID(r.PathValue("id"))
	return m, err
}

// mutation reads a body that is one entity, or a fragment of the entity with the given id.
func (a *api) mutation(w http.ResponseWriter, r *http.Request, mode twin.Mode, id string) (twin.Mutation, error) {
	m := twin.Mutation{Mode: mode, Source: string(web.CallerOf(r.Context()).Actor)}
	p, err := readParams(r, paramsOf(mode)...)
	if err != nil {
		return m, err
	}
	var words []string
	if mode == twin.Append {
		words = []string{"noOverwrite"}
	}
	simplified, o, err := p.representation(words...)
	if err != nil {
		return m, err
	}
	if o["noOverwrite"] {
		m.Mode = twin.AppendNew
	}
	if m.Common, err = p.common(); err != nil {
		return m, err
	}
	m.Common.KeepTypes = simplified && mode == twin.Merge
	if m.Tenant, err = tenant(r); err != nil {
		return m, err
	}
	in, err := a.read(r)
	if err != nil {
		return m, err
	}
	if in.ctx == nil || !in.doc.IsObject() {
		return m, fmt.Errorf("%w: an entity is a JSON object", errInvalidRequest)
	}
	if m.Entity, err = in.ctx.Entity(in.doc, form(simplified, m.Mode)); err != nil {
		return m, err
	}
	if id == "" {
		return m, nil
	}
	if m.Only, err = p.only(in.ctx); err != nil {
		return m, err
	}
	return m, named(&m.Entity, id)
}

// paramsOf are the parameters of a change in a mode.
func paramsOf(mode twin.Mode) []string {
	switch mode {
	case twin.Create:
		return []string{"options", "format", "local"}
	case twin.Merge:
		return []string{"options", "format", "local", "type", "lang", "observedAt"}
	}
	return []string{"options", "format", "local", "type"}
}

// only is the type selection that the entity must meet (clause 4.17).
func (p params) only(ctx *jsonld.Context) (x query.TypeExpr, err error) {
	if text := p["type"]; text != "" && text != "*" {
		if x, err = query.ParseTypes(text, ctx.Expand); err != nil {
			err = fmt.Errorf("reading type: %w", err)
		}
	}
	return x, err
}

// common is what a merge says for all its attributes (clause 5.6.17).
func (p params) common() (c twin.Common, err error) {
	if text, ok := p["observedAt"]; ok {
		if c.ObservedAt, ok = jsonld.Time(text); !ok {
			return c, fmt.Errorf("%w: observedAt is a date and time in UTC, like 2026-01-02T03:04:05Z (clause 4.6.3)", tribune.ErrInvalid)
		}
	}
	if text, ok := p["lang"]; ok {
		if !jsonld.Language(text) {
			return c, fmt.Errorf("%w: lang is a language tag (RFC 5646)", tribune.ErrInvalid)
		}
		c.Lang = text
	}
	return c, nil
}

// named gives a fragment the id of its path; a body may repeat it, not change it.
func named(e *model.Entity, text string) error {
	id, err := jsonld.ID(text)
	if err != nil {
		return err
	}
	if e.ID != "" && e.ID != id {
		return fmt.Errorf("%w: attribute \"id\": the body's id is not the path's", tribune.ErrInvalid)
	}
	e.ID = id
	return nil
}

func (a *api) mutate(r *http.Request, m twin.Mutation) twin.Result {
	return a.change(r, []twin.Mutation{m})[0]
}

// change is the one way by which requests change entities; results are in order.
func (a *api) change(r *http.Request, all []twin.Mutation) []twin.Result {
	if len(all) > 0 && a.distributes(r, all[0].Tenant) {
		if op, many := changeOf(r); op != "" {
			return a.distribute(r, op, many, all)
		}
	}
	return a.Twin.Mutate(r.Context(), all)
}

// appendAttrs is POST /entities/{id}/attrs (clause 6.6.3.1).
func (a *api) appendAttrs(w http.ResponseWriter, r *http.Request) error {
	return a.changeAttrs(w, r, twin.Append, "it exists, and noOverwrite was asked for")
}

// updateAttrs is PATCH /entities/{id}/attrs (clause 6.6.3.2).
func (a *api) updateAttrs(w http.ResponseWriter, r *http.Request) error {
	return a.changeAttrs(w, r, twin.Update, "the entity has none (clause 5.6.2)")
}

func (a *api) changeAttrs(w http.ResponseWriter, r *http.Request, mode twin.Mode, why string) error {
	m, err := a.mutation(w, r, mode, r.PathValue("id"))
	if err != nil {
		return err
	}
	res := a.mutate(r, m)
	var p *partial
	if errors.As(res.Err, &p) {
		return sendJSON(w, http.StatusMultiStatus, a.partlyUpdated(res, p, why))
	}
	if res.Err != nil {
		return res.Err
	}
	if len(res.Ignored) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return sendJSON(w, http.StatusMultiStatus, updateResult(res, why))
}

// updateResult is clause 5.2.18. Names are fully qualified: the answer carries no @context that would say what a short one means.
func updateResult(res twin.Result, why string) updates {
	out := updates{Updated: []string{}, NotUpdated: []notUpdated{}}
	for _, name := range res.Updated {
		out.Updated = append(out.Updated, string(name))
	}
	for _, name := range res.Ignored {
		out.NotUpdated = append(out.NotUpdated, notUpdated{AttributeName: string(name), Reason: why})
	}
	return out
}

// updates is an UpdateResult (clauses 5.2.18 and 5.2.19).
type updates struct {
	Updated    []string     `json:"updated"`
	NotUpdated []notUpdated `json:"notUpdated"`
}

type notUpdated struct {
	AttributeName  string `json:"attributeName"`
	Reason         string `json:"reason"`
	RegistrationID string `json:"registrationId,omitempty"`
}

func sendJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	w.Header()["Content-Type"] = jsonHeader
	w.WriteHeader(status)
	w.Write(body)
	return nil
}

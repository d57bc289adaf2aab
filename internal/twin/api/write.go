package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/web"
)

func (a *api) entityRoutes() table {
	return table{
		"/entities":      {"GET": a.queryEntities, "POST": a.write(a.createEntity)},
		"/entities/{id}": {"GET": a.retrieveEntity, "DELETE": a.write(a.deleteEntity), "PUT": a.write(a.replaceEntity), "PATCH": a.write(a.mergeEntity)},
	}
}

// form is what the body of a change in this mode may be.
func form(o options, mode twin.Mode) jsonld.Form {
	f := jsonld.Form{Simplified: o["keyValues"] || o["simplified"]}
	switch mode {
	case twin.Merge, twin.Partial:
		f.Fragment = true
	case twin.Append, twin.AppendNew, twin.Update, twin.Replace:
		f.Part = true
	}
	return f
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
	if _, err := readParams(r, "type", "local"); err != nil {
		return err
	}
	m, err := a.target(w, r, twin.Delete)
	if err != nil {
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
	if m.Tenant, err = tenant(w, r); err != nil {
		return m, err
	}
	m.Entity.ID, err = jsonld.ID(r.PathValue("id"))
	return m, err
}

// mutation reads a body that is one entity, or a fragment of the entity with the given id.
func (a *api) mutation(w http.ResponseWriter, r *http.Request, mode twin.Mode, id string) (twin.Mutation, error) {
	m := twin.Mutation{Mode: mode, Source: string(web.CallerOf(r.Context()).Actor)}
	p, err := readParams(r, "options", "format", "type", "local")
	if err != nil {
		return m, err
	}
	o, err := p.options("noOverwrite", "keyValues", "simplified", "concise", "normalized")
	if err != nil {
		return m, err
	}
	if o["noOverwrite"] && mode == twin.Append {
		m.Mode = twin.AppendNew
	}
	if m.Tenant, err = tenant(w, r); err != nil {
		return m, err
	}
	in, err := a.read(r)
	if err != nil {
		return m, err
	}
	if in.ctx == nil {
		return m, fmt.Errorf("%w: an entity is a JSON object", tribune.ErrInvalid)
	}
	if m.Entity, err = in.ctx.Entity(in.doc, form(o, m.Mode)); err != nil {
		return m, err
	}
	if id == "" {
		return m, nil
	}
	return m, named(&m.Entity, id)
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
	return a.Twin.Mutate(r.Context(), all)
}

// appendAttrs is POST /entities/{id}/attrs (clause 6.6.3.1).
func (a *api) appendAttrs(w http.ResponseWriter, r *http.Request) error {
	return a.changeAttrs(w, r, twin.Append, "it exists, and noOverwrite was asked for")
}

// updateAttrs is PATCH /entities/{id}/attrs (clause 6.6.3.2).
func (a *api) updateAttrs(w http.ResponseWriter, r *http.Request) error {
	return a.changeAttrs(w, r, twin.Update, "the entity does not have it")
}

func (a *api) changeAttrs(w http.ResponseWriter, r *http.Request, mode twin.Mode, why string) error {
	m, err := a.mutation(w, r, mode, r.PathValue("id"))
	if err != nil {
		return err
	}
	res := a.mutate(r, m)
	if res.Err != nil {
		return res.Err
	}
	if len(res.Ignored) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	ctx, err := a.linkedContext(r)
	if err != nil {
		return err
	}
	return sendJSON(w, http.StatusMultiStatus, updateResult(ctx, res, why))
}

// updateResult is clause 5.2.18.
func updateResult(ctx *jsonld.Context, res twin.Result, why string) any {
	type notUpdated struct {
		AttributeName string `json:"attributeName"`
		Reason        string `json:"reason"`
	}
	out := struct {
		Updated    []string     `json:"updated"`
		NotUpdated []notUpdated `json:"notUpdated"`
	}{Updated: []string{}}
	for _, name := range res.Updated {
		out.Updated = append(out.Updated, ctx.Compact(name))
	}
	for _, name := range res.Ignored {
		out.NotUpdated = append(out.NotUpdated, notUpdated{ctx.Compact(name), why})
	}
	return out
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

package api

import (
	"fmt"
	"net/http"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

func (a *api) attrRoutes() table {
	return table{
		"/entities/{id}/attrs":        {"POST": a.write(a.appendAttrs), "PATCH": a.write(a.updateAttrs)},
		"/entities/{id}/attrs/{attr}": {"PATCH": a.write(a.patchAttr), "PUT": a.write(a.replaceAttr), "DELETE": a.write(a.deleteAttr)},
	}
}

// patchAttr is PATCH /entities/{id}/attrs/{attr} (clause 6.7.3.1).
func (a *api) patchAttr(w http.ResponseWriter, r *http.Request) error {
	return a.changeAttr(w, r, twin.Partial, jsonld.Form{Fragment: true})
}

// replaceAttr is PUT /entities/{id}/attrs/{attr} (clause 6.7.3.3).
func (a *api) replaceAttr(w http.ResponseWriter, r *http.Request) error {
	return a.changeAttr(w, r, twin.ReplaceAttr, jsonld.Form{})
}

func (a *api) changeAttr(w http.ResponseWriter, r *http.Request, mode twin.Mode, form jsonld.Form) error {
	p, err := readParams(r, "options", "format", "type", "local")
	if err != nil {
		return err
	}
	simplified, _, err := p.representation()
	if err != nil {
		return err
	}
	form.Simplified = simplified && !form.Fragment // a partial update is a fragment anyway
	m, err := a.target(w, r, mode)
	if err != nil {
		return err
	}
	in, err := a.read(r)
	if err != nil {
		return err
	}
	if in.ctx == nil || in.doc.IsArray() {
		return fmt.Errorf("%w: one attribute instance at a time", errInvalidRequest)
	}
	if m.Only, err = p.only(in.ctx); err != nil {
		return err
	}
	name, attrs, err := in.ctx.Attribute(r.PathValue("attr"), in.doc, form)
	if err != nil {
		return err
	}
	m.Entity.Attrs = map[tribune.Name][]model.Attr{name: attrs}
	if res := a.mutate(r, m); res.Err != nil {
		return res.Err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteAttr is DELETE /entities/{id}/attrs/{attr} (clause 6.7.3.2).
func (a *api) deleteAttr(w http.ResponseWriter, r *http.Request) error {
	p, err := readParams(r, "datasetId", "deleteAll", "type", "local")
	if err != nil {
		return err
	}
	m, err := a.target(w, r, twin.DeleteAttr)
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
	name := model.ScopeName
	if term := r.PathValue("attr"); term != "scope" && term != string(model.ScopeName) {
		if name, err = ctx.Target(term); err != nil {
			return err
		}
	}
	dataset, err := p.dataset()
	if err != nil {
		return err
	}
	m.Entity.Attrs = map[tribune.Name][]model.Attr{name: {{Dataset: dataset}}}
	if res := a.mutate(r, m); res.Err != nil {
		return res.Err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// dataset is which instances a deletion means: the default one unless datasetId or deleteAll says otherwise.
func (p params) dataset() (string, error) {
	all, err := p.flag("deleteAll")
	if err != nil {
		return "", err
	}
	switch id := p["datasetId"]; {
	case id != "" && id != "@none" && !jsonld.URI(id):
		return "", fmt.Errorf("%w: datasetId is a URI (clause 4.5.5)", tribune.ErrInvalid)
	case all:
		return "*", nil
	case id != "@none":
		return id, nil
	}
	return "", nil
}

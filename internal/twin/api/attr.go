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
	return a.changeAttr(w, r, twin.Update, jsonld.Form{})
}

func (a *api) changeAttr(w http.ResponseWriter, r *http.Request, mode twin.Mode, form jsonld.Form) error {
	p, err := readParams(r, "options", "format", "type", "local")
	if err != nil {
		return err
	}
	if _, err := p.options("normalized", "concise"); err != nil {
		return err
	}
	m, err := a.target(w, r, mode)
	if err != nil {
		return err
	}
	in, err := a.read(r)
	if err != nil {
		return err
	}
	if in.ctx == nil || in.doc.IsArray() {
		return fmt.Errorf("%w: one attribute instance at a time", tribune.ErrInvalid)
	}
	name, attrs, err := in.ctx.Attribute(r.PathValue("attr"), in.doc, form)
	if err != nil {
		return err
	}
	m.Entity.Attrs = map[tribune.Name][]model.Attr{name: attrs}
	res := a.mutate(r, m)
	if res.Err != nil {
		return res.Err
	}
	if len(res.Ignored) > 0 {
		return fmt.Errorf("%w: the entity does not have this attribute", tribune.ErrNotFound)
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
	name, err := ctx.Attr(r.PathValue("attr"))
	if err != nil {
		return err
	}
	all, err := p.flag("deleteAll")
	if err != nil {
		return err
	}
	dataset := p["datasetId"]
	if all {
		dataset = "*"
	}
	m.Entity.Attrs = map[tribune.Name][]model.Attr{name: {{Dataset: dataset}}}
	if res := a.mutate(r, m); res.Err != nil {
		return res.Err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

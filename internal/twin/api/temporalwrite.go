package api

import (
	"fmt"
	"net/http"
	"net/url"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/web"
)

// upsertTemporal is POST /temporal/entities (clauses 5.6.11 and 6.18.3.1).
func (a *api) upsertTemporal(w http.ResponseWriter, r *http.Request) error {
	p, err := a.pastBody(w, r, twin.PastUpsert)
	if err != nil {
		return err
	}
	res := a.evolve(r, p)
	if res.Err != nil {
		return res.Err
	}
	if !res.Created {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Location", Prefix+"/temporal/entities/"+url.PathEscape(string(p.Entity.ID)))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// appendTemporal is POST /temporal/entities/{id}/attrs (clauses 5.6.12 and 6.20.3.1).
func (a *api) appendTemporal(w http.ResponseWriter, r *http.Request) error {
	p, err := a.pastBody(w, r, twin.PastAppend)
	if err != nil {
		return err
	}
	return a.evolved(w, r, p)
}

// pastBody reads a change whose body is a temporal evolution, or a fragment of the one in the path.
func (a *api) pastBody(w http.ResponseWriter, r *http.Request, mode twin.PastMode) (p twin.Past, err error) {
	if _, err := readParams(r, "local"); err != nil {
		return p, err
	}
	if mode == twin.PastUpsert {
		p.Mode, p.Source = mode, string(web.CallerOf(r.Context()).Actor)
		p.Tenant, err = tenant(r)
	} else {
		p, err = a.pastTarget(w, r, mode)
	}
	if err != nil {
		return p, err
	}
	id := p.Entity.ID
	in, err := a.read(r)
	if err != nil {
		return p, err
	}
	if in.ctx == nil {
		return p, fmt.Errorf("%w: a temporal evolution is a JSON object", tribune.ErrInvalid)
	}
	if p.Entity, err = in.ctx.Evolution(in.doc, mode != twin.PastUpsert); err != nil || mode == twin.PastUpsert {
		return p, err
	}
	return p, named(&p.Entity, string(id))
}

// pastTarget is a change of the evolution in the path.
func (a *api) pastTarget(w http.ResponseWriter, r *http.Request, mode twin.PastMode) (p twin.Past, err error) {
	p.Mode, p.Source = mode, string(web.CallerOf(r.Context()).Actor)
	if p.Tenant, err = tenant(r); err != nil {
		return p, err
	}
	p.Entity.ID, err = jsonld.ID(r.PathValue("id"))
	return p, err
}

// pastAttr is the attribute in the path.
func (a *api) pastAttr(r *http.Request) (tribune.Name, *jsonld.Context, error) {
	ctx, err := a.linkedContext(r)
	if err != nil {
		return "", nil, err
	}
	if r.PathValue("attr") == "scope" {
		return model.ScopeName, ctx, nil
	}
	name, err := ctx.Attr(r.PathValue("attr"))
	return name, ctx, err
}

// deleteTemporal is DELETE /temporal/entities/{id} (clauses 5.6.16 and 6.19.3.2).
func (a *api) deleteTemporal(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r, "local"); err != nil {
		return err
	}
	p, err := a.pastTarget(w, r, twin.PastDelete)
	if err != nil {
		return err
	}
	return a.evolved(w, r, p)
}

// deleteTemporalAttr is DELETE /temporal/entities/{id}/attrs/{attr} (clauses 5.6.13 and 6.21.3.1).
func (a *api) deleteTemporalAttr(w http.ResponseWriter, r *http.Request) error {
	params, err := readParams(r, "datasetId", "deleteAll", "local")
	if err != nil {
		return err
	}
	p, err := a.pastTarget(w, r, twin.PastDeleteAttr)
	if err != nil {
		return err
	}
	name, _, err := a.pastAttr(r)
	if err != nil {
		return err
	}
	all, err := params.flag("deleteAll")
	if err != nil {
		return err
	}
	dataset := params["datasetId"]
	switch {
	case all:
		dataset = "*"
	case dataset == "@none":
		dataset = ""
	case dataset != "":
		if _, err := jsonld.ID(dataset); err != nil {
			return fmt.Errorf("%w: datasetId must be a URI (clause 4.5.5)", tribune.ErrInvalid)
		}
	}
	p.Entity.Attrs = map[tribune.Name][]model.Attr{name: {{Dataset: dataset}}}
	return a.evolved(w, r, p)
}

// deleteInstance is DELETE /temporal/entities/{id}/attrs/{attr}/{instance} (clauses 5.6.15 and 6.22.3.2).
func (a *api) deleteInstance(w http.ResponseWriter, r *http.Request) error {
	p, name, _, err := a.pastInstance(w, r, twin.PastDeleteInstance)
	if err != nil {
		return err
	}
	p.Entity.Attrs = map[tribune.Name][]model.Attr{name: nil}
	return a.evolved(w, r, p)
}

// modifyInstance is PATCH /temporal/entities/{id}/attrs/{attr}/{instance} (clauses 5.6.14 and 6.22.3.1). The body is the
// instance, by itself, in an array, or as the one attribute of a fragment.
func (a *api) modifyInstance(w http.ResponseWriter, r *http.Request) error {
	p, name, _, err := a.pastInstance(w, r, twin.PastReplace)
	if err != nil {
		return err
	}
	in, err := a.read(r)
	if err != nil {
		return err
	}
	if in.ctx == nil && in.doc.IsArray() {
		if len(in.doc.Elements()) != 1 {
			return fmt.Errorf("%w: one instance replaces one (clause 5.6.14)", tribune.ErrInvalid)
		}
		in.doc = in.doc.Elements()[0]
		if in.ctx, err = a.bodyContext(r, in.doc); err != nil {
			return err
		}
	}
	list, err := in.ctx.Instance(r.PathValue("attr"), name, in.doc)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("%w: one instance replaces one (clause 5.6.14)", tribune.ErrInvalid)
	}
	p.Entity.Attrs = map[tribune.Name][]model.Attr{name: list}
	return a.evolved(w, r, p)
}

// pastInstance is a change of the instance in the path.
func (a *api) pastInstance(w http.ResponseWriter, r *http.Request, mode twin.PastMode) (p twin.Past, name tribune.Name, ctx *jsonld.Context, err error) {
	if _, err := readParams(r, "local"); err != nil {
		return p, "", nil, err
	}
	if p, err = a.pastTarget(w, r, mode); err != nil {
		return p, "", nil, err
	}
	p.Instance = r.PathValue("instance")
	if _, err := jsonld.ID(p.Instance); err != nil {
		return p, "", nil, fmt.Errorf("%w: an instanceId must be a URI (clause 5.6.14)", tribune.ErrInvalid)
	}
	name, ctx, err = a.pastAttr(r)
	return p, name, ctx, err
}

// evolved makes a change and answers 204.
func (a *api) evolved(w http.ResponseWriter, r *http.Request, p twin.Past) error {
	if res := a.evolve(r, p); res.Err != nil {
		return res.Err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// evolve is the one way by which requests change the past.
func (a *api) evolve(r *http.Request, p twin.Past) twin.Result {
	if a.distributes(r, p.Tenant) {
		return a.distributePast(r, p)
	}
	return a.Twin.Evolve(r.Context(), p)
}

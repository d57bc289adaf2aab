package api

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/web"
)

var entityOptions = []string{"normalized", "keyValues", "simplified", "concise", "sysAttrs"}

// retrieveParams are the parameters of GET /entities/{id}.
var retrieveParams = append([]string{"type", "local", "entityMap", "entityMapLifetime"}, viewParams...)

// retrieveEntity is GET /entities/{id} (clauses 5.7.1 and 6.5.3.1).
func (a *api) retrieveEntity(w http.ResponseWriter, r *http.Request) error {
	f, id, err := a.named(w, r)
	if err != nil {
		return err
	}
	p, err := readParams(r, retrieveParams...)
	if err != nil {
		return err
	}
	var o options
	if len(p) > 0 {
		if o, err = p.options(entityOptions...); err != nil {
			return err
		}
	}
	if f.view, err = p.entityView(r, f.ctx, o); err != nil {
		return err
	}
	if _, err := p.flag("local"); err != nil {
		return err
	}
	mapped, err := p.asksForMap(r)
	if err != nil {
		return err
	}
	types, err := p.types(f.ctx)
	if err != nil {
		return err
	}
	caller := web.CallerOf(r.Context())
	if key, ok := rendering(f.ctx, f.view); ok && p["type"] == "" && !mapped && caller.Purpose == "" && r.Header.Get(web.ActHeader) == "" && !a.distributes(r, f.tenant) {
		ready, err := a.Twin.Ready(r.Context(), f.tenant, id, key, renderer(f.ctx, f.view))
		if err != nil {
			return err
		}
		f.send(w, r, int(binary.BigEndian.Uint32(ready)), ready[readyHeader:])
		return nil
	}
	return a.answer(w, r, nil, func() (*found, error) {
		one := &search{Query: twin.Query{Tenant: f.tenant}, ctx: f.ctx}
		return a.onMapOfOne(r, one, id, p, func(s *search) (*found, error) {
			e, err := a.entity(r, f, s, id, types, p["type"])
			if err != nil {
				return nil, f.warned(w, err)
			}
			if !hasOne(e, f.view.Attrs, caller.Purpose != "") || !shown(e, f.view, caller.Purpose != "") {
				return nil, f.warned(w, fmt.Errorf("%w: the entity has none of the members asked for", tribune.ErrNotFound))
			}
			f.entities = []twin.View{e}
			return f, nil
		})
	})
}

// types reads a selection of entity types (clause 4.17); the zero expression fits all.
func (p params) types(ctx *jsonld.Context) (query.TypeExpr, error) {
	text := p["type"]
	if text == "" || text == "*" {
		return query.TypeExpr{}, nil
	}
	return query.ParseTypes(text, ctx.Expand)
}

// shown reports whether the view leaves anything of the entity. Who names a purpose may be shown what is sealed.
func shown(e twin.View, v jsonld.View, purpose bool) bool {
	return jsonld.Shown(&e.Entity, v) || purpose && jsonld.Withheld(&e.Entity, v) > 0
}

// hasOne reports whether the entity has one of the attributes; all are had where none are named. To who names no
// purpose, a sealed attribute is one that does not exist.
func hasOne(e twin.View, attrs []tribune.Name, purpose bool) bool {
	for _, name := range attrs {
		if slices.ContainsFunc(e.Attrs[name], func(a model.Attr) bool { return purpose || a.Sealed == nil }) {
			return true
		}
	}
	return len(attrs) == 0
}

// named reads what requests for one entity have in common: tenant, id and context.
func (a *api) named(w http.ResponseWriter, r *http.Request) (*found, tribune.EntityID, error) {
	f := &found{}
	var err error
	if f.tenant, err = tenant(r); err != nil {
		return nil, "", err
	}
	id, err := jsonld.ID(r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	f.ctx, err = a.linkedContext(r)
	return f, id, err
}

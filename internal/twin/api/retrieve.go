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
	"tribune/internal/web"
)

var entityOptions = []string{"normalized", "keyValues", "simplified", "concise", "sysAttrs"}

// retrieveEntity is GET /entities/{id} (clause 6.5.3.1).
func (a *api) retrieveEntity(w http.ResponseWriter, r *http.Request) error {
	f, id, err := a.oneEntity(w, r, []string{"attrs", "options", "format", "type", "local"}, entityOptions)
	if err != nil {
		return err
	}
	caller := web.CallerOf(r.Context())
	if key, ok := rendering(f.ctx, f.view); ok && caller.Purpose == "" && r.Header.Get(web.ActHeader) == "" {
		ready, err := a.Twin.Ready(r.Context(), f.tenant, id, key, renderer(f.ctx, f.view))
		if err != nil {
			return err
		}
		send(w, r, f.ctx, f.view.LD, int(binary.BigEndian.Uint32(ready)), ready[readyHeader:])
		return nil
	}
	return a.answer(w, r, nil, func() (*found, error) {
		e, err := a.Twin.Get(r.Context(), f.tenant, id)
		if err != nil {
			return nil, err
		}
		if !hasOne(e, f.view.Attrs, caller.Purpose != "") {
			return nil, fmt.Errorf("%w: the entity has none of the attributes asked for", tribune.ErrNotFound)
		}
		f.entities = []twin.View{e}
		return f, nil
	})
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

// oneEntity reads what requests for one entity have in common.
func (a *api) oneEntity(w http.ResponseWriter, r *http.Request, known, words []string) (*found, tribune.EntityID, error) {
	f := &found{}
	var err error
	if f.tenant, err = tenant(w, r); err != nil {
		return nil, "", err
	}
	id, err := jsonld.ID(r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	if f.ctx, err = a.linkedContext(r); err != nil {
		return nil, "", err
	}
	ld, err := acceptsLD(r)
	if err != nil {
		return nil, "", err
	}
	if r.URL.RawQuery == "" {
		f.view.LD = ld
		return f, id, nil
	}
	p, err := readParams(r, known...)
	if err != nil {
		return nil, "", err
	}
	o, err := p.options(words...)
	if err != nil {
		return nil, "", err
	}
	f.view, err = p.view(f.ctx, o, ld)
	return f, id, err
}

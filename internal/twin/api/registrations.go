package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/web"
)

// registrationRoutes are clauses 6.8 and 6.9.
func (a *api) registrationRoutes() table {
	if a.Registry == nil {
		return nil
	}
	return table{
		"/csourceRegistrations":      {"GET": a.discover, "POST": a.write(a.register)},
		"/csourceRegistrations/{id}": {"GET": a.retrieveRegistration, "PATCH": a.write(a.updateRegistration), "DELETE": a.write(a.deleteRegistration)},
	}
}

// register is POST /csourceRegistrations (clause 5.9.2).
func (a *api) register(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r); err != nil {
		return err
	}
	t, err := tenant(r)
	if err != nil {
		return err
	}
	in, err := a.read(r)
	if err != nil {
		return err
	}
	if in.ctx == nil {
		return fmt.Errorf("%w: a registration is a JSON object", tribune.ErrInvalid)
	}
	reg, err := federation.Parse(in.doc, in.ctx)
	if err != nil {
		return err
	}
	reg.Tenant = t
	if err := a.Registry.Register(r.Context(), reg, func() error { return a.admits(r, reg) }); err != nil {
		return err
	}
	w.Header().Set("Location", Prefix+"/csourceRegistrations/"+url.PathEscape(reg.ID))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// updateRegistration is PATCH /csourceRegistrations/{id} (clause 5.9.3).
func (a *api) updateRegistration(w http.ResponseWriter, r *http.Request) error {
	t, id, err := registrationID(w, r)
	if err != nil {
		return err
	}
	if _, err := a.Registry.Get(t, id); err != nil {
		return err
	}
	in, err := a.read(r)
	if err != nil {
		return err
	}
	if in.ctx == nil {
		return fmt.Errorf("%w: a fragment of a registration is a JSON object", tribune.ErrInvalid)
	}
	change := func(old *federation.Registration) (*federation.Registration, error) {
		return old.Patched(in.doc, in.ctx)
	}
	if err := a.Registry.Update(r.Context(), t, id, change, func(next *federation.Registration) error { return a.admits(r, next) }); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteRegistration is DELETE /csourceRegistrations/{id} (clause 5.9.4).
func (a *api) deleteRegistration(w http.ResponseWriter, r *http.Request) error {
	t, id, err := registrationID(w, r)
	if err != nil {
		return err
	}
	if err := a.Registry.Delete(r.Context(), t, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// retrieveRegistration is GET /csourceRegistrations/{id} (clause 5.10.1).
func (a *api) retrieveRegistration(w http.ResponseWriter, r *http.Request) error {
	t, id, err := registrationID(w, r)
	if err != nil {
		return err
	}
	ctx, err := a.linkedContext(r)
	if err != nil {
		return err
	}
	ld, err := acceptsLD(r)
	if err != nil {
		return err
	}
	reg, err := a.Registry.Get(t, id)
	if err != nil {
		return err
	}
	body, err := reg.Show(a.shown(r, ctx, ld))
	if err != nil {
		return err
	}
	send(w, r, ctx, ld, 0, body)
	return nil
}

// registrationID reads the tenant and the ID of a path. A registration's requests have no parameters.
func registrationID(w http.ResponseWriter, r *http.Request) (tribune.Tenant, string, error) {
	if _, err := readParams(r, "options", "format"); err != nil {
		return "", "", err
	}
	t, err := tenant(r)
	if err != nil {
		return "", "", err
	}
	id, err := jsonld.ID(r.PathValue("id"))
	if err != nil {
		return "", "", fmt.Errorf("%w: the id of a registration must be a URI (clause 5.10.1)", tribune.ErrInvalid)
	}
	return t, string(id), nil
}

// reads reports whether the caller may read alone.
func (a *api) reads(r *http.Request) bool {
	caller := web.CallerOf(r.Context())
	return !caller.Known() || a.MayWrite(caller) != nil
}

// shown is how the caller sees registrations: what opens a source is for those who may register one.
func (a *api) shown(r *http.Request, ctx *jsonld.Context, ld bool) federation.Shown {
	s := federation.Shown{Names: ctx, Discreet: a.reads(r)}
	if ld {
		s.Context = ctx.JSON()
	}
	return s
}

// admits are the conditions on what this broker holds itself, and on where the source is (clause 5.9.2.4).
func (a *api) admits(r *http.Request, reg *federation.Registration) error {
	if a.Reaches != nil {
		if err := a.Reaches(reg.Endpoint); err != nil {
			return err
		}
	}
	for i := range reg.Information {
		var err error
		switch reg.Mode {
		case federation.Exclusive:
			err = a.noAttr(r, reg.Tenant, &reg.Information[i])
		case federation.Redirect:
			err = a.noEntity(r, reg.Tenant, &reg.Information[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func inTheWay(what string) error {
	return tribune.Hint(fmt.Errorf("%w: %s, and such a registration says that it is held elsewhere (clause 5.9.2.4)", federation.ErrConflict, what), "Delete it here first, or register the source as inclusive.")
}

// noAttr refuses an exclusive registration of what an entity here has. Sealed attributes are absent here as everywhere.
func (a *api) noAttr(r *http.Request, t tribune.Tenant, info *federation.Information) error {
	names := slices.Concat(info.Properties, info.Relationships)
	for i := range info.Entities {
		e, err := a.Twin.Get(r.Context(), t, info.Entities[i].ID)
		if errors.Is(err, tribune.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if slices.ContainsFunc(e.Attrs[name], func(at model.Attr) bool { return at.Sealed == nil }) {
				return inTheWay("an entity here has an attribute that is registered")
			}
		}
	}
	return nil
}

// noEntity refuses a redirect registration of entities that are here.
func (a *api) noEntity(r *http.Request, t tribune.Tenant, info *federation.Information) error {
	q := twin.Query{Tenant: t, Attrs: slices.Concat(info.Properties, info.Relationships), Limit: 1}
	some := info.Entities
	if len(some) == 0 {
		some = make([]federation.EntityInfo, 1)
	}
	for all := range slices.Chunk(some, twin.MaxSelectors) { // a query for each would look at all entities as often
		q.Selectors = nil
		for _, e := range all {
			one := twin.Selector{Types: query.Type(e.Types...), IDPattern: e.IDPattern}
			if e.ID != "" {
				one.IDs, one.IDPattern = []tribune.EntityID{e.ID}, nil
			}
			q.Selectors = append(q.Selectors, one)
		}
		page, err := a.Twin.Find(r.Context(), q)
		if err != nil {
			return err
		}
		if len(page.Views) > 0 {
			return inTheWay("an entity here matches it")
		}
	}
	return nil
}

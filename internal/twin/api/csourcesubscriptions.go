package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
)

// registrationSubscriptionRoutes are clauses 6.12 and 6.13. As with subscriptions, all of it is for those who may write.
func (a *api) registrationSubscriptionRoutes() table {
	if a.RegistrySubscriptions == nil {
		return nil
	}
	return table{
		"/csourceSubscriptions":      {"POST": a.write(a.subscribeRegistrations), "GET": a.write(a.queryRegistrationSubscriptions)},
		"/csourceSubscriptions/{id}": {"GET": a.write(a.retrieveRegistrationSubscription), "PATCH": a.write(a.updateRegistrationSubscription), "DELETE": a.write(a.deleteRegistrationSubscription)},
	}
}

// subscribeRegistrations is POST /csourceSubscriptions (clause 5.11.2).
func (a *api) subscribeRegistrations(w http.ResponseWriter, r *http.Request) error {
	tenant, in, err := a.subscription(w, r)
	if err != nil {
		return err
	}
	id, err := a.RegistrySubscriptions.Create(r.Context(), tenant, in.doc, in.ctx, web.CallerOf(r.Context()).Actor)
	if err != nil {
		return err
	}
	w.Header().Set("Location", Prefix+"/csourceSubscriptions/"+url.PathEscape(id))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// registrationSubscriptionID reads the ID of a path.
func registrationSubscriptionID(r *http.Request) (string, error) {
	id, err := jsonld.ID(r.PathValue("id"))
	if err != nil {
		return "", fmt.Errorf("%w: the id of a subscription must be a URI (clause 5.11.4)", tribune.ErrInvalid)
	}
	return string(id), nil
}

// updateRegistrationSubscription is PATCH /csourceSubscriptions/{id} (clause 5.11.3).
func (a *api) updateRegistrationSubscription(w http.ResponseWriter, r *http.Request) error {
	id, err := registrationSubscriptionID(r)
	if err != nil {
		return err
	}
	tenant, in, err := a.subscription(w, r)
	if err != nil {
		return err
	}
	if err := a.free(tenant, id); err != nil {
		return err
	}
	if err := a.RegistrySubscriptions.Update(r.Context(), tenant, id, in.doc, in.ctx, web.CallerOf(r.Context()).Actor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteRegistrationSubscription is DELETE /csourceSubscriptions/{id} (clause 5.11.6).
func (a *api) deleteRegistrationSubscription(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r, "local"); err != nil {
		return err
	}
	id, err := registrationSubscriptionID(r)
	if err != nil {
		return err
	}
	tenant, err := tenant(r)
	if err != nil {
		return err
	}
	if err := a.free(tenant, id); err != nil {
		return err
	}
	if err := a.RegistrySubscriptions.Delete(r.Context(), tenant, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// retrieveRegistrationSubscription is GET /csourceSubscriptions/{id} (clause 5.11.4).
func (a *api) retrieveRegistrationSubscription(w http.ResponseWriter, r *http.Request) error {
	s, err := a.shownSubscriptions(w, r)
	if err != nil {
		return err
	}
	id, err := registrationSubscriptionID(r)
	if err != nil {
		return err
	}
	spec, err := a.registrationSubscription(s.tenant, id)
	if err != nil {
		return err
	}
	body, err := spec.For(s.reader).Append(nil, s.ctx, a.Now(), s.sysAttrs, s.ld)
	if err != nil {
		return err
	}
	send(w, r, s.ctx, s.ld, 0, body)
	return nil
}

// queryRegistrationSubscriptions is GET /csourceSubscriptions (clause 5.11.5).
func (a *api) queryRegistrationSubscriptions(w http.ResponseWriter, r *http.Request) error {
	s, err := a.shownSubscriptions(w, r, "limit", "offset", "count")
	if err != nil {
		return err
	}
	page, err := readPage(s.p)
	if err != nil {
		return err
	}
	some, n := a.registrationSubscriptions(s.tenant, page.Offset, page.Limit)
	if page.Count {
		w.Header().Set(countHeader, strconv.Itoa(n))
	}
	if link := pageHeader(r.URL, listMedia(s.ld), page.Offset, page.Limit, page.Offset+len(some) < n); link != "" {
		w.Header().Add("Link", link)
	}
	body := []byte{'['}
	for i, spec := range some {
		if i > 0 {
			body = append(body, ',')
		}
		if body, err = spec.For(s.reader).Append(body, s.ctx, a.Now(), s.sysAttrs, s.ld); err != nil {
			return err
		}
	}
	send(w, r, s.ctx, s.ld, 0, append(body, ']'))
	return nil
}

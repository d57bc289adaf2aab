package api

import (
	"fmt"
	"net/http"

	"tribune"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
	"tribune/internal/web"
)

// subscribed makes a subscription, of which context sources are told as well (clause 5.8.1.4). One that has been here before is refused:
// its subscriber is told already, by the subscription that it is a copy of.
func (a *api) subscribed(r *http.Request, t tribune.Tenant, doc jsonld.Document, ctx *jsonld.Context) (string, error) {
	if a.Sources != nil && a.Sources.Looped(t, federation.Via(r)) {
		return "", fmt.Errorf("%w: its Via names this broker, or too many others", federation.ErrLoop)
	}
	return a.Notify.Create(r.Context(), t, doc, ctx, notify.Origin{By: web.CallerOf(r.Context()).Actor, Via: federation.Hops(r)})
}

// arrived is what a context source notifies this broker of (clause 5.8.6). Who sends it is known by the name of the subscription there, which
// its source alone has been given; a context that it names is fetched only after that.
func (a *api) arrived(w http.ResponseWriter, r *http.Request) error {
	if _, err := mediaOf(r); err != nil {
		return err
	}
	raw, err := web.Body(r)
	if err != nil {
		return err
	}
	doc, err := jsonld.Read(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", errInvalidRequest, err)
	}
	if err := a.Legs.Arrived(r.Header, doc); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// registrationSubscriptions is a page of the subscriptions to registrations, and how many there are: those that somebody made, then those
// that go with subscriptions.
func (a *api) registrationSubscriptions(t tribune.Tenant, offset, limit int) ([]*notify.Spec, int) {
	some, n := a.RegistrySubscriptions.List(t, offset, limit)
	rest := a.Legs.Watching(t)
	n, rest = n+len(rest), rest[min(max(offset-n, 0), len(rest)):]
	return append(some, rest[:min(limit-len(some), len(rest))]...), n
}

// registrationSubscription is one of them.
func (a *api) registrationSubscription(t tribune.Tenant, id string) (*notify.Spec, error) {
	if v := a.Legs.WatchingOne(t, id); v != nil {
		return v, nil
	}
	return a.RegistrySubscriptions.Get(t, id)
}

// free refuses to change a subscription to registrations that goes with a subscription.
func (a *api) free(t tribune.Tenant, id string) error {
	if a.Legs.WatchingOne(t, id) == nil {
		return nil
	}
	return tribune.Hint(fmt.Errorf("%w: this subscription to registrations goes with a subscription", tribune.ErrConflict), "Change or delete that one.")
}

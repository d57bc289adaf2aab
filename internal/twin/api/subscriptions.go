package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
	"tribune/internal/web"
)

// Subscribing makes the hub call others: all of it is for those who may write. Each of them sees, changes and deletes every subscription
// (clauses 5.8.2 to 5.8.5), but what opens an endpoint (a token in receiverInfo, a password in its uri) is shown to who has written it alone.
// A standing act (standing.go) is nobody's business but of who made it.
func (a *api) subscriptionRoutes() table {
	if a.Notify == nil {
		return nil
	}
	return table{
		"/subscriptions":      {"POST": a.subscribe, "GET": a.listSubscriptions},
		"/subscriptions/{id}": {"GET": a.writeOrOwn(a.retrieveSubscription), "PATCH": a.writeOrOwn(a.updateSubscription), "DELETE": a.writeOrOwn(a.deleteSubscription)},
	}
}

// createSubscription is POST /subscriptions (clause 6.10.3.1).
func (a *api) createSubscription(w http.ResponseWriter, r *http.Request) error {
	tenant, in, err := a.subscription(w, r)
	if err != nil {
		return err
	}
	doc, err := a.withContext(r, tenant, in)
	if err != nil {
		return err
	}
	id, err := a.subscribed(r, tenant, doc, in.ctx)
	if err != nil {
		return err
	}
	if _, err := a.contextURL(r, tenant, in.ctx, true); err != nil { // from now on it stays
		return err
	}
	w.Header().Set("Location", Prefix+"/subscriptions/"+url.PathEscape(id))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// subscription reads a body that is a subscription or a fragment of one.
func (a *api) subscription(w http.ResponseWriter, r *http.Request) (tribune.Tenant, payload, error) {
	if web.CallerOf(r.Context()).Purpose != "" {
		return "", payload{}, tribune.Hint(fmt.Errorf("%w: a change of a subscription has no purpose", tribune.ErrInvalid), "A subscription to personal data is made with its purpose, and can be deleted.")
	}
	return a.subscriptionBody(w, r)
}

func (a *api) subscriptionBody(w http.ResponseWriter, r *http.Request) (tribune.Tenant, payload, error) {
	if _, err := readParams(r, "local"); err != nil {
		return "", payload{}, err
	}
	tenant, err := tenant(r)
	if err != nil {
		return "", payload{}, err
	}
	in, err := a.read(r)
	if err == nil && in.ctx == nil {
		err = fmt.Errorf("%w: a subscription is a JSON object", tribune.ErrInvalid)
	}
	return tenant, in, err
}

// updateSubscription is PATCH /subscriptions/{id} (clause 6.11.3.2).
func (a *api) updateSubscription(w http.ResponseWriter, r *http.Request) error {
	id, err := jsonld.ID(r.PathValue("id"))
	if err != nil {
		return err
	}
	tenant, in, err := a.subscription(w, r)
	if err != nil {
		return err
	}
	if err := a.Notify.Update(r.Context(), tenant, string(id), in.doc, in.ctx, web.CallerOf(r.Context()).Actor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteSubscription is DELETE /subscriptions/{id} (clause 6.11.3.3).
func (a *api) deleteSubscription(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r, "local"); err != nil {
		return err
	}
	tenant, err := tenant(r)
	if err != nil {
		return err
	}
	id, err := jsonld.ID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := a.Notify.Delete(r.Context(), tenant, string(id)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// shownSubscriptions is how subscriptions are shown to a request.
type shownSubscriptions struct {
	p        params
	tenant   tribune.Tenant
	ctx      *jsonld.Context
	ld       bool
	sysAttrs bool
	reader   tribune.ActorID
}

func (a *api) shownSubscriptions(w http.ResponseWriter, r *http.Request, known ...string) (s shownSubscriptions, err error) {
	if s.p, err = readParams(r, append(known, "options", "local")...); err != nil {
		return s, err
	}
	o, err := s.p.options("sysAttrs", "count")
	if err != nil {
		return s, err
	}
	s.sysAttrs = o["sysAttrs"]
	if s.tenant, err = tenant(r); err != nil {
		return s, err
	}
	if s.ctx, err = a.linkedContext(r); err != nil {
		return s, err
	}
	s.reader = web.CallerOf(r.Context()).Actor
	s.ld, err = acceptsLD(r)
	conforms(w, r)
	return s, err
}

// retrieveSubscription is GET /subscriptions/{id} (clause 6.11.3.1).
func (a *api) retrieveSubscription(w http.ResponseWriter, r *http.Request) error {
	s, err := a.shownSubscriptions(w, r)
	if err != nil {
		return err
	}
	id, err := jsonld.ID(r.PathValue("id"))
	if err != nil {
		return err
	}
	sub, err := a.Notify.Get(s.tenant, string(id))
	if err != nil {
		return err
	}
	return a.showSubscriptions(w, s, []notify.Subscription{sub}, false)
}

// querySubscriptions is GET /subscriptions (clause 6.10.3.2): of those that somebody may see.
func (a *api) querySubscriptions(w http.ResponseWriter, r *http.Request, may func(notify.Subscription) bool) error {
	s, err := a.shownSubscriptions(w, r, "limit", "offset", "count")
	if err != nil {
		return err
	}
	count, err := s.p.flag("count")
	if err != nil {
		return err
	}
	limit, err := s.p.number("limit", defaultLimit, 0, maxLimit)
	if err != nil {
		return err
	}
	if limit == 0 && !count {
		return fmt.Errorf("%w: limit=0 asks for nothing; with count=true it asks for the number (clause 6.3.10)", tribune.ErrInvalid)
	}
	offset, err := s.p.number("offset", 0, 0, maxOffset)
	if err != nil {
		return err
	}
	page, total := a.Notify.List(s.tenant, offset, limit, may)
	if count {
		w.Header().Set(countHeader, strconv.Itoa(total))
	}
	if link := pageHeader(r.URL, listMedia(s.ld), offset, limit, offset+limit < total); link != "" {
		w.Header().Add("Link", link)
	}
	return a.showSubscriptions(w, s, page, true)
}

func (a *api) showSubscriptions(w http.ResponseWriter, s shownSubscriptions, all []notify.Subscription, list bool) error {
	var body []byte
	if list {
		body = append(body, '[')
	}
	now := a.Now()
	for i, one := range all {
		if i > 0 {
			body = append(body, ',')
		}
		var err error
		if body, err = one.For(s.reader).Append(body, s.ctx, now, s.sysAttrs, s.ld); err != nil {
			return err
		}
	}
	if list {
		body = append(body, ']')
	}
	h := w.Header()
	h["Content-Type"] = jsonHeader
	if s.ld {
		h["Content-Type"] = ldHeader
	} else if link := s.ctx.Link(); link != "" {
		h.Add("Link", "<"+link+`>; rel="`+contextRel+`"; type="`+typeLD+`"`)
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	w.Write(body)
	return nil
}

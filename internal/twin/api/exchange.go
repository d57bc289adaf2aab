package api

import (
	"context"
	"net/http"

	"tribune"
)

// exchange is a change under way whose parts may be forwarded: the body as it was written, and the answer's header for warnings. There is
// none where nobody is registered.
type exchange struct {
	header http.Header
	in     payload
}

type exchangeKey struct{}

// watched gives a request an exchange where context sources may have to do with it.
func (a *api) watched(w http.ResponseWriter, r *http.Request) *http.Request {
	if !a.Registry.Any(tribune.Tenant(r.Header.Get(tenantHeader))) {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), exchangeKey{}, &exchange{header: w.Header()}))
}

func (a *api) exchangeOf(r *http.Request) *exchange {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	return x
}

// read reads the body and finds its context.
func (a *api) read(r *http.Request) (payload, error) {
	p, err := a.payload(r)
	if err == nil && a.Registry.Any(tribune.Tenant(r.Header.Get(tenantHeader))) {
		if x := a.exchangeOf(r); x != nil {
			x.in = p
		}
	}
	return p, err
}

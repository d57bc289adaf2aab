package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tribune"
)

// tenantHeader names the tenant that a request is about (clause 6.3.14), tenantKey is how net/http writes it.
const (
	tenantHeader = "NGSILD-Tenant"
	tenantKey    = "Ngsild-Tenant"
)

// Bounds of tenants.
const (
	maxTenants    = 10_000 // that requests can create: each has entries in memory for as long as anything of it is held
	maxTenantName = 64     // bytes: it is in every key of the store
)

var errNoTenant = errors.New("no such tenant")

// creating are the operations that create the tenant that they name (clause 5.5.10): all that make something of their own, in a tenant that
// holds nothing yet. They are POST.
var creating = []string{"/entities", "/entityOperations/create", "/entityOperations/upsert", "/temporal/entities", "/subscriptions", "/csourceRegistrations", "/csourceSubscriptions", "/snapshots"}

// everywhere begins the resources that are there whatever tenant is named: who the broker is, and the contexts, of which a tenant sees copies
// of what stands elsewhere before it has written anything.
var everywhere = []string{"/info/", contextsPath}

// inTenants has the operations of a resource look whether the tenant is there that they name.
func (a *api) inTenants(path string, methods map[string]action) map[string]action {
	if slices.ContainsFunc(everywhere, func(p string) bool { return strings.HasPrefix(path, p) }) {
		return methods
	}
	out := make(map[string]action, len(methods))
	for method, do := range methods {
		out[method] = a.inTenant(do, method == http.MethodPost && slices.Contains(creating, path))
	}
	return out
}

// inTenant answers NonexistentTenant where an operation names a tenant that holds nothing, unless it creates it. It costs what naming no
// tenant costs where none is named: the default tenant always exists.
func (a *api) inTenant(do action, creates bool) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		if len(r.Header[tenantKey]) == 0 {
			return do(w, r)
		}
		t, err := tenantNamed(r)
		if err != nil {
			return err
		}
		there, err := a.holds(r.Context(), t)
		switch {
		case err != nil:
			return err
		case there:
			return do(w, r)
		case !creates:
			return noTenant()
		}
		return a.createTenant(w, r, t, do)
	}
}

func noTenant() error {
	return tribune.Hint(fmt.Errorf("%w: nothing has been created in this tenant (clause 5.5.10)", errNoTenant), "Check %s, or create something in it: that creates the tenant.", tenantHeader)
}

// holds reports whether anything of a tenant is held: mostly that is known.
func (a *api) holds(ctx context.Context, t tribune.Tenant) (bool, error) {
	if a.Twin.Knows(t) || a.Notify.Holds(t) || a.Registry.Any(t) || a.RegistrySubscriptions.Holds(t) || a.Snapshots.Holds(t) {
		return true, nil
	}
	return a.Twin.Holds(ctx, t)
}

// createTenant runs the first operation in a tenant, where one more may be.
func (a *api) createTenant(w http.ResponseWriter, r *http.Request, t tribune.Tenant, do action) error {
	n, err := a.Twin.Tenants(r.Context())
	if err != nil {
		return err
	}
	arriving := int(a.arriving.Add(1)) // others are on their way as well
	defer a.arriving.Add(-1)
	if n+a.Notify.Tenants()+a.Registry.Tenants()+a.RegistrySubscriptions.Tenants()+a.Snapshots.Tenants()+arriving > maxTenants {
		return tribune.Hint(fmt.Errorf("%w: there are %d tenants", tribune.ErrTooLarge, maxTenants), "Use one that is there.")
	}
	if err := do(w, r); err != nil {
		return err
	}
	if _, err := a.holds(context.WithoutCancel(r.Context()), t); err != nil { // from now on it is known, and counts
		a.Log.Warn("a new tenant could not be looked for", "err", err)
	}
	return nil
}

// tenantNamed reads the tenant that a request names (clause 6.3.14); "" = the default tenant.
func tenantNamed(r *http.Request) (tribune.Tenant, error) {
	all := r.Header[tenantKey]
	if len(all) == 0 {
		return "", nil
	}
	if len(all) > 1 || !tenantName(all[0]) {
		return "", tribune.Hint(fmt.Errorf("%w: %s must name one tenant", tribune.ErrInvalid, tenantHeader), "Letters, digits, _ - . and :, at most %d.", maxTenantName)
	}
	return tribune.Tenant(all[0]), nil
}

// tenantName reports whether a name is short, and fit for a header, a URN and a key.
func tenantName(name string) bool {
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == ':') {
			return false
		}
	}
	return len(name) > 0 && len(name) <= maxTenantName
}

// echoed repeats the tenant that a request names in every answer (clause 6.3.14), also in those that no operation gives. A wrong name is refused
// by the operation.
func echoed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t, err := tenantNamed(r); err == nil && t != "" {
			w.Header()[tenantKey] = []string{string(t)}
		}
		next.ServeHTTP(w, r)
	})
}

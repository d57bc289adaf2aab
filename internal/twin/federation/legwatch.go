package federation

import (
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin/notify"
)

// watchingSuffix makes of a subscription's name that of the subscription to registrations that goes with it.
const watchingSuffix = ":registrations"

// Watching are the subscriptions to registrations that go with the subscriptions of a tenant (clause 5.8.1.4), by ID. Where nobody is registered
// none is shown: there is nothing that they could hear of. They end with their subscriptions.
func (l *Legs) Watching(tenant tribune.Tenant) (out []*notify.Spec) {
	if l == nil || !l.cfg.Registry.Any(tenant) {
		return nil
	}
	ids := l.cfg.Notifier.AfarIDs(tenant)
	slices.Sort(ids)
	for _, id := range ids {
		if v := l.watching(tenant, id); v != nil {
			out = append(out, v)
		}
	}
	return out
}

// WatchingOne is one of them by its own ID; nil = there is none.
func (l *Legs) WatchingOne(tenant tribune.Tenant, id string) *notify.Spec {
	id, ok := strings.CutSuffix(id, watchingSuffix)
	if l == nil || !ok || !l.cfg.Registry.Any(tenant) {
		return nil
	}
	return l.watching(tenant, id)
}

func (l *Legs) watching(tenant tribune.Tenant, id string) *notify.Spec {
	spec := l.cfg.Notifier.Afar(tenant, id)
	if spec == nil {
		return nil
	}
	return spec.Watching(id+watchingSuffix, l.endpoint())
}

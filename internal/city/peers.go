package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tribune"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// peers are the context sources beside this hub.
type peers struct {
	registry      *federation.Registry
	subscriptions *federation.Subscriptions
	sources       *federation.Sources
	legs          *federation.Legs
}

// openPeers reads which context sources are registered, and who is told when that changes.
func (h *Hub) openPeers(ctx context.Context, contexts *jsonld.Contexts) (err error) {
	if h.peers.registry, err = federation.Open(ctx, federation.Config{Store: h.store, Now: h.now}); err != nil {
		return fmt.Errorf("opening the registrations: %w", err)
	}
	h.peers.subscriptions, err = federation.NewSubscriptions(ctx, federation.SubscriptionsConfig{Registry: h.peers.registry, Sender: h.sender, Contexts: contexts, Log: h.log})
	if err != nil {
		return fmt.Errorf("opening the registration subscriptions: %w", err)
	}
	self, err := federation.Identity(ctx, h.store)
	if err != nil {
		return err
	}
	h.peers.sources = federation.NewSources(federation.SourcesConfig{Contexts: contexts, Self: self, Now: h.now, Dialer: h.reach.Dialer(federation.DefaultTimeout)})
	h.peers.legs, err = federation.OpenLegs(ctx, federation.LegsConfig{
		Registry: h.peers.registry, Sources: h.peers.sources, Notifier: h.notifier, Contexts: contexts, Store: h.store, Twin: h.twin, URL: h.Public, Withhold: h.withheld, Now: h.now, Log: h.log,
	})
	if err != nil {
		return fmt.Errorf("opening the distributed subscriptions: %w", err)
	}
	return nil
}

// close saves how far they have come, and ends them.
func (p *peers) close() (err error) {
	if p.legs != nil {
		p.legs.Close()
	}
	if p.subscriptions != nil {
		err = p.subscriptions.Close()
	}
	if p.sources != nil {
		p.sources.Close()
	}
	if p.registry != nil {
		err = errors.Join(err, p.registry.Close())
	}
	return err
}

// withheld reports whether the law calls an attribute personal for what a context source may call its entity: none is asked for
// such, nor tells of it.
func (h *Hub) withheld(types []tribune.Name, attr tribune.Name) bool {
	c := h.gate.Set().ClassTold(types, attr)
	return c.Personal || c.ID == tribune.ClassUnclassified
}

// reaches refuses a context source that is plainly inside, as openNotifier does with endpoints of notifications: whoever may
// register one would have the hub call what only the inside can reach.
func (h *Hub) reaches(endpoint string) error {
	raw, err := json.Marshal(map[string]string{"uri": endpoint})
	if err != nil {
		return fmt.Errorf("reading an endpoint: %w", err)
	}
	e, err := notify.ParseEndpoint(raw)
	if err != nil {
		return err
	}
	return h.reach.Check(e)
}

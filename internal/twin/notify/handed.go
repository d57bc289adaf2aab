package notify

import (
	"context"
	"encoding/json"
	"fmt"

	"tribune"
)

// Handings keeps, durably and before it happens, what standing subscriptions are told: who has a person's data must be told when they are erased or
// corrected. A subscription that is gone by then has been told all the same.
type Handings interface {
	Handed(ctx context.Context, s tribune.Standing, to Route, all []Handing) error
}

// Route is where a subscription tells: its endpoint as ParseEndpoint reads it, secrets and all.
type Route struct {
	Tenant   tribune.Tenant
	Endpoint json.RawMessage
}

// Handing is one entity, and whose data are told with it.
type Handing struct {
	Subject tribune.Pseudonym
	Entity  tribune.EntityID
}

// handed keeps what is about to be told. Where that fails nothing is told.
func (n *Notifier) handed(ctx context.Context, s *subscription, all []telling) error {
	if n.cfg.Handings == nil {
		return nil
	}
	var list []Handing
	for _, t := range all {
		for _, a := range t.arrived {
			list = append(list, Handing{a.Sealed.Pseudonym, t.after.ID})
		}
	}
	var params struct {
		Endpoint json.RawMessage `json:"endpoint"`
	}
	if err := json.Unmarshal(s.doc["notification"], &params); err != nil {
		return fmt.Errorf("reading the endpoint of a subscription: %w", err)
	}
	if err := n.cfg.Handings.Handed(ctx, *s.standing, Route{s.tenant, params.Endpoint}, list); err != nil {
		return fmt.Errorf("keeping what a subscription is told: %w", err)
	}
	return nil
}

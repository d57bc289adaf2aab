package notify

import (
	"context"
	"errors"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
)

// relook notifies what the change log tells of, with the entity as it is now. Which attributes are new and which only have
// changed the log does not say, so that both triggers fire.
func (n *Notifier) relook(ctx context.Context, l *twin.Logged, only *subscription) {
	n.mu.RLock()
	x := n.tenants[l.Tenant]
	none := x == nil || len(x.all) == 0
	n.mu.RUnlock()
	if none {
		return
	}
	c := &changed{at: l.At}
	v, err := n.cfg.Twin.Get(ctx, l.Tenant, l.Entity)
	switch {
	case errors.Is(err, tribune.ErrNotFound):
		c.before, c.whole = &model.Entity{ID: l.Entity, Types: l.Types}, entityDeleted
	case err != nil:
		n.cfg.Log.Warn("an entity could not be read for its notification", "err", err)
		return
	default:
		c.after = &v.Entity
		if l.Created {
			c.whole = entityCreated
		}
	}
	for _, name := range l.Attrs {
		if on := n.loggedChange(c, name); on != 0 && c.of(name) == 0 {
			c.attrs = append(c.attrs, change{name, on})
		}
	}
	if c.whole == 0 && len(c.attrs) == 0 {
		return
	}
	n.consider(ctx, l.Tenant, l.Entity, l.Seq, c, only)
}

func (n *Notifier) loggedChange(c *changed, name tribune.Name) trigger {
	if c.after != nil {
		for i := range c.after.Attrs[name] {
			if c.after.Attrs[name][i].Sealed == nil {
				return attributeCreated | attributeUpdated
			}
		}
		if len(c.after.Attrs[name]) > 0 { // sealed
			return 0
		}
	}
	if class := n.cfg.ClassOf(c.entity().Types, name); class.Personal || class.ID == tribune.ClassUnclassified { // it was sealed
		return 0
	}
	return attributeDeleted
}

// sweepAll notifies subscriptions of everything that they subscribe to: what has changed is not known any more.
func (n *Notifier) sweepAll(ctx context.Context, only *subscription) {
	for _, s := range n.each() {
		if s.interval == 0 && (only == nil || s == only) {
			n.sweep(ctx, s)
		}
	}
}

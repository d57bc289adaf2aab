package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

// A subscription that is not local is about what registered context sources hold, too (clauses 5.8.1.4 and 5.8.6): package federation
// sends them copies of it, and hands over here what they notify.

// maxAfar bounds the bytes of what sources have notified and what throttling holds back: the twin cannot be asked for it again.
const maxAfar = 64 << 20

// Watcher is told of subscriptions; package federation's Legs is one. Neither method may block.
type Watcher interface {
	// Subscribed: a subscription was made, updated or deleted, in this order.
	Subscribed(tenant tribune.Tenant, id string)

	// Piece: an entity has changed here of which other pieces may be elsewhere. It says whether it takes it, to Relay the whole of it.
	Piece(tenant tribune.Tenant, id string, a Arrival) bool
}

// Watch has w told of what happens from now on; nil = nobody.
func (n *Notifier) Watch(w Watcher) {
	n.changing.Lock()
	defer n.changing.Unlock()
	if w == nil {
		n.watcher.Store(nil)
	} else {
		n.watcher.Store(&w)
	}
}

// changed tells who watches; changing is held, so that the order is right.
func (n *Notifier) changed(s *subscription) {
	if w := n.watcher.Load(); w != nil {
		(*w).Subscribed(s.tenant, s.id)
	}
}

// piece hands over a change of an entity that may be in pieces; false where it is all that there is.
func (n *Notifier) piece(s *subscription, c *changed) bool {
	w := n.watcher.Load()
	if w == nil || c.after == nil || !s.split() || s.standing != nil || s.local() {
		return false
	}
	a := Arrival{Before: c.before, After: c.after, At: c.at}
	for i := range c.attrs {
		if c.attrs[i].on&attributeDeleted != 0 {
			a.Deleted = append(a.Deleted, c.attrs[i].name)
		} else {
			a.Updated = append(a.Updated, c.attrs[i].name)
		}
	}
	return (*w).Piece(s.tenant, s.id, a)
}

// Afar is a subscription that context sources may be told of; nil where there is none, or it is local, expired or of personal data.
func (n *Notifier) Afar(tenant tribune.Tenant, id string) *Spec {
	s := n.find(tenant, id)
	if s == nil || s.standing != nil || s.local() || s.status(n.cfg.Now()) == statusExpired {
		return nil
	}
	return &Spec{s}
}

// AfarIDs are the subscriptions of a tenant that Afar would return.
func (n *Notifier) AfarIDs(tenant tribune.Tenant) (ids []string) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if x := n.tenants[tenant]; x != nil {
		for id, s := range x.all {
			if s.standing == nil && !s.local() {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func (s *subscription) split() bool { return string(s.doc["splitEntities"]) == "true" }

func (s *subscription) local() bool { return string(s.doc["localOnly"]) == "true" }

// Split reports whether entities may be in pieces, so that conditions hold of what is put together only.
func (v *Spec) Split() bool { return v.s.split() }

// Via are the brokers that the subscription has passed on its way here, as a Via header has them (clause 4.3.6.4).
func (v *Spec) Via() []string { return v.s.via }

// Watched are the attributes whose changes are notified; none = all.
func (v *Spec) Watched() []tribune.Name { return v.s.watched }

// Filters are the attributes that its conditions look at.
func (v *Spec) Filters() []tribune.Name {
	out := v.s.conditions.q.Attrs()
	if g := v.s.conditions.geo; g != nil {
		out = append(out, g.Property)
	}
	return out
}

// Copy says in what a context source's copy of a subscription differs from it.
type Copy struct {
	ID       string
	Entities []map[string]any // names expanded; none = as they are
	Watched  []tribune.Name
	Endpoint string          // of this broker
	Q        string          // in the words of In
	Whole    bool            // conditions are left out: what they look at is in pieces
	Local    bool            // the source asks nobody else
	In       *jsonld.Context // in which it is written, and in which the source notifies
	Link     string          // of In; "" = the core context
}

// Copy is the document of a context source's copy (clause 5.8.1.4). What is sent on, and how, is decided here: the source is asked for
// entities as they are, with their times.
func (v *Spec) Copy(c Copy) (json.RawMessage, error) {
	d := document{"id": quoted(c.ID), "type": quoted("Subscription")}
	kept := []string{"entities", "notificationTrigger", "datasetId", "expiresAt", "isActive", "throttling", "timeInterval", "splitEntities"}
	if !c.Whole {
		kept = append(kept, "geoQ", "scopeQ", "expandValues", "jsonKeys")
	}
	for _, name := range kept {
		if raw, ok := v.s.doc[name]; ok {
			d[name] = raw
		}
	}
	if c.Q != "" && !c.Whole {
		d["q"] = quoted(c.Q)
	}
	more := map[string]any{"notification": map[string]any{"endpoint": map[string]any{"uri": c.Endpoint, "accept": TypeJSON}, "format": "normalized", "sysAttrs": true, "showChanges": v.s.changes}}
	if c.Entities != nil {
		more["entities"] = c.Entities
	}
	if len(c.Watched) > 0 {
		more["watchedAttributes"] = c.Watched
	}
	if c.Local {
		more["localOnly"] = true
	}
	if c.Link != "" {
		more["jsonldContext"] = c.Link
	}
	for name, value := range more {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("copying a subscription: %w", err)
		}
		d[name] = raw
	}
	d, err := d.renamed(compacting(c.In))
	if err != nil {
		return nil, fmt.Errorf("copying a subscription: %w", err)
	}
	return d.bytes(), nil
}

// Watching is the subscription to registrations that goes with this one (clause 5.8.1.4), as it is shown to who asks for those.
func (v *Spec) Watching(id, endpoint string) *Spec {
	s := *v.s
	s.doc = document{"id": quoted(id), "type": quoted("Subscription")}
	for _, name := range []string{"entities", "watchedAttributes", "geoQ", "scopeQ", "csf", "expiresAt"} {
		if raw, ok := v.s.doc[name]; ok {
			s.doc[name] = raw
		}
	}
	s.doc["description"] = quoted("for the subscription " + v.s.id)
	s.doc["notification"] = document{"endpoint": document{"uri": quoted(endpoint)}.bytes()}.bytes()
	s.id, s.active, s.bare, s.state = id, true, true, &state{}
	return &Spec{&s}
}

// Arrival is an entity of which a context source has notified. It is not changed any more.
type Arrival struct {
	Before  *model.Entity // with attributes of which a previous value is known; nil = of none
	After   *model.Entity // nil = it was deleted, and Before says what it was
	Updated []tribune.Name
	Deleted []tribune.Name // attributes
	At      time.Time
	Size    int // bytes, about
}

// Relay notifies a subscription of what a source has notified (clause 5.8.6); check: its conditions are to be met.
func (n *Notifier) Relay(ctx context.Context, tenant tribune.Tenant, id, source string, arrived []Arrival, check bool) {
	s, now := n.find(tenant, id), n.cfg.Now()
	if s == nil || s.status(now) != statusActive {
		return
	}
	var all []*changed
	for i := range arrived {
		a := &arrived[i]
		c := &changed{before: a.Before, after: a.After, at: a.At, from: source, size: int64(a.Size)}
		if a.After == nil {
			c.whole = entityDeleted
		}
		for _, name := range a.Updated {
			c.attrs = append(c.attrs, change{name, attributeUpdated})
		}
		for _, name := range a.Deleted {
			c.attrs = append(c.attrs, change{name, attributeDeleted})
		}
		if s.selects(c.entity()) && (!check || a.After == nil || n.meets(ctx, s, a.After)) {
			all = append(all, c)
		}
	}
	if len(all) > 0 {
		n.relay(ctx, s, all, now)
	}
}

// relay sends changes off in one notification, or holds them as hold does.
func (n *Notifier) relay(ctx context.Context, s *subscription, all []*changed, now time.Time) {
	s.mu.Lock()
	next := now
	if s.throttling > 0 && s.interval == 0 {
		next = s.posted.Add(s.throttling)
	}
	if len(s.waiting) == 0 && !now.Before(next) && !n.cfg.Sender.Full(s.line) {
		s.posted = now
		s.mu.Unlock()
		n.send(ctx, s, all, now, nil)
		return
	}
	for _, c := range all {
		n.wait(s, c, now)
	}
	s.mu.Unlock()
	if s.throttling > 0 {
		n.clock.set(s, next)
	}
}

// key names a change among those that wait: sources that tell of one entity tell of different parts of it.
func (c *changed) key() tribune.EntityID {
	if c.from == "" {
		return c.entity().ID
	}
	return c.entity().ID + "\x00" + tribune.EntityID(c.from)
}

// release takes the size of what has waited off.
func (n *Notifier) release(held map[tribune.EntityID]*changed) {
	n.waiting.Add(int64(-len(held)))
	for _, c := range held {
		n.afar.Add(-c.size)
	}
}

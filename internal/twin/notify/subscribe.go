package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// Origin is where a subscription comes from.
type Origin struct {
	By  tribune.ActorID // who makes it
	Via []string        // brokers that it has passed on its way here (clause 4.3.6.4): those are not sent a copy of it
}

// Create makes a subscription (clause 5.8.1) and returns its id.
func (n *Notifier) Create(ctx context.Context, tenant tribune.Tenant, body jsonld.Document, in *jsonld.Context, from Origin) (string, error) {
	return n.create(ctx, tenant, body, in, nil, from)
}

func (n *Notifier) create(ctx context.Context, tenant tribune.Tenant, body jsonld.Document, in *jsonld.Context, act *tribune.Standing, from Origin) (string, error) {
	now := n.cfg.Now()
	s, err := drafted(ctx, body, in, n.cfg.Contexts, now)
	if err != nil {
		return "", err
	}
	if err := n.admit(s, now); err != nil {
		return "", err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	if err := n.room(s, nil); err != nil {
		return "", err
	}
	n.cfg.Feed.open.Store(true) // before the position is read: no change may fall between
	s.tenant, s.line, s.standing, s.by, s.via = tenant, lineOf(tenant, s.id), act, from.By, from.Via
	s.since = n.cfg.Twin.Position()
	s.start.Store(s.since)
	if err := n.shelf.put(ctx, s, true); err != nil {
		if errors.Is(err, tribune.ErrConflict) {
			return "", fmt.Errorf("%w: a subscription with this id exists", tribune.ErrConflict)
		}
		return "", err
	}
	n.put(s)
	return s.id, nil
}

// admit checks what a stored subscription need not fulfil any more.
func (n *Notifier) admit(s *subscription, now time.Time) error {
	if !s.expires.IsZero() && !s.expires.After(now) {
		return faulty("expiresAt", "it is in the past (clause 5.8.1.4)")
	}
	return n.cfg.Sender.Check(s.endpoint)
}

// maxRaces is how often an update begins anew because somebody else has changed its subscription meanwhile.
const maxRaces = 10

// Update changes a subscription (clause 5.8.2); by says who does.
func (n *Notifier) Update(ctx context.Context, tenant tribune.Tenant, id string, body jsonld.Document, in *jsonld.Context, by tribune.ActorID) error {
	fragment, err := fragmentOf(body, in, id)
	if err != nil {
		return err
	}
	for range maxRaces {
		old, err := n.known(tenant, id)
		if err != nil {
			return err
		}
		s, err := n.updated(ctx, old, fragment, in, by)
		if err != nil {
			return err
		}
		if done, err := n.replace(ctx, old, s); done || err != nil {
			return err
		}
	}
	return tribune.Hint(fmt.Errorf("%w: others keep changing this subscription", tribune.ErrBusy), "Try again.")
}

// updated is what a subscription is to become. A context may be fetched for it: changing is not held.
func (n *Notifier) updated(ctx context.Context, old *subscription, fragment document, in *jsonld.Context, by tribune.ActorID) (*subscription, error) {
	if err := old.unchanged(fragment); err != nil {
		return nil, err
	}
	now := n.cfg.Now()
	s, err := old.patched(ctx, fragment, in, n.cfg.Contexts, by, now)
	if err != nil {
		return nil, err
	}
	if _, until := fragment["expiresAt"]; !until && s.status(now) == statusExpired { // it may be changed in other ways, and stays so
		return s, n.cfg.Sender.Check(s.endpoint)
	}
	return s, n.admit(s, now)
}

// replace puts a subscription in place of what it was made of; false where that is not there any more.
func (n *Notifier) replace(ctx context.Context, old, s *subscription) (bool, error) {
	n.changing.Lock()
	defer n.changing.Unlock()
	if n.find(old.tenant, old.id) != old {
		return false, nil
	}
	if err := n.room(s, old); err != nil {
		return false, err
	}
	s.since = n.cfg.Twin.Position()
	if err := n.shelf.put(ctx, s, false); err != nil {
		return false, err
	}
	s.start.Store(s.since)
	n.put(s)
	if s.status(n.cfg.Now()) != statusActive {
		n.drop(s)
	}
	return true, nil
}

func (n *Notifier) known(tenant tribune.Tenant, id string) (*subscription, error) {
	if s := n.find(tenant, id); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%w: there is no subscription with this id", tribune.ErrNotFound)
}

// Delete ends a subscription (clause 5.8.5): what waits for its endpoint is not sent.
func (n *Notifier) Delete(ctx context.Context, tenant tribune.Tenant, id string) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	s, err := n.known(tenant, id)
	waits := slices.IndexFunc(n.absent, func(k kept) bool { return k.tenant == tenant && k.id == id })
	if err != nil && waits < 0 {
		return err
	}
	if err := n.shelf.remove(ctx, tenant, id); err != nil {
		return err
	}
	if s == nil {
		n.absent = slices.Delete(n.absent, waits, waits+1)
		return nil
	}
	n.take(s)
	n.drop(s)
	return nil
}

// drop forgets what waits for a subscription.
func (n *Notifier) drop(s *subscription) {
	s.mu.Lock()
	n.release(s.waiting)
	s.waiting = nil
	s.mu.Unlock()
	n.cfg.Sender.Forget(s.line)
}

// Subscription is one as it is shown.
type Subscription struct{ s *subscription }

// Get returns a subscription (clause 5.8.3).
func (n *Notifier) Get(tenant tribune.Tenant, id string) (Subscription, error) {
	s, err := n.known(tenant, id)
	return Subscription{s}, err
}

// List returns a page of those of a tenant's subscriptions that fit, the oldest first, and how many do (clause 5.8.4).
func (n *Notifier) List(tenant tribune.Tenant, offset, limit int, fits func(Subscription) bool) ([]Subscription, int) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	x := n.tenants[tenant]
	if x == nil {
		return nil, 0
	}
	all := make([]Subscription, 0, len(x.all))
	for _, s := range x.all {
		if one := (Subscription{s}); fits(one) {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b Subscription) int {
		return cmp.Or(a.s.created.Compare(b.s.created), strings.Compare(a.s.id, b.s.id))
	})
	total := len(all)
	all = all[min(offset, total):]
	return all[:min(limit, len(all))], total
}

// Append appends the subscription as JSON in a reader's context.
func (v Subscription) Append(b []byte, ctx *jsonld.Context, now time.Time, sysAttrs, ld bool) ([]byte, error) {
	s := v.s
	doc, err := s.doc.renamed(compacting(ctx))
	if err != nil {
		return nil, fmt.Errorf("showing a subscription: %w", err)
	}
	doc["status"] = quoted(s.status(now))
	if _, ok := doc["notificationTrigger"]; !ok && !s.bare {
		doc["notificationTrigger"] = json.RawMessage(`["attributeCreated","attributeUpdated"]`)
	}
	if _, ok := doc["jsonldContext"]; !ok && !s.bare && s.ctx.Link() != "" {
		doc["jsonldContext"] = quoted(s.ctx.Link())
	}
	if s.standing != nil {
		doc["expiresAt"] = stamp(s.standing.Until)
	}
	if sysAttrs {
		doc["createdAt"], doc["modifiedAt"] = stamp(s.created), stamp(s.modified)
	}
	var params document
	if err := json.Unmarshal(doc["notification"], &params); err != nil {
		return nil, &tribune.IntegrityError{What: "a subscription", Err: err}
	}
	s.outcomes(params)
	doc["notification"] = params.bytes()
	if ld {
		doc["@context"] = ctx.JSON()
	}
	return append(b, doc.bytes()...), nil
}

// outcomes adds the output only members (clause 5.2.14.2).
func (s *subscription) outcomes(params document) {
	s.mu.Lock()
	c := s.counts
	s.mu.Unlock()
	for name, t := range map[string]time.Time{"lastNotification": c.Notification, "lastSuccess": c.Success, "lastFailure": c.Failure} {
		if !t.IsZero() {
			params[name] = stamp(t)
		}
	}
	if c.Sent > 0 {
		params["timesSent"] = fmt.Append(nil, c.Sent)
	}
	if c.Failed > 0 {
		params["timesFailed"] = fmt.Append(nil, c.Failed)
	}
	switch {
	case c.LastFailed:
		params["status"] = quoted("failed")
	case !c.Success.IsZero():
		params["status"] = quoted("ok")
	}
}

func stamp(t time.Time) json.RawMessage {
	return quoted(t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

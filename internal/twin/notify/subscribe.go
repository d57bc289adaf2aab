package notify

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// Create makes a subscription (clause 5.8.1) and returns its id.
func (n *Notifier) Create(ctx context.Context, tenant tribune.Tenant, body jsonld.Document, in *jsonld.Context) (string, error) {
	return n.create(ctx, tenant, body, in, nil, nil)
}

// CreateVia makes a subscription that has passed other brokers on its way here (clause 4.3.6.4): those are not sent a copy of it.
func (n *Notifier) CreateVia(ctx context.Context, tenant tribune.Tenant, body jsonld.Document, in *jsonld.Context, via []string) (string, error) {
	return n.create(ctx, tenant, body, in, nil, via)
}

func (n *Notifier) create(ctx context.Context, tenant tribune.Tenant, body jsonld.Document, in *jsonld.Context, act *tribune.Standing, via []string) (string, error) {
	doc, err := read(body)
	if err != nil {
		return "", err
	}
	for name, raw := range doc {
		if isNull(raw) {
			return "", faulty(name, "it is null, which only an update may say (clause 5.5.4)")
		}
	}
	if _, named := doc["id"]; !named {
		doc["id"] = quoted("urn:ngsi-ld:Subscription:" + rand.Text())
	}
	if doc, err = doc.renamed(expanding(in)); err != nil {
		return "", err
	}
	sentIn := in
	if raw, ok := doc["jsonldContext"]; ok {
		if sentIn, err = n.linked(ctx, raw); err != nil {
			return "", err
		}
	}
	s, err := compile(doc, in, sentIn)
	if err != nil {
		return "", err
	}
	now := n.cfg.Now()
	if err := n.admit(s, now); err != nil {
		return "", err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	if err := n.room(s, nil); err != nil {
		return "", err
	}
	n.cfg.Feed.open.Store(true) // before the position is read: no change may fall between
	s.tenant, s.created, s.modified, s.line, s.standing, s.via = tenant, now, now, lineOf(tenant, s.id), act, via
	s.since = n.cfg.Twin.Position()
	s.state = &state{}
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

// linked is the context that jsonldContext names.
func (n *Notifier) linked(ctx context.Context, raw json.RawMessage) (*jsonld.Context, error) {
	var url string
	if json.Unmarshal(raw, &url) != nil || !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return nil, faulty("jsonldContext", "it must be a URI that can be fetched (clause 5.2.12)")
	}
	return n.cfg.Contexts.URL(ctx, url)
}

// Update changes a subscription (clause 5.8.2).
func (n *Notifier) Update(ctx context.Context, tenant tribune.Tenant, id string, body jsonld.Document, in *jsonld.Context) error {
	fragment, err := read(body)
	if err != nil {
		return err
	}
	if raw, ok := fragment["id"]; ok && string(raw) != string(quoted(id)) {
		return faulty("id", "it cannot be changed (clause 5.2.12)")
	}
	if fragment, err = fragment.renamed(expanding(in)); err != nil {
		return err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	old, err := n.known(tenant, id)
	if err != nil {
		return err
	}
	if err := old.unchanged(fragment); err != nil {
		return err
	}
	s, err := n.updated(ctx, old, fragment, in)
	if err != nil {
		return err
	}
	if err := n.room(s, old); err != nil {
		return err
	}
	if err := n.shelf.put(ctx, s, false); err != nil {
		return err
	}
	s.start.Store(s.since)
	n.put(s)
	if s.status(n.cfg.Now()) != statusActive {
		n.drop(s)
	}
	return nil
}

func (n *Notifier) updated(ctx context.Context, old *subscription, fragment document, in *jsonld.Context) (*subscription, error) {
	now := n.cfg.Now()
	doc := old.doc.patched(fragment)
	_, until := fragment["expiresAt"]
	if _, active := fragment["isActive"]; until && !active && old.status(now) == statusExpired {
		delete(doc, "isActive") // a later end alone makes an expired subscription active (clause 5.8.2.4)
	}
	writtenIn, err := n.cfg.Contexts.Of(ctx, old.writtenIn)
	if err != nil {
		return nil, err
	}
	if _, ok := fragment["q"]; ok {
		writtenIn = in
	}
	sentIn := old.ctx
	if raw, ok := fragment["jsonldContext"]; ok {
		if sentIn = in; !isNull(raw) {
			if sentIn, err = n.linked(ctx, raw); err != nil {
				return nil, err
			}
		}
	}
	s, err := compile(doc, writtenIn, sentIn)
	if err != nil {
		return nil, err
	}
	s.tenant, s.created, s.modified, s.line, s.state, s.standing, s.via = old.tenant, old.created, now, old.line, old.state, old.standing, old.via
	s.since = n.cfg.Twin.Position()
	if !until && s.status(now) == statusExpired { // it may be changed in other ways, and stays so
		return s, n.cfg.Sender.Check(s.endpoint)
	}
	return s, n.admit(s, now)
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

// List returns a page of a tenant's subscriptions, the oldest first, and how many there are (clause 5.8.4).
func (n *Notifier) List(tenant tribune.Tenant, offset, limit int) ([]Subscription, int) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	x := n.tenants[tenant]
	if x == nil {
		return nil, 0
	}
	all := make([]Subscription, 0, len(x.all))
	for _, s := range x.all {
		all = append(all, Subscription{s})
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

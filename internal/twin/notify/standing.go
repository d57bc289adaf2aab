package notify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

// A subscription made with a purpose is a standing act (tribune.Standing): it is told of sealed attributes, too, but only of values as
// they arrive, and only once a leaf about their subjects is published (telling.go). What rests is opened for no subscription.

// Standings is the one way as subscriptions need it; *way.Way is one.
type Standings interface {
	// Stands fails where a standing act is over: with ErrExpired or *tribune.Denial.
	Stands(ctx context.Context, s tribune.Standing) error

	// Deliver returns once it is published that values of these subjects are told; told are those of whom it is.
	Deliver(ctx context.Context, s tribune.Standing, subjects []tribune.Pseudonym) (told []tribune.Pseudonym, err error)
}

// Wish is what a subscription with a purpose asks to be told of, before its act.
type Wish struct {
	Types   []tribune.Name // of entities
	Attrs   []tribune.Name // that it watches or is sent; names of public ones may be among them
	Filters []tribune.Name // attributes that its conditions look at
	Expires time.Time      // zero = with its act
	To      string         // scheme and host of its endpoint
}

// Wish reads a subscription that is to become a standing act. It is refused where nobody could say what it is about, or where values
// would travel in the clear.
func (n *Notifier) Wish(ctx context.Context, tenant tribune.Tenant, body jsonld.Document, in *jsonld.Context) (w Wish, err error) {
	if n.cfg.Standings == nil {
		return w, fmt.Errorf("%w: subscriptions to personal data", tribune.ErrUnsupported)
	}
	spec, err := ReadSpec(ctx, body, in, n.cfg.Contexts, "", n.cfg.Now())
	if err != nil {
		return w, err
	}
	s := spec.s
	if err := n.cfg.Sender.Check(s.endpoint); err != nil {
		return w, err
	}
	if n.find(tenant, s.id) != nil { // said before an act is on record for nothing
		return w, fmt.Errorf("%w: a subscription with this id exists", tribune.ErrConflict)
	}
	switch {
	case s.interval > 0:
		return w, faulty("timeInterval", "personal data are told as they arrive, and not again")
	case s.throttling > 0:
		return w, faulty("throttling", "personal data are told as they arrive: none can be held back for a later notification")
	case s.changes:
		return w, faulty("showChanges", "what personal data were before is sealed")
	case !s.endpoint.private():
		return w, tribune.Hint(faulty("endpoint", "personal data go to https or mqtts alone"), "Use an endpoint with TLS.")
	}
	for i := range s.selectors {
		types := s.selectors[i].types.Candidates()
		if len(types) == 0 || !s.selectors[i].types.Exact() {
			return w, faulty("entities", "a subscription to personal data names types of entities plainly")
		}
		w.Types = append(w.Types, types...)
	}
	w.Attrs = slices.Concat(s.watched, s.view.Attrs)
	slices.Sort(w.Attrs)
	if w.Attrs = slices.Compact(w.Attrs); len(w.Types) == 0 || len(w.Attrs) == 0 {
		return w, tribune.Hint(faulty("watchedAttributes", "a subscription to personal data says of which types and attributes"), "Name entities with types, and watchedAttributes or notification.attributes.")
	}
	w.Filters, w.Expires, w.To = s.conditions.q.Attrs(), s.expires, s.endpoint.String()
	if g := s.conditions.geo; g != nil {
		w.Filters = append(w.Filters, g.Property)
	}
	return w, nil
}

// private reports whether nobody on the way reads along.
func (e *Endpoint) private() bool {
	if e.target.Scheme == "https" || e.target.Scheme == "mqtts" {
		return true
	}
	at, err := netip.ParseAddr(e.target.Hostname())
	return err == nil && at.IsLoopback()
}

// CreateStanding makes the subscription of a standing act that is on record.
func (n *Notifier) CreateStanding(ctx context.Context, tenant tribune.Tenant, body jsonld.Document, in *jsonld.Context, act tribune.Standing) (string, error) {
	return n.create(ctx, tenant, body, in, &act, Origin{By: act.Caller.Actor})
}

// unchanged refuses to change what a standing act was signed for: only pausing it is another matter.
func (s *subscription) unchanged(fragment document) error {
	if s.standing == nil {
		return nil
	}
	for name := range fragment {
		if name != "isActive" && name != "id" && name != "type" {
			return tribune.Hint(faulty(name, "the subscription is a standing act, signed for what it says"), "Delete it and subscribe anew; isActive alone can be changed.")
		}
	}
	return nil
}

// over ends a subscription whose act is over, for good.
func (n *Notifier) over(ctx context.Context, s *subscription, why error) {
	n.changing.Lock()
	defer n.changing.Unlock()
	now := n.find(s.tenant, s.id)
	if now == nil || now.standing == nil || now.standing.Act != s.standing.Act {
		return
	}
	ended, act := *now, *now.standing
	if at := n.cfg.Now(); !act.Ended(at) {
		act.Until = at
	}
	ended.standing = &act
	if err := n.shelf.put(ctx, &ended, false); err != nil {
		n.cfg.Log.Error("the end of a standing act could not be kept; it ends in memory", "err", err)
	}
	n.put(&ended)
	n.drop(&ended)
	n.cfg.Log.Warn("a subscription to personal data has ended", "tenant", s.tenant, "why", reasonOf(why))
}

func reasonOf(err error) string {
	if errors.Is(err, tribune.ErrExpired) {
		return "its act is over"
	}
	return "the law permits it no more, or its mandate or appointment is gone"
}

// wanted are the values that a subscription is to be told of, and whether one of them triggers.
func (s *subscription) wanted(arrived []arrival, before *model.Entity) (out []arrival, fires bool) {
	for _, a := range arrived {
		if a.Sealed.Class != s.standing.Class || !slices.Contains(s.standing.Attrs, a.Attr) {
			continue
		}
		out = append(out, a)
		on := attributeCreated
		if before != nil && before.Instance(a.Attr, a.Value.Dataset) != nil {
			on = attributeUpdated
		}
		fires = fires || s.on&on != 0 && s.watches(a.Attr) || s.on&entityCreated != 0 && before == nil
	}
	return out, fires
}

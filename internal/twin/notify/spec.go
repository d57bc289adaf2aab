package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
)

// Spec is a Subscription (clause 5.2.12) for whoever keeps and matches it elsewhere: context source registration subscriptions
// are of the same data type (clause 5.11.2), and package federation keeps them. It is immutable but for its counters, which an
// update takes over.
type Spec struct{ s *subscription }

var _ Told = (*Spec)(nil)

// ReadSpec reads a new subscription of somebody.
func ReadSpec(ctx context.Context, body jsonld.Document, in *jsonld.Context, contexts Contexts, by tribune.ActorID, now time.Time) (*Spec, error) {
	s, err := drafted(ctx, body, in, contexts, now)
	if err != nil {
		return nil, err
	}
	if s.by, s.bare = by, true; s.status(now) == statusExpired {
		return nil, faulty("expiresAt", "it is in the past (clause 5.8.1.4)")
	}
	return &Spec{s}, nil
}

// Patched is the subscription changed by a fragment (clauses 5.11.3 and 5.5.8).
func (v *Spec) Patched(ctx context.Context, body jsonld.Document, in *jsonld.Context, contexts Contexts, by tribune.ActorID, now time.Time) (*Spec, error) {
	fragment, err := fragmentOf(body, in, v.s.id)
	if err != nil {
		return nil, err
	}
	s, err := v.s.patched(ctx, fragment, in, contexts, by, now)
	if err != nil {
		return nil, err
	}
	return &Spec{s}, nil
}

// Row is what rests in a store of the subscription.
func (v *Spec) Row() ([]byte, error) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.s.dirty = false
	return json.Marshal(struct {
		row
		Counts counts `json:"counts"`
	}{v.s.row(), v.s.counts})
}

// RestoreSpec reads a Row. It fails with jsonld.ErrContext while a context of it cannot be had.
func RestoreSpec(ctx context.Context, value []byte, contexts Contexts) (*Spec, error) {
	var in struct {
		row
		Counts counts `json:"counts"`
	}
	if err := json.Unmarshal(value, &in); err != nil {
		return nil, fmt.Errorf("reading a subscription: %w", err)
	}
	k := kept{row: in.row}
	s, err := k.restore(ctx, contexts)
	if err != nil {
		return nil, err
	}
	s.counts, s.bare = in.Counts, true
	return &Spec{s}, nil
}

// Selected is an element of its entities (clause 5.2.33).
type Selected struct {
	Types   query.TypeExpr
	IDs     []tribune.EntityID
	Pattern *regexp.Regexp
}

// Selected are the entities subscribed to; none = whichever have a watched attribute.
func (v *Spec) Selected() (out []Selected) {
	for _, s := range v.s.selectors {
		out = append(out, Selected{s.types, s.ids, s.pattern})
	}
	return out
}

// Attrs are the attributes that it is about: those watched and those notified (clause 5.12). None = any, also where only one of the two
// is given (clause 5.11.2.4).
func (v *Spec) Attrs() []tribune.Name {
	var params struct {
		Attributes, Pick []string
	}
	if json.Unmarshal(v.s.doc["notification"], &params) != nil {
		return nil
	}
	var sent []tribune.Name
	for _, name := range slices.Concat(params.Attributes, params.Pick) {
		top, _, _ := strings.Cut(name, "{") // what is picked of a linked entity is that entity's
		if top != "id" && top != "type" && top != "scope" {
			sent = append(sent, tribune.Name(top))
		}
	}
	if len(v.s.selectors) == 0 {
		return slices.Concat(v.s.watched, sent)
	}
	if len(v.s.watched) == 0 || len(sent) == 0 {
		return nil
	}
	return slices.Concat(v.s.watched, sent)
}

// ID of the subscription.
func (v *Spec) ID() string { return v.s.id }

// Member is a member of the document, names expanded; nil where it has none.
func (v *Spec) Member(name string) json.RawMessage { return v.s.doc[name] }

// Text is a member that is a text; "" where it has none.
func (v *Spec) Text(name string) (text string) {
	if json.Unmarshal(v.s.doc[name], &text) != nil {
		return ""
	}
	return text
}

// WrittenIn is the context in which its q is written.
func (v *Spec) WrittenIn(ctx context.Context, contexts Contexts) (*jsonld.Context, error) {
	return contexts.Of(ctx, v.s.writtenIn)
}

// SourcesIn is the context in which its csf is written.
func (v *Spec) SourcesIn(ctx context.Context, contexts Contexts) (*jsonld.Context, error) {
	return contexts.Of(ctx, v.s.csfIn)
}

// SentIn is the context of its notifications.
func (v *Spec) SentIn() *jsonld.Context { return v.s.ctx }

// Interval is how often it notifies of itself; 0 = on changes.
func (v *Spec) Interval() time.Duration { return v.s.interval }

// Throttling is the least time between two notifications; 0 = none.
func (v *Spec) Throttling() time.Duration { return v.s.throttling }

// Active reports whether it notifies: it is neither paused nor expired.
func (v *Spec) Active(now time.Time) bool { return v.s.status(now) == statusActive }

// Endpoint is where notifications go, and whether they carry their context (else Link names it).
func (v *Spec) Endpoint() (to Endpoint, ld bool, link string) {
	return v.s.endpoint, v.s.view.LD, v.s.link
}

// Sent notes that a notification goes to its endpoint (clause 5.11.7).
func (v *Spec) Sent(at time.Time) { v.s.sent(at) }

// Ended notes how a delivery ended (clause 5.11.7).
func (v *Spec) Ended(at time.Time, err error) {
	if errors.Is(err, ErrCooldown) || errors.Is(err, ErrForgotten) {
		return
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.s.dirty = true
	if v.s.counts.LastFailed = err != nil; err == nil {
		v.s.counts.Success = at
		return
	}
	v.s.counts.Failed++
	v.s.counts.Failure = at
}

// LastNotification is when one was sent; zero = never.
func (v *Spec) LastNotification() time.Time {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	return v.s.counts.Notification
}

// Dirty reports whether the counters differ from the last Row.
func (v *Spec) Dirty() bool {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	return v.s.dirty
}

// For is the subscription as somebody may see it.
func (v *Spec) For(reader tribune.ActorID) *Spec { return &Spec{Subscription{v.s}.For(reader).s} }

// Append appends the subscription as JSON in a reader's context.
func (v *Spec) Append(b []byte, ctx *jsonld.Context, now time.Time, sysAttrs, ld bool) ([]byte, error) {
	return Subscription{v.s}.Append(b, ctx, now, sysAttrs, ld)
}

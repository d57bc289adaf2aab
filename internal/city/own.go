package city

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/portal"
	"tribune/internal/twin"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/protocol"
)

// own is what a person who has logged in may know about themselves. Their name comes from the provider that vouches for it;
// the guardians' threshold evaluation turns it into their pseudonym, so that the hub looks up nobody by guessing.
type own struct{ hub *Hub }

// maxOwn bounds how many entities of one class a person's page counts.
const maxOwn = 10_000

func (o own) pseudonym(ctx context.Context, name web.PersonName) (tribune.Pseudonym, error) {
	list, err := o.hub.vault.Pseudonyms(ctx, name.Type, []string{name.Name})
	if err != nil {
		return tribune.Pseudonym{}, fmt.Errorf("finding a person's pseudonym: %w", err)
	}
	return list[0], nil
}

// Holdings counts what is held in each class whose subjects are named by names of this type. Nothing is opened for it.
func (o own) Holdings(ctx context.Context, name web.PersonName) ([]portal.Holding, error) {
	p, err := o.pseudonym(ctx, name)
	if err != nil {
		return nil, err
	}
	var all []portal.Holding
	for _, c := range o.hub.gate.Set().Classes() {
		if !c.Personal || c.SubjectType != name.Type {
			continue
		}
		h, err := o.holding(ctx, p, c.Class)
		if err != nil {
			return nil, err
		}
		if h.Entities > 0 {
			all = append(all, h)
		}
	}
	return all, nil
}

func (o own) holding(ctx context.Context, p tribune.Pseudonym, class tribune.Class) (portal.Holding, error) {
	h := portal.Holding{Class: class.ID}
	var newest time.Time
	for offset := 0; offset < maxOwn; offset += twin.MaxLimit {
		page, err := o.hub.twin.Find(ctx, twin.Query{Subject: &p, Class: class.ID, Limit: twin.MaxLimit, Offset: offset})
		if err != nil {
			return h, fmt.Errorf("counting what is held: %w", err)
		}
		for _, v := range page.Views {
			h.Entities++
			for _, instances := range v.Attrs {
				for _, a := range instances {
					if a.Sealed == nil || a.Sealed.Pseudonym != p {
						continue
					}
					h.Values++
					day := tribune.SegmentStart(a.Sealed.Day, 0)
					if h.From.IsZero() || day.Before(h.From) {
						h.From = day
					}
					if day.After(newest) {
						newest = day
					}
				}
			}
		}
		if len(page.Views) < twin.MaxLimit {
			break
		}
	}
	if class.Keep > 0 && !newest.IsZero() {
		h.Until = newest.Add(class.Keep).AddDate(0, 0, 1) // a day is kept whole
	}
	return h, nil
}

func (o own) trace(ctx context.Context, name web.PersonName) ([]byte, []way.Use, error) {
	w := o.hub.way.Load()
	if w == nil {
		return nil, nil, errNoKeys
	}
	p, err := o.pseudonym(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	return w.Trace(ctx, p)
}

// Uses lists the uses of a person's data on the published record.
func (o own) Uses(ctx context.Context, name web.PersonName) ([]portal.Use, error) {
	k, uses, err := o.trace(ctx, name)
	if err != nil {
		return nil, err
	}
	clear(k)
	return o.published(ctx, uses, 0)
}

// Disclosed lists the uses that a warrant has hidden from a person until a quarter that is over.
func (o own) Disclosed(ctx context.Context, name web.PersonName) (all []portal.Use, err error) {
	w := o.hub.way.Load()
	if w == nil {
		return nil, nil // Uses has said so
	}
	p, err := o.pseudonym(ctx, name)
	if err != nil {
		return nil, err
	}
	chains, err := w.Disclosed(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, chain := range slices.Backward(chains) {
		clear(chain.Key)
		uses, err := o.published(ctx, chain.Uses, chain.Quarter)
		if err != nil {
			return nil, err
		}
		all = append(all, uses...)
	}
	return all, nil
}

// published are the uses that stand on the published record, newest first.
func (o own) published(ctx context.Context, uses []way.Use, quarter uint32) ([]portal.Use, error) {
	slices.Reverse(uses)
	published := o.hub.record.Published()
	all := make([]portal.Use, 0, len(uses))
	for _, u := range uses {
		if u.Index >= published {
			continue // it will be there in a moment; what nobody has witnessed proves nothing
		}
		raw, err := o.hub.record.Leaf(ctx, u.Index)
		if err != nil {
			return nil, fmt.Errorf("reading a use on record: %w", err)
		}
		leaf, err := protocol.DecodeLeaf(raw)
		if err != nil {
			return nil, fmt.Errorf("reading a use on record: %w", err)
		}
		all = append(all, portal.Use{Index: u.Index, N: u.N, Tag: u.Tag, Leaf: leaf, Quarter: quarter})
	}
	return all, nil
}

// TraceKey is a person's trace key.
func (o own) TraceKey(ctx context.Context, name web.PersonName) ([]byte, error) {
	k, _, err := o.trace(ctx, name)
	return k, err
}

var _ portal.Own = own{}

// readsOwn says whether a caller's key is for the data of one person alone, and what that person is verifiably called, where they have logged in.
func (h *Hub) readsOwn(ctx context.Context, caller tribune.Caller) (names []string, own bool) {
	for _, a := range h.gate.Appointments() {
		if a.Actor == caller.Actor && a.Subject != nil {
			own = true
		}
	}
	if s := web.SessionOf(ctx); own && s != nil {
		for _, n := range s.Names {
			names = append(names, n.Name)
		}
	}
	return names, own
}

package notify

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

// shown is an entity as a notification shows it (clause 5.8.6). For most changes that is the entity as it is.
func (s *subscription) shown(c *changed) (*model.Entity, jsonld.View) {
	view := s.view
	deletions := s.on & attributeDeleted
	if c.after != nil && !s.changes && deletions == 0 {
		return c.after, view
	}
	ch := &jsonld.Changes{At: c.at}
	if s.changes && c.before != nil {
		ch.Before = c.before
		for i := range c.attrs {
			if c.attrs[i].on&(attributeUpdated|attributeDeleted) != 0 {
				ch.Changed = append(ch.Changed, c.attrs[i].name)
			}
		}
	}
	if c.after == nil {
		view.Changes, ch.Deleted = ch, c.at
		return s.deleted(c), view
	}
	out := c.after
	for i := range c.attrs {
		a := &c.attrs[i]
		if a.on&attributeDeleted == 0 || deletions == 0 || !s.watches(a.name) || c.before == nil && c.after.Attrs[a.name] != nil {
			continue
		}
		if out == c.after {
			copied := *c.after
			copied.Attrs = maps.Clone(c.after.Attrs)
			if copied.Attrs == nil {
				copied.Attrs = map[tribune.Name][]model.Attr{}
			}
			out = &copied
		}
		out.Attrs[a.name] = s.instances(c, a.name)
	}
	if out == c.after && len(ch.Changed) == 0 {
		return out, view
	}
	view.Changes = ch
	return out, view
}

// deleted is an entity that is no more. Told of the deletion of entities, that is all there is to say, unless the changes are
// to be shown; told of the deletion of attributes, those that are watched have gone with it.
func (s *subscription) deleted(c *changed) *model.Entity {
	out := *c.before
	out.Attrs = map[tribune.Name][]model.Attr{}
	for i := range c.attrs {
		name := c.attrs[i].name
		if s.changes || s.on&entityDeleted == 0 && s.watches(name) {
			out.Attrs[name] = s.instances(c, name)
		}
	}
	return &out
}

// instances are those of an attribute that are there, and those that were deleted. Where none is left, one null says it, unless
// each has a previous value to show.
func (s *subscription) instances(c *changed, name tribune.Name) []model.Attr {
	var is, gone []model.Attr
	if c.after != nil {
		is = slices.DeleteFunc(slices.Clone(c.after.Attrs[name]), func(a model.Attr) bool { return a.Sealed != nil })
	}
	if c.before == nil { // read from the change log: what it was is not known
		return append(is, jsonld.Gone(model.Attr{Kind: model.Property}))
	}
	for _, a := range c.before.Attrs[name] {
		if a.Sealed == nil && visible(is, a.Dataset) == nil {
			gone = append(gone, jsonld.Gone(a))
		}
	}
	if len(is) == 0 && len(gone) > 1 && !s.changes {
		gone = gone[:1]
		gone[0].Dataset = ""
	}
	return append(is, gone...)
}

// rendering names bytes that several subscriptions can share: those of one change.
type rendering struct {
	ctx *jsonld.Context
	key string
}

// renderings are kept while one change is looked at.
type renderings map[rendering][]byte

// message is a notification (clause 5.3.1) about these changes.
func (n *Notifier) message(ctx context.Context, s *subscription, all []*changed, now time.Time, kept renderings) Notification {
	b := append(make([]byte, 0, 512), `{"id":"urn:ngsi-ld:Notification:`...)
	b = append(append(b, rand.Text()...), `","type":"Notification","subscriptionId":`...)
	b = append(append(b, quoted(s.id)...), `,"notifiedAt":"`...)
	b = append(now.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z"), `","data":`...)
	if s.view.GeoJSON {
		b = s.ctx.AppendCollection(b, false, s.view.LD)
	} else {
		b = append(b, '[')
	}
	linked := n.linker(s, all)
	for i, c := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = n.entity(ctx, b, s, c, linked, kept)
	}
	b = linked.flat(b, s)
	if s.view.GeoJSON {
		b = s.ctx.AppendCollection(b, true, s.view.LD)
	} else {
		b = append(b, ']')
		if s.view.LD {
			b = append(append(b, `,"@context":`...), s.ctx.JSON()...)
		}
	}
	return n.addressed(Notification{Body: append(b, '}'), ContentType: s.contentType, Link: s.link, Tenant: s.tenant})
}

func (n *Notifier) entity(ctx context.Context, b []byte, s *subscription, c *changed, linked *linker, kept renderings) []byte {
	e, view := s.shown(c)
	if view.GeoJSON { // the collection has the context
		view.LD = false
	}
	key, ok := view.Key()
	ok = ok && kept != nil && e == c.after
	if ok {
		if ready := kept[rendering{s.ctx, key}]; ready != nil {
			return append(b, ready...)
		}
	}
	linked.follow(ctx, e, &view)
	start := len(b)
	b = s.ctx.Append(b, e, view)
	if ok {
		kept[rendering{s.ctx, key}] = b[start:len(b):len(b)]
	}
	return b
}

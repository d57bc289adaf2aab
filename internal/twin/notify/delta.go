package notify

import (
	"bytes"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
)

// deltaOf says what an event changed. An attribute that was written with what it had already has not changed (clause 5.8.6).
// Sealed instances are absent, before and after: a change of nothing but them is none.
func deltaOf(e *twin.Event) *changed {
	c := &changed{before: e.Before, after: e.After, at: e.At}
	switch {
	case e.Before == nil && e.After == nil:
	case e.Before == nil:
		c.whole = entityCreated
		for name := range e.After.Attrs {
			c.attribute(name)
		}
	case e.After == nil:
		c.whole = entityDeleted
		for name := range e.Before.Attrs {
			c.attribute(name)
		}
	default:
		for _, name := range e.Touched {
			c.attribute(name)
		}
	}
	slices.SortFunc(c.attrs, func(a, b change) int { return strings.Compare(string(a.name), string(b.name)) })
	return c
}

// entity is the one whose types and conditions count: what there is, or what there was.
func (c *changed) entity() *model.Entity {
	if c.after != nil {
		return c.after
	}
	return c.before
}

// of is what happened to an attribute.
func (c *changed) of(name tribune.Name) trigger {
	for i := range c.attrs {
		if c.attrs[i].name == name {
			return c.attrs[i].on
		}
	}
	return 0
}

// attribute compares the instances of an attribute.
func (c *changed) attribute(name tribune.Name) {
	var was, is []model.Attr
	if c.before != nil {
		was = c.before.Attrs[name]
	}
	if c.after != nil {
		is = c.after.Attrs[name]
	}
	var on trigger
	for i := range is {
		if is[i].Sealed != nil {
			continue
		}
		old := visible(was, is[i].Dataset)
		switch {
		case old == nil:
			on |= attributeCreated
		case !same(old, &is[i]):
			on |= attributeUpdated
		}
	}
	for i := range was {
		if was[i].Sealed == nil && visible(is, was[i].Dataset) == nil {
			on |= attributeDeleted
		}
	}
	if on != 0 {
		c.attrs = append(c.attrs, change{name, on})
	}
}

// visible is the instance of a dataset that is not sealed, or nil.
func visible(all []model.Attr, dataset string) *model.Attr {
	for i := range all {
		if all[i].Dataset == dataset && all[i].Sealed == nil {
			return &all[i]
		}
	}
	return nil
}

// same reports whether two instances say the same; when they were written is not what they say.
func same(a, b *model.Attr) bool {
	return a.Kind == b.Kind && bytes.Equal(a.Value, b.Value) && a.UnitCode == b.UnitCode && a.ObservedAt.Equal(b.ObservedAt) &&
		slices.Equal(a.ObjectType, b.ObjectType) && a.Expires().Equal(b.Expires()) && a.ValueType() == b.ValueType() && sameSub(a.Sub, b.Sub)
}

func sameSub(a, b map[tribune.Name][]model.Attr) bool {
	if len(a) != len(b) {
		return false
	}
	for name, all := range a {
		other := b[name]
		if len(all) != len(other) {
			return false
		}
		for i := range all {
			if o := visible(other, all[i].Dataset); o == nil || !same(&all[i], o) {
				return false
			}
		}
	}
	return true
}

// merge makes one change of two that follow each other.
func (c *changed) merge(next *changed) {
	c.after, c.at = next.after, next.at
	if next.whole != 0 {
		c.whole = next.whole
	}
	for _, a := range next.attrs {
		i := slices.IndexFunc(c.attrs, func(o change) bool { return o.name == a.name })
		if i < 0 {
			c.attrs = append(c.attrs, a)
		} else {
			c.attrs[i].on |= a.on
		}
	}
}

// fires reports whether a change triggers the subscription; its selectors and conditions are not asked here.
func (s *subscription) fires(c *changed) bool {
	if c.whole&s.on != 0 {
		if len(s.watched) == 0 {
			return true
		}
		for i := range c.attrs {
			if s.watches(c.attrs[i].name) {
				return true
			}
		}
	}
	for i := range c.attrs {
		if c.attrs[i].on&s.on != 0 && s.watches(c.attrs[i].name) {
			return true
		}
	}
	return false
}

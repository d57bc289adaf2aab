package federation

import (
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// Merged is an entity as it is put together from several sources. The zero value has nothing yet.
type Merged struct {
	Entity  model.Entity
	own     bool                  // the entity's map of attributes may be changed: it is nobody else's
	cut     map[tribune.Name]bool // attribute lists that may be changed
	lasting bool                  // one of the versions does not expire
}

// Add puts another version of the entity into the merged one (clauses 4.5.5.2 and 4.5.5.3). Where two have the same attribute instance,
// the one observed last, else modified last, is taken; where nothing says which that is, the one that was there before. What has expired
// is left out. Neither version is changed: they may be shared with a cache.
func (m *Merged) Add(e *model.Entity, now time.Time) {
	if expired(e.ExpiresAt, now) {
		return
	}
	m.describe(e)
	for name, list := range e.Attrs {
		for i := range list {
			a := inherit(&list[i], e.ExpiresAt)
			if !expired(a.Expires(), now) {
				m.take(name, a)
			}
		}
	}
}

// Supplement adds attributes that no other source has (auxiliary registrations, clause 4.3.6.2).
func (m *Merged) Supplement(e *model.Entity, now time.Time) {
	if expired(e.ExpiresAt, now) {
		return
	}
	if len(m.Entity.Types) == 0 {
		m.describe(e)
	}
	for name, list := range e.Attrs {
		if len(m.Entity.Attrs[name]) > 0 {
			continue
		}
		var fresh []model.Attr
		for i := range list {
			if a := inherit(&list[i], e.ExpiresAt); !expired(a.Expires(), now) {
				fresh = append(fresh, a)
			}
		}
		if len(fresh) > 0 {
			m.attrs()[name] = fresh
		}
	}
}

// Drop takes attributes away.
func (m *Merged) Drop(names ...tribune.Name) {
	for _, n := range names {
		if _, ok := m.Entity.Attrs[n]; ok {
			delete(m.attrs(), n)
		}
	}
}

// seal takes away what is not sealed of an attribute.
func (m *Merged) seal(name tribune.Name) {
	rest := slices.DeleteFunc(slices.Clone(m.Entity.Attrs[name]), func(a model.Attr) bool { return a.Sealed == nil })
	if len(rest) == 0 {
		m.Drop(name)
		return
	}
	m.attrs()[name] = rest
}

// Empty reports whether nothing has been added.
func (m *Merged) Empty() bool { return len(m.Entity.Types) == 0 }

func expired(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// inherit is an instance with the end of its entity, where that is nearer.
func inherit(a *model.Attr, end time.Time) model.Attr {
	out := *a
	if end.IsZero() {
		return out
	}
	if own := a.Expires(); own.IsZero() || own.After(end) {
		var r model.Rare
		if a.Rare != nil {
			r = *a.Rare
		}
		r.ExpiresAt = end
		out.SetRare(r)
	}
	return out
}

// describe merges what an entity is besides its attributes.
func (m *Merged) describe(e *model.Entity) {
	x := &m.Entity
	if m.Empty() {
		x.ID, x.Types, x.Scope, x.CreatedAt, x.ModifiedAt, x.ExpiresAt = e.ID, slices.Clip(e.Types), slices.Clip(e.Scope), e.CreatedAt, e.ModifiedAt, e.ExpiresAt
		m.lasting = e.ExpiresAt.IsZero()
		return
	}
	x.Types, x.Scope = union(x.Types, e.Types), union(x.Scope, e.Scope)
	if !e.CreatedAt.IsZero() && (x.CreatedAt.IsZero() || e.CreatedAt.Before(x.CreatedAt)) {
		x.CreatedAt = e.CreatedAt
	}
	if e.ModifiedAt.After(x.ModifiedAt) {
		x.ModifiedAt = e.ModifiedAt
	}
	m.lasting = m.lasting || e.ExpiresAt.IsZero()
	switch {
	case m.lasting:
		x.ExpiresAt = time.Time{}
	case e.ExpiresAt.After(x.ExpiresAt):
		x.ExpiresAt = e.ExpiresAt
	}
}

func union[T comparable](a, b []T) []T {
	for _, v := range b {
		if !slices.Contains(a, v) {
			a = append(slices.Clip(a), v)
		}
	}
	return a
}

func (m *Merged) take(name tribune.Name, a model.Attr) {
	attrs := m.attrs()
	list := attrs[name]
	if !m.cut[name] {
		if m.cut == nil {
			m.cut = map[tribune.Name]bool{}
		}
		list, m.cut[name] = slices.Clone(list), true
	}
	if i := slices.IndexFunc(list, func(b model.Attr) bool { return b.Dataset == a.Dataset }); i < 0 {
		list = append(list, a)
	} else if list[i].Sealed == nil && newer(&a, &list[i]) {
		list[i] = a
	}
	attrs[name] = list
}

func (m *Merged) attrs() map[tribune.Name][]model.Attr {
	if !m.own {
		m.own, m.Entity.Attrs = true, maps.Clone(m.Entity.Attrs)
		if m.Entity.Attrs == nil {
			m.Entity.Attrs = map[tribune.Name][]model.Attr{}
		}
	}
	return m.Entity.Attrs
}

// newer reports whether a is to be preferred to b, which was there before.
func newer(a, b *model.Attr) bool {
	if !a.ObservedAt.Equal(b.ObservedAt) {
		return a.ObservedAt.After(b.ObservedAt) // who has been observed wins over who has not
	}
	return a.ModifiedAt.After(b.ModifiedAt)
}

package twin

import (
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// fragment is what a step says of an entity. It is the caller's: nothing of it may be changed.
type fragment struct {
	id    tribune.EntityID
	types []tribune.Name
	scope []string
	attrs []named // in order of their names
	more  *more   // nil in nearly every step
}

// more is what few fragments say.
type more struct {
	expires time.Time
	unset   model.Members
	only    query.TypeExpr
	common  Common
}

// named is the instances of one attribute.
type named struct {
	name tribune.Name
	list []model.Attr
}

func fragmentOf(m *Mutation) fragment {
	e := &m.Entity
	f := fragment{id: e.ID, types: e.Types, scope: e.Scope, attrs: make([]named, 0, len(e.Attrs))}
	for _, name := range sortedNames(e.Attrs) {
		f.attrs = append(f.attrs, named{name, e.Attrs[name]})
	}
	if !e.ExpiresAt.IsZero() || e.Unset != 0 || !m.Only.Any() || m.Common != (Common{}) {
		f.more = &more{expires: e.ExpiresAt, unset: e.Unset, only: m.Only, common: m.Common}
	}
	return f
}

func (f *fragment) expires() (t time.Time) {
	if f.more != nil {
		t = f.more.expires
	}
	return t
}

func (f *fragment) unsets(member model.Members) bool {
	return f.more != nil && f.more.unset.Has(member)
}

func (f *fragment) common() (c Common) {
	if f.more != nil {
		c = f.more.common
	}
	return c
}

// of is the instances of an attribute; nil where the fragment does not name it.
func (f *fragment) of(name tribune.Name) []model.Attr {
	for i := range f.attrs {
		if f.attrs[i].name == name {
			return f.attrs[i].list
		}
	}
	return nil
}

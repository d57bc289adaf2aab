package twin

import (
	"tribune"
	"tribune/internal/twin/model"
)

// fragment is what a step says of an entity. It is the caller's: nothing of it may be changed.
type fragment struct {
	id    tribune.EntityID
	types []tribune.Name
	scope []string
	attrs []named // in order of their names
}

// named is the instances of one attribute.
type named struct {
	name tribune.Name
	list []model.Attr
}

func fragmentOf(e *model.Entity) fragment {
	f := fragment{id: e.ID, types: e.Types, scope: e.Scope, attrs: make([]named, 0, len(e.Attrs))}
	for _, name := range sortedNames(e.Attrs) {
		f.attrs = append(f.attrs, named{name, e.Attrs[name]})
	}
	return f
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

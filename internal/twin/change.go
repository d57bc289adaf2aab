package twin

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// edit is one mode applied to one entity: a copy that shares what is not changed, and what was written in it.
type edit struct {
	e       *model.Entity // nil = the entity is deleted or was never there
	written []written     // instances set, in order
	touched []tribune.Name
	ignored []tribune.Name
	created bool
	retyped bool
	plain   bool // what the entity holds after it is its own: nothing of it is the caller's memory
}

// written names an instance that was set.
type written struct {
	name    tribune.Name
	dataset string
}

// apply is the whole update semantics of the standard: it makes of the current entity (nil = none) and a fragment what
// the mode says, or fails and changes nothing. Instances it sets are still in the clear.
func apply(cur *model.Entity, mode Mode, frag *fragment, now time.Time) (*edit, error) {
	switch {
	case mode == Create && cur != nil:
		return nil, tribune.Hint(fmt.Errorf("entity %s exists already: %w", frag.id, tribune.ErrConflict), "update it, or use another id")
	case cur == nil && mode != Create && mode != Upsert && mode != UpsertReplace:
		return nil, tribune.Hint(fmt.Errorf("entity %s: %w", frag.id, tribune.ErrNotFound), "check the id and the tenant; create it first")
	case cur != nil && frag.more != nil && !frag.more.only.Match(cur.Types):
		return nil, tribune.Hint(fmt.Errorf("entity %s of that type: %w", frag.id, tribune.ErrNotFound), "check the parameter type")
	case mode == Delete:
		return &edit{touched: sortedNames(cur.Attrs)}, nil
	}
	x := &edit{plain: cur != nil}
	switch {
	case cur == nil:
		if len(frag.types) == 0 {
			return nil, tribune.Hint(fmt.Errorf("%w: entity %s does not exist yet and no type is given", tribune.ErrInvalid, frag.id), `give its "type"`)
		}
		x.created = true
		x.e = &model.Entity{ID: frag.id, CreatedAt: now, Attrs: make(map[tribune.Name][]model.Attr, len(frag.attrs))}
	default:
		e := *cur
		e.Attrs = maps.Clone(cur.Attrs)
		if e.Attrs == nil {
			e.Attrs = make(map[tribune.Name][]model.Attr, len(frag.attrs))
		}
		x.e = &e
	}
	replace := mode == Replace || mode == UpsertReplace
	x.describe(cur, mode, frag, replace)
	var err error
	switch {
	case mode == Partial:
		err = x.partial(frag, now)
	case mode == Merge:
		err = x.merge(frag, now)
	case mode == DeleteAttr:
		err = x.remove(frag)
	default:
		err = x.set(cur, mode, frag, replace, now)
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(x.touched)
	x.touched = slices.Compact(x.touched)
	slices.Sort(x.ignored)
	x.ignored = slices.Compact(x.ignored)
	if x.changes(cur) {
		x.e.ModifiedAt = now
	}
	return x, nil
}

// changes reports whether anything is different from cur.
func (x *edit) changes(cur *model.Entity) bool {
	if cur == nil || x.e == nil {
		return (cur == nil) != (x.e == nil)
	}
	return len(x.touched) > 0 || x.retyped || !slices.Equal(cur.Scope, x.e.Scope) || !cur.ExpiresAt.Equal(x.e.ExpiresAt)
}

// set writes whole instances.
func (x *edit) set(cur *model.Entity, mode Mode, frag *fragment, replace bool, now time.Time) error {
	for _, f := range frag.attrs {
		name := f.name
		for i := range f.list {
			a := f.list[i]
			was := x.e.Instance(name, a.Dataset)
			switch {
			case mode == AppendNew && was != nil:
				x.ignored = append(x.ignored, name)
			case mode == ReplaceAttr && was == nil:
				return absent(name, a.Dataset)
			case a.Null() && (mode == Update || mode == Upsert || mode == Append && was != nil):
				x.drop(name, a.Dataset)
			default:
				if err := x.put(name, a, was, now); err != nil {
					return err
				}
			}
		}
	}
	if replace && cur != nil {
		for name, list := range cur.Attrs {
			for i := range list {
				if !slices.Contains(x.written, written{name, list[i].Dataset}) {
					x.drop(name, list[i].Dataset)
				}
			}
		}
	}
	return nil
}

func (x *edit) drop(name tribune.Name, dataset string) bool {
	list := x.e.Attrs[name]
	kept := make([]model.Attr, 0, len(list))
	for i := range list {
		if list[i].Dataset != dataset && dataset != "*" {
			kept = append(kept, list[i])
		}
	}
	if len(kept) == len(list) {
		return false
	}
	if len(kept) == 0 {
		delete(x.e.Attrs, name)
	} else {
		x.e.Attrs[name] = kept
	}
	x.touched = append(x.touched, name)
	return true
}

func (x *edit) remove(frag *fragment) error {
	for _, f := range frag.attrs {
		name, list := f.name, f.list
		if name == model.ScopeName {
			if len(x.e.Scope) == 0 {
				return absent(name, "")
			}
			x.e.Scope, x.touched = nil, append(x.touched, name)
			continue
		}
		if len(list) == 0 {
			list = []model.Attr{{}}
		}
		for i := range list {
			if !x.drop(name, list[i].Dataset) {
				return absent(name, list[i].Dataset)
			}
		}
	}
	return nil
}

func absent(name tribune.Name, dataset string) error {
	which := ""
	if dataset != "" {
		which = " with datasetId " + dataset
	}
	return tribune.Hint(fmt.Errorf("attribute %s%s: %w", name, which, tribune.ErrNotFound), "read the entity to see its attributes; append the attribute first")
}

// partial changes an instance member by member.
func (x *edit) partial(frag *fragment, now time.Time) error {
	for _, f := range frag.attrs {
		name := f.name
		for i := range f.list {
			a := f.list[i]
			was := x.e.Instance(name, a.Dataset)
			if was == nil {
				return absent(name, a.Dataset)
			}
			if a.Null() {
				x.drop(name, a.Dataset)
				continue
			}
			a, err := combine(name, was, a, false, Common{})
			if err != nil {
				return err
			}
			if err := x.put(name, a, was, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// merge is partial for every attribute, adds what is absent, and goes into values that are JSON objects.
func (x *edit) merge(frag *fragment, now time.Time) error {
	for _, f := range frag.attrs {
		name := f.name
		for i := range f.list {
			a := f.list[i]
			was := x.e.Instance(name, a.Dataset)
			switch {
			case a.Null():
				x.drop(name, a.Dataset)
				continue
			case was != nil:
				var err error
				if a, err = combine(name, was, a, true, frag.common()); err != nil {
					return err
				}
			default:
				if err := complete(name, &a); err != nil {
					return err
				}
			}
			if err := x.put(name, a, was, now); err != nil {
				return err
			}
		}
	}
	return nil
}

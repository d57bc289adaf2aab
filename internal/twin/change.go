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
}

// written names an instance that was set.
type written struct {
	name    tribune.Name
	dataset string
}

// apply is the whole update semantics of the standard: it makes of the current entity (nil = none) and a fragment what
// the mode says, or fails and changes nothing. Instances it sets are still in the clear.
func apply(cur *model.Entity, mode Mode, frag *model.Entity, now time.Time) (*edit, error) {
	switch {
	case mode == Create && cur != nil:
		return nil, tribune.Hint(fmt.Errorf("entity %s exists already: %w", frag.ID, tribune.ErrConflict), "update it, or use another id")
	case cur == nil && mode != Create && mode != Upsert && mode != UpsertReplace:
		return nil, tribune.Hint(fmt.Errorf("entity %s: %w", frag.ID, tribune.ErrNotFound), "check the id and the tenant; create it first")
	case mode == Delete:
		return &edit{touched: sortedNames(cur.Attrs)}, nil
	}
	x := &edit{}
	switch {
	case cur == nil:
		if len(frag.Types) == 0 {
			return nil, tribune.Hint(fmt.Errorf("%w: entity %s does not exist yet and no type is given", tribune.ErrInvalid, frag.ID), `give its "type"`)
		}
		x.created = true
		x.e = &model.Entity{ID: frag.ID, CreatedAt: now, Attrs: make(map[tribune.Name][]model.Attr, len(frag.Attrs))}
	default:
		e := *cur
		e.Attrs = maps.Clone(cur.Attrs)
		if e.Attrs == nil {
			e.Attrs = make(map[tribune.Name][]model.Attr, len(frag.Attrs))
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
	return len(x.touched) > 0 || x.retyped || !slices.Equal(cur.Scope, x.e.Scope)
}

// describe sets types and scope. Types are added, never taken away, but by a replacement.
func (x *edit) describe(cur *model.Entity, mode Mode, frag *model.Entity, replace bool) {
	if mode == DeleteAttr || mode == Partial {
		return
	}
	switch {
	case replace && len(frag.Types) > 0:
		x.e.Types = slices.Clone(frag.Types)
	default:
		for _, typ := range frag.Types {
			if !slices.Contains(x.e.Types, typ) {
				x.e.Types = append(slices.Clip(x.e.Types), typ)
			}
		}
	}
	x.retyped = cur != nil && !slices.Equal(cur.Types, x.e.Types)
	if replace || len(frag.Scope) > 0 && (mode != AppendNew || len(x.e.Scope) == 0) {
		x.e.Scope = frag.Scope
	}
}

// set writes whole instances.
func (x *edit) set(cur *model.Entity, mode Mode, frag *model.Entity, replace bool, now time.Time) error {
	for _, name := range sortedNames(frag.Attrs) {
		for i := range frag.Attrs[name] {
			a := frag.Attrs[name][i]
			was := x.e.Instance(name, a.Dataset)
			switch {
			case mode == AppendNew && was != nil, mode == Update && was == nil:
				x.ignored = append(x.ignored, name)
			case a.Null() && (mode == Update || mode == Append || mode == Upsert) && was != nil:
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

// put sets an instance with its times; createdAt is kept from the instance it takes the place of.
func (x *edit) put(name tribune.Name, a model.Attr, was *model.Attr, now time.Time) error {
	if a.Null() {
		return tribune.Hint(fmt.Errorf("%w: attribute %s is null", tribune.ErrInvalid, name), "leave the attribute out, or delete it")
	}
	if a.Sealed != nil {
		return fmt.Errorf("%w: attribute %s arrives sealed", tribune.ErrInvalid, name)
	}
	a.CreatedAt, a.ModifiedAt = now, now
	var subs map[tribune.Name][]model.Attr
	if was != nil {
		a.CreatedAt, subs = was.CreatedAt, was.Sub
	}
	a.Sub = stampSubs(a.Sub, subs, now)
	list := x.e.Attrs[name]
	if i := slices.IndexFunc(list, func(b model.Attr) bool { return b.Dataset == a.Dataset }); i >= 0 {
		list = slices.Clone(list)
		list[i] = a
	} else {
		list = append(slices.Clip(list), a)
	}
	x.e.Attrs[name] = list
	x.written = append(x.written, written{name, a.Dataset})
	x.touched = append(x.touched, name)
	return nil
}

// stampSubs gives sub-attributes their times, createdAt from those that were there before.
func stampSubs(subs, before map[tribune.Name][]model.Attr, now time.Time) map[tribune.Name][]model.Attr {
	if len(subs) == 0 {
		return nil
	}
	out := make(map[tribune.Name][]model.Attr, len(subs))
	for name, list := range subs {
		list = slices.Clone(list)
		for i := range list {
			s := &list[i]
			var deeper map[tribune.Name][]model.Attr
			created := now
			for j := range before[name] {
				if b := &before[name][j]; b.Dataset == s.Dataset && !b.CreatedAt.IsZero() {
					created, deeper = b.CreatedAt, b.Sub
				}
			}
			if s.CreatedAt.IsZero() { // else it was there before and is kept by a partial change
				s.CreatedAt, s.ModifiedAt = created, now
			}
			s.Sub = stampSubs(s.Sub, deeper, now)
		}
		out[name] = list
	}
	return out
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

func (x *edit) remove(frag *model.Entity) error {
	for _, name := range sortedNames(frag.Attrs) {
		list := frag.Attrs[name]
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
func (x *edit) partial(frag *model.Entity, now time.Time) error {
	for _, name := range sortedNames(frag.Attrs) {
		for i := range frag.Attrs[name] {
			a := frag.Attrs[name][i]
			was := x.e.Instance(name, a.Dataset)
			if was == nil {
				return absent(name, a.Dataset)
			}
			if a.Null() {
				x.drop(name, a.Dataset)
				continue
			}
			a, err := combine(name, was, a, false)
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
func (x *edit) merge(frag *model.Entity, now time.Time) error {
	for _, name := range sortedNames(frag.Attrs) {
		for i := range frag.Attrs[name] {
			a := frag.Attrs[name][i]
			was := x.e.Instance(name, a.Dataset)
			switch {
			case a.Null():
				x.drop(name, a.Dataset)
				continue
			case was != nil:
				var err error
				if a, err = combine(name, was, a, true); err != nil {
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

package twin

import (
	"fmt"
	"slices"
	"time"
	"unique"

	"tribune"
	"tribune/internal/twin/model"
)

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
	if a.Unset() != 0 {
		r := *a.Rare
		r.Unset = 0
		a.SetRare(r)
	}
	x.own(&name, &a, was)
	a.Sub = stampSubs(a.Sub, subs, now)
	if len(a.Sub) > 0 || a.Rare != nil {
		setSubEnds(&a, firstEnd(a.Sub))
	}
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

// own makes an instance independent of the caller's memory where that is simple, which it is for most: the same instance
// with another value.
func (x *edit) own(name *tribune.Name, a, was *model.Attr) {
	a.Value = slices.Clone(a.Value)
	if !a.ObservedAt.IsZero() {
		a.ObservedAt = model.WithDigits(a.ObservedAt, model.Digits(a.ObservedAt)) // as it is read back
	}
	if was == nil || a.UnitCode != was.UnitCode || a.Kind != was.Kind || len(a.Sub) > 0 || len(a.ObjectType) > 0 || a.Rare != nil {
		x.plain = false
		return
	}
	*name = unique.Make(*name).Value()
	a.Kind, a.Dataset, a.UnitCode = was.Kind, was.Dataset, was.UnitCode
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

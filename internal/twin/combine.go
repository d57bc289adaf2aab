package twin

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// combine lays a fragment over an instance: member by member, and where it goes deep into values and sub-attributes, too. A
// sealed instance cannot be looked into: only a whole new one replaces it.
func combine(name tribune.Name, was *model.Attr, a model.Attr, deep bool, common Common) (model.Attr, error) {
	if was.Sealed != nil {
		if len(a.Value) == 0 || a.Kind == "" {
			return a, tribune.Hint(fmt.Errorf("%w: attribute %s is sealed and cannot be changed in part", tribune.ErrInvalid, name), "send the attribute whole, with type and value")
		}
		return a, nil
	}
	switch {
	case a.Kind == "" && len(a.Value) > 0:
		var err error
		if a.Value, err = fit(name, was, a.Value, common.Lang); err != nil {
			return a, err
		}
	case a.Kind != "" && a.Kind != was.Kind:
		if deep && len(a.Value) > 0 && !common.KeepTypes {
			return a, complete(name, &a)
		}
		return a, tribune.Hint(fmt.Errorf("%w: attribute %s is a %s, not a %s", tribune.ErrInvalid, name, was.Kind, a.Kind), "delete the attribute to change its type")
	}
	out := *was
	if len(a.Value) > 0 {
		out.Value = a.Value
		if deep {
			out.Value = mergePatch(was.Value, a.Value, 0)
		}
	}
	overlay(&out, &a)
	if !common.ObservedAt.IsZero() && !out.ObservedAt.IsZero() && a.ObservedAt.IsZero() {
		out.ObservedAt = common.ObservedAt
	}
	return out, combineSubs(&out, was, &a, deep)
}

// overlay lays the members beside value and sub-attributes over an instance.
func overlay(out, a *model.Attr) {
	if len(a.ObjectType) > 0 {
		out.ObjectType = a.ObjectType
	}
	if a.UnitCode != "" {
		out.UnitCode = a.UnitCode
	}
	if !a.ObservedAt.IsZero() {
		out.ObservedAt = a.ObservedAt
	}
	if a.Rare == nil {
		return
	}
	r := model.Rare{ExpiresAt: out.Expires(), ValueType: out.ValueType(), Plain: out.Plain()} // put works out the rest
	if !a.Rare.ExpiresAt.IsZero() {
		r.ExpiresAt = a.Rare.ExpiresAt
	}
	if a.Rare.ValueType != "" {
		r.ValueType = a.Rare.ValueType
	}
	unset := a.Rare.Unset
	if unset.Has(model.ObservedAt) {
		out.ObservedAt = time.Time{}
	}
	if unset.Has(model.UnitCode) {
		out.UnitCode = ""
	}
	if unset.Has(model.ObjectType) {
		out.ObjectType = nil
	}
	if unset.Has(model.ExpiresAt) {
		r.ExpiresAt = time.Time{}
	}
	if unset.Has(model.ValueType) {
		r.ValueType = ""
	}
	out.SetRare(r)
}

// combineSubs lays sub-attributes over those of an instance: those that are null go, others are replaced or, deep, combined.
func combineSubs(out, was, a *model.Attr, deep bool) error {
	if len(a.Sub) == 0 {
		return nil
	}
	out.Sub = maps.Clone(was.Sub)
	if out.Sub == nil {
		out.Sub = make(map[tribune.Name][]model.Attr, len(a.Sub))
	}
	for name, list := range a.Sub {
		for _, s := range list {
			rest := slices.Clone(out.Sub[name])
			at := slices.IndexFunc(rest, func(b model.Attr) bool { return b.Dataset == s.Dataset })
			var err error
			switch {
			case s.Null() && at >= 0:
				rest = slices.Delete(rest, at, at+1)
			case s.Null():
			case at < 0:
				err = complete(name, &s)
				rest = append(rest, s)
			case deep:
				rest[at], err = combine(name, &rest[at], s, true, Common{})
				rest[at].CreatedAt = time.Time{} // stampSubs gives it its times
			default:
				err = complete(name, &s)
				rest[at] = s
			}
			if err != nil {
				return err
			}
			if out.Sub[name] = rest; len(rest) == 0 {
				delete(out.Sub, name)
			}
		}
	}
	return nil
}

// complete makes a fragment that meets nothing an instance, or says what it lacks.
func complete(name tribune.Name, a *model.Attr) error {
	if len(a.Value) == 0 {
		return tribune.Hint(fmt.Errorf("%w: attribute %s is not there yet and is sent without its value", tribune.ErrInvalid, name), "send the attribute whole, with type and value")
	}
	if a.Kind == "" {
		a.Kind = bareKind(a.Value)
	}
	a.Value = mergePatch(nil, a.Value, 0)
	subs := a.Sub
	a.Sub = nil
	return combineSubs(a, &model.Attr{}, &model.Attr{Sub: subs}, false)
}

package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
)

// catalogue is what discovery answers from: what is here, and what is registered as possibly there (clause 5.7.11). No source is asked: that
// would cost all of them a look at everything they have.
func (a *api) catalogue(r *http.Request, t tribune.Tenant) Catalogue {
	if !a.distributes(r, t) {
		return a.Twin
	}
	matches := a.match(r, t, federation.Need{})
	if len(matches) == 0 {
		return a.Twin
	}
	return &registered{a, matches}
}

// registered is the catalogue of the twin with what registrations add.
type registered struct {
	a       *api
	matches []federation.Match
}

var _ Catalogue = (*registered)(nil)

// each visits every registered type with the attributes registered for it; typ is "" where attributes are registered for any.
func (c *registered) each(visit func(typ tribune.Name, attrs []tribune.Name)) {
	for i := range c.matches {
		m := &c.matches[i]
		attrs := slices.Concat(m.Info.Properties, m.Info.Relationships)
		if len(m.Info.Entities) == 0 {
			visit("", attrs)
		}
		for _, e := range m.Info.Entities {
			if len(e.Types) == 0 {
				visit("", attrs)
			}
			for _, typ := range e.Types {
				visit(typ, slices.DeleteFunc(slices.Clone(attrs), func(n tribune.Name) bool { return c.a.withheld(e.Types, n) }))
			}
		}
	}
}

func (c *registered) Types(ctx context.Context, t tribune.Tenant) ([]tribune.Name, error) {
	out, err := c.a.Twin.Types(ctx, t)
	if err != nil {
		return nil, err
	}
	c.each(func(typ tribune.Name, _ []tribune.Name) {
		if typ != "" {
			out = append(out, typ)
		}
	})
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (c *registered) TypeAttrs(ctx context.Context, t tribune.Tenant) ([]twin.TypeInfo, error) {
	out, err := c.a.Twin.TypeAttrs(ctx, t)
	if err != nil {
		return nil, err
	}
	c.each(func(typ tribune.Name, attrs []tribune.Name) {
		i := slices.IndexFunc(out, func(x twin.TypeInfo) bool { return x.Name == typ })
		switch {
		case typ == "":
			return
		case i < 0:
			out, i = append(out, twin.TypeInfo{Name: typ}), len(out)
		default:
			out[i].Attrs = slices.Clone(out[i].Attrs)
		}
		addAttrs(&out[i], attrs)
	})
	slices.SortFunc(out, func(x, y twin.TypeInfo) int { return cmp.Compare(x.Name, y.Name) })
	return out, nil
}

func addAttrs(t *twin.TypeInfo, attrs []tribune.Name) {
	for _, n := range attrs {
		if !slices.ContainsFunc(t.Attrs, func(x twin.AttrInfo) bool { return x.Name == n }) {
			t.Attrs = append(t.Attrs, twin.AttrInfo{Name: n, Types: []tribune.Name{t.Name}})
		}
	}
}

func (c *registered) Type(ctx context.Context, t tribune.Tenant, typ tribune.Name) (twin.TypeInfo, error) {
	out, err := c.a.Twin.Type(ctx, t, typ)
	if err != nil && !errors.Is(err, tribune.ErrNotFound) {
		return out, err
	}
	out.Name, out.Attrs = typ, slices.Clone(out.Attrs)
	c.each(func(name tribune.Name, attrs []tribune.Name) {
		if name == typ {
			err = nil
			addAttrs(&out, attrs)
		}
	})
	return out, err
}

func (c *registered) Attr(ctx context.Context, t tribune.Tenant, attr tribune.Name) (twin.AttrInfo, error) {
	out, err := c.a.Twin.Attr(ctx, t, attr)
	if err != nil && !errors.Is(err, tribune.ErrNotFound) {
		return out, err
	}
	out.Name, out.Types = attr, slices.Clone(out.Types)
	c.each(func(typ tribune.Name, attrs []tribune.Name) {
		if slices.Contains(attrs, attr) {
			err = nil
			if typ != "" && !slices.Contains(out.Types, typ) {
				out.Types = append(out.Types, typ)
			}
		}
	})
	return out, err
}

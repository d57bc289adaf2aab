package twin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// Bounds of what discovery looks at (clause 5.7.11 lets a broker estimate).
const (
	maxCatalogued = 10_000  // names of types, and of attributes, in one answer
	sampled       = 256     // documents that are read to say of which kinds attributes are
	maxCounted    = 1 << 16 // rows that are counted in a request; more are counted once a minute
)

// TypeInfo says what is there of an entity type: its attributes, how many entities, and of which kinds each attribute is.
type TypeInfo struct {
	Name     tribune.Name
	Entities int
	Attrs    []AttrInfo
}

// AttrInfo says what is there of an attribute: on which types, how many instances, of which kinds. Count is exact where
// at most 256 entities have the attribute, else it counts entities; so are the kinds those of 256 of them.
type AttrInfo struct {
	Name  tribune.Name
	Types []tribune.Name
	Kinds []model.Kind
	Count int
}

// Types are the types of the entities that are there, in order. It seeks from one to the next: what it costs depends on
// how many types there are, not on how many entities.
func (t *Twin) Types(ctx context.Context, tenant tribune.Tenant) (out []tribune.Name, err error) {
	err = t.catalogue(ctx, tenant, func(c *catalogue) error {
		out, err = c.types(ctx)
		return err
	})
	return out, err
}

// TypeAttrs are all types with the names of their attributes, sealed ones excepted: to discovery they do not exist.
func (t *Twin) TypeAttrs(ctx context.Context, tenant tribune.Tenant) (out []TypeInfo, err error) {
	err = t.catalogue(ctx, tenant, func(c *catalogue) error {
		types, err := c.types(ctx)
		for _, typ := range types {
			names, err := c.attrs(ctx, typ)
			if err != nil {
				return err
			}
			info := TypeInfo{Name: typ}
			for _, name := range names {
				info.Attrs = append(info.Attrs, AttrInfo{Name: name, Types: []tribune.Name{typ}})
			}
			out = append(out, info)
		}
		return err
	})
	return out, err
}

// Type is what is there of a type; ErrNotFound where no entity has it.
func (t *Twin) Type(ctx context.Context, tenant tribune.Tenant, typ tribune.Name) (info TypeInfo, err error) {
	info.Name = typ
	err = t.catalogue(ctx, tenant, func(c *catalogue) error {
		if info.Entities, err = c.count(ctx, "t", string(typ)); err != nil {
			return err
		}
		if info.Entities == 0 {
			return fmt.Errorf("%w: no entity has this type", tribune.ErrNotFound)
		}
		names, err := c.attrs(ctx, typ)
		if err != nil {
			return err
		}
		kinds, err := c.sample(ctx, typ)
		if err != nil {
			return err
		}
		for _, name := range names {
			a := AttrInfo{Name: name, Types: []tribune.Name{typ}, Kinds: kinds[name]}
			if a.Kinds == nil { // on none of those that were looked at
				found, err := c.attr(ctx, []tribune.Name{typ}, name, 1)
				if err != nil {
					return err
				}
				a.Kinds = found.Kinds
			}
			info.Attrs = append(info.Attrs, a)
		}
		return nil
	})
	return info, err
}

// Attr is what is there of an attribute; ErrNotFound where no entity has it in the open.
func (t *Twin) Attr(ctx context.Context, tenant tribune.Tenant, name tribune.Name) (info AttrInfo, err error) {
	err = t.catalogue(ctx, tenant, func(c *catalogue) error {
		types, err := c.types(ctx)
		if err != nil {
			return err
		}
		if info, err = c.attr(ctx, types, name, maxCounted); err != nil {
			return err
		}
		if info.Count == 0 {
			return fmt.Errorf("%w: no entity has this attribute", tribune.ErrNotFound)
		}
		return nil
	})
	return info, err
}

// catalogue reads what there is of one tenant at one moment.
type catalogue struct {
	t      *Twin
	r      store.Reader
	tenant tribune.Tenant
}

func (t *Twin) catalogue(ctx context.Context, tenant tribune.Tenant, read func(*catalogue) error) error {
	snap, err := t.cfg.Store.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("listing types: %w", err)
	}
	err = read(&catalogue{t, snap, tenant})
	if err = errors.Join(err, snap.Close()); err != nil {
		return fmt.Errorf("listing types and attributes: %w", err)
	}
	return nil
}

// places are the partitions of the tenant.
func (c *catalogue) places(visit func(tribune.Place, keys) error) error {
	for part := range max(1, c.t.cfg.Store.Partitions()) {
		at := tribune.Place{Tenant: c.tenant, Partition: part}
		if err := visit(at, keysAt(at)); err != nil {
			return err
		}
	}
	return nil
}

func (c *catalogue) types(ctx context.Context) (out []tribune.Name, err error) {
	err = c.places(func(_ tribune.Place, k keys) error {
		out, err = c.next(ctx, out, k, "t")
		return err
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// attrs are the attributes of a type: the index has rows of values (q) and of places (g).
func (c *catalogue) attrs(ctx context.Context, typ tribune.Name) (out []tribune.Name, err error) {
	err = c.places(func(_ tribune.Place, k keys) error {
		if out, err = c.next(ctx, out, k, "q", string(typ)); err == nil {
			out, err = c.next(ctx, out, k, "g", string(typ))
		}
		return err
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// next appends the parts that follow a prefix of an index, by seeking from one to the next.
func (c *catalogue) next(ctx context.Context, out []tribune.Name, k keys, kind string, parts ...string) ([]tribune.Name, error) {
	head := k.of(kind, parts...)
	r := store.Prefix(head)
	r.Limit, r.KeysOnly = 1, true
	for {
		found := false
		for pair, err := range c.r.Scan(ctx, r) {
			if err != nil {
				return nil, err
			}
			name, _, ok := cut(pair.Key[len(head):])
			if !ok {
				return nil, &tribune.IntegrityError{What: "an index key", Err: errDamaged}
			}
			if out, found = append(out, tribune.Name(name)), true; len(out) > maxCatalogued {
				return nil, tribune.Hint(fmt.Errorf("%w: more than %d names to list", tribune.ErrTooLarge, maxCatalogued), "ask for one type or attribute")
			}
			r.From = store.After(part(slices.Clone(head), name))
		}
		if !found {
			return out, nil
		}
	}
}

package twin

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// count is how many rows an index has under a prefix. Up to maxCounted it is exact; more rows are counted at most once a
// minute, so that nobody can make the hub count a million of them at every request.
func (c *catalogue) count(ctx context.Context, kind string, parts ...string) (n int, err error) {
	err = c.places(func(_ tribune.Place, k keys) error {
		here, err := c.rows(ctx, k.of(kind, parts...))
		n += here
		return err
	})
	return n, err
}

func (c *catalogue) rows(ctx context.Context, prefix []byte) (n int, err error) {
	r := store.Prefix(prefix)
	r.KeysOnly = true
	for _, err := range c.r.Scan(ctx, r) {
		if err != nil {
			return 0, err
		}
		if n++; n == maxCounted {
			if known, ok := c.t.counts.get(prefix, c.t.cfg.Now()); ok {
				return known, nil
			}
		}
	}
	if n >= maxCounted {
		c.t.counts.put(prefix, n, c.t.cfg.Now())
	}
	return n, nil
}

// counts keeps large counts for a minute.
type counts struct {
	mu sync.Mutex // guards by
	by map[string]counted
}

type counted struct {
	n  int
	at time.Time
}

const (
	countFor   = time.Minute
	maxCountOf = 1000 // counts that are kept
)

func (c *counts) get(prefix []byte, now time.Time) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.by[string(prefix)]
	return k.n, ok && now.Sub(k.at) < countFor
}

func (c *counts) put(prefix []byte, n int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.by, func(_ string, k counted) bool { return now.Sub(k.at) >= countFor })
	if c.by == nil || len(c.by) >= maxCountOf {
		c.by = map[string]counted{}
	}
	c.by[string(prefix)] = counted{n, now}
}

// sample says of which kinds the attributes of a type are, by the first entities that have it.
func (c *catalogue) sample(ctx context.Context, typ tribune.Name) (map[tribune.Name][]model.Kind, error) {
	kinds := map[tribune.Name][]model.Kind{}
	err := c.ids(ctx, sampled, func(at tribune.Place, id tribune.EntityID) error {
		e, err := c.document(ctx, at, id)
		if err != nil || e == nil {
			return err
		}
		for name, all := range e.Attrs {
			kinds[name], _ = addKinds(kinds[name], all)
		}
		return nil
	}, indexed{"t", []string{string(typ)}})
	return kinds, err
}

// located is an entity and where it is.
type located struct {
	at tribune.Place
	id tribune.EntityID
}

// attr says what is there of an attribute on types, from at most so many entities that have it. Where more have it than are
// read, those are read that stand evenly apart in the order of their values.
func (c *catalogue) attr(ctx context.Context, types []tribune.Name, name tribune.Name, most int) (AttrInfo, error) {
	info := AttrInfo{Name: name}
	seen := map[tribune.EntityID]bool{}
	var all []located
	for _, typ := range types {
		has := false
		err := c.ids(ctx, most-len(all), func(at tribune.Place, id tribune.EntityID) error {
			if has = true; !seen[id] {
				seen[id] = true
				all = append(all, located{at, id})
			}
			return nil
		}, indexed{"q", []string{string(typ), string(name)}}, indexed{"g", []string{string(typ), string(name)}})
		if err != nil {
			return info, err
		}
		if has {
			info.Types = append(info.Types, typ)
		}
	}
	for i, n := 0, min(len(all), sampled); i < n; i++ {
		one := all[i*len(all)/n]
		e, err := c.document(ctx, one.at, one.id)
		if err != nil {
			return info, err
		}
		if e != nil {
			var here int
			info.Kinds, here = addKinds(info.Kinds, e.Attrs[name])
			info.Count += here
		}
	}
	if len(all) > sampled {
		info.Count = len(all)
	}
	if len(all) < maxCounted {
		return info, nil
	}
	return info, c.countAttr(ctx, &info)
}

// countAttr counts the index rows of an attribute where there are too many to look at.
func (c *catalogue) countAttr(ctx context.Context, info *AttrInfo) error {
	info.Count = 0
	for _, typ := range info.Types {
		for _, index := range []string{"q", "g"} {
			n, err := c.count(ctx, index, string(typ), string(info.Name))
			if err != nil {
				return err
			}
			info.Count += n
		}
	}
	return nil
}

// addKinds adds the kinds of the instances that are not sealed, and counts these.
func addKinds(kinds []model.Kind, all []model.Attr) ([]model.Kind, int) {
	n := 0
	for i := range all {
		if all[i].Sealed != nil {
			continue
		}
		if n++; !slices.Contains(kinds, all[i].Kind) {
			kinds = append(kinds, all[i].Kind)
			slices.Sort(kinds)
		}
	}
	return kinds, n
}

// document is an entity at the moment of the catalogue, nil where there is none.
func (c *catalogue) document(ctx context.Context, at tribune.Place, id tribune.EntityID) (*model.Entity, error) {
	e, err := read(ctx, c.r, store.Key(room, at, "e", string(id)), id)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return e.entity, nil
}

// indexed is the part of an index where the rows of something stand; after the parts come perhaps a value or a cell, then
// the id.
type indexed struct {
	kind  string
	parts []string
}

// ids visits the entities of index rows, at most so many rows of each index and partition; an entity with several rows is
// visited several times.
func (c *catalogue) ids(ctx context.Context, most int, visit func(tribune.Place, tribune.EntityID) error, all ...indexed) error {
	return c.places(func(at tribune.Place, k keys) error {
		for _, in := range all {
			s := within(k.of(in.kind, in.parts...), false)
			switch in.kind {
			case "q":
				s.skip = skipPart
			case "g":
				s.skip = skipCell
			}
			s.KeysOnly, s.Limit = true, max(1, most)
			for pair, err := range c.r.Scan(ctx, s.Range) {
				if err != nil {
					return err
				}
				id, err := s.id(pair.Key)
				if err != nil {
					return err
				}
				if err := visit(at, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

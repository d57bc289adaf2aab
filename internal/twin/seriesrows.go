package twin

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// seriesKey names the instances of one attribute and datasetId of an entity: a series.
type seriesKey struct {
	name    tribune.Name
	dataset string
}

// pastRow is a row of a series. Value is valid until the next step only.
type pastRow struct {
	rowPlace
	value []byte
}

// maxSeries bounds the series of one entity that a request walks through: each costs a seek.
const maxSeries = 100_000

// seriesOf visits the series of an entity, by seeking from one to the next, in order. attrs chooses attributes; empty = all.
func seriesOf(ctx context.Context, r store.Reader, k keys, id tribune.EntityID, attrs []tribune.Name) ([]seriesKey, error) {
	var out []seriesKey
	for _, kind := range [...]string{"h", "H"} {
		heads := [][]byte{k.of(kind, string(id))}
		if len(attrs) > 0 {
			heads = heads[:0]
			for _, name := range attrs {
				heads = append(heads, k.of(kind, string(id), string(name)))
			}
		}
		for i, head := range heads {
			found, err := seek(ctx, r, k, kind, id, head, len(attrs) > 0)
			if err != nil {
				return nil, err
			}
			for _, s := range found {
				if len(attrs) > 0 {
					s.name = attrs[i]
				}
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b seriesKey) int {
		if c := bytes.Compare([]byte(a.name), []byte(b.name)); c != 0 {
			return c
		}
		return bytes.Compare([]byte(a.dataset), []byte(b.dataset))
	})
	return slices.Compact(out), nil
}

// seek lists the series below a head of keys; named: the attribute is part of the head.
func seek(ctx context.Context, r store.Reader, k keys, kind string, id tribune.EntityID, head []byte, named bool) (out []seriesKey, err error) {
	rng := store.Prefix(head)
	if !named {
		rng.From = store.After(k.of(kind, string(id), "")) // past the head of the evolution
	}
	rng.Limit, rng.KeysOnly = 1, true
	for {
		found := false
		for p, err := range r.Scan(ctx, rng) {
			if err != nil {
				return nil, err
			}
			var s seriesKey
			rest, ok := p.Key[len(head):], true
			if !named {
				var name string
				name, rest, ok = cut(rest)
				s.name = tribune.Name(name)
			}
			var good bool
			if s.dataset, rest, good = cut(rest); !ok || !good {
				return nil, &tribune.IntegrityError{What: "a history key", Err: errDamaged}
			}
			if found, out = true, append(out, s); len(out) > maxSeries {
				return nil, tribune.Hint(fmt.Errorf("more than %d attributes and datasetIds of entity %s: %w", maxSeries, id, tribune.ErrTooLarge), "ask for fewer attributes")
			}
			rng.From = store.After(p.Key[:len(p.Key)-len(rest)])
		}
		if !found {
			return out, nil
		}
	}
}

// timeSpan is a part of a series: the rows of one order whose times are at least From and less than To.
type timeSpan struct {
	order    byte
	from, to uint64 // to 0 = no end
}

// looseRows are the rows of a span that are not packed.
func looseRows(ctx context.Context, r store.Reader, head []byte, s timeSpan, reverse bool) iter.Seq2[pastRow, error] {
	rng := store.Prefix(append(slices.Clone(head), s.order))
	if s.from > 0 {
		rng.From = store.Uint(append(slices.Clone(head), s.order), s.from)
	}
	if s.to > 0 {
		rng.To = store.Uint(append(slices.Clone(head), s.order), s.to)
	}
	rng.Reverse = reverse
	return func(yield func(pastRow, error) bool) {
		for p, err := range r.Scan(ctx, rng) {
			if err != nil {
				yield(pastRow{}, err)
				return
			}
			place, ok := cutPlace(p.Key[len(head):])
			if !ok {
				yield(pastRow{}, &tribune.IntegrityError{What: "a history key", Err: errDamaged})
				return
			}
			if !yield(pastRow{place, p.Value}, nil) {
				return
			}
		}
	}
}

// attrOf decodes a row.
func attrOf(id tribune.EntityID, s seriesKey, row pastRow) (model.Attr, error) {
	return decodeRow(id, s.name, slices.Clone(row.value))
}

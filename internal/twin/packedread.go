package twin

import (
	"context"
	"iter"
	"slices"

	"tribune"
	"tribune/internal/store"
)

// past reads the rows of one series, packed or not.
type pastReader struct {
	r     store.Reader
	k     keys
	packs *packs
	id    tribune.EntityID
	s     seriesKey
}

func (p *pastReader) head(kind string) []byte {
	return p.k.of(kind, string(p.id), string(p.s.name), p.s.dataset)
}

// blocks are the heads of the blocks that may have rows of a span, in order.
func (p *pastReader) blocks(ctx context.Context, s timeSpan, reverse bool) iter.Seq2[*block, error] {
	head := p.head("H")
	rng := store.Prefix(append(slices.Clone(head), s.order))
	if s.to > 0 {
		rng.To = store.Uint(append(slices.Clone(head), s.order), s.to)
	}
	return func(yield func(*block, error) bool) {
		if s.from > 0 {
			from, err := p.begin(ctx, head, s)
			if err != nil {
				yield(nil, err)
				return
			}
			rng.From = from
		}
		rng.Reverse = reverse
		for pair, err := range p.r.Scan(ctx, rng) {
			if err != nil {
				yield(nil, err)
				return
			}
			b, err := decodeBlock(slices.Clone(pair.Key[len(head):]), slices.Clone(pair.Value))
			if err != nil || b.last.at >= s.from {
				if !yield(b, err) || err != nil {
					return
				}
			}
		}
	}
}

// begin is the key of the block that a span begins in, or where that would stand.
func (p *pastReader) begin(ctx context.Context, head []byte, s timeSpan) ([]byte, error) {
	rng := store.Prefix(append(slices.Clone(head), s.order))
	own := store.Uint(append(slices.Clone(head), s.order), s.from)
	rng.To, rng.Reverse, rng.Limit, rng.KeysOnly = own, true, 1, true
	for pair, err := range p.r.Scan(ctx, rng) {
		return slices.Clone(pair.Key), err
	}
	return own, nil
}

// body unpacks a block.
func (p *pastReader) body(ctx context.Context, b *block) ([]pastRow, error) {
	body, err := p.r.Get(ctx, b.first.append(p.head("B")))
	if err != nil {
		if isAbsent(err) {
			err = &tribune.IntegrityError{What: "packed history", Err: err}
		}
		return nil, err
	}
	return p.packs.rows(b, body)
}

// packedRows are the rows of a span that are packed.
func (p *pastReader) packedRows(ctx context.Context, s timeSpan, reverse bool) iter.Seq2[pastRow, error] {
	return func(yield func(pastRow, error) bool) {
		for b, err := range p.blocks(ctx, s, reverse) {
			var rows []pastRow
			if err == nil {
				rows, err = p.body(ctx, b)
			}
			if err != nil {
				yield(pastRow{}, err)
				return
			}
			if reverse {
				slices.Reverse(rows)
			}
			for _, r := range rows {
				if r.at >= s.from && (s.to == 0 || r.at < s.to) && !yield(r, nil) {
					return
				}
			}
		}
	}
}

// rows are all rows of a span, in order.
func (p *pastReader) rows(ctx context.Context, s timeSpan, reverse bool) iter.Seq2[pastRow, error] {
	return func(yield func(pastRow, error) bool) {
		packed, stop := iter.Pull2(p.packedRows(ctx, s, reverse))
		defer stop()
		next, err, more := packed()
		for row, lerr := range looseRows(ctx, p.r, p.head("h"), s, reverse) {
			for lerr == nil && more && err == nil && (next.compare(row.rowPlace) < 0) != reverse {
				if !yield(next, nil) {
					return
				}
				next, err, more = packed()
			}
			if more && err != nil {
				yield(pastRow{}, err)
				return
			}
			if !yield(row, lerr) || lerr != nil {
				return
			}
		}
		for more {
			if !yield(next, err) || err != nil {
				return
			}
			next, err, more = packed()
		}
	}
}

// value is the value of a row, or ErrNotFound; in is the block that it is packed in, nil = none.
func (p *pastReader) value(ctx context.Context, at rowPlace) (value []byte, in *block, err error) {
	if value, err = p.r.Get(ctx, at.append(p.head("h"))); !isAbsent(err) {
		return value, nil, err
	}
	missing := err
	for b, err := range p.blocks(ctx, timeSpan{order: at.order, from: at.at, to: at.at + 1}, false) {
		if err != nil {
			return nil, nil, err
		}
		if at.compare(b.first) < 0 || at.compare(b.last) > 0 {
			continue
		}
		rows, err := p.body(ctx, b)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range rows {
			if r.compare(at) == 0 {
				return r.value, b, nil
			}
		}
	}
	return nil, nil, missing
}

// take puts the deletion of a row into a batch; of a packed one that is a block without it.
func (p *pastReader) take(ctx context.Context, b *store.Batch, at rowPlace) error {
	value, in, err := p.value(ctx, at)
	if err != nil {
		return err
	}
	if in == nil {
		key := at.append(p.head("h"))
		b.ExpectPrefix(key, value)
		b.Delete(key)
		return nil
	}
	rows, err := p.body(ctx, in)
	if err != nil {
		return err
	}
	p.drop(b, in)
	left := slices.DeleteFunc(rows, func(r pastRow) bool { return r.compare(at) == 0 })
	return p.packs.putBlocks(b, p.k, p.id, p.s, left)
}

// drop puts the deletion of a block, as it was read, into a batch.
func (p *pastReader) drop(b *store.Batch, old *block) {
	key := old.first.append(p.head("H"))
	b.ExpectPrefix(key, old.raw)
	b.Delete(key)
	b.Delete(old.first.append(p.head("B")))
}

// top is the latest time of an order; 0 where there is no row.
func (p *pastReader) top(ctx context.Context, order byte) (at uint64, err error) {
	for row, err := range looseRows(ctx, p.r, p.head("h"), timeSpan{order: order}, true) {
		if err != nil {
			return 0, err
		}
		at = row.at
		break
	}
	for b, err := range p.blocks(ctx, timeSpan{order: order}, true) {
		if err != nil {
			return 0, err
		}
		return max(at, b.last.at), nil
	}
	return at, nil
}

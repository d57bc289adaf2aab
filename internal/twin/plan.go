package twin

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/query"
)

// plan is where the candidates of a query come from, in order of their ids: a list, or a walk along one index.
type plan struct {
	ids  []candidate
	walk []byte // prefix of an index whose next part is the id; nil = ids
	sure bool   // every entity of the walk matches
}

// candidate is an entity that may match; sure where the index alone proves it.
type candidate struct {
	id   tribune.EntityID
	sure bool
}

// plan chooses, most selective first: given ids, a subject, a circle, one comparison, else the types, else everything.
func (f *finder) plan(ctx context.Context, k keys) (*plan, error) {
	q := f.q
	switch {
	case len(q.IDs) > 0:
		return f.byID(), nil
	case q.Subject != nil:
		return f.collect(ctx, []span{within(k.of("x", string(q.Class), string(q.Subject[:])), false)}, 0)
	}
	types := q.Types.Candidates()
	if types == nil && (q.Near != nil || q.Q != nil) {
		var err error
		if types, err = f.types(ctx, k); err != nil {
			return nil, err
		}
	}
	if spans := f.circle(k, types); spans != nil {
		return f.collect(ctx, spans, 0)
	}
	walk := f.walkTypes(k)
	if spans := f.comparison(k, types); spans != nil {
		probe := 0
		if walk != nil && !q.Count {
			probe = probeRows // an unselective comparison is answered sooner by walking until the page is full
		}
		if p, err := f.collect(ctx, spans, probe); p != nil || err != nil {
			return p, err
		}
	}
	if walk != nil {
		return walk, nil
	}
	var spans []span
	for _, typ := range types {
		spans = append(spans, within(k.of("t", string(typ)), q.Types.Exact() && f.onlyTypes()))
	}
	return f.collect(ctx, spans, 0)
}

// onlyTypes reports whether nothing but types is asked.
func (f *finder) onlyTypes() bool {
	q := f.q
	return q.IDPattern == nil && len(q.Attrs) == 0 && q.Q == nil && q.Near == nil && q.Subject == nil
}

// walkTypes is the walk along one type, or along all entities where no type is asked; nil where there are several.
func (f *finder) walkTypes(k keys) *plan {
	types := f.q.Types.Candidates()
	switch {
	case f.q.Types.Any():
		return &plan{walk: k.of("e"), sure: f.onlyTypes()}
	case len(types) == 1:
		return &plan{walk: k.of("t", string(types[0])), sure: f.q.Types.Exact() && f.onlyTypes()}
	}
	return nil
}

func (f *finder) byID() *plan {
	p := &plan{}
	for _, id := range f.q.IDs {
		p.ids = append(p.ids, candidate{id: id})
	}
	p.settle()
	return p
}

// span is a range of index keys: head, then what is compared, then the id.
type span struct {
	store.Range
	head int  // bytes before the id or before the value
	skip skip // what stands between head and id
	sure bool
}

type skip uint8

const (
	skipNothing skip = iota
	skipPart         // the value of a q row
	skipCell         // the cell of a g row
)

func within(prefix []byte, sure bool) span {
	return span{Range: store.Prefix(prefix), head: len(prefix), sure: sure}
}

// circle is the cells around the point of a geo query.
func (f *finder) circle(k keys, types []tribune.Name) (spans []span) {
	n := f.q.Near
	if n == nil || n.MaxDistance == 0 {
		return nil
	}
	cells, ok := query.CellsNear(n.Lon, n.Lat, n.MaxDistance)
	if !ok {
		return nil
	}
	spans = []span{}
	for _, typ := range types {
		head := k.of("g", string(typ), string(n.property()))
		for _, c := range cells {
			r := store.Range{From: store.Uint(slices.Clone(head), c.From), To: store.After(store.Uint(slices.Clone(head), c.To))}
			spans = append(spans, span{Range: r, head: len(head), skip: skipCell})
		}
	}
	return spans
}

// comparison is the index of the first conjunct of q that has one, equalities preferred.
func (f *finder) comparison(k keys, types []tribune.Name) []span {
	var best *query.Term
	terms := f.q.Q.Conjuncts()
	for _, t := range terms {
		if _, ok := t.Spans(); ok && t.Attr != "" && (best == nil || best.Op != query.OpEqual && t.Op == query.OpEqual) {
			best = t
		}
	}
	if best == nil {
		return nil
	}
	q := f.q
	sure := len(terms) == 1 && f.q.Q.Single() && q.Types.Exact() && q.IDPattern == nil && len(q.Attrs) == 0 && q.Near == nil
	values, _ := best.Spans()
	spans := []span{}
	for _, typ := range types {
		head := k.of("q", string(typ), string(best.Attr))
		for _, v := range values {
			long := v.From != nil && len(v.From.Text) > query.MaxIndexed || v.To != nil && len(v.To.Text) > query.MaxIndexed
			s := span{Range: rangeOf(head, v), head: len(head), skip: skipPart, sure: sure}
			if long && v.From == v.To {
				continue // longer than anything indexed
			}
			spans = append(spans, s)
		}
		r := store.Prefix(store.Part(slices.Clone(head), string(opaque())))
		spans = append(spans, span{Range: r, head: len(head), skip: skipPart})
	}
	return spans
}

// rangeOf is the part of an index in which a span of values lies.
func rangeOf(head []byte, v query.Span) store.Range {
	at := func(s *query.Scalar) []byte { return store.Part(slices.Clone(head), string(s.Ordered())) }
	r := store.Range{From: append(slices.Clone(head), byte(v.Kind)), To: append(slices.Clone(head), byte(v.Kind)+1)}
	if v.From != nil {
		if r.From = at(v.From); v.OpenFrom {
			r.From = store.After(r.From)
		}
	}
	if v.To != nil {
		if r.To = at(v.To); !v.OpenTo {
			r.To = store.After(r.To)
		}
	}
	return r
}

// collect gathers the ids of spans. With a probe it returns nil once there are more rows than that.
func (f *finder) collect(ctx context.Context, spans []span, probe int) (*plan, error) {
	p := &plan{}
	for _, s := range spans {
		if bytes.Compare(s.From, s.To) >= 0 {
			continue
		}
		s.KeysOnly = true
		for pair, err := range f.r.Scan(ctx, s.Range) {
			if err != nil {
				return nil, err
			}
			id, err := s.id(pair.Key)
			if err != nil {
				return nil, err
			}
			if p.ids = append(p.ids, candidate{id, s.sure}); probe > 0 && len(p.ids) > probe {
				return nil, nil
			}
			if len(p.ids) > maxCandidates {
				return nil, tribune.Hint(fmt.Errorf("more than %d entities to look at: %w", maxCandidates, tribune.ErrTooLarge), "ask for fewer: add a type, a smaller area or another condition")
			}
		}
	}
	p.settle()
	return p, nil
}

func (s *span) id(key []byte) (tribune.EntityID, error) {
	rest, ok := key[s.head:], true
	switch s.skip {
	case skipPart:
		rest, ok = skipOne(rest)
	case skipCell:
		if ok = len(rest) >= 8; ok {
			rest = rest[8:]
		}
	}
	id, rest, good := cut(rest)
	if !ok || !good || len(rest) != 0 {
		return "", &tribune.IntegrityError{What: "an index key", Err: errDamaged}
	}
	return tribune.EntityID(id), nil
}

// settle puts candidates in order, each once; sure where any row says so.
func (p *plan) settle() {
	slices.SortFunc(p.ids, func(a, b candidate) int {
		if c := compareIDs(a.id, b.id); c != 0 || a.sure == b.sure {
			return c
		}
		if a.sure {
			return -1
		}
		return 1
	})
	p.ids = slices.CompactFunc(p.ids, func(a, b candidate) bool { return a.id == b.id })
}

// each visits the candidates until visit says to stop.
func (p *plan) each(ctx context.Context, r store.Reader, visit func(tribune.EntityID, bool) (bool, error)) error {
	for _, c := range p.ids {
		if more, err := visit(c.id, c.sure); err != nil || !more {
			return err
		}
	}
	if p.walk == nil {
		return nil
	}
	s := within(p.walk, p.sure)
	s.KeysOnly = true
	seen := 0
	for pair, err := range r.Scan(ctx, s.Range) {
		if err != nil {
			return err
		}
		id, err := s.id(pair.Key)
		if err != nil {
			return err
		}
		if seen++; seen > maxCandidates && !p.sure {
			return tribune.Hint(fmt.Errorf("more than %d entities to look at: %w", maxCandidates, tribune.ErrTooLarge), "ask for fewer: add a type, a smaller area or another condition")
		}
		if more, err := visit(id, p.sure); err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

// types are the types of entities here, by seeking from one to the next.
func (f *finder) types(ctx context.Context, k keys) ([]tribune.Name, error) {
	out := []tribune.Name{}
	head := k.of("t")
	r := store.Prefix(head)
	r.Limit, r.KeysOnly = 1, true
	for {
		found := false
		for pair, err := range f.r.Scan(ctx, r) {
			if err != nil {
				return nil, fmt.Errorf("listing types: %w", err)
			}
			typ, _, ok := cut(pair.Key[len(head):])
			if !ok {
				return nil, &tribune.IntegrityError{What: "an index key", Err: errDamaged}
			}
			out, found = append(out, tribune.Name(typ)), true
			r.From = store.After(k.of("t", typ))
		}
		if !found {
			return out, nil
		}
	}
}

package twin

import (
	"context"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/query"
)

// plan is where the candidates of a query come from. walk is everything that may match, in order of ids; rows are spans of
// an index that hold every match, in another order. Where there are both they race: see run. column is those rows in order of ids.
type plan struct {
	walk   []*run
	rows   *harvest    // nil = none
	column *columnWalk // nil = none
	wants  columnKey   // the column that would help; of no type = none
}

// candidate is an entity that may match; sure where the index alone proves it.
type candidate struct {
	id   tribune.EntityID
	sure bool
}

// maxRuns bounds what is walked side by side.
const maxRuns = 256

// plan chooses the indexes. An equality gives a walk over what equals; everything else walks the types, against an index
// that says less of the order and more of the matches.
func (f *finder) plan(ctx context.Context, k keys) (*plan, error) {
	q := f.q
	switch {
	case len(q.IDs) > 0:
		return &plan{walk: []*run{listed(q.IDs)}}, nil
	case q.Subject != nil:
		return &plan{walk: []*run{f.run(k.of("x", string(q.Class), string(q.Subject[:])), false)}}, nil
	case q.LookUp != nil:
		return &plan{walk: []*run{f.run(k.of("b", string(q.LookUp.Token[:])), false)}}, nil
	}
	types, err := f.anyTypes(ctx, k)
	if err != nil {
		return nil, err
	}
	exact, err := f.provable(ctx, k)
	if err != nil {
		return nil, err
	}
	p := &plan{walk: f.walkTypes(k, exact)}
	equal, rows := f.comparison(k, types, exact)
	if equal != nil {
		p.walk = equal
	}
	switch area := f.area(k, types, exact); {
	case area != nil:
		p.rows = area
	case equal != nil:
	case rows != nil:
		p.rows = rows
		f.column(p, k, types)
	default:
		if p.rows = f.attrs(k, types, exact); p.rows == nil {
			p.rows = f.scopes(k)
		}
	}
	return p, nil
}

// provable reports whether an index row can prove a match: nothing is there that has expired.
func (f *finder) provable(ctx context.Context, k keys) (bool, error) {
	head := k.of("z")
	r := store.Range{From: head, To: store.Uint(slices.Clone(head), ordinal(f.t.cfg.Now())+1), Limit: 1, KeysOnly: true}
	for _, err := range f.r.Scan(ctx, r) {
		return false, err
	}
	return true, nil
}

// asked counts what is asked besides types.
func (f *finder) asked() (n int) {
	q := f.q
	for _, yes := range [...]bool{q.IDPattern != nil, len(q.Selectors) > 0, len(q.Attrs) > 0, q.Q != nil, q.Geo != nil, !q.Scopes.Any(), q.Subject != nil} {
		if yes {
			n++
		}
	}
	return n
}

// candidates are types of which every match has one; nil = any.
func (q *Query) candidates() []tribune.Name {
	out := q.Types.Candidates()
	if out != nil || len(q.Selectors) == 0 {
		return out
	}
	for i := range q.Selectors {
		of := q.Selectors[i].Types.Candidates()
		if of == nil {
			return nil
		}
		out = append(out, of...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// anyTypes are the candidate types; all that there are where any will do and an index by type is wanted.
func (f *finder) anyTypes(ctx context.Context, k keys) ([]tribune.Name, error) {
	types := f.q.candidates()
	if types != nil || f.q.Geo == nil && f.q.Q == nil && len(f.q.Attrs) == 0 {
		return types, nil
	}
	return f.types(ctx, k)
}

// walkTypes walks the candidate types, or all entities; of selectors by ids those alone.
func (f *finder) walkTypes(k keys, exact bool) (walk []*run) {
	q := f.q
	if n := len(q.Selectors); n > 0 && !slices.ContainsFunc(q.Selectors, func(s Selector) bool { return len(s.IDs) == 0 }) {
		var ids []tribune.EntityID
		for i := range q.Selectors {
			ids = append(ids, q.Selectors[i].IDs...)
		}
		return []*run{listed(ids)}
	}
	types, begins := q.candidates(), idPrefix(q)
	exact = exact && f.asked() == 0 && q.Types.Exact()
	if types == nil || len(types) > maxRuns {
		return []*run{f.runFrom(k.of("e"), begins, exact && types == nil)}
	}
	for _, typ := range types {
		walk = append(walk, f.runFrom(k.of("t", string(typ)), begins, exact))
	}
	return walk
}

// idPrefix is how every id that the pattern matches begins.
func idPrefix(q *Query) string {
	if q.IDPattern == nil {
		return ""
	}
	re, err := syntax.Parse(q.IDPattern.String(), syntax.Perl)
	if err != nil || re.Op != syntax.OpConcat || len(re.Sub) < 2 || re.Sub[0].Op != syntax.OpBeginText {
		return ""
	}
	if l := re.Sub[1]; l.Op == syntax.OpLiteral && l.Flags&syntax.FoldCase == 0 && !slices.Contains(l.Rune, 0) {
		return string(l.Rune)
	}
	return ""
}

// area is the index rows of what a geo query may find.
func (f *finder) area(k keys, types []tribune.Name, exact bool) *harvest {
	g := f.q.Geo
	if g == nil {
		return nil
	}
	positions, areas, ok := g.Cells()
	if !ok {
		return nil
	}
	sure := exact && f.asked() == 1 && f.q.Types.Exact()
	out := &harvest{f: f, geo: g}
	for _, typ := range types {
		for i, cells := range [2][]query.CellRange{positions, areas} {
			head := k.of([2]string{"g", "a"}[i], string(typ), string(g.Property))
			for _, c := range cells {
				r := store.Range{From: store.Uint(slices.Clone(head), c.From), To: store.After(store.Uint(slices.Clone(head), c.To))}
				out.spans = append(out.spans, span{Range: r, head: len(head), skip: skipCell, sure: sure && i == 0, position: i == 0})
			}
		}
	}
	return out
}

// comparison is the index of values: walks of what equals where q wants equalities, else the rows of intervals.
func (f *finder) comparison(k keys, types []tribune.Name, exact bool) (equal []*run, rows *harvest) {
	terms := f.q.Q.Cover()
	if terms == nil {
		return nil, nil
	}
	q := f.q
	sure := exact && f.asked() == 1 && q.Types.Exact() && q.Q.Single() && terms[0].Exact()
	rows = &harvest{f: f}
	points := true
	for _, t := range terms {
		values, _ := t.Spans()
		for _, typ := range types {
			head := k.of("q", string(typ), string(t.Own()))
			for _, v := range values {
				point := v.Kind != 0 && v.From != nil && v.From == v.To
				points = points && point
				if point && len(v.From.Text) > query.MaxIndexed {
					continue // longer than anything indexed
				}
				rows.spans = append(rows.spans, span{Range: rangeOf(head, v), head: len(head), skip: skipPart, sure: sure})
			}
			if values[0].Kind != 0 {
				r := store.Prefix(store.Part(slices.Clone(head), string(opaque())))
				rows.spans = append(rows.spans, span{Range: r, head: len(head), skip: skipPart})
			}
		}
	}
	if !points || len(rows.spans) > maxRuns {
		return nil, rows
	}
	equal = []*run{}
	for _, s := range rows.spans {
		equal = append(equal, f.run(s.From, s.sure))
	}
	return equal, nil
}

// rangeOf is the part of an index in which a span of values lies.
func rangeOf(head []byte, v query.Span) store.Range {
	if v.Kind == 0 {
		return store.Prefix(head)
	}
	at := func(s *query.Scalar) []byte { return store.Part(slices.Clone(head), string(s.Ordered())) }
	if v.From != nil && v.From == v.To {
		return store.Prefix(at(v.From))
	}
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

// attrs is the index rows of everything that has one of the attributes asked for.
func (f *finder) attrs(k keys, types []tribune.Name, exact bool) *harvest {
	if len(f.q.Attrs) == 0 {
		return nil
	}
	sure := exact && f.asked() == 1 && f.q.Types.Exact()
	out := &harvest{f: f}
	for _, typ := range types {
		for _, name := range f.q.Attrs {
			head := k.of("q", string(typ), string(name))
			out.spans = append(out.spans, span{Range: store.Prefix(head), head: len(head), skip: skipPart, sure: sure})
		}
	}
	return out
}

// scopes is the index rows of the scopes asked for.
func (f *finder) scopes(k keys) *harvest {
	subtrees := f.q.Scopes.Subtrees()
	if subtrees == nil {
		return nil
	}
	out := &harvest{f: f}
	head := k.of("s")
	for _, s := range subtrees {
		r := store.Prefix(append(slices.Clone(head), strings.TrimSuffix(s, "/")...))
		out.spans = append(out.spans, span{Range: r, head: len(head), skip: skipPart})
	}
	return out
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

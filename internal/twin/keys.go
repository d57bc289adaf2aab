package twin

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// room is the first part of every key of the twin.
const room = "twin"

// keys builds the keys of one place.
type keys struct{ prefix []byte }

func keysAt(at tribune.Place) keys { return keys{store.Key(room, at)} }

// of begins a key of a kind with parts, with room for more.
func (k keys) of(kind string, parts ...string) []byte {
	n := len(k.prefix) + len(kind) + 2
	for _, p := range parts {
		n += len(p) + 2
	}
	b := append(make([]byte, 0, n+24), k.prefix...)
	b = store.Part(b, kind)
	for _, p := range parts {
		b = store.Part(b, p)
	}
	return b
}

// The two orders of history rows.
const (
	byObserved = 'o'
	byModified = 'm'
)

// history is the key of a history row. Sealed instances and those without observedAt stand under their modifiedAt.
func (k keys) history(id tribune.EntityID, name tribune.Name, a *model.Attr, change []byte) []byte {
	b := k.of("h", string(id), string(name), a.Dataset)
	if a.Sealed == nil && !a.ObservedAt.IsZero() {
		b = store.Uint(append(b, byObserved), ordinal(a.ObservedAt))
	} else {
		b = store.Uint(append(b, byModified), ordinal(a.ModifiedAt))
	}
	return append(b, change...)
}

// ordinal orders times as a u64: nanoseconds since 1970 with the sign flipped; times beyond 1678..2262 stand at the ends.
func ordinal(t time.Time) uint64 {
	n := t.UnixNano()
	switch s := t.Unix(); {
	case s > math.MaxInt64/1_000_000_000-1:
		n = math.MaxInt64
	case s < math.MinInt64/1_000_000_000+1:
		n = math.MinInt64
	}
	return uint64(n) ^ 1<<63
}

// rows are the index rows of one attribute of an entity; none where it is sealed, but those of subjectRows.
func (k keys) rows(e *model.Entity, name tribune.Name, out []string) []string {
	id := string(e.ID)
	for i := range e.Attrs[name] {
		a := &e.Attrs[name][i]
		if a.Sealed != nil {
			continue
		}
		var few [2]query.Scalar
		scalars := query.Scalars(a.Value, few[:0])
		if a.Kind == model.GeoProperty {
			if g, err := query.ParseGeometry(a.Value); err == nil {
				for _, cell := range g.Cells() {
					for _, typ := range e.Types {
						key := store.Uint(k.of("g", string(typ), string(name)), cell)
						out = append(out, string(store.Part(key, id)))
					}
				}
			}
		}
		if a.Kind == model.Relationship || a.Kind == model.ListRelationship {
			for _, s := range scalars {
				if s.Kind == query.Text && len(s.Text) <= maxName {
					out = append(out, string(k.of("r", s.Text, string(name), id)))
				}
			}
		}
		list := len(a.Value) > 0 && bytes.TrimLeft(a.Value, " \t\r\n")[0] == '['
		for _, s := range scalars {
			v := s.Ordered()
			if list || s.Kind == query.Text && len(s.Text) > query.MaxIndexed {
				v = opaque()
			}
			for _, typ := range e.Types {
				out = append(out, string(k.of("q", string(typ), string(name), string(v), id)))
			}
		}
	}
	return out
}

// subjectRows are the rows that find an entity by whom its sealed attributes are about. Attributes share them.
func (k keys) subjectRows(e *model.Entity, out []string) []string {
	for _, list := range e.Attrs {
		for i := range list {
			if s := list[i].Sealed; s != nil {
				out = append(out, string(k.of("x", string(s.Class), string(s.Pseudonym[:]), string(e.ID))))
			}
		}
	}
	return out
}

// opaque is the value of a q row that stands for one that is not indexed: a long text or a list. Every query of the
// attribute looks at these documents, so that the index hides nothing.
func opaque() []byte { return query.Scalar{Kind: query.Opaque}.Ordered() }

// typeRow is the row that finds an entity by type.
func (k keys) typeRow(e *model.Entity, typ tribune.Name) string {
	return string(k.of("t", string(typ), string(e.ID)))
}

// cut reads one part of a key; it is store.CutPart without copying byte by byte.
func cut(b []byte) (s string, rest []byte, ok bool) {
	if i := bytes.IndexByte(b, 0); i >= 0 && i+1 < len(b) && b[i+1] == 1 {
		return string(b[:i]), b[i+2:], true
	}
	return store.CutPart(b)
}

// skipOne goes past one part of a key without copying it.
func skipOne(b []byte) (rest []byte, ok bool) {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		if b[i+1] == 1 {
			return b[i+2:], true
		}
		i++ // an escaped zero
	}
	return nil, false
}

// eachPlace visits the tenants and partitions that hold anything, by seeking from one to the next.
func eachPlace(ctx context.Context, r store.Reader, visit func(tribune.Place) error) error {
	from := store.Part(nil, room)
	end := store.After(from)
	for {
		at, found := tribune.Place{}, false
		for p, err := range r.Scan(ctx, store.Range{From: from, To: end, Limit: 1, KeysOnly: true}) {
			if err != nil {
				return fmt.Errorf("listing tenants: %w", err)
			}
			_, rest, _ := cut(p.Key)
			tenant, rest, ok := cut(rest)
			if !ok || len(rest) < 2 {
				return &tribune.IntegrityError{What: "a key of the twin", Err: errDamaged}
			}
			at, found = tribune.Place{Tenant: tribune.Tenant(tenant), Partition: binary.BigEndian.Uint16(rest)}, true
		}
		if !found {
			return nil
		}
		if err := visit(at); err != nil {
			return err
		}
		from = store.After(store.Key(room, at))
	}
}

package twin

import (
	"bytes"
	"encoding/binary"
	"strings"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// The index rows of an entity, by kind:
//
//	t type id                 an entity of a type
//	q type name value id      a value of an attribute: a scalar in order, or a word for one that must be looked at
//	g type name cell id       a position: its S2 leaf cell
//	a type name cell id       an area: an S2 cell that covers a part of it
//	r target name id          a relationship
//	s scope id                a scope
//	x class pseudonym id      a sealed attribute
//	b token id                a sealed value that can be looked up
//	y class day id            the day on which one arrived
//	z time id                 something expires

// maxScalars bounds the rows of one value; one with more, and every list, is looked at in its document.
const maxScalars = 16

// rows are the index rows of one attribute of an entity; none where it is sealed, but those of subjectRows.
func (k keys) rows(e *model.Entity, name tribune.Name, out [][]byte) [][]byte {
	for i := range e.Attrs[name] {
		a := &e.Attrs[name][i]
		if a.Sealed != nil {
			continue
		}
		var few [2]query.Scalar
		scalars := query.Values(a, few[:0])
		switch a.Kind {
		case model.GeoProperty:
			out = k.placeRows(e, name, a, out)
		case model.Relationship, model.ListRelationship:
			for _, s := range scalars {
				if s.Kind == query.Text && len(s.Text) <= maxName {
					out = append(out, k.row("r", s.Text, string(name), string(e.ID)))
				}
			}
		}
		if len(scalars) == 0 {
			out = k.valueRows(e, name, unlisted(), out)
			continue
		}
		list := a.Kind != model.LanguageProperty && bytes.TrimLeft(a.Value, " \t\r\n")[0] == '[' || len(scalars) > maxScalars
		for _, s := range scalars {
			var short [24]byte
			v := s.AppendOrdered(short[:0])
			if list || s.Kind == query.Text && len(s.Text) > query.MaxIndexed {
				v = opaque()
			}
			out = k.valueRows(e, name, v, out)
		}
	}
	return out
}

func (k keys) valueRows(e *model.Entity, name tribune.Name, value []byte, out [][]byte) [][]byte {
	for _, typ := range e.Types {
		out = append(out, k.row("q", string(typ), string(name), string(value), string(e.ID)))
	}
	return out
}

// placeRows are the rows of a GeoProperty.
func (k keys) placeRows(e *model.Entity, name tribune.Name, a *model.Attr, out [][]byte) [][]byte {
	g, err := query.ParseGeometry(a.Value)
	if err != nil {
		return out
	}
	id, kind := string(e.ID), "a"
	cells, leaf := g.Cells()
	if leaf {
		kind = "g"
	}
	for _, cell := range cells {
		for _, typ := range e.Types {
			parts := [...]string{string(typ), string(name)}
			b := store.Uint(k.add(k.mem.begin(k.size(kind, parts[:])+10+len(id)), kind, parts[:]), cell)
			out = append(out, k.mem.end(part(b, id)))
		}
	}
	return out
}

// cellOf is the cell that stands at the beginning of the rest of a key.
func cellOf(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// scopeRows are the rows of an entity's scopes; the slash at the beginning of one may be missing (clause 4.18).
func (k keys) scopeRows(e *model.Entity, out [][]byte) [][]byte {
	for _, s := range e.Scope {
		out = append(out, k.row("s", "/"+strings.TrimPrefix(s, "/"), string(e.ID)))
	}
	return out
}

// opaque is the value of a q row that stands for one that is not indexed: a long text or a list. Every query of the
// attribute's value looks at these documents, so that the index hides nothing.
func opaque() []byte { return query.Scalar{Kind: query.Opaque}.Ordered() }

// unlisted is the value of a q row that stands for one that no comparison of values can find: an object, a place. It finds
// the entities that have the attribute.
func unlisted() []byte { return query.Scalar{Kind: query.Unlisted}.Ordered() }

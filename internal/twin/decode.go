package twin

import (
	"encoding/binary"
	"errors"
	"time"
	"unique"

	"tribune"
	"tribune/internal/twin/model"
)

// maxSubDepth bounds sub-attributes of sub-attributes.
const maxSubDepth = 8

var errDamaged = errors.New("does not decode")

// decodeEntity keeps b: values point into it. It says besides when the entity, or the first of its attributes, expires; zero = never.
func decodeEntity(id tribune.EntityID, b []byte) (*model.Entity, time.Time, error) {
	d := &decoder{b: b, id: id}
	format := d.byte()
	if format != docFormat && format != docFormatExpire {
		return nil, time.Time{}, &tribune.IntegrityError{What: "document of " + string(id), Err: errDamaged}
	}
	e := &model.Entity{ID: id, Types: d.names()}
	for range d.count() {
		e.Scope = append(e.Scope, d.string())
	}
	e.CreatedAt, e.ModifiedAt = d.time(), d.time()
	if format == docFormatExpire {
		e.ExpiresAt = d.time()
		d.soon = e.ExpiresAt
	}
	e.Attrs = d.attrs(0)
	if d.bad || d.at != len(b) {
		return nil, time.Time{}, &tribune.IntegrityError{What: "document of " + string(id), Err: errDamaged}
	}
	return e, d.soon, nil
}

func decodeRow(id tribune.EntityID, name tribune.Name, b []byte) (model.Attr, error) {
	d := &decoder{b: b, id: id}
	if d.byte() != docFormat {
		d.bad = true
	}
	a := d.attr(name, 0)
	if d.bad || d.at != len(b) {
		return model.Attr{}, &tribune.IntegrityError{What: "history of " + string(id), Err: errDamaged}
	}
	return a, nil
}

// decoder reads b. After the first error everything is zero and bad is set.
type decoder struct {
	b   []byte
	at  int
	id  tribune.EntityID
	bad bool

	soon time.Time // the first expiresAt of the entity and all in it
	subs time.Time // the first of the sub-attributes of the instance that is read
}

func (d *decoder) byte() byte {
	if d.bad || d.at >= len(d.b) {
		d.bad = true
		return 0
	}
	d.at++
	return d.b[d.at-1]
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b[d.at:])
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.at += n
	return v
}

// count is a number of items; each takes a byte at least, which bounds what is allocated.
func (d *decoder) count() int { return d.length() }

func (d *decoder) length() int {
	n := d.uvarint()
	if d.bad || n > uint64(len(d.b)-d.at) {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) string() string { return string(d.bytes(d.length())) }

// name reads a name. A city has few different ones, in every entity: they are kept in memory once.
func (d *decoder) name() tribune.Name { return unique.Make(tribune.Name(d.string())).Value() }

func (d *decoder) bytes(n int) []byte {
	if d.bad || n > len(d.b)-d.at {
		d.bad = true
		return make([]byte, n)
	}
	d.at += n
	return d.b[d.at-n : d.at : d.at]
}

func (d *decoder) names() []tribune.Name {
	n := d.count()
	if n == 0 {
		return nil
	}
	out := make([]tribune.Name, n)
	for i := range out {
		out[i] = d.name()
	}
	return out
}

func (d *decoder) time() time.Time {
	kind := d.byte()
	d.bad = d.bad || kind > 10
	if d.bad || kind == 0 {
		return time.Time{}
	}
	sec, n := binary.Varint(d.b[d.at:])
	if n <= 0 {
		d.bad = true
		return time.Time{}
	}
	d.at += n
	nano := d.uvarint()
	if nano >= 1e9 {
		d.bad = true
		return time.Time{}
	}
	return model.WithDigits(time.Unix(sec, int64(nano)), int(kind)-1)
}

func (d *decoder) attrs(depth int) map[tribune.Name][]model.Attr {
	if depth > maxSubDepth {
		d.bad = true
		return nil
	}
	n := d.count()
	if d.bad {
		return nil
	}
	out := make(map[tribune.Name][]model.Attr, n)
	for range n {
		name := d.name()
		k := d.count()
		if d.bad {
			return nil
		}
		list := make([]model.Attr, 0, min(k, 16))
		for range k {
			list = append(list, d.attr(name, depth))
			if depth == 0 && list[len(list)-1].Rare != nil {
				d.soon = sooner(d.soon, list[len(list)-1].Ends())
			}
			if d.bad {
				return nil
			}
		}
		out[name] = list
	}
	return out
}

func (d *decoder) attr(name tribune.Name, depth int) (a model.Attr) {
	flags := d.byte()
	if flags&hasDataset != 0 {
		a.Dataset = d.string()
	}
	a.CreatedAt, a.ModifiedAt = d.time(), d.time()
	if flags&hasExpiresAt != 0 {
		a.SetRare(model.Rare{ExpiresAt: d.time()})
		if depth > 0 {
			d.subs = sooner(d.subs, a.Expires())
		}
	}
	if flags&hasSealed != 0 {
		s := &tribune.Sealed{Class: tribune.ClassID(d.string()), Pseudonym: tribune.Pseudonym(d.bytes(16)),
			Day: binary.BigEndian.Uint32(d.bytes(4)), Segment: binary.BigEndian.Uint32(d.bytes(4)), Time: d.string()}
		s.Value = d.bytes(d.length())
		if flags&hasRare != 0 {
			s.Tokens = d.tokens()
		}
		s.Entity, s.Attr = d.id, itemAttr(name, a.Dataset)
		a.Sealed = s
		return a
	}
	kind := d.byte()
	if int(kind) >= len(kinds) {
		d.bad = true
		return a
	}
	a.Kind = kinds[kind]
	a.Value = d.bytes(d.length())
	if flags&hasObjectType != 0 {
		a.ObjectType = d.names()
	}
	if flags&hasUnitCode != 0 {
		a.UnitCode = d.string()
	}
	if flags&hasObservedAt != 0 {
		a.ObservedAt = d.time()
	}
	if flags&hasSub != 0 {
		a.Sub = d.attrs(depth + 1)
	}
	if flags&hasRare != 0 {
		d.rare(&a)
	}
	if depth == 0 && !d.subs.IsZero() {
		setSubEnds(&a, d.subs)
		d.subs = time.Time{}
	}
	return a
}

func (d *decoder) rare(a *model.Attr) {
	r := model.Rare{ExpiresAt: a.Expires()}
	flags := d.byte()
	if flags&rareValueType != 0 {
		r.ValueType = d.name()
	}
	r.Plain = flags&rarePlain != 0
	if flags&^(rareValueType|rarePlain) != 0 {
		d.bad = true
	}
	a.SetRare(r)
}

package twin

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// The document of an entity, value of its e row: version u64 big-endian, then the entity as bytes that are ready to be
// decoded without copying. Strings and values are uvarint length || bytes, lists are uvarint count || items, times are
// 0x00, or 0x01 plus the digits it was written with (model.Digits) || varint seconds || uvarint nanoseconds; names are in order, so one
// entity has one spelling.
//
//	entity = ( 0x01 types scope createdAt modifiedAt / 0x02 types scope createdAt modifiedAt expiresAt ) count ( name instances )*
//	attr   = flags u8 [dataset] createdAt modifiedAt [expiresAt]
//	         ( sealed / kind u8 value [objectType] [unitCode] [observedAt] [subs] [rare u8 [valueType]] )
//	sealed = class pseudonym16 day u32 segment u32 time value [count ( purpose token16 )*]
//
// A row of h is 0x01 || attr. JSON would be three times slower to read and twice the size.
const (
	docFormat       = 1
	docFormatExpire = 2 // of a transient entity
)

// Flags of an attribute: which optional fields follow.
const (
	hasDataset = 1 << iota
	hasSealed
	hasObjectType
	hasUnitCode
	hasObservedAt
	hasSub
	hasExpiresAt
	hasRare
)

// Flags of what is rare.
const (
	rareValueType = 1 << iota
	rarePlain
)

// kinds by their code in documents; never change the order.
var kinds = [...]model.Kind{model.Property, model.GeoProperty, model.LanguageProperty, model.VocabProperty,
	model.JSONProperty, model.ListProperty, model.Relationship, model.ListRelationship}

func encodeEntity(b []byte, e *model.Entity) []byte {
	format := byte(docFormat)
	if !e.ExpiresAt.IsZero() {
		format = docFormatExpire
	}
	b = append(b, format)
	b = appendNames(b, e.Types)
	b = binary.AppendUvarint(b, uint64(len(e.Scope)))
	for _, s := range e.Scope {
		b = appendString(b, s)
	}
	b = appendTime(b, e.CreatedAt)
	b = appendTime(b, e.ModifiedAt)
	if format == docFormatExpire {
		b = appendTime(b, e.ExpiresAt)
	}
	return appendAttrs(b, e.Attrs)
}

func appendAttrs(b []byte, attrs map[tribune.Name][]model.Attr) []byte {
	b = binary.AppendUvarint(b, uint64(len(attrs)))
	var few [24]tribune.Name
	names := few[:0]
	for n := range attrs {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		b = appendString(b, string(n))
		b = binary.AppendUvarint(b, uint64(len(attrs[n])))
		for i := range attrs[n] {
			b = appendAttr(b, &attrs[n][i])
		}
	}
	return b
}

func appendAttr(b []byte, a *model.Attr) []byte {
	var flags byte
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{a.Dataset != "", hasDataset}, {a.Sealed != nil, hasSealed}, {len(a.ObjectType) > 0, hasObjectType},
		{a.UnitCode != "", hasUnitCode}, {!a.ObservedAt.IsZero(), hasObservedAt}, {len(a.Sub) > 0, hasSub}} {
		if f.set {
			flags |= f.bit
		}
	}
	rare := byte(0)
	if a.Rare != nil {
		flags, rare = rareFlags(flags, a)
	}
	if a.Sealed != nil && len(a.Sealed.Tokens) > 0 {
		flags |= hasRare // of a sealed instance: tokens follow
	}
	b = append(b, flags)
	if a.Dataset != "" {
		b = appendString(b, a.Dataset)
	}
	b = appendTime(b, a.CreatedAt)
	b = appendTime(b, a.ModifiedAt)
	if flags&hasExpiresAt != 0 {
		b = appendTime(b, a.Rare.ExpiresAt)
	}
	if s := a.Sealed; s != nil {
		b = appendString(b, string(s.Class))
		b = append(b, s.Pseudonym[:]...)
		b = binary.BigEndian.AppendUint32(b, s.Day)
		b = binary.BigEndian.AppendUint32(b, s.Segment)
		b = appendString(b, s.Time)
		b = appendString(b, string(s.Value))
		if len(s.Tokens) > 0 {
			b = appendTokens(b, s.Tokens)
		}
		return b
	}
	b = append(b, byte(kindCode(a.Kind)))
	b = binary.AppendUvarint(b, uint64(len(a.Value)))
	b = append(b, a.Value...)
	if len(a.ObjectType) > 0 {
		b = appendNames(b, a.ObjectType)
	}
	if a.UnitCode != "" {
		b = appendString(b, a.UnitCode)
	}
	if !a.ObservedAt.IsZero() {
		b = appendTime(b, a.ObservedAt)
	}
	if len(a.Sub) > 0 {
		b = appendAttrs(b, a.Sub)
	}
	if rare != 0 {
		b = append(b, rare)
		if rare&rareValueType != 0 {
			b = appendString(b, string(a.Rare.ValueType))
		}
	}
	return b
}

// rareFlags adds to the flags of an instance what it has of the rare. Of a sealed one that is only when it expires.
func rareFlags(flags byte, a *model.Attr) (all, rare byte) {
	if !a.Rare.ExpiresAt.IsZero() {
		flags |= hasExpiresAt
	}
	if a.Sealed != nil {
		return flags, 0
	}
	if a.Rare.ValueType != "" {
		rare |= rareValueType
	}
	if a.Rare.Plain {
		rare |= rarePlain
	}
	if rare != 0 {
		flags |= hasRare
	}
	return flags, rare
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendNames(b []byte, names []tribune.Name) []byte {
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, n := range names {
		b = appendString(b, string(n))
	}
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	b = binary.AppendVarint(append(b, byte(1+model.Digits(t))), t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

// itemAttr is how an attribute instance is named to the vault: IRI, with a datasetId one space and the datasetId.
func itemAttr(name tribune.Name, dataset string) string {
	if dataset == "" {
		return string(name)
	}
	return string(name) + " " + dataset
}

// sortedNames are the names of attributes in order.
func sortedNames(attrs map[tribune.Name][]model.Attr) []tribune.Name {
	return slices.Sorted(maps.Keys(attrs))
}

package model

import (
	"time"

	"tribune"
)

// Rare are members of an attribute instance that nearly none has: they cost the others one pointer.
type Rare struct {
	ExpiresAt time.Time    // when the instance goes by itself (clause 4.22); zero = it stays
	ValueType tribune.Name // datatype of the value (clause 4.5.2); "" = none
	Plain     bool         // a sub-attribute that is a bare text, not an attribute: entityIdSealed of an ngsildproof
	Unset     Members      // in a fragment: members to be taken away
	SubEnds   time.Time    // when the first of its sub-attributes expires; worked out by the twin, zero = never
	Instance  string       // in a temporal evolution: instanceId (clause 4.5.7); it is made of where the instance is kept
}

// Members is a set of members that a fragment takes away with the NGSI-LD null (clause 4.5.0).
type Members uint8

// The members that can be taken away alone. A datasetId cannot.
const (
	Scope Members = 1 << iota
	ExpiresAt
	ObservedAt
	UnitCode
	ObjectType
	ValueType
)

// Has reports whether all of some are in the set.
func (m Members) Has(some Members) bool { return m&some == some }

// NullURI is the URI that stands for "delete this" (clause 4.5.0): JSON-LD drops JSON nulls.
const NullURI = "urn:ngsi-ld:null"

// ScopeName is what the scope of an entity is called where attributes are named.
const ScopeName tribune.Name = "https://uri.etsi.org/ngsi-ld/scope"

// Expires is when the instance goes by itself; zero = it stays.
func (a *Attr) Expires() time.Time {
	if a.Rare == nil {
		return time.Time{}
	}
	return a.Rare.ExpiresAt
}

// Ends is when the first of the instance and its sub-attributes expires; zero = never.
func (a *Attr) Ends() time.Time {
	if a.Rare == nil {
		return time.Time{}
	}
	own, subs := a.Rare.ExpiresAt, a.Rare.SubEnds
	if own.IsZero() || !subs.IsZero() && subs.Before(own) {
		return subs
	}
	return own
}

// ValueType is the datatype of the value, "" where none is said.
func (a *Attr) ValueType() tribune.Name {
	if a.Rare == nil {
		return ""
	}
	return a.Rare.ValueType
}

// Plain reports whether a sub-attribute is a bare text.
func (a *Attr) Plain() bool { return a.Rare != nil && a.Rare.Plain }

// Unset is what a fragment takes away of the instance.
func (a *Attr) Unset() Members {
	if a.Rare == nil {
		return 0
	}
	return a.Rare.Unset
}

// SetRare gives the instance its rare members; none are kept as nil.
func (a *Attr) SetRare(r Rare) {
	if r == (Rare{}) {
		a.Rare = nil
		return
	}
	a.Rare = &r
}

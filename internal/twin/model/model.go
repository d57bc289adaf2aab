// Package model is the NGSI-LD information model (ETSI GS CIM 009, clause 4.5) as the twin keeps it: names expanded,
// values untouched. Every room of the twin speaks it; it knows neither JSON-LD contexts nor the store.
package model

import (
	"encoding/json"
	"time"

	"tribune"
)

// Kind is the NGSI-LD attribute type.
type Kind string

// The attribute types of the standard. Concise input has been resolved to one of them before it gets here.
const (
	Property         Kind = "Property"
	GeoProperty      Kind = "GeoProperty"
	LanguageProperty Kind = "LanguageProperty"
	VocabProperty    Kind = "VocabProperty"
	JSONProperty     Kind = "JsonProperty"
	ListProperty     Kind = "ListProperty"
	Relationship     Kind = "Relationship"
	ListRelationship Kind = "ListRelationship"
)

// Entity is one entity with expanded names.
type Entity struct {
	ID         tribune.EntityID
	Types      []tribune.Name
	Scope      []string
	CreatedAt  time.Time
	ModifiedAt time.Time
	ExpiresAt  time.Time               // when a transient entity goes by itself (clause 4.22); zero = it stays
	DeletedAt  time.Time               // of a temporal evolution: when the entity was deleted; zero = it is there
	Attrs      map[tribune.Name][]Attr // one instance per datasetId; the default instance has Dataset ""

	Unset Members // in a fragment: what is to be taken away; scope and expiresAt can be
}

// Attr is one attribute instance.
//
// Kind may be empty and Value nil in a fragment that changes only other members (modes Partial and Merge); what is
// stored has both. A fragment with a Value and no Kind is a bare value: the instance it is merged into keeps its kind.
type Attr struct {
	Kind       Kind
	Dataset    string          // "" = default instance
	Value      json.RawMessage // value, languageMap, vocab (expanded), json, valueList, object or objectList, as JSON
	ObjectType []tribune.Name  // of relationships
	UnitCode   string
	ObservedAt time.Time // zero = absent
	CreatedAt  time.Time
	ModifiedAt time.Time
	Sub        map[tribune.Name][]Attr // sub-attributes: properties of properties, relationships of properties
	Rare       *Rare                   // members that nearly no instance has; nil = none. Never changed once it is here

	// Sealed is set where a class says so: then only Dataset, CreatedAt, ModifiedAt and when it expires are known besides,
	// and every other field is empty until the value is opened.
	Sealed *tribune.Sealed
}

// Instance returns the instance of attr with the given dataset, or nil.
func (e *Entity) Instance(attr tribune.Name, dataset string) *Attr {
	for i := range e.Attrs[attr] {
		if e.Attrs[attr][i].Dataset == dataset {
			return &e.Attrs[attr][i]
		}
	}
	return nil
}

package twin

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// The history has a row for each attribute instance that was deleted, with the NGSI-LD null as its value (clauses 4.5.7 and
// 4.5.8), and one for each scope that an entity had (4.5.6), as a Property named model.ScopeName. Nothing is recorded of
// sealed instances: that they went is as personal as they were.

// nulls are what the value of a deleted instance of each kind reads.
var nulls = map[model.Kind]json.RawMessage{
	model.LanguageProperty: json.RawMessage(`{"@none":"` + model.NullURI + `"}`),
	model.ListProperty:     json.RawMessage(`["` + model.NullURI + `"]`),
	model.ListRelationship: json.RawMessage(`["` + model.NullURI + `"]`),
}

// tomb is the instance that records the deletion of another.
func tomb(was *model.Attr, now time.Time) *model.Attr {
	value, ok := nulls[was.Kind]
	if !ok {
		value = json.RawMessage(`"` + model.NullURI + `"`)
	}
	return &model.Attr{Kind: was.Kind, Dataset: was.Dataset, Value: value, CreatedAt: was.CreatedAt, ModifiedAt: now}
}

// bury records what of the attributes named was there before and is not there after; after is nil where the entity went.
func (d *draft) bury(p past, before, after *model.Entity, names []tribune.Name, now time.Time) {
	if before == nil {
		return
	}
	for _, name := range names {
		list := before.Attrs[name]
		for i := range list {
			if list[i].Sealed == nil && (after == nil || after.Instance(name, list[i].Dataset) == nil) {
				p.name, p.attr = name, tomb(&list[i], now)
				d.past = append(d.past, p)
			}
		}
	}
}

// rescope records a scope that was set or taken away.
func (d *draft) rescope(p past, before, after *model.Entity, now time.Time) {
	var was, is []string
	created := now
	if before != nil {
		was, created = before.Scope, before.CreatedAt
	}
	if after != nil {
		is = after.Scope
	}
	if slices.Equal(was, is) {
		return
	}
	a := &model.Attr{Kind: model.Property, Value: scopeValue(is), CreatedAt: created, ModifiedAt: now, ObservedAt: now}
	if len(is) == 0 {
		a = tomb(a, now)
	}
	p.name, p.attr = model.ScopeName, a
	d.past = append(d.past, p)
}

// scopeValue is the value of a scope as a Property: a text, or an array of several.
func scopeValue(scope []string) json.RawMessage {
	if len(scope) == 1 {
		return appendJSON(nil, scope[0])
	}
	return appendJSON(nil, scope)
}

// scopeOf reads the value of a scope as a Property.
func scopeOf(value json.RawMessage) (scope []string) {
	var one string
	if json.Unmarshal(value, &one) == nil {
		if one == model.NullURI {
			return nil
		}
		return []string{one}
	}
	if json.Unmarshal(value, &scope) != nil {
		return nil
	}
	return scope
}

// lapsedIndex stands where the number of a step does in rows of what expired by itself.
const lapsedIndex = math.MaxUint16

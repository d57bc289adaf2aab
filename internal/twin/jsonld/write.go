package jsonld

import (
	"encoding/json"
	"errors"

	"tribune"
	"tribune/internal/twin/model"
)

var errConfusable = errors.New("this could be an attribute")

// attr writes one instance; alone: it is the attribute's only one, so its value can stand for it.
func (w *writer) attr(a *model.Attr, alone bool) {
	if w.gone(a) {
		return
	}
	a, lang := w.spoken(w.amended(a))
	if a.Plain() {
		w.held(a)
		return
	}
	if w.view.Format == Simplified {
		w.bare(a)
		return
	}
	if w.view.Format == Concise && alone && lang == "" && bareable(a) && !w.view.SysAttrs && w.before(a) == nil {
		w.bare(a)
		return
	}
	w.lit("{")
	if w.view.Format != Concise {
		w.lit(`"type":"` + string(a.Kind) + `",`)
	}
	member, _ := holderOf(a.Kind)
	w.lit(`"` + member + `":`)
	w.held(a)
	w.linked(a)
	if name := a.ValueType(); name != "" {
		w.lit(`,"valueType":`)
		w.quote(w.ctx.Compact(name))
	}
	if len(a.ObjectType) > 0 {
		w.lit(`,"objectType":`)
		w.names(a.ObjectType)
	}
	if a.UnitCode != "" {
		w.lit(`,"unitCode":`)
		w.quote(a.UnitCode)
	}
	if a.Dataset != "" {
		w.lit(`,"datasetId":`)
		w.quote(a.Dataset)
	}
	if lang != "" {
		w.lit(`,"lang":`)
		w.quote(lang)
	}
	w.time("observedAt", a.ObservedAt)
	if w.view.SysAttrs {
		w.time("createdAt", a.CreatedAt)
		w.time("modifiedAt", a.ModifiedAt)
		w.time("expiresAt", a.Expires())
	}
	w.previous(a)
	w.attrs(a.Sub, false)
	w.lit("}")
}

// bareable reports whether the concise representation of an attribute is its value alone: a Property or GeoProperty
// without further members whose value cannot be taken for an attribute.
func bareable(a *model.Attr) bool {
	if a.UnitCode != "" || a.Dataset != "" || !a.ObservedAt.IsZero() || len(a.Sub) > 0 || len(a.Value) == 0 || a.ValueType() != "" {
		return false
	}
	switch a.Kind {
	case model.GeoProperty:
		return true
	case model.Property:
		return !confusable(a.Value)
	}
	return false
}

// confusable reports whether a value could be read as an attribute, or several: it has a member that attributes have.
func confusable(val []byte) bool {
	switch val[0] {
	case '[':
		found := false
		elements(val, func(v []byte) bool {
			found = v[0] == '{' && confusable(v)
			return !found
		})
		return found
	case '{':
		return members(val, func(key string, v []byte) error {
			switch key {
			case "type", "@type", "datasetId", "observedAt", "unitCode", "objectType", "createdAt", "modifiedAt", "deletedAt", "expiresAt",
				"instanceId", "lang", "entity", "entityList", "valueType", "ngsildproof", "previousValue", "previousObject",
				"previousLanguageMap", "previousVocab", "previousJson", "previousValueList", "previousObjectList":
				return errConfusable
			}
			for _, h := range holders {
				if h.member == key {
					return errConfusable
				}
			}
			return nil
		}) != nil
	}
	return false
}

// bare writes a value without its attribute; those that could be taken for another kind keep their member.
func (w *writer) bare(a *model.Attr) {
	if w.gone(a) {
		return
	}
	a, _ = w.spoken(w.amended(a))
	switch a.Kind {
	case model.LanguageProperty, model.VocabProperty, model.JSONProperty:
		member, _ := holderOf(a.Kind)
		w.lit(`{"` + member + `":`)
		w.held(a)
		w.lit("}")
	case model.Relationship, model.ListRelationship:
		w.replaced(a)
	default:
		w.held(a)
	}
}

// held writes what the attribute holds, without white space or names to expand.
func (w *writer) held(a *model.Attr) {
	switch {
	case len(a.Value) == 0:
		w.lit("null")
	case a.Kind == model.VocabProperty:
		w.vocab(a.Value)
	case a.Kind == model.ListRelationship && w.view.Format == Normalized:
		var uris []string
		json.Unmarshal(a.Value, &uris)
		if len(uris) == 0 {
			w.lit("[]")
			return
		}
		for i, u := range uris {
			w.lit(separator(i) + `{"object":`)
			w.quote(u)
			w.lit("}")
		}
		w.lit("]")
	default:
		w.b = append(w.b, a.Value...)
	}
}

func (w *writer) vocab(val json.RawMessage) {
	list, ok := stringOrList(val)
	if !ok {
		w.b = append(w.b, val...)
		return
	}
	if val[0] != '[' {
		w.quote(w.ctx.Compact(tribune.Name(list[0])))
		return
	}
	for i, s := range list {
		w.lit(separator(i))
		w.quote(w.ctx.Compact(tribune.Name(s)))
	}
	w.lit("]")
}

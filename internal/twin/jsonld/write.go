package jsonld

import (
	"encoding/json"

	"tribune"
	"tribune/internal/twin/model"
)

// attr writes one instance; alone: it is the attribute's only one, so its value can stand for it.
func (w *writer) attr(a *model.Attr, alone bool) {
	if w.view.Format == Simplified {
		w.bare(a)
		return
	}
	if w.view.Format == Concise && alone && bareable(a) && !w.view.SysAttrs {
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
	w.time("observedAt", a.ObservedAt)
	if w.view.SysAttrs {
		w.time("createdAt", a.CreatedAt)
		w.time("modifiedAt", a.ModifiedAt)
	}
	w.attrs(a.Sub, false, false)
	w.lit("}")
}

// bareable reports whether the concise representation of an attribute is its value alone: a Property or GeoProperty
// without further members whose value cannot be taken for an attribute.
func bareable(a *model.Attr) bool {
	if a.UnitCode != "" || a.Dataset != "" || !a.ObservedAt.IsZero() || len(a.Sub) > 0 || len(a.Value) == 0 {
		return false
	}
	switch a.Kind {
	case model.GeoProperty:
		return true
	case model.Property:
		return a.Value[0] != '{' && a.Value[0] != '['
	}
	return false
}

// bare writes a value without its attribute; those that could be taken for another kind keep their member.
func (w *writer) bare(a *model.Attr) {
	switch a.Kind {
	case model.LanguageProperty, model.VocabProperty, model.JSONProperty:
		member, _ := holderOf(a.Kind)
		w.lit(`{"` + member + `":`)
		w.held(a)
		w.lit("}")
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

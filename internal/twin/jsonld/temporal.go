package jsonld

import (
	"time"

	"tribune/internal/twin/model"
)

// plurals name what temporalValues call the values of each kind (clause 4.5.9).
var plurals = map[model.Kind]string{
	model.Property: "values", model.GeoProperty: "values", model.LanguageProperty: "languageMaps", model.VocabProperty: "vocabs",
	model.JSONProperty: "jsons", model.ListProperty: "valueLists", model.Relationship: "objects", model.ListRelationship: "objectLists",
}

// series writes instances as pairs of value and time, one object per datasetId.
func (w *writer) series(all []model.Attr) {
	var order []string
	by := map[string][]*model.Attr{}
	for i := range all {
		d := all[i].Dataset
		if by[d] == nil {
			order = append(order, d)
		}
		by[d] = append(by[d], &all[i])
	}
	for i, d := range order {
		if len(order) > 1 {
			w.lit(separator(i))
		}
		kind := by[d][0].Kind
		w.lit(`{"type":"` + string(kind) + `"`)
		if d != "" {
			w.lit(`,"datasetId":`)
			w.quote(d)
		}
		w.lit(`,"` + plurals[kind] + `":`)
		for j, a := range by[d] {
			w.lit(separator(j) + "[")
			w.held(a)
			w.lit(`,"`)
			w.b = appendTime(w.b, timeOf(a, w.view.Time))
			w.lit(`"]`)
		}
		w.lit("]}")
	}
	if len(order) > 1 {
		w.lit("]")
	}
}

func timeOf(a *model.Attr, property string) time.Time {
	switch property {
	case "createdAt":
		return a.CreatedAt
	case "modifiedAt":
		return a.ModifiedAt
	}
	return a.ObservedAt
}

package jsonld

import (
	"tribune/internal/twin/model"
)

// feature writes an entity as a GeoJSON Feature (RFC 7946, clause 4.5.16). Of several, the collection that holds them has
// the @context.
func (w *writer) feature(e *model.Entity) {
	w.lit("{")
	w.id(e)
	w.next()
	w.lit(`"type":"Feature","geometry":`)
	w.geometry(e)
	w.lit(`,"properties":{`)
	w.rest(e)
	w.lit("}")
	if w.view.LD {
		w.context()
	}
	w.lit("}")
}

// geometry writes the value of the GeoProperty that the view names, of the first dataset that it wants, of the
// default one where it wants none (clause 4.5.16.1).
func (w *writer) geometry(e *model.Entity) {
	name := w.view.Geometry
	if name == "" {
		name = locationIRI
	}
	datasets := w.view.Datasets
	if len(datasets) == 0 {
		datasets = []string{""}
	}
	for _, dataset := range datasets {
		a := e.Instance(name, dataset)
		if a != nil && a.Sealed == nil && a.Kind == model.GeoProperty && len(a.Value) > 0 && a.Value[0] == '{' {
			w.b = append(w.b, a.Value...)
			return
		}
	}
	w.lit("null")
}

// AppendCollection appends what makes a FeatureCollection of the features that stand between its start and its end.
func (c *Context) AppendCollection(b []byte, end, ld bool) []byte {
	switch {
	case !end:
		return append(b, `{"type":"FeatureCollection","features":[`...)
	case ld:
		b = append(b, `],"@context":`...)
		return append(append(b, c.show...), '}')
	}
	return append(b, "]}"...)
}

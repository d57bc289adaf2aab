package api

import (
	"maps"

	"tribune/internal/twin/model"
)

// narrow applies a temporal query to what was opened: observedAt is sealed with its value, so the twin could not. What is
// still sealed stays, to be counted as withheld.
func (f *found) narrow() {
	if !f.temporal {
		return
	}
	for i := range f.entities {
		e := &f.entities[i]
		e.Attrs = maps.Clone(e.Attrs)
		for name, all := range e.Attrs {
			e.Attrs[name] = f.within(all)
		}
	}
}

// within keeps the instances of one attribute that the period holds; lastN counts for each datasetId.
func (f *found) within(all []model.Attr) (kept []model.Attr) {
	var order []string
	by := map[string][]model.Attr{}
	var sealed []model.Attr
	for _, a := range all {
		if a.Sealed != nil {
			sealed = append(sealed, a)
			continue
		}
		if by[a.Dataset] == nil {
			order = append(order, a.Dataset)
		}
		by[a.Dataset] = append(by[a.Dataset], a)
	}
	for _, dataset := range order {
		kept = append(kept, f.period.Keep(by[dataset])...)
	}
	return append(kept, sealed...)
}

package jsonld

import (
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// Changes make an entity's representation that of a notification (clause 5.8.6): what was deleted stands there as the NGSI-LD
// null, what was there before beside what is there now.
type Changes struct {
	Deleted time.Time      // when the entity was deleted; zero = it is there
	At      time.Time      // when attributes were deleted
	Before  *model.Entity  // where previous values come from; nil = they are not shown
	Changed []tribune.Name // the attributes that have a previous value, sorted
}

// nullValue is the value of an instance that was deleted; no stored one has it.
const nullValue = `"` + model.NullURI + `"`

// Gone is what stands for a deleted instance in an entity that is shown with Changes.
func Gone(a model.Attr) model.Attr {
	return model.Attr{Kind: a.Kind, Dataset: a.Dataset, Value: []byte(nullValue), CreatedAt: a.CreatedAt, ModifiedAt: a.ModifiedAt}
}

// gone writes an instance that was deleted; false where this one was not. Its name with the null is all, unless more is to be
// told of it or the representation is the normalized one (clauses 5.5.4 and 5.8.6).
func (w *writer) gone(a *model.Attr) bool {
	c := w.view.Changes
	if c == nil || w.attrOf == "" || string(a.Value) != nullValue {
		return false
	}
	before := w.before(a)
	if w.view.Format == Simplified || w.view.Format == Concise && before == nil && a.Dataset == "" && !w.view.SysAttrs {
		w.lit(nullValue)
		return true
	}
	w.lit("{")
	if w.view.Format != Concise {
		w.lit(`"type":"` + string(a.Kind) + `",`)
	}
	member, _ := holderOf(a.Kind)
	w.lit(`"` + member + `":`)
	switch a.Kind {
	case model.LanguageProperty:
		w.lit(`{"@none":` + nullValue + `}`)
	case model.ListProperty, model.ListRelationship:
		w.lit("[" + nullValue + "]")
	default:
		w.lit(nullValue)
	}
	w.previous(a)
	if a.Dataset != "" {
		w.lit(`,"datasetId":`)
		w.quote(a.Dataset)
	}
	if w.view.SysAttrs {
		w.time("createdAt", a.CreatedAt)
		w.time("modifiedAt", a.ModifiedAt)
		w.time("deletedAt", c.At)
	}
	w.lit("}")
	return true
}

// before is the instance as it was, nil where it is not to be shown.
func (w *writer) before(a *model.Attr) *model.Attr {
	c := w.view.Changes
	if c == nil || c.Before == nil || w.attrOf == "" {
		return nil
	}
	for _, name := range c.Changed {
		if name != w.attrOf {
			continue
		}
		if b := c.Before.Instance(name, a.Dataset); b != nil && b.Sealed == nil {
			return b
		}
	}
	return nil
}

// previous writes what the instance held before as a member beside what it holds (clause 5.2.14.1).
func (w *writer) previous(a *model.Attr) {
	b := w.before(a)
	if b == nil {
		return
	}
	member, _ := holderOf(b.Kind)
	w.next()
	w.lit(`"previous` + strings.ToUpper(member[:1]) + member[1:] + `":`)
	w.held(b)
}

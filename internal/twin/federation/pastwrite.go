package federation

import (
	"net/http"

	"tribune"
	"tribune/internal/twin/model"
)

// pastAsHTTP is asHTTP for changes of the past.
func pastAsHTTP(op string) (q request, ok bool) {
	q.past = true
	switch op {
	case "upsertTemporal":
		q.method, q.new = http.MethodPost, true
	case "deleteTemporal":
		q.method = http.MethodDelete
	case "appendAttrsTemporal":
		q.method, q.path = http.MethodPost, "/attrs"
	case "deleteAttrsTemporal", "deleteAttrInstanceTemporal":
		q.method, q.path, q.one = http.MethodDelete, "/attrs/", true
	case "updateAttrInstanceTemporal":
		q.method, q.path, q.one = http.MethodPatch, "/attrs/", true
	default:
		return request{}, false
	}
	return q, true
}

// instance is the body of a change of one instance: a fragment with the one attribute, whose instance stands alone in an array (clause
// 5.6.14), however the request has written it.
func (f *form) instance(item *Item) []byte {
	c, doc := f.copier(item), item.Doc
	if doc.IsArray() {
		doc = doc.Elements()[0]
	}
	if !doc.IsInstance() {
		return c.Entity(nil, doc)
	}
	return c.Instance(nil, f.attribute(item.Attrs), doc)
}

// attribute is the one attribute of a change, as the source writes it.
func (f *form) attribute(names []tribune.Name) string {
	switch {
	case len(names) == 0:
		return ""
	case names[0] == model.ScopeName:
		return "scope"
	}
	return f.to.Compact(names[0])
}

package jsonld

import (
	"errors"

	"tribune"
	"tribune/internal/twin/model"
)

// SameAttrs reports whether a document names exactly these attributes.
func (c *Context) SameAttrs(d Document, attrs map[tribune.Name][]model.Attr) bool {
	if !d.IsObject() {
		return false
	}
	differs, n := errors.New("it has another"), 0
	err := members(d.raw, func(key string, _ []byte) error {
		switch key {
		case "@context", "id", "@id", "type", "@type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt":
			return nil
		}
		name, err := c.attrName(key)
		if err != nil {
			return err
		}
		if name == "@id" || name == "@type" {
			return nil
		}
		if _, ok := attrs[name]; !ok {
			return differs
		}
		n++
		return nil
	})
	return err == nil && n == len(attrs)
}

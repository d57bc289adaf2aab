package twin

import (
	"encoding/json"
	"fmt"
	"strings"

	"tribune"
	"tribune/internal/twin/model"
)

// Bounds of entities. A key holds three names at most and must stay under store.MaxKey.
const (
	maxName     = 512 // bytes of an id, type, attribute name, datasetId
	maxTenant   = 128
	maxTypes    = 16
	maxAttrs    = 500     // instances of an entity
	maxValue    = 1 << 20 // bytes of one value
	maxDocument = 4 << 20 // bytes of one entity
	maxChangeID = 512
)

// validate checks shape and bounds of a step.
func validate(tenant tribune.Tenant, s *step) error {
	f := &s.frag
	switch {
	case !isName(string(f.id)):
		return invalid("give a URI of at most 512 bytes", "the entity id is empty, too long or not text")
	case len(tenant) > maxTenant || strings.ContainsRune(string(tenant), 0):
		return invalid("give a shorter tenant name", "the tenant name is too long or not text")
	case len(s.id) > maxChangeID:
		return invalid("give a shorter change ID", "a change ID of %d bytes", len(s.id))
	case len(s.source) > maxName:
		return invalid("give a shorter source", "a source of %d bytes", len(s.source))
	case len(f.types) > maxTypes:
		return invalid("give fewer types", "%d types, want at most %d", len(f.types), maxTypes)
	case s.mode < Create || s.mode > erase:
		return invalid("use a mode of the contract", "unknown mode %d", s.mode)
	case s.mode == Partial && len(f.attrs) != 1:
		return invalid("send one attribute", "a partial update of %d attributes", len(f.attrs))
	}
	for _, typ := range f.types {
		if !isName(string(typ)) {
			return invalid("give an IRI of at most 512 bytes", "a type is empty, too long or not text")
		}
	}
	n := 0
	for _, attr := range f.attrs {
		name, list := attr.name, attr.list
		if !isName(string(name)) {
			return invalid("give an IRI of at most 512 bytes", "an attribute name is empty, too long or not text")
		}
		for i := range list {
			for j := range i {
				if list[j].Dataset == list[i].Dataset {
					return invalid("give each instance its own datasetId", "attribute %s has two instances with the same datasetId", name)
				}
			}
			if err := checkAttr(name, &list[i], s.mode, 0); err != nil {
				return err
			}
			n++
		}
	}
	if n > maxAttrs {
		return fmt.Errorf("entity of %d attribute instances, want at most %d: %w", n, maxAttrs, tribune.ErrTooLarge)
	}
	return nil
}

// checkAttr checks an instance. Fragments of partial changes may lack kind and value.
func checkAttr(name tribune.Name, a *model.Attr, mode Mode, depth int) error {
	part := mode == Partial || mode == Merge
	switch {
	case len(a.Dataset) > maxName || strings.ContainsRune(a.Dataset, 0):
		return invalid("give a shorter datasetId", "attribute %s: the datasetId is too long or not text", name)
	case mode == DeleteAttr:
		return nil
	case depth > maxSubDepth:
		return invalid("nest less deep", "attribute %s: more than %d levels of sub-attributes", name, maxSubDepth)
	case kindCode(a.Kind) < 0 && !(part && a.Kind == ""):
		return invalid("use an attribute type of the standard", "attribute %s: unknown type %q", name, a.Kind)
	case len(a.Value) > maxValue:
		return fmt.Errorf("attribute %s: a value of %d bytes, want at most %d: %w", name, len(a.Value), maxValue, tribune.ErrTooLarge)
	case !(part && len(a.Value) == 0) && !json.Valid(a.Value):
		return invalid("send the value as JSON", "attribute %s has no value", name)
	case len(a.UnitCode) > maxName || len(a.ObjectType) > maxTypes || len(a.ValueType()) > maxName:
		return invalid("give a shorter unitCode or valueType and fewer object types", "attribute %s: unitCode, valueType or objectType is too long", name)
	}
	for sub, list := range a.Sub {
		if !isName(string(sub)) {
			return invalid("give an IRI of at most 512 bytes", "attribute %s: a sub-attribute's name is empty, too long or not text", name)
		}
		for i := range list {
			if err := checkAttr(sub, &list[i], mode, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func isName(s string) bool { return s != "" && len(s) <= maxName && !strings.ContainsRune(s, 0) }

func invalid(hint, format string, args ...any) error {
	return tribune.Hint(fmt.Errorf("%w: %s", tribune.ErrInvalid, fmt.Sprintf(format, args...)), "%s", hint)
}

// weight estimates the bytes of an entity's document and history, to bound it and its commit.
func weight(e *model.Entity) int { return 256 + weightOf(e.Attrs) }

func (f *fragment) weight() int {
	n := 256
	for i := range f.attrs {
		n += weightOfList(f.attrs[i].name, f.attrs[i].list)
	}
	return n
}

func weightOf(attrs map[tribune.Name][]model.Attr) (n int) {
	for name, list := range attrs {
		n += weightOfList(name, list)
	}
	return n
}

func weightOfList(name tribune.Name, list []model.Attr) (n int) {
	for i := range list {
		n += 64 + len(name) + len(list[i].Value)
		if len(list[i].Sub) > 0 {
			n += weightOf(list[i].Sub)
		}
		if s := list[i].Sealed; s != nil {
			n += len(s.Value)
		}
	}
	return n
}

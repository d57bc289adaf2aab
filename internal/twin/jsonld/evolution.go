package jsonld

import (
	"fmt"

	"tribune"
	"tribune/internal/twin/model"
)

// MaxInstances bounds the attribute instances of one body about the past.
const MaxInstances = 10_000

// Evolution reads a temporal evolution (clause 5.2.20): attributes with any number of instances each, or with pairs of
// value and time (4.5.9), the scope as one of them. A fragment needs neither id nor type.
func (c *Context) Evolution(d Document, fragment bool) (model.Entity, error) {
	r := &evolutionReader{parser: parser{ctx: c}}
	return r.evolution(d, fragment)
}

func (r *evolutionReader) evolution(d Document, fragment bool) (model.Entity, error) {
	e := model.Entity{Attrs: map[tribune.Name][]model.Attr{}}
	if !d.IsObject() {
		return e, fmt.Errorf("%w: a temporal evolution is a JSON object", tribune.ErrInvalid)
	}
	if err := members(d.raw, func(key string, val []byte) error { return r.member(&e, key, val) }); err != nil {
		return e, err
	}
	if !fragment && e.ID == "" {
		return e, fault("id", "an entity must have an id (clause 4.5.1)")
	}
	if !fragment && len(e.Types) == 0 {
		return e, fault("type", "an entity must have a type (clause 4.5.1)")
	}
	return e, nil
}

type evolutionReader struct {
	parser
	instances int
	told      bool // by another broker: with what the system makes (see AnswerEvolution)
}

func (r *evolutionReader) member(e *model.Entity, key string, val []byte) error {
	switch key {
	case "@context", "createdAt", "modifiedAt", "deletedAt":
		return nil
	case "id", "@id":
		return r.id(e, val)
	case "type", "@type":
		return r.types(e, key, val)
	case "expiresAt":
		return r.expires(&model.Entity{}, val)
	}
	name := model.ScopeName
	if key != "scope" {
		var err error
		if name, err = r.ctx.memberName(key); err != nil {
			return err
		}
	}
	switch name {
	case "@id":
		return r.id(e, val)
	case "@type":
		return r.types(e, key, val)
	}
	if _, twice := e.Attrs[name]; twice {
		return fault(key, "two members of the entity mean the same attribute")
	}
	r.form.Nulls = true // an instance may record a deletion (clause 5.5.4)
	list, err := r.series(key, name, val)
	r.form.Nulls = false
	if err == nil && place(name) && !allGeo(list) {
		err = fault(key, "it is a GeoProperty (clause 4.7.1)")
	}
	e.Attrs[name] = list
	return err
}

// series reads what stands behind an attribute's name.
func (r *evolutionReader) series(path string, name tribune.Name, val []byte) (list []model.Attr, err error) {
	if isNull(val) {
		return nil, fault(path, "it is null")
	}
	switch {
	case r.told && val[0] == '[' && none(val): // its instances are on other pages
		return nil, nil
	case val[0] == '[' && (instances(val) || everyObject(val, isPairs)):
		elements(val, func(v []byte) bool {
			var some []model.Attr
			some, err = r.one(path, v)
			list = append(list, some...)
			return err == nil
		})
	case name == model.ScopeName && (val[0] == '[' || val[0] == '"'):
		list, err = []model.Attr{{Kind: model.Property, Value: compact(val)}}, r.add(path)
	default:
		list, err = r.one(path, val)
	}
	if err == nil && name == model.ScopeName {
		err = r.scopes(list)
	}
	return list, err
}

// one reads an instance, or an object of pairs.
func (r *evolutionReader) one(path string, val []byte) ([]model.Attr, error) {
	if isPairs(val) {
		return r.pairs(path, val)
	}
	if err := r.add(path); err != nil {
		return nil, err
	}
	r.count = 0 // each may have as many sub-attributes
	a, err := r.parser.one(path, val)
	if r.told && err == nil {
		toldTimes(&a, val)
	}
	return []model.Attr{a}, err
}

func (r *evolutionReader) add(path string) error {
	most := MaxInstances
	if r.told {
		most *= 2 // a page does not end within what is of one time
	}
	if r.instances++; r.instances > most {
		return tribune.Hint(fmt.Errorf("%w: attribute %q: more than %d instances", tribune.ErrTooLarge, short(path), MaxInstances), "Send them in several requests.")
	}
	return nil
}

// everyObject reports whether every element of an array is an object that fits.
func everyObject(arr []byte, fits func([]byte) bool) bool {
	n, all := 0, true
	elements(arr, func(v []byte) bool {
		n++
		all = fits(v)
		return all
	})
	return all && n > 0
}

// isPairs reports whether val is an attribute of the simplified representation: an object with a type and its plural member.
func isPairs(val []byte) (found bool) {
	if val[0] != '{' {
		return false
	}
	var kind model.Kind
	has := map[string]bool{}
	members(val, func(key string, v []byte) error {
		if key == "type" {
			s, _ := text(v)
			kind = kindOf(s)
		} else if len(v) > 0 && v[0] == '[' {
			has[key] = true
		}
		return nil
	})
	return kind != "" && has[plural(kind)]
}

// pairs reads the simplified representation of an attribute.
func (r *evolutionReader) pairs(path string, val []byte) (list []model.Attr, err error) {
	var kind model.Kind
	var dataset string
	members(val, func(key string, v []byte) error {
		s, _ := text(v)
		switch key {
		case "type":
			kind = kindOf(s)
		case "datasetId":
			dataset = s
		}
		return nil
	})
	if dataset == "@none" {
		dataset = ""
	}
	if dataset != "" && !isURI(dataset) {
		return nil, fault(path+".datasetId", "it must be a URI (clause 4.5.5)")
	}
	err = members(val, func(key string, v []byte) error {
		switch key {
		case "type", "datasetId":
			return nil
		case plural(kind):
		default:
			return fault(path, "pairs of value and time have no member but type, datasetId and %s (clause 4.5.9)", plural(kind))
		}
		var err error
		elements(v, func(pair []byte) bool {
			var a model.Attr
			if a, err = r.pair(path, kind, pair); err != nil {
				return false
			}
			a.Dataset = dataset
			list = append(list, a)
			return true
		})
		return err
	})
	return list, err
}

// pair reads [value, time].
func (r *evolutionReader) pair(path string, kind model.Kind, val []byte) (a model.Attr, err error) {
	bad := fault(path, "each pair must be an array of a value and a time (clause 4.5.9)")
	if val[0] != '[' {
		return a, bad
	}
	var both [][]byte
	elements(val, func(v []byte) bool {
		both = append(both, v)
		return len(both) < 3
	})
	if len(both) != 2 {
		return a, bad
	}
	held := both[0]
	if member, _ := holderOf(kind); held[0] == '{' {
		members(held, func(key string, v []byte) error {
			if key == member && (kind == model.LanguageProperty || kind == model.VocabProperty || kind == model.JSONProperty) {
				held = v
			}
			return nil
		})
	}
	if err := r.add(path); err != nil {
		return a, err
	}
	a.Kind = kind
	if a.Value, err = r.value(path, kind, held); err != nil {
		return a, err
	}
	a.ObservedAt, err = moment(path+".observedAt", both[1])
	return a, err
}

// scopes checks instances of the scope (clause 4.5.6).
func (r *evolutionReader) scopes(list []model.Attr) error {
	for i := range list {
		a := &list[i]
		if a.Kind != model.Property || len(a.Sub) > 0 || a.Dataset != "" || a.UnitCode != "" {
			return fault("scope", "its instances are Properties with temporal members only (clause 4.5.6)")
		}
		if a.Null() {
			continue
		}
		if err := r.scope(&model.Entity{}, a.Value); err != nil {
			return err
		}
	}
	return nil
}

// Instance reads an instance of an attribute that a path names: by itself, in an array, or as the attribute of a fragment.
func (c *Context) Instance(term string, name tribune.Name, d Document) ([]model.Attr, error) {
	if d.IsObject() && !looksLikeInstance(d.raw) {
		e, err := c.Evolution(d, true)
		if err != nil {
			return nil, err
		}
		if len(e.Attrs) != 1 || e.Attrs[name] == nil {
			return nil, fault(term, "the body is neither an instance of it nor a fragment with it alone (clause 5.6.14)")
		}
		return e.Attrs[name], nil
	}
	r := &evolutionReader{parser: parser{ctx: c, body: true, form: Form{Nulls: true}}}
	return r.series(term, name, d.raw)
}

package jsonld

import (
	"bytes"
	"encoding/json"
	"strings"

	"tribune/internal/twin/model"
)

var nullText = json.RawMessage(`"` + model.NullURI + `"`)

// build checks the members of an instance of a kind; "" = a fragment that does not say its kind.
func (p *parser) build(path string, in *instance, kind model.Kind) (a model.Attr, err error) {
	a.Kind, a.Sub = kind, in.sub
	for i := range holders {
		if in.held[i] == nil {
			continue
		}
		if a.Value, err = p.value(path, kind, in.held[i]); err != nil {
			return a, err
		}
	}
	if a.Value == nil && !p.form.Fragment {
		return a, fault(path, "it has no value (clause 4.5.2)")
	}
	if in.datasetID != nil {
		if a.Dataset, err = dataset(path, in.datasetID); err != nil {
			return a, err
		}
	}
	var rare model.Rare
	if in.observedAt != nil && !p.unset(in.observedAt, model.ObservedAt, &rare) {
		if a.ObservedAt, err = moment(path+".observedAt", in.observedAt); err != nil {
			return a, err
		}
	}
	if in.unitCode != nil && !p.unset(in.unitCode, model.UnitCode, &rare) {
		if a.UnitCode, err = unit(path, kind, in.unitCode); err != nil {
			return a, err
		}
	}
	if in.objectType != nil && !p.unset(in.objectType, model.ObjectType, &rare) {
		if kind != model.Relationship && kind != model.ListRelationship && kind != "" {
			return a, fault(path+".objectType", "only relationships have it (clause 4.5.3)")
		}
		if a.ObjectType, err = p.names(path+".objectType", in.objectType); err != nil {
			return a, err
		}
	}
	if in.expiresAt != nil && !p.unset(in.expiresAt, model.ExpiresAt, &rare) {
		if rare.ExpiresAt, err = moment(path+".expiresAt", in.expiresAt); err != nil {
			return a, err
		}
	}
	if in.valueType != nil && !p.unset(in.valueType, model.ValueType, &rare) {
		names, err := p.names(path+".valueType", in.valueType)
		if err != nil || len(names) != 1 {
			return a, fault(path+".valueType", "it must be the name of one datatype (clause 4.5.2)")
		}
		rare.ValueType = names[0]
	}
	if kind == model.LanguageProperty && rare.ValueType != "" && !strings.HasSuffix(string(rare.ValueType), "langString") {
		return a, fault(path+".valueType", "that of a LanguageProperty is langString (clause 5.2.32)")
	}
	if strings.HasSuffix(path, "ngsildproof") && len(a.Value) > 0 && a.Value[0] != '{' && !a.Null() {
		return a, fault(path, "its value must be an object, the proof (clause 4.5.2)")
	}
	a.SetRare(rare)
	return a, nil
}

// unset notes that a fragment takes a member away.
func (p *parser) unset(val []byte, member model.Members, r *model.Rare) bool {
	if !p.form.Nulls || !bytes.Equal(val, nullText) {
		return false
	}
	r.Unset |= member
	return true
}

func dataset(path string, val []byte) (string, error) {
	s, ok := text(val)
	switch {
	case ok && s == "@none":
		return "", nil
	case ok && s == model.NullURI:
		return "", fault(path+".datasetId", "it cannot be deleted (clause 5.5.8)")
	case !ok || !isURI(s):
		return "", fault(path+".datasetId", "it must be a URI (clause 4.5.5)")
	}
	return s, nil
}

func unit(path string, kind model.Kind, val []byte) (string, error) {
	switch kind {
	case model.Relationship, model.ListRelationship, model.LanguageProperty, model.VocabProperty, model.JSONProperty:
		return "", fault(path+".unitCode", "a %s has no unit (clause 4.5)", kind)
	}
	s, ok := text(val)
	if !ok || s == "" || s == model.NullURI || len(s) > maxName {
		return "", fault(path+".unitCode", "it must be a short text (clause 4.5.2)")
	}
	return s, nil
}

package jsonld

import (
	"bytes"
	"encoding/json"
	"time"

	"tribune/internal/twin/model"
)

// build checks the members of an instance of a kind.
func (p *parser) build(path string, in instance, kind model.Kind) (a model.Attr, err error) {
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
	if in.observedAt != nil {
		if a.ObservedAt, err = p.observed(path, in.observedAt); err != nil {
			return a, err
		}
	}
	if in.unitCode != nil {
		s, ok := text(in.unitCode)
		if !ok || s == "" || len(s) > maxName {
			return a, fault(path+".unitCode", "it must be a short text (clause 4.5.2)")
		}
		a.UnitCode = s
	}
	if in.datasetID != nil {
		s, ok := text(in.datasetID)
		if s == "@none" {
			s = ""
		} else if !ok || !isURI(s) {
			return a, fault(path+".datasetId", "it must be a URI (clause 4.5.5)")
		}
		a.Dataset = s
	}
	if in.objectType != nil {
		if kind != model.Relationship && kind != model.ListRelationship {
			return a, fault(path+".objectType", "only relationships have it (clause 4.5.3)")
		}
		if a.ObjectType, err = p.names(path+".objectType", in.objectType); err != nil {
			return a, err
		}
	}
	return a, nil
}

func (p *parser) observed(path string, val []byte) (time.Time, error) {
	s, ok := text(val)
	if p.form.Fragment && bytes.Equal(val, nullText) {
		return time.Time{}, fault(path+".observedAt", "removing it alone is not supported: replace the attribute")
	}
	t, valid := Time(s)
	if !ok || !valid {
		return t, fault(path+".observedAt", "it must be a date and time in UTC, like 2026-01-02T03:04:05Z (clause 4.6.3)")
	}
	return t, nil
}

var nullText = json.RawMessage(`"urn:ngsi-ld:null"`)

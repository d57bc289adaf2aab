package model_test

import (
	"encoding/json"
	"testing"

	"tribune/internal/twin/model"
)

func TestNull(t *testing.T) {
	for _, c := range []struct {
		attr model.Attr
		want bool
	}{
		{model.Attr{Kind: model.Property, Value: json.RawMessage(`"urn:ngsi-ld:null"`)}, true},
		{model.Attr{Kind: model.Relationship, Value: json.RawMessage(`"urn:ngsi-ld:null"`)}, true},
		{model.Attr{Kind: model.Property, Value: json.RawMessage(`["urn:ngsi-ld:null"]`)}, false},
		{model.Attr{Kind: model.LanguageProperty, Value: json.RawMessage(`{"@none":"urn:ngsi-ld:null"}`)}, true},
		{model.Attr{Kind: model.LanguageProperty, Value: json.RawMessage(`{"@none":"urn:ngsi-ld:null","en":"x"}`)}, false},
		{model.Attr{}, false},
	} {
		if got := c.attr.Null(); got != c.want {
			t.Errorf("%s %s: got %v, want %v", c.attr.Kind, c.attr.Value, got, c.want)
		}
	}
}

package jsonld_test

import (
	"errors"
	"fmt"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// The forms that the operations of clause 5.6 read.
var (
	create  = jsonld.Form{}
	update  = jsonld.Form{Part: true, Nulls: true}
	appends = jsonld.Form{Part: true}
	merge   = jsonld.Form{Merge: true}
	partial = jsonld.Form{Fragment: true}
	simple  = jsonld.Form{Simplified: true}
)

func TestNullStandsForDeletionWhereTheStandardSays(t *testing.T) {
	const head = `{"id":"urn:a:b","type":"T",`
	for body, allowed := range map[string][]jsonld.Form{
		`"a":"urn:ngsi-ld:null"}`:                                   {update, merge, partial},
		`"a":{"value":"urn:ngsi-ld:null"}}`:                         {update, merge, partial},
		`"a":{"object":"urn:ngsi-ld:null"}}`:                        {update, merge, partial},
		`"a":{"languageMap":{"@none":"urn:ngsi-ld:null"}}}`:         {update, merge, partial},
		`"a":{"valueList":["urn:ngsi-ld:null"]}}`:                   {update, merge, partial},
		`"a":{"objectList":["urn:ngsi-ld:null"]}}`:                  {update, merge, partial},
		`"a":{"objectList":[{"object":"urn:ngsi-ld:null"}]}}`:       {update, merge, partial},
		`"a":{"json":"urn:ngsi-ld:null"}}`:                          {update, merge, partial},
		`"a":{"vocab":"urn:ngsi-ld:null"}}`:                         {update, merge, partial},
		`"a":{"type":"GeoProperty","value":"urn:ngsi-ld:null"}}`:    {update, merge, partial},
		`"scope":"urn:ngsi-ld:null"}`:                               {update, merge, partial},
		`"expiresAt":"urn:ngsi-ld:null"}`:                           {update, merge, partial},
		`"a":{"value":1,"b":"urn:ngsi-ld:null"}}`:                   {update, merge, partial},
		`"a":{"value":1,"observedAt":"urn:ngsi-ld:null"}}`:          {update, merge, partial},
		`"a":{"value":1,"unitCode":"urn:ngsi-ld:null"}}`:            {update, merge, partial},
		`"a":{"object":"urn:a:c","objectType":"urn:ngsi-ld:null"}}`: {update, merge, partial},
		`"a":{"observedAt":"urn:ngsi-ld:null"}}`:                    {merge, partial},
		`"a":{"languageMap":{"en":"urn:ngsi-ld:null"}}}`:            {merge},
		`"a":{"value":{"b":"urn:ngsi-ld:null"}}}`:                   {merge},
		`"a":{"value":{"b":{"c":["x",{"d":"urn:ngsi-ld:null"}]}}}}`: {merge},
		`"a":{"json":{"b":"urn:ngsi-ld:null"}}}`:                    {create, appends, update, merge, partial}, // its own affair
		`"a":{"value":1,"datasetId":"urn:ngsi-ld:null"}}`:           {},
		`"a":null}`:           {},
		`"a":{"value":null}}`: {},
		`"a":{"type":"Property","value":[{"type":"x","value":"urn:ngsi-ld:nullable"}]}}`: {create, appends, update, merge, partial},
	} {
		for name, form := range map[string]jsonld.Form{"create": create, "append": appends, "update": update, "merge": merge, "partial": partial} {
			want := false
			for _, f := range allowed {
				want = want || f == form
			}
			if _, err := parse(t, head+body, form); (err == nil) != want || err != nil && !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("%s in a %s: got %v, want it allowed: %v", body, name, err, want)
			}
		}
	}
	if _, err := parse(t, `{"id":"urn:ngsi-ld:null","type":"T"}`, create); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("null as an id: got %v", err)
	}
}

func TestWhatAFragmentMeans(t *testing.T) {
	for body, c := range map[string]struct {
		form jsonld.Form
		want string // kind, value, dataset of the instances of a
	}{
		`{"a":"x"}`:            {merge, ` "x"`},
		`{"a":{"street":"x"}}`: {merge, ` {"street":"x"}`},
		`{"a":{"b":{"type":"Property","value":1}}}`:                                                                   {merge, ` `},
		`{"a":{"observedAt":"2026-01-01T00:00:00,5Z"}}`:                                                               {merge, ` `},
		`{"a":{"type":"Relationship","object":"urn:a:c"}}`:                                                            {merge, `Relationship "urn:a:c"`},
		`{"a":{"languageMap":{"en":"x"}}}`:                                                                            {jsonld.Form{Merge: true, Simplified: true}, `LanguageProperty {"en":"x"}`},
		`{"a":"x"} `:                                                                                                  {jsonld.Form{Merge: true, Simplified: true}, ` "x"`},
		`{"id":"urn:a:b","type":"T","a":{"json":{"x":1}}}`:                                                            {simple, `JsonProperty {"x":1}`},
		`{"id":"urn:a:b","type":"T","a":{"json":{"x":1},"y":2}}`:                                                      {simple, `Property {"json":{"x":1},"y":2}`},
		`{"id":"urn:a:b","type":"T","a":{"vocab":"urn:v"}}`:                                                           {simple, `VocabProperty "urn:v"`},
		`{"id":"urn:a:b","type":"T","a":{"dataset":{"@none":1,"urn:d":2}}}`:                                           {simple, `Property 1|Property 2 urn:d`},
		`{"id":"urn:a:b","type":"T","a":{"dataset":{"x":1}}}`:                                                         {simple, `Property {"dataset":{"x":1}}`},
		`{"id":"urn:a:b","type":"T","a":{"value":1,"datasetId":"@none"}}`:                                             {create, `Property 1`},
		`{"id":"urn:a:b","type":"T","a":{"type":"GeoProperty","value":"{\"type\":\"Point\",\"coordinates\":[1,2]}"}}`: {create, `GeoProperty {"type":"Point","coordinates":[1,2]}`},
	} {
		e, err := parse(t, body, c.form)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		got := ""
		for i, a := range e.Attrs["https://uri.etsi.org/ngsi-ld/default-context/a"] {
			if i > 0 {
				got += "|"
			}
			got += fmt.Sprint(a.Kind, " ", string(a.Value))
			if a.Dataset != "" {
				got += " " + a.Dataset
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", body, got, c.want)
		}
	}
}

func TestMembersThatTheStandardForbidsOrBounds(t *testing.T) {
	const head = `{"id":"urn:a:b","type":"T",`
	for body, ok := range map[string]bool{
		`"a":{"object":"urn:a:c","unitCode":"KMH"}}`: false,
		`"a":{"json":{},"unitCode":"KMH"}}`:          false,
		`"a":{"json":5}}`:                            false,
		`"a":{"value":1,"expiresAt":"2026-01-01T00:00:00Z","valueType":"xsd:double"}}`:      true,
		`"a":{"value":1,"expiresAt":"tomorrow"}}`:                                           false,
		`"a":{"value":1,"valueType":5}}`:                                                    false,
		`"a":{"languageMap":{"en":"x"},"valueType":"xsd:string"}}`:                          false,
		`"a":{"languageMap":{"":"x"}}}`:                                                     false,
		`"a":{"languageMap":{"de_AT":"x"}}}`:                                                false,
		`"a":{"languageMap":{"de-AT":"x","@none":["y"]}}}`:                                  true,
		`"a":{"value":1,"entityIdSealed":"x"}}`:                                             false,
		`"ngsildproof":{"value":{"type":"P"},"entityIdSealed":"x","entityTypeSealed":"T"}}`: true,
		`"ngsildproof":{"value":"x"}}`:                                                      false,
		`"ngsildproof":{"value":{"type":"P"},"entityTypeSealed":5}}`:                        false,
		`"observedAt":{"type":"Property","value":1}}`:                                       false,
		`"a":{"value":1,"scope":"/x"}}`:                                                     false,
		`"1a":1}`:                                                                           false,
		`"location":{"type":"Property","value":7}}`:                                         false,
		`"location":{"value":{"type":"Point","coordinates":[1,2]}}}`:                        true,
		`"scope":["/a/b_1","Madrid"]}`:                                                      true,
		`"scope":["/a","/b-c"]}`:                                                            false,
		`"scope":"/1"}`:                                                                     false,
		`"expiresAt":"2026-01-01T00:00:00Z"}`:                                               true,
		`"expiresAt":5}`:                                                                    false,
		`"a":{"value":1,"observedAt":"2026-01-01T0:00:00Z"}}`:                               false,
	} {
		if _, err := parse(t, head+body, create); (err == nil) != ok || err != nil && !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want it allowed: %v", body, err, ok)
		}
	}
	for _, id := range []string{"urn:a:b\u200bc", "urn:a:\u202eb", "urn:a:\ufe0f", "urn:a:\ufdd0", "urn:a:\u3164"} {
		if jsonld.URI(id) {
			t.Errorf("%+q passes for a URI: it looks like another", id)
		}
	}
	if !jsonld.URI("urn:a:Zürich") {
		t.Error("letters beyond ASCII are those of IRIs")
	}
}

func TestProofKeepsItsTexts(t *testing.T) {
	const body = `{"id":"urn:a:b","type":"T","ngsildproof":{"type":"Property","value":{"type":"P"},"entityIdSealed":"urn:a:b","entityTypeSealed":"T"}}`
	e, err := parse(t, body, create)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(offline(t).Core().Append(nil, &e, jsonld.View{})); got != body {
		t.Errorf("got  %s\nwant %s", got, body)
	}
	if a := e.Attrs["https://uri.etsi.org/ngsi-ld/ngsildproof"]; len(a) == 1 && a[0].Sub == nil {
		t.Error("its texts are nowhere")
	}
}

package jsonld_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

func parse(t testing.TB, text string, form jsonld.Form) (model.Entity, error) {
	t.Helper()
	doc, err := jsonld.Read([]byte(text))
	if err != nil {
		return model.Entity{}, err
	}
	return offline(t).Core().Entity(doc, form)
}

func TestRefusalsNameAttributeAndRuleAndQuoteNoValue(t *testing.T) {
	const secret = "AB12CDE"
	for body, want := range map[string]string{
		`{"type":"T"}`:                                        `"id"`,
		`{"id":"AB12CDE","type":"T"}`:                         `"id"`,
		`{"id":"urn:a:b"}`:                                    `"type"`,
		`{"id":"urn:a:b","type":[]}`:                          `"type"`,
		`{"id":"urn:a:b","type":"T","a":null}`:                `"a": it is null`,
		`{"id":"urn:a:b","type":"T","a":{"type":"Property"}}`: `"a": a Property must have "value"`,
		`{"id":"urn:a:b","type":"T","a":{"type":"Relationship","value":"AB12CDE"}}`:                                             `"a": a Relationship holds "object"`,
		`{"id":"urn:a:b","type":"T","a":{"type":"Relationship","object":"AB12CDE"}}`:                                            `"a": the object of a Relationship must be a URI`,
		`{"id":"urn:a:b","type":"T","a":{"value":1,"object":"urn:a:b"}}`:                                                        `"a": it has both`,
		`{"id":"urn:a:b","type":"T","a":{"value":1,"observedAt":"2026-01-01T00:00:00+01:00"}}`:                                  `"a.observedAt"`,
		`{"id":"urn:a:b","type":"T","a":{"value":1,"b":{"type":"string","value":"AB12CDE"}}}`:                                   `"a.b": its type "string"`,
		`{"id":"urn:a:b","type":"T","a":{"value":"urn:ngsi-ld:null"}}`:                                                          `"a": its value is urn:ngsi-ld:null`,
		`{"id":"urn:a:b","type":"T","bad name":1}`:                                                                              `"bad name"`,
		`{"id":"urn:a:b","type":"T","@graph":1}`:                                                                                `"@graph"`,
		`{"id":"urn:a:b","type":"T","https://uri.etsi.org/ngsi-ld/createdAt":1}`:                                                `createdAt`,
		`{"id":"urn:a:b","type":"T","a":1,"https://uri.etsi.org/ngsi-ld/default-context/a":1}`:                                  `two members`,
		`{"id":"urn:a:b","type":"T","a":[{"value":1},{"value":2}]}`:                                                             `"a": two of its instances`,
		`{"id":"urn:a:b","type":"T","l":{"type":"GeoProperty","value":"AB12CDE"}}`:                                              `"l": the value of a GeoProperty`,
		`{"id":"urn:a:b","type":"T","l":{"type":"GeoProperty","value":{"type":"Point","coordinates":[52,190]}}}`:                `"l": a latitude`,
		`{"id":"urn:a:b","type":"T","l":{"type":"GeoProperty","value":{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0]]]}}}`: `"l": a ring`,
		`{"id":"urn:a:b","type":"T","l":{"type":"LanguageProperty","languageMap":{"en":3}}}`:                                    `"l": a languageMap`,
		`{"id":"urn:a:b","type":"T","l":{"type":"ListProperty","valueList":3}}`:                                                 `"l": a valueList`,
		`{"id":"urn:a:b","type":"T","scope":"/Madrid//X"}`:                                                                      `"scope"`,
		`[1]`: `an entity is a JSON object`,
		`{"id":"urn:a:b","id":"urn:a:b","type":"T"}`:                      `names a member twice`,
		`{"id":"urn:a:b","type":"T"} x`:                                   `after its end`,
		`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: `nests deeper`,
	} {
		_, err := parse(t, body, jsonld.Form{})
		if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", body, err, want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the refusal quotes a value: %v", err)
		}
	}
}

func TestConciseAndNormalizedMeanTheSame(t *testing.T) {
	normalized, err := parse(t, `{"id":"urn:a:b","type":"T",
		"n":{"type":"Property","value":1},
		"list":{"type":"Property","value":[{"x":1},{"y":2}]},
		"o":{"type":"Property","value":{"street":"High Street"}},
		"u":{"type":"Property","value":5,"unitCode":"KMH","observedAt":"2026-01-01T00:00:00Z","acc":{"type":"Property","value":0.5}},
		"r":{"type":"Relationship","object":"urn:a:c"},
		"l":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1.5,2]}},
		"g":{"type":"LanguageProperty","languageMap":{"en":"x"}},
		"v":{"type":"VocabProperty","vocab":"Word"},
		"j":{"type":"JsonProperty","json":{"a":null}},
		"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d:2"}],
		"rr":{"type":"ListRelationship","objectList":[{"object":"urn:a:c"}]}}`, jsonld.Form{})
	if err != nil {
		t.Fatal(err)
	}
	concise, err := parse(t, `{"id":"urn:a:b","type":"T","n":1,"list":[{"x":1},{"y":2}],"o":{"street":"High Street"},
		"u":{"value":5,"unitCode":"KMH","observedAt":"2026-01-01T00:00:00Z","acc":0.5},
		"r":{"object":"urn:a:c"},"l":{"type":"Point","coordinates":[1.5,2]},"g":{"languageMap":{"en":"x"}},"v":{"vocab":"Word"},
		"j":{"json":{"a":null}},"m":[{"value":1},{"value":2,"datasetId":"urn:d:2"}],"rr":{"objectList":["urn:a:c"]}}`, jsonld.Form{})
	if err != nil {
		t.Fatal(err)
	}
	core := offline(t).Core()
	a, b := string(core.Append(nil, &normalized, jsonld.View{})), string(core.Append(nil, &concise, jsonld.View{}))
	if a != b {
		t.Errorf("normalized %s\nconcise    %s", a, b)
	}
	again, err := parse(t, string(core.Append(nil, &normalized, jsonld.View{Format: jsonld.Concise})), jsonld.Form{})
	if err != nil {
		t.Fatal(err)
	}
	if c := string(core.Append(nil, &again, jsonld.View{})); c != a {
		t.Errorf("concise out and in again\ngot  %s\nwant %s", c, a)
	}
	want := `{"id":"urn:a:b","type":"T","g":{"languageMap":{"en":"x"}},"j":{"json":{"a":null}},"l":{"type":"Point","coordinates":[1.5,2]},` +
		`"list":[{"x":1},{"y":2}],"m":{"dataset":{"@none":1,"urn:d:2":2}},"n":1,"o":{"street":"High Street"},"r":"urn:a:c","rr":["urn:a:c"],"u":5,"v":{"vocab":"Word"}}`
	if got := string(core.Append(nil, &normalized, jsonld.View{Format: jsonld.Simplified})); got != want {
		t.Errorf("simplified\ngot  %s\nwant %s", got, want)
	}
}

func TestSimplifiedInputKeepsObjectsWithATypeAsValues(t *testing.T) {
	const body = `{"id":"urn:a:b","type":"T","address":{"type":"PostalAddress","street":"x"},"n":[1,2]}`
	if _, err := parse(t, body, jsonld.Form{}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("as normalized: got %v, want ErrInvalid", err)
	}
	e, err := parse(t, body, jsonld.Form{Simplified: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(e.Attrs[vocabulary+"address"][0].Value); got != `{"type":"PostalAddress","street":"x"}` {
		t.Errorf("address is %s", got)
	}
}

func TestFragments(t *testing.T) {
	e, err := parse(t, `{"speed":{"observedAt":"2026-01-01T00:00:00Z"},"old":"urn:ngsi-ld:null","gone":{"type":"Relationship","object":"urn:ngsi-ld:null"}}`, jsonld.Form{Fragment: true})
	if err != nil {
		t.Fatal(err)
	}
	if a := e.Attrs[vocabulary+"speed"][0]; a.Kind != "" || a.Value != nil || a.ObservedAt.IsZero() {
		t.Errorf("speed is %+v", a)
	}
	for _, name := range []tribune.Name{"old", "gone"} {
		if a := e.Attrs[vocabulary+name][0]; !a.Null() {
			t.Errorf("%s is %+v, want the null", name, a)
		}
	}
}

func TestSealedAttributesAreNeverRendered(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	sealed := model.Attr{Kind: model.Property, Value: []byte(`"AB12CDE"`), Sealed: &tribune.Sealed{}, ModifiedAt: at}
	clear := model.Attr{Kind: model.Property, Value: []byte(`1`), Dataset: "urn:d:1", ObservedAt: at}
	e := model.Entity{ID: "urn:a:b", Types: []tribune.Name{vocabulary + "T"}, Attrs: map[tribune.Name][]model.Attr{
		vocabulary + "plate": {sealed}, vocabulary + "mixed": {clear, sealed}, vocabulary + "sub": {{Kind: model.Property, Value: []byte(`2`), ObservedAt: at, Sub: map[tribune.Name][]model.Attr{vocabulary + "inner": {sealed}}}},
	}}
	core := offline(t).Core()
	for _, v := range []jsonld.View{{}, {Format: jsonld.Simplified}, {Format: jsonld.Concise, SysAttrs: true}, {LD: true}} {
		for _, out := range []string{string(core.Append(nil, &e, v)), string(core.AppendTemporal(nil, &e, v)), string(core.AppendTemporal(nil, &e, jsonld.View{Format: jsonld.TemporalValues}))} {
			if strings.Contains(out, "AB12CDE") || strings.Contains(out, "plate") || strings.Contains(out, "inner") {
				t.Errorf("%+v: %s", v, out)
			}
			if !strings.Contains(out, "mixed") {
				t.Errorf("%+v: the open instance is missing: %s", v, out)
			}
		}
	}
	if n := jsonld.Withheld(&e, jsonld.View{}); n != 2 {
		t.Errorf("%d attributes withheld, want 2", n)
	}
	if n := jsonld.Withheld(&e, jsonld.View{Attrs: []tribune.Name{vocabulary + "plate"}}); n != 1 {
		t.Errorf("%d of the asked attributes withheld, want 1", n)
	}
}

func TestTemporalValues(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := model.Entity{ID: "urn:a:b", Types: []tribune.Name{vocabulary + "T"}, Attrs: map[tribune.Name][]model.Attr{vocabulary + "n": {
		{Kind: model.Property, Value: []byte(`1`), ObservedAt: at}, {Kind: model.Property, Value: []byte(`2`), ObservedAt: at.Add(1500 * time.Millisecond)},
	}}}
	core := offline(t).Core()
	want := `{"id":"urn:a:b","type":"T","n":{"type":"Property","values":[[1,"2026-01-01T00:00:00Z"],[2,"2026-01-01T00:00:01.5Z"]]}}`
	if got := string(core.AppendTemporal(nil, &e, jsonld.View{Format: jsonld.TemporalValues})); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	one := model.Entity{ID: "urn:a:b", Types: e.Types, Attrs: map[tribune.Name][]model.Attr{vocabulary + "n": e.Attrs[vocabulary+"n"][:1]}}
	want = `{"id":"urn:a:b","type":"T","n":[{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z"}]}`
	if got := string(core.AppendTemporal(nil, &one, jsonld.View{})); got != want {
		t.Errorf("a history of one: got %s, want %s", got, want)
	}
}

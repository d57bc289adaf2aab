package jsonld_test

import (
	"testing"

	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

func TestEvolutionsAreReadInEveryForm(t *testing.T) {
	core := offline(t).Core()
	for body, want := range map[string]int{ // instances of a, -1 = refused
		`{"id":"urn:a:b","type":"T","a":[{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z"},{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z"}]}`: 2,
		`{"id":"urn:a:b","type":"T","a":{"type":"Property","value":1}}`:                                                                                                                            1,
		`{"id":"urn:a:b","type":"T","a":{"type":"Property","values":[[1,"2026-01-01T00:00:00Z"],[2,"2026-01-01T00:00:01Z"]]}}`:                                                                     2,
		`{"id":"urn:a:b","type":"T","a":[{"type":"Property","datasetId":"urn:d:1","values":[[1,"2026-01-01T00:00:00Z"]]},{"type":"Relationship","objects":[["urn:x:y","2026-01-01T00:00:00Z"]]}]}`: 2,
		`{"id":"urn:a:b","type":"T","a":{"type":"LanguageProperty","languageMaps":[[{"languageMap":{"en":"x"}},"2026-01-01T00:00:00Z"]]}}`:                                                         1,
		`{"id":"urn:a:b","type":"T","a":[{"type":"Property","value":"urn:ngsi-ld:null"}]}`:                                                                                                         1,
		`{"id":"urn:a:b","type":"T","a":{"type":"Property","values":[[1]]}}`:                                                                                                                       -1,
		`{"id":"urn:a:b","type":"T","a":{"type":"Property","values":[[1,"yesterday"]]}}`:                                                                                                           -1,
		`{"id":"urn:a:b","type":"T","a":{"type":"Property","values":[[1,"2026-01-01T00:00:00Z"]],"unitCode":"x"}}`:                                                                                 -1,
		`{"id":"urn:a:b","type":"T","a":null}`:               -1,
		`{"id":"urn:a:b","a":{"type":"Property","value":1}}`: -1,
		`{"type":"T"}`: -1,
		`{"id":"urn:a:b","type":"T","expiresAt":"urn:ngsi-ld:null"}`:                            -1,
		`{"id":"urn:a:b","type":"T","scope":[{"type":"Property","value":"/a","unitCode":"x"}]}`: -1,
		`{"id":"urn:a:b","type":"T","scope":["no scope"]}`:                                      -1,
		`[]`: -1,
	} {
		d, err := jsonld.Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		e, err := core.Evolution(d, false)
		got := -1
		if err == nil {
			got = len(e.Attrs[vocabulary+"a"])
		}
		if got != want {
			t.Errorf("%s: got %d (%v), want %d", body, got, err, want)
		}
	}
	d, _ := jsonld.Read([]byte(`{"id":"urn:a:b","type":"T","scope":["/a","/b"]}`))
	if e, err := core.Evolution(d, false); err != nil || string(e.Attrs[model.ScopeName][0].Value) != `["/a","/b"]` {
		t.Errorf("a plain scope: %+v (%v)", e.Attrs, err)
	}
}

func FuzzEvolution(f *testing.F) {
	for _, s := range []string{`{"id":"urn:a:b","type":"T","a":{"type":"Property","values":[[1,"2026-01-01T00:00:00Z"]]},"scope":[{"type":"Property","value":"/a"}]}`, `{"a":[[]]}`, `{"a":{"type":"Property","values":[[],{}]}}`} {
		f.Add([]byte(s))
	}
	core := offline(f).Core()
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := jsonld.Read(body)
		if err != nil {
			return
		}
		if e, err := core.Evolution(d, true); err == nil {
			for _, list := range e.Attrs {
				for i := range list {
					if list[i].Kind == "" || len(list[i].Value) == 0 {
						t.Errorf("%s: an instance without kind or value: %+v", body, list[i])
					}
				}
			}
			core.AppendTemporal(nil, &e, jsonld.View{Format: jsonld.TemporalValues})
			core.AppendTemporal(nil, &e, jsonld.View{SysAttrs: true})
		}
		core.Instance("a", vocabulary+"a", d)
	})
}

package jsonld

import "testing"

func TestACopyIsWhatAnEarlierVersionKnows(t *testing.T) {
	from, to := twoContexts(t)
	const id = `"id":"urn:c:1","type":"https://example.org/Car",`
	for _, x := range []struct{ version, body, want string }{
		{"1.3", `{"id":"urn:c:1","type":"Car","speed":{"type":"LanguageProperty","languageMap":{"en":"x"}}}`, `{` + id + `"https://example.org/speed":{"type":"Property","value":{"en":"x"}}}`},
		{"1.4", `{"id":"urn:c:1","type":"Car","speed":{"type":"LanguageProperty","languageMap":{"en":"x"}}}`, `{` + id + `"https://example.org/speed":{"type":"LanguageProperty","languageMap":{"en":"x"}}}`},
		{"1.7", `{"id":"urn:c:1","type":"Car","speed":{"type":"JsonProperty","json":{"a":[1]}}}`, `{` + id + `"https://example.org/speed":{"type":"Property","value":{"a":[1]}}}`},
		{"1.7", `{"id":"urn:c:1","type":"Car","speed":{"json":{"a":[1]}}}`, `{` + id + `"https://example.org/speed":{"value":{"a":[1]}}}`},
		{"1.7", `{"id":"urn:c:1","type":"Car","speed":{"type":"VocabProperty","vocab":["km"]}}`, `{` + id + `"https://example.org/speed":{"type":"Property","value":["https://example.org/km"]}}`},
		{"1.7", `{"id":"urn:c:1","type":"Car","speed":{"type":"ListProperty","valueList":[1,2]}}`, `{` + id + `"https://example.org/speed":{"type":"Property","value":[1,2]}}`},
		{"1.7", `{"id":"urn:c:1","type":"Car","speed":{"type":"ListRelationship","objectList":["urn:a:1",{"object":"urn:a:2"}]}}`, `{` + id + `"https://example.org/speed":{"type":"Relationship","object":["urn:a:1","urn:a:2"]}}`},
		{"1.7", `{"id":"urn:c:1","type":"Car","speed":{"type":"Relationship","object":"urn:a:1","objectType":"Car","observedAt":"2026-01-01T00:00:00Z"}}`, `{` + id + `"https://example.org/speed":{"type":"Relationship","object":"urn:a:1","observedAt":"2026-01-01T00:00:00Z"}}`},
		{"1.8", `{"id":"urn:c:1","type":"Car","expiresAt":"2030-01-01T00:00:00Z","speed":{"type":"Property","value":1,"valueType":"km","expiresAt":"2030-01-01T00:00:00Z","km":{"type":"Property","value":2,"expiresAt":"2030-01-01T00:00:00Z"}}}`, `{` + id + `"https://example.org/speed":{"type":"Property","value":1,"https://example.org/km":{"type":"Property","value":2}}}`},
		{"1.0", `{"id":"urn:c:1","type":["Car","Bus"],"scope":"/a","speed":[{"type":"Property","value":1,"datasetId":"urn:d:1"},{"type":"Property","value":2,"unitCode":"KMH"}]}`, `{` + id + `"https://example.org/speed":[{"type":"Property","value":2}]}`},
		{"1.0", `{"id":"urn:c:1","type":"Car","speed":[{"type":"Property","value":1,"datasetId":"urn:d:1"},{"type":"Property","value":2,"datasetId":"urn:d:2"}]}`, `{` + id + `"https://example.org/speed":[{"type":"Property","value":1}]}`},
		{"1.9", `{"id":"urn:c:1","type":["Car","Car"],"scope":"/a","speed":[]}`, `{"id":"urn:c:1","type":["https://example.org/Car","https://example.org/Car"],"scope":"/a","https://example.org/speed":[]}`},
		{"1.0", `{"id":"urn:c:1","type":"Car","speed":{"type":"LanguageProperty","languageMap":"urn:ngsi-ld:null"}}`, `{` + id + `"https://example.org/speed":{"type":"Property","value":"urn:ngsi-ld:null"}}`},
	} {
		doc, err := Read([]byte(x.body))
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseAmendment(x.version)
		if err != nil {
			t.Fatal(err)
		}
		c := Copy{From: from, To: to, Form: Form{Merge: true}, Amend: m}
		if got := string(c.Entity(nil, doc)); got != x.want {
			t.Errorf("%s for version %s:\n got %s\nwant %s", x.body, x.version, got, x.want)
		}
	}
	same := Copy{From: from, To: from, Amend: &Amendment{version: version{1, 3}}}
	doc, _ := Read([]byte(`{"type":"LanguageProperty","languageMap":{"en":"x"},"@context":"y"}`))
	if got, want := string(same.Attribute(nil, doc)), `{"type":"Property","value":{"en":"x"}}`; got != want {
		t.Errorf("of one attribute: got %s, want %s", got, want)
	}
}

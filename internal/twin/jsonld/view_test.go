package jsonld_test

import (
	"encoding/json"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

// shop is an entity with every kind of attribute that views treat differently.
const shop = `{"id":"urn:a:shop","type":["Shop","Place"],"scope":"/city",
	"name":{"type":"LanguageProperty","languageMap":{"en":"Bakery","de":"Bäckerei"}},
	"price":[{"type":"Property","value":3},{"type":"Property","value":4,"datasetId":"urn:d:1"}],
	"kind":{"type":"VocabProperty","vocab":"Word"},
	"raw":{"type":"JsonProperty","json":{"id":7}},
	"in":{"type":"Relationship","object":"urn:a:street","since":{"type":"Relationship","object":"urn:a:street"}},
	"staff":{"type":"Relationship","object":["urn:a:ada","urn:a:bob"]},
	"next":{"type":"ListRelationship","objectList":[{"object":"urn:a:street"},{"object":"urn:a:none"}]},
	"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}}}`

func entities(t *testing.T) (model.Entity, *jsonld.Links) {
	t.Helper()
	links := &jsonld.Links{Entities: map[tribune.EntityID]*model.Entity{}, Left: 100}
	for _, text := range []string{
		shop,
		`{"id":"urn:a:street","type":"Street","name":{"type":"Property","value":"High Street"},"has":{"type":"Relationship","object":["urn:a:shop","urn:a:ada"]}}`,
		`{"id":"urn:a:ada","type":"Person","name":{"type":"Property","value":"Ada"},"lives":{"type":"Relationship","object":"urn:a:street"}}`,
	} {
		e, err := parse(t, text, jsonld.Form{})
		if err != nil {
			t.Fatal(err)
		}
		links.Entities[e.ID] = &e
	}
	return *links.Entities["urn:a:shop"], links
}

func TestViewsShowWhatTheirClausesSay(t *testing.T) {
	e, links := entities(t)
	core := offline(t).Core()
	project := func(text string) *jsonld.Projection {
		p, err := core.Projection(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name string
		view jsonld.View
		want string
	}{
		{"pick leaves nothing but what is named (4.21)", jsonld.View{Pick: project("id|kind")}, `{"id":"urn:a:shop","kind":{"type":"VocabProperty","vocab":"Word"}}`},
		{"pick of an attribute alone", jsonld.View{Pick: project("raw"), LD: true}, `{"raw":{"type":"JsonProperty","json":{"id":7}},"@context":"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"}`},
		{"omit", jsonld.View{Omit: project("id,type,scope,name,price,kind,raw,in,staff,next")}, `{"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}}}`},
		{"datasets (4.5.5)", jsonld.View{Pick: project("price,raw"), Datasets: []string{"urn:d:1"}}, `{"price":{"type":"Property","value":4,"datasetId":"urn:d:1"}}`},
		{"the default dataset", jsonld.View{Pick: project("price"), Datasets: []string{""}}, `{"price":{"type":"Property","value":3}}`},
		{"simplified, several instances (4.5.4)", jsonld.View{Pick: project("price,name,kind,raw,next"), Format: jsonld.Simplified},
			`{"kind":{"vocab":"Word"},"name":{"languageMap":{"en":"Bakery","de":"Bäckerei"}},"next":["urn:a:street","urn:a:none"],"price":{"dataset":{"@none":3,"urn:d:1":4}},"raw":{"json":{"id":7}}}`},
		{"one language (4.15)", jsonld.View{Pick: project("name"), Lang: jsonld.Languages{"de-at"}}, `{"name":{"type":"Property","value":"Bäckerei","lang":"de"}}`},
		{"one language, concise", jsonld.View{Pick: project("name"), Lang: jsonld.Languages{"en"}, Format: jsonld.Concise}, `{"name":{"value":"Bakery","lang":"en"}}`},
		{"one language, simplified", jsonld.View{Pick: project("name"), Lang: jsonld.Languages{"xx"}, Format: jsonld.Simplified}, `{"name":"Bäckerei"}`},
		{"inline (4.5.23.2), what stands around is not written again", jsonld.View{Pick: project("in"), Join: jsonld.Inline, JoinLevel: 2, Linked: links},
			`{"in":{"type":"Relationship","object":"urn:a:street","entity":{"id":"urn:a:street","type":"Street","has":{"type":"Relationship","object":["urn:a:shop","urn:a:ada"],"entity":[{"id":"urn:a:ada","type":"Person","lives":{"type":"Relationship","object":"urn:a:street"},"name":{"type":"Property","value":"Ada"}}]},"name":{"type":"Property","value":"High Street"}},"since":{"type":"Relationship","object":"urn:a:street"}}}`},
		{"inline, picked below", jsonld.View{Pick: project("next{name}"), Join: jsonld.Inline, JoinLevel: 1, Linked: links},
			`{"next":{"type":"ListRelationship","objectList":[{"object":"urn:a:street"},{"object":"urn:a:none"}],"entityList":[{"name":{"type":"Property","value":"High Street"}}]}}`},
		{"inline, omitted below", jsonld.View{Pick: project("staff"), Omit: project("staff{lives,type}"), Join: jsonld.Inline, JoinLevel: 1, Linked: links},
			`{"staff":{"type":"Relationship","object":["urn:a:ada","urn:a:bob"],"entity":[{"id":"urn:a:ada","name":{"type":"Property","value":"Ada"}}]}}`},
		{"inline, simplified", jsonld.View{Pick: project("staff,next{name}"), Format: jsonld.Simplified, Join: jsonld.Inline, JoinLevel: 1, Linked: links},
			`{"next":[{"name":"High Street"},"urn:a:none"],"staff":[{"id":"urn:a:ada","type":"Person","lives":"urn:a:street","name":"Ada"},"urn:a:bob"]}`},
		{"containedBy: whoever asks has it", jsonld.View{Pick: project("next"), Join: jsonld.Inline, JoinLevel: 1, Linked: links, ContainedBy: []tribune.EntityID{"urn:a:street"}, Format: jsonld.Simplified},
			`{"next":["urn:a:street","urn:a:none"]}`},
		{"GeoJSON (4.5.16.2)", jsonld.View{Pick: project("id,type,raw"), GeoJSON: true},
			`{"id":"urn:a:shop","type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"type":["Shop","Place"],"raw":{"type":"JsonProperty","json":{"id":7}}}}`},
		{"GeoJSON without the property asked for", jsonld.View{Pick: project("id"), GeoJSON: true, Geometry: "https://uri.etsi.org/ngsi-ld/operationSpace"},
			`{"id":"urn:a:shop","type":"Feature","geometry":null,"properties":{}}`},
	} {
		got := core.Append(nil, &e, c.view)
		if string(got) != c.want || !json.Valid(got) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestEarlierVersionsGetWhatTheyKnow(t *testing.T) {
	e, _ := entities(t)
	core := offline(t).Core()
	p, _ := core.Projection("id,type,scope,name,price,kind,raw,next")
	for _, c := range []struct {
		version, conforms, want string
		altered                 bool
	}{
		{"1.2", "1.2", `{"id":"urn:a:shop","type":"Shop","kind":{"type":"Property","value":"Word"},"name":{"type":"Property","value":{"en":"Bakery","de":"Bäckerei"}},"next":{"type":"Relationship","object":["urn:a:street","urn:a:none"]},"price":{"type":"Property","value":3},"raw":{"type":"Property","value":{"id":7}}}`, true},
		{"1.5", "1.5", `{"id":"urn:a:shop","type":["Shop","Place"],"scope":"/city","kind":{"type":"Property","value":"Word"},"name":{"type":"LanguageProperty","languageMap":{"en":"Bakery","de":"Bäckerei"}},"next":{"type":"Relationship","object":["urn:a:street","urn:a:none"]},"price":[{"type":"Property","value":3},{"type":"Property","value":4,"datasetId":"urn:d:1"}],"raw":{"type":"Property","value":{"id":7}}}`, true},
		{"1.8", "1.8", "", false},
		{"2.4", "1.9", "", false},
	} {
		m, err := jsonld.ParseAmendment(c.version)
		if err != nil {
			t.Fatal(err)
		}
		got := string(core.Append(nil, &e, jsonld.View{Pick: p, Amend: m}))
		if c.want == "" {
			c.want = string(core.Append(nil, &e, jsonld.View{Pick: p}))
		}
		if got != c.want || m.Altered != c.altered || m.Conforms() != c.conforms {
			t.Errorf("%s: altered %v, conforms to %s\ngot  %s\nwant %s", c.version, m.Altered, m.Conforms(), got, c.want)
		}
	}
	for _, text := range []string{"", "1", "1.x", "x.1", "0.9", "1.-1"} {
		if _, err := jsonld.ParseAmendment(text); err == nil {
			t.Errorf("version %q: no error", text)
		}
	}
}

// Links that cross would be written once for each way that leads there: 20 entities, each linking to all, have more ways
// than there are atoms.
func TestCrossingLinksEnd(t *testing.T) {
	links := &jsonld.Links{Entities: map[tribune.EntityID]*model.Entity{}, Left: 500}
	ids := make([]string, 20)
	for i := range ids {
		ids[i] = "urn:a:" + string(rune('a'+i))
	}
	value, _ := json.Marshal(ids)
	for _, id := range ids {
		links.Entities[tribune.EntityID(id)] = &model.Entity{ID: tribune.EntityID(id), Types: []tribune.Name{"T"}, Attrs: map[tribune.Name][]model.Attr{"a": {{Kind: model.Relationship, Value: value}}}}
	}
	got := offline(t).Core().Append(nil, links.Entities["urn:a:a"], jsonld.View{Join: jsonld.Inline, JoinLevel: 20, Linked: links})
	if !json.Valid(got) || links.Left >= 0 || len(got) > 1<<20 {
		t.Errorf("%d bytes, %d left", len(got), links.Left)
	}
}

func TestConciseValuesCannotBeTakenForAttributes(t *testing.T) {
	for text, bare := range map[string]bool{
		`{"street":"High Street"}`: true, `[1,{"a":2}]`: true, `[]`: true, `{}`: true, `"x"`: true,
		`{"value":1}`: false, `{"type":"x"}`: false, `[{"datasetId":"urn:d:1"}]`: false, `{"observedAt":3}`: false, `{"object":"urn:a:b"}`: false,
	} {
		e := model.Entity{ID: "urn:a:b", Types: []tribune.Name{"https://uri.etsi.org/ngsi-ld/default-context/T"}, Attrs: map[tribune.Name][]model.Attr{
			"https://uri.etsi.org/ngsi-ld/default-context/p": {{Kind: model.Property, Value: json.RawMessage(text)}}}}
		got := string(offline(t).Core().Append(nil, &e, jsonld.View{Format: jsonld.Concise}))
		want := `{"id":"urn:a:b","type":"T","p":` + text + `}`
		if !bare {
			want = `{"id":"urn:a:b","type":"T","p":{"value":` + text + `}}`
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		again, err := parse(t, got, jsonld.Form{})
		if a := again.Instance("https://uri.etsi.org/ngsi-ld/default-context/p", ""); err != nil || a == nil || string(a.Value) != text {
			t.Errorf("%s: read again as %v, %v", got, a, err)
		}
	}
}

func TestSealedAttributesAreInNoView(t *testing.T) {
	e, _ := entities(t)
	sealed := &tribune.Sealed{Class: "c"}
	e.Attrs["https://uri.etsi.org/ngsi-ld/location"] = []model.Attr{{Sealed: sealed}}
	e.Attrs["https://uri.etsi.org/ngsi-ld/default-context/in"] = []model.Attr{{Sealed: sealed}}
	core := offline(t).Core()
	p, _ := core.Projection("in,location")
	v := jsonld.View{Pick: p, GeoJSON: true}
	if got := string(core.Append(nil, &e, v)); got != `{"type":"Feature","geometry":null,"properties":{}}` {
		t.Errorf("got %s", got)
	}
	if n := jsonld.Withheld(&e, v); n != 2 {
		t.Errorf("withheld %d, want 2", n)
	}
	if jsonld.Shown(&e, v) {
		t.Error("something is said to be left of an entity whose picked attributes are all sealed")
	}
	if got := jsonld.Targets(&e.Attrs["https://uri.etsi.org/ngsi-ld/default-context/in"][0]); got != nil {
		t.Errorf("a sealed relationship links to %v", got)
	}
}

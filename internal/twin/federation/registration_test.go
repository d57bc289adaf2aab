package federation

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// vocabulary expands terms to a namespace of its own, and back.
type vocabulary string

func (v vocabulary) Expand(term string) (tribune.Name, error) {
	if strings.ContainsAny(term, ": ") {
		return tribune.Name(term), nil
	}
	return tribune.Name(string(v) + term), nil
}

func (v vocabulary) Compact(name tribune.Name) string {
	return strings.TrimPrefix(string(name), string(v))
}

const terms vocabulary = "https://e.org/"

// parse reads a registration whose members are added to, or take the place of, those of a minimal one.
func parse(t testing.TB, members string) (*Registration, error) {
	t.Helper()
	all := map[string]json.RawMessage{
		"id": []byte(`"urn:r:1"`), "type": []byte(`"ContextSourceRegistration"`), "endpoint": []byte(`"https://source.example.org:1026"`), "information": []byte(`[{"entities":[{"type":"Car"}]}]`),
	}
	if err := json.Unmarshal([]byte("{"+members+"}"), &all); err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	for name, raw := range all {
		if string(raw) == `"-"` {
			delete(all, name)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonld.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return Parse(doc, terms)
}

func mustParse(t testing.TB, members string) *Registration {
	t.Helper()
	r, err := parse(t, members)
	if err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	return r
}

func TestRegistrationSaysWhatItOffers(t *testing.T) {
	r := mustParse(t, `"endpoint": "https://source.example.org/broker/ngsi-ld/v1/", "mode": "redirect", "tenant": "north", "contextSourceAlias": "peer", "operations": ["retrieveOps", "createEntity"],
		"information": [{"entities": [{"type": ["Car", "Bus"], "idPattern": "^urn:car:"}], "propertyNames": ["speed"], "relationshipNames": ["owner"]}],
		"contextSourceInfo": [{"key": "Authorization", "value": "Bearer x"}, {"key": "jsonldContext", "value": "https://e.org/c.jsonld"}],
		"management": {"localOnly": true, "timeout": 1500, "cooldown": 250.5, "cacheDuration": "PT1M30S"}, "expiresAt": "2030-01-01T00:00:00Z", "scope": "/north", "datasetId": ["@none"],
		"observationInterval": {"startAt": "2020-01-01T00:00:00Z"}`)
	if r.Endpoint != "https://source.example.org/broker" || r.RemoteTenant != "north" || r.Alias != "peer" || r.Mode != Redirect {
		t.Errorf("got %q, %q, %q, %v", r.Endpoint, r.RemoteTenant, r.Alias, r.Mode)
	}
	e := r.Information[0].Entities[0]
	if !slices.Equal(e.Types, []tribune.Name{"https://e.org/Car", "https://e.org/Bus"}) || !e.IDPattern.MatchString("urn:car:1") {
		t.Errorf("got entities %v", e)
	}
	if !slices.Equal(r.Information[0].Properties, []tribune.Name{"https://e.org/speed"}) || !slices.Equal(r.Information[0].Relationships, []tribune.Name{"https://e.org/owner"}) {
		t.Errorf("got attributes %v", r.Information[0])
	}
	if m := r.Management; !m.LocalOnly || m.Timeout != 1500*time.Millisecond || m.Cooldown != 250500*time.Microsecond || m.CacheDuration != 90*time.Second {
		t.Errorf("got management %+v", m)
	}
	for name, want := range map[string]bool{"retrieveEntity": true, "queryEntity": true, "createEntity": true, "queryBatch": false, "nothing": false, "": true} {
		if r.Offers(name) != want {
			t.Errorf("it offers %q: %v, want %v", name, !want, want)
		}
	}
	if r.Info("AUTHORIZATION") != "Bearer x" || r.Info("none") != "" {
		t.Errorf("contextSourceInfo is %v", r.ContextSourceInfo)
	}
	if !r.Temporal() || !r.Observation.To.IsZero() || !slices.Equal(r.Scope, []string{"/north"}) {
		t.Errorf("got %v, %v", r.Observation, r.Scope)
	}
}

// The tables of clause 4.20 in a few members each, which tell the groups apart.
func TestOperationGroups(t *testing.T) {
	for group, ops := range map[string]struct{ in, out string }{
		"federationOps":  {"queryBatch createSubscription retrieveEntityMap createEntityMapQueryEntity retrieveContextSourceIdentity retrieveAttrTypeInfo", "createEntity queryTemporal createEntityMapQueryTemporal purgeEntity"},
		"associationOps": {"queryBatch deleteSubscription retrieveEntityTypes retrieveContextSourceIdentity", "retrieveEntityMap updateEntityMap deleteEntityMap createEntityMapQueryEntity createEntity"},
		"updateOps":      {"updateEntity updateAttrs replaceEntity replaceAttrs", "createEntity appendAttrs mergeEntity retrieveEntity"},
		"retrieveOps":    {"retrieveEntity queryEntity", "queryBatch retrieveTemporal"},
		"redirectionOps": {"createEntity appendAttrs deleteAttrs deleteEntity mergeEntity purgeEntity retrieveEntityMap retrieveAttrTypes", "queryBatch createSubscription createBatch queryTemporal"},
	} {
		r := mustParse(t, `"operations": ["`+group+`"]`)
		for _, name := range strings.Fields(ops.in) {
			if !r.Offers(name) {
				t.Errorf("%s lacks %s", group, name)
			}
		}
		for _, name := range strings.Fields(ops.out) {
			if r.Offers(name) {
				t.Errorf("%s has %s", group, name)
			}
		}
	}
	if r := mustParse(t, `"mode": "inclusive"`); !r.Offers("queryBatch") || r.Offers("createEntity") {
		t.Error("without operations a registration is not federationOps")
	}
}

func TestRegistrationIsRefused(t *testing.T) {
	for why, members := range map[string]string{
		"type":                       `"type": "Car"`,
		"no type":                    `"type": "-"`,
		"no endpoint":                `"endpoint": "-"`,
		"no information":             `"information": "-"`,
		"null":                       `"information": null`,
		"NGSI-LD null":               `"description": "urn:ngsi-ld:null"`,
		"id":                         `"id": "no URI"`,
		"endpoint's scheme":          `"endpoint": "ftp://e.org"`,
		"endpoint without host":      `"endpoint": "https://"`,
		"endpoint with a query":      `"endpoint": "https://e.org/?a=b"`,
		"empty information":          `"information": []`,
		"information is no array":    `"information": {"entities": [{"type": "Car"}]}`,
		"empty element":              `"information": [{}]`,
		"empty entities":             `"information": [{"entities": []}]`,
		"empty propertyNames":        `"information": [{"propertyNames": []}]`,
		"empty relationshipNames":    `"information": [{"entities": [{"type": "Car"}], "relationshipNames": []}]`,
		"entity without type":        `"information": [{"entities": [{"id": "urn:car:1"}]}]`,
		"entity's id":                `"information": [{"entities": [{"id": "car", "type": "Car"}]}]`,
		"pattern":                    `"information": [{"entities": [{"idPattern": "(", "type": "Car"}]}]`,
		"mode":                       `"mode": "private"`,
		"operations":                 `"operations": ["everything"]`,
		"empty operations":           `"operations": []`,
		"alias":                      `"contextSourceAlias": "two words"`,
		"tenant":                     `"tenant": "a/b"`,
		"empty name":                 `"registrationName": ""`,
		"dataset":                    `"datasetId": ["a"]`,
		"rate":                       `"refreshRate": "an hour"`,
		"management":                 `"management": "yes"`,
		"cooldown":                   `"management": {"cooldown": 0}`,
		"timeout":                    `"management": {"timeout": -5}`,
		"localOnly":                  `"management": {"localOnly": "yes"}`,
		"cacheDuration":              `"management": {"cacheDuration": "PT"}`,
		"interval without start":     `"observationInterval": {"endAt": "2020-01-01T00:00:00Z"}`,
		"interval backwards":         `"managementInterval": {"startAt": "2021-01-01T00:00:00Z", "endAt": "2020-01-01T00:00:00Z"}`,
		"expiry":                     `"expiresAt": "tomorrow"`,
		"location":                   `"location": {"type": "GeoProperty"}`,
		"value of a pair":            `"contextSourceInfo": [{"key": "a", "value": 5}]`,
		"pair without value":         `"contextSourceInfo": [{"key": "a"}]`,
		"key of a pair":              `"contextSourceInfo": [{"key": "a: b\r\nc", "value": "d"}]`,
		"smuggled header":            `"contextSourceInfo": [{"key": "a", "value": "b\r\nHost: evil"}]`,
		"accept":                     `"contextSourceInfo": [{"key": "accept", "value": "text/html"}]`,
		"contentType":                `"contextSourceInfo": [{"key": "contentType", "value": "text/html"}]`,
		"jsonldContext":              `"contextSourceInfo": [{"key": "jsonldContext", "value": "context"}]`,
		"version":                    `"contextSourceInfo": [{"key": "ngsildConformance", "value": "one"}]`,
		"exclusive without attrs":    `"mode": "exclusive", "information": [{"entities": [{"type": "Car", "id": "urn:car:1"}]}]`,
		"exclusive by type":          `"mode": "exclusive", "information": [{"entities": [{"type": "Car"}], "propertyNames": ["speed"]}]`,
		"exclusive by pattern":       `"mode": "exclusive", "information": [{"entities": [{"type": "Car", "idPattern": ".*"}], "propertyNames": ["speed"]}]`,
		"exclusive of no entity":     `"mode": "exclusive", "information": [{"propertyNames": ["speed"]}]`,
		"auxiliary that writes":      `"mode": "auxiliary", "operations": ["retrieveOps", "updateEntity"]`,
		"auxiliary of federationOps": `"mode": "auxiliary", "operations": ["federationOps"]`,
	} {
		if r, err := parse(t, members); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, %v", why, r, err)
		} else if strings.Contains(err.Error(), "evil") {
			t.Errorf("%s: the error quotes what was sent: %v", why, err)
		}
	}
}

// Clients register auxiliary sources without saying what they offer; they are read, and never changed (clause 4.3.6.2).
func TestAuxiliaryWithoutOperationsIsRead(t *testing.T) {
	r := mustParse(t, `"mode": "auxiliary"`)
	for op, want := range map[string]bool{"retrieveEntity": true, "queryEntity": true, "queryBatch": false, "createEntity": false, "createSubscription": false} {
		if r.Offers(op) != want {
			t.Errorf("%s: got %t, want %t", op, !want, want)
		}
	}
}

// What a fragment names takes the place of what was there; null takes it away (clause 5.5.8).
func TestPatchChangesWhatItNames(t *testing.T) {
	r := mustParse(t, `"description": "old", "expiresAt": "2030-01-01T00:00:00Z", "colour": "red"`)
	patch := func(text string) (*Registration, error) {
		doc, err := jsonld.Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return r.Patched(doc, terms)
	}
	next, err := patch(`{"description": "new", "expiresAt": null, "colour": "urn:ngsi-ld:null", "information": [{"propertyNames": ["speed"]}], "status": "failed"}`)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := next.JSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"description":"new","endpoint":"https://source.example.org:1026","id":"urn:r:1","information":[{"propertyNames":["https://e.org/speed"]}],"type":"ContextSourceRegistration"}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
	if !next.Expires.IsZero() || len(next.Information[0].Entities) != 0 || r.Expires.IsZero() {
		t.Errorf("got %v, %v; the old one has %v", next.Expires, next.Information, r.Expires)
	}
	for _, text := range []string{`{"id": "urn:r:2"}`, `{"type": null}`, `{"endpoint": null}`, `{"type": "Car"}`, `{"mode": "exclusive"}`} {
		if _, err := patch(text); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// A reader sees names in the context of the reader, and no secret without the right to it.
func TestShowSpeaksTheReadersNames(t *testing.T) {
	r := mustParse(t, `"contextSourceInfo": [{"key": "Authorization", "value": "secret"}], "colour": "red", "information": [{"entities": [{"type": "Car"}]}, {"propertyNames": ["speed"]}]`)
	r.Succeeded(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	r.Failed(time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC))
	raw, err := r.Show(Shown{Names: terms, Only: []int{1}, Discreet: true, Context: []byte(`"https://e.org/c"`)})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"colour": `"red"`, "information": `[{"propertyNames":["speed"]}]`, "status": `"failed"`, "timesSent": "2", "timesFailed": "1", "lastSuccess": `"2026-11-22T12:00:00.000Z"`,
		"lastFailure": `"2026-11-22T13:00:00.000Z"`, "@context": `"https://e.org/c"`, "contextSourceInfo": "null",
	} {
		if b, _ := json.Marshal(got[name]); string(b) != want {
			t.Errorf("%s is %s, want %s", name, b, want)
		}
	}
	if strings.Contains(string(raw), "secret") {
		t.Errorf("it shows a secret: %s", raw)
	}
	raw, err = r.Show(Shown{Names: vocabulary("x")})
	if err != nil || !strings.Contains(string(raw), `"https://e.org/speed"`) || !strings.Contains(string(raw), "secret") {
		t.Errorf("another reader got %s, %v", raw, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"id":"urn:r:1","type":"ContextSourceRegistration","endpoint":"http://e.org","information":[{"entities":[{"type":"Car","idPattern":".*"}],"propertyNames":["a"]}],"mode":"redirect","operations":["updateOps"]}`,
		`{"type":"ContextSourceRegistration","endpoint":"http://e.org","information":[{"entities":[{"type":["A","B"],"id":"urn:a"}],"relationshipNames":["b"]}],"mode":"exclusive","location":{"type":"Point","coordinates":[1,2]}}`,
		`{"@type":"ContextSourceRegistration","ngsi-ld:endpoint":"http://e.org","information":[{"propertyNames":["a"]}],"management":{"cacheDuration":"P1DT1.5S","timeout":1e300},"x":{"value":1},"contextSourceInfo":[{"key":"a","value":"b"}]}`,
		`{"type":"ContextSourceRegistration","endpoint":"http://e.org","information":[{"propertyNames":["a"]}],"observationInterval":{"startAt":"2020-01-01T00:00:00Z"},"expiresAt":"2030-01-01T00:00:00Z","scope":["/a"],"datasetId":"@none"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := jsonld.Read([]byte(text))
		if err != nil {
			return
		}
		r, err := Parse(doc, terms)
		if err != nil {
			return
		}
		// What is accepted rests in the store, and comes back the same.
		raw, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		doc, err = jsonld.Read(raw)
		if err != nil {
			t.Fatalf("%s is kept as %s: %v", text, raw, err)
		}
		again, err := Parse(doc, asWritten{})
		if err != nil {
			t.Fatalf("%s is kept as %s: %v", text, raw, err)
		}
		if twice, err := again.JSON(); err != nil || string(twice) != string(raw) || again.operations != r.operations || again.Mode != r.Mode || again.Management != r.Management {
			t.Fatalf("%s comes back as %s, %v", raw, twice, err)
		}
		if _, err := r.Show(Shown{Names: terms}); err != nil {
			t.Fatal(err)
		}
		r.Properties()
	})
}

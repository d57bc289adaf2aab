package api_test

import (
	"fmt"
	"strings"
	"testing"
)

const carPast = `{"id":"urn:t:1","type":"Car","speed":[{"type":"Property","value":10,"observedAt":"2026-01-01T00:00:00Z"},{"type":"Property","value":20,"observedAt":"2026-01-01T00:30:00Z"},{"type":"Property","value":60,"observedAt":"2026-01-01T01:30:00Z"}],
"scope":[{"type":"Property","value":"/a","observedAt":"2026-01-01T00:00:00Z"},{"type":"Property","value":["/b","/c"],"observedAt":"2026-01-01T01:00:00Z"}],"name":[{"type":"LanguageProperty","languageMap":{"en":"x"},"observedAt":"2026-01-01T00:10:00Z"}]}`

// What is written about the past is read back in every representation, and what is newest of it is the present.
func TestTemporalProvisionAndRepresentations(t *testing.T) {
	c := newCity(t)
	if a := c.must(t, 201, "POST", "/temporal/entities", carPast); a.header.Get("Location") != "/ngsi-ld/v1/temporal/entities/urn:t:1" {
		t.Errorf("Location %q", a.header.Get("Location"))
	}
	if a := c.must(t, 200, "GET", "/entities/urn:t:1?format=simplified", ""); !strings.Contains(a.body, `"speed":60`) || !strings.Contains(a.body, `"scope":["/b","/c"]`) {
		t.Errorf("the present: %s", a.body)
	}
	c.must(t, 204, "POST", "/temporal/entities", `{"id":"urn:t:1","type":"Truck"}`)
	c.must(t, 204, "POST", "/temporal/entities/urn:t:1/attrs", `{"speed":{"type":"Property","values":[[90,"2026-01-02T00:00:00Z"]]}}`)
	for query, want := range map[string][]string{
		"":                             {`"type":["Car","Truck"]`, `"value":10,"observedAt":"2026-01-01T00:00:00Z","instanceId":"urn:ngsi-ld:Instance:`, `"scope":[{"type":"Property","value":"/a"`},
		"format=temporalValues":        {`"speed":{"type":"Property","values":[[10,"2026-01-01T00:00:00Z"],[20,"2026-01-01T00:30:00Z"],[60,"2026-01-01T01:30:00Z"],[90,"2026-01-02T00:00:00Z"]]}`, `"languageMaps":[[{"languageMap":{"en":"x"}},"2026-01-01T00:10:00Z"]]`},
		"lastN=1&attrs=speed":          {`"speed":[{"type":"Property","value":90`},
		"pick=id,scope":                {`{"id":"urn:t:1","scope":[`},
		"attrs=speed&options=sysAttrs": {`"createdAt":"`, `"modifiedAt":"`},
		"attrs=speed&format=aggregatedValues&aggrMethods=sum,max&aggrPeriodDuration=PT1H":                                                       {`{"id":"urn:t:1","type":["Car","Truck"],"speed":{"type":"Property","max":[[20,"2026-01-01T00:00:00Z","2026-01-01T01:00:00Z"],[60,"2026-01-01T01:00:00Z","2026-01-01T02:00:00Z"],[90,`, `"sum":[[30,`},
		"attrs=speed&format=aggregatedValues&aggrMethods=totalCount&timerel=between&timeAt=2026-01-01T00:00:00Z&endTimeAt=2026-01-02T00:00:00Z": {`"totalCount":[[3,"2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"]]`},
	} {
		a := c.must(t, 200, "GET", "/temporal/entities/urn:t:1?"+query, "")
		for _, part := range want {
			if !strings.Contains(a.body, part) {
				t.Errorf("%s: %s lacks %s", query, a.body, part)
			}
		}
	}
	for query, status := range map[string]int{
		"attrs=unknown": 404, "timerel=after&timeAt=2030-01-01T00:00:00Z": 404, "timerel=after": 400, "timerel=during&timeAt=2026-01-01T00:00:00Z": 400, "timeproperty=x": 400,
		"format=aggregatedValues": 400, "format=aggregatedValues&aggrMethods=median": 400, "format=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=1H": 400,
		"format=aggregatedValues&aggrMethods=avg&attrs=name": 400, "options=temporalValues,aggregatedValues&aggrMethods=avg": 400, "lastN=0": 400, "pick=a{b}": 400, "datasetId=x": 400,
	} {
		if a := c.do(t, "GET", "/temporal/entities/urn:t:1?"+query, ""); a.status != status {
			t.Errorf("%s: got %d %s, want %d", query, a.status, a.body, status)
		}
	}
	c.must(t, 204, "DELETE", "/temporal/entities/urn:t:1/attrs/name", "")
	c.must(t, 404, "DELETE", "/temporal/entities/urn:t:1/attrs/name", "")
	c.must(t, 204, "DELETE", "/temporal/entities/urn:t:1", "")
	c.must(t, 404, "GET", "/temporal/entities/urn:t:1", "")
	c.must(t, 404, "POST", "/temporal/entities/urn:t:1/attrs", `{"speed":[{"type":"Property","value":1}]}`)
}

// An instance is corrected and deleted by its instanceId, which stays the same.
func TestInstancesAreChangedByTheirID(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/temporal/entities", carPast)
	ids := func() (out []string) {
		t.Helper()
		for _, i := range c.must(t, 200, "GET", "/temporal/entities/urn:t:1?attrs=speed", "").json(t)["speed"].([]any) {
			out = append(out, fmt.Sprint(i.(map[string]any)["value"], " ", i.(map[string]any)["instanceId"]))
		}
		return out
	}
	before := ids()
	_, second, _ := strings.Cut(before[1], " ")
	c.must(t, 204, "PATCH", "/temporal/entities/urn:t:1/attrs/speed/"+second, `{"type":"Property","value":21,"observedAt":"2025-01-01T00:00:00Z"}`)
	if after := ids(); after[0] != "21 "+second || after[1] != before[0] || len(after) != 3 {
		t.Errorf("corrected: %v, was %v", after, before)
	}
	for path, status := range map[string]int{"urn:x": 404, "nothing": 400, second + "x": 404} {
		c.must(t, status, "DELETE", "/temporal/entities/urn:t:1/attrs/speed/"+path, "")
	}
	for _, path := range []string{"attrs//" + second, "attrs/%2e%2e", "attrs/.."} {
		c.must(t, 400, "DELETE", "/temporal/entities/urn:t:1/"+path, "")
	}
	c.must(t, 204, "DELETE", "/temporal/entities/urn:t:1/attrs/speed/"+second, "")
	if after := ids(); len(after) != 2 {
		t.Errorf("deleted: %v", after)
	}
}

// What the present loses the past records (clauses 4.5.6 to 4.5.8).
func TestDeletionsAndScopesOfThePresentStandInThePast(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:t:2","type":"Car","scope":"/old","speed":{"type":"Property","value":1},"in":{"type":"Relationship","object":"urn:a:b"},"name":{"type":"LanguageProperty","languageMap":{"en":"x"}}}`)
	for _, attr := range []string{"speed", "in", "name"} {
		c.must(t, 204, "DELETE", "/entities/urn:t:2/attrs/"+attr, "")
	}
	a := c.must(t, 200, "GET", "/temporal/entities/urn:t:2?timeproperty=deletedAt", "")
	for _, part := range []string{`"speed":[{"type":"Property","value":"urn:ngsi-ld:null","instanceId":"`, `"in":[{"type":"Relationship","object":"urn:ngsi-ld:null"`, `"languageMap":{"@none":"urn:ngsi-ld:null"}`, `"deletedAt":"`} {
		if !strings.Contains(a.body, part) {
			t.Errorf("%s lacks %s", a.body, part)
		}
	}
	c.must(t, 204, "PATCH", "/entities/urn:t:2", `{"scope":"/new"}`)
	a = c.must(t, 200, "GET", "/temporal/entities/urn:t:2?pick=scope&format=temporalValues", "")
	if !strings.Contains(a.body, `[["/old","`) || !strings.Contains(a.body, `["/new","`) {
		t.Errorf("scopes: %s", a.body)
	}
	c.must(t, 204, "DELETE", "/entities/urn:t:2", "")
	if a := c.must(t, 200, "GET", "/temporal/entities/urn:t:2?options=sysAttrs", ""); !strings.Contains(a.body, `"deletedAt":`) {
		t.Errorf("after the deletion: %s", a.body)
	}
}

// Conditions are about the instances of the time asked for, whether the entity still has a present or never had one.
func TestTemporalQueries(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/temporal/entities", carPast)
	c.must(t, 201, "POST", "/temporal/entities", `{"id":"urn:t:3","type":"Bus","speed":[{"type":"Property","value":99,"observedAt":"2020-01-01T00:00:00Z"},{"type":"Property","value":5,"observedAt":"2026-01-01T00:00:00Z","datasetId":"urn:d:1"}]}`)
	const window = "timerel=between&timeAt=2026-01-01T00:00:00Z&endTimeAt=2026-01-01T02:00:00Z&"
	for query, want := range map[string]string{
		window + "type=Car,Bus": "13", window + "type=Bus": "3", window + "attrs=speed": "13", window + "q=speed>50": "1", window + "q=speed<6": "3", window + "type=Car,Bus&id=urn:t:3": "3",
		window + "type=Bus&datasetId=@none": "", window + "local=true": "13", window + "type=Car&scopeQ=/b": "1", window + "type=Car&scopeQ=/d": "", window + "type=Car,Bus&limit=1&offset=1": "3",
		"timerel=after&timeAt=2026-01-01T01:00:00Z&type=Car&scopeQ=/a": "",
	} {
		a := c.must(t, 200, "GET", "/temporal/entities?"+query, "")
		got := ""
		for _, id := range []string{"1", "3"} {
			if strings.Contains(a.body, `"urn:t:`+id+`"`) {
				got += id
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q: %s", query, got, want, a.body)
		}
	}
	a := c.must(t, 200, "GET", "/temporal/entities?"+window+"type=Car&scopeQ=/b&attrs=speed", "")
	if strings.Contains(a.body, `"value":20`) || !strings.Contains(a.body, `"value":60`) {
		t.Errorf("instances from before the scope was valid: %s", a.body)
	}
	for query, want := range map[string]string{"id": "13", "id;asc": "13", "id;desc": "31", "id;desc&local=true": "31", "id;desc&limit=1": "3", "id;desc&limit=1&offset=1": "1", "id&collation=de": "13"} {
		a, got := c.must(t, 200, "GET", "/temporal/entities?"+window+"type=Car,Bus&attrs=speed&orderBy="+query, ""), ""
		for _, part := range strings.Split(a.body, `"id":"urn:t:`)[1:] {
			got += part[:1]
		}
		if got != want {
			t.Errorf("orderBy=%s: got %q, want %q: %s", query, got, want, a.body)
		}
	}
	for _, query := range []string{"type=Car", window, window + "id=urn:t:1", window + "type=Car&orderBy=speed", window + "attrs=createdAt", window + "type=Car&orderBy=id,speed", window + "type=Car&orderBy=id&local=false", window + "type=Car&orderBy=id&collation=!!"} {
		c.must(t, 400, "GET", "/temporal/entities?"+query, "")
	}
	a = c.must(t, 200, "POST", "/temporal/entityOperations/query?count=true", `{"type":"Query","entities":[{"type":"Car"},{"type":"Bus","id":"urn:t:3"}],"temporalQ":{"timerel":"after","timeAt":"2026-01-01T00:00:00Z","lastN":1},"attrs":["speed"]}`)
	if a.header.Get("NGSILD-Results-Count") != "2" || !strings.Contains(a.body, `"value":60`) || strings.Contains(a.body, `"value":20`) {
		t.Errorf("by POST: %s %s", a.header, a.body)
	}
	for _, body := range []string{`{}`, `{"type":"Query","temporalQ":{"timerel":"after","timeAt":"2026-01-01T00:00:00Z","x":1},"attrs":["a"]}`, `{"type":"Query","entities":[],"temporalQ":{"timerel":"after","timeAt":"2026-01-01T00:00:00Z"}}`} {
		c.must(t, 400, "POST", "/temporal/entityOperations/query", body)
	}
}

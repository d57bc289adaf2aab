package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// listed are the ends of the ids of a list.
func listed(t *testing.T, a answer) string {
	t.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte(a.body), &all); err != nil {
		t.Fatalf("%v in %d %s", err, a.status, a.body)
	}
	var out []string
	for _, e := range all {
		id := e["id"].(string)
		out = append(out, id[strings.LastIndexByte(id, ':')+1:])
	}
	return strings.Join(out, " ")
}

// market is a city with what queries can be about.
func market(t *testing.T) *city {
	c := newCity(t)
	for _, body := range []string{
		`{"id":"urn:ngsi-ld:Stall:1","type":"Stall","scope":"/Town/Square","price":10,"name":"Äpfel","colour":{"languageMap":{"en":"red","fr":"rouge"}},"place":{"city":"Berlin"},"kind":{"vocab":"Fruit"},
			"keptBy":{"object":"urn:ngsi-ld:Person:1"},"location":{"type":"Point","coordinates":[8.01,40.01]}}`,
		`{"id":"urn:ngsi-ld:Stall:2","type":["Stall","Cafe"],"scope":["/Town/Square","/Food"],"price":20,"name":"Zwiebeln","keptBy":{"object":"urn:ngsi-ld:Person:2"},"location":{"type":"Polygon","coordinates":[[[9,41],[9.1,41],[9.1,41.1],[9,41.1],[9,41]]]}}`,
		`{"id":"urn:ngsi-ld:Stall:3","type":"Stall","price":"free","name":"Birnen","location":{"type":"LineString","coordinates":[[8,40.5],[8.2,40.5]]}}`,
		`{"id":"urn:ngsi-ld:Person:1","type":"Person","name":"Ann","age":30}`, `{"id":"urn:ngsi-ld:Person:2","type":"Person","name":"Bob","age":60}`,
	} {
		c.must(t, 201, "POST", "/entities", body)
	}
	return c
}

func TestQueryParameters(t *testing.T) {
	c := market(t)
	for text, want := range map[string]string{
		"type=Stall&scopeQ=/Town/%23": "1 2", "type=Stall&scopeQ=/Town/Square;/Food": "2", "type=(Stall;Cafe)": "2", "type=Cafe,Person": "1 2 2", "type=*": "1 2 1 2 3",
		`type=Stall&q=colour[fr]=="rouge"`: "1", `q=place[city]=="Berlin"`: "1", `type=Stall&q=kind==Fruit&expandValues=kind`: "1", `type=Stall&q=keptBy{age}>40&join=inline`: "2",
		`type=Stall&q=keptBy{Person:name}=="Ann"&join=flat&joinLevel=1&pick=id,price`: "1", `type=Stall&q=keptBy{Stall:name}=="Ann"&join=inline`: "", `type=Stall&q=place[city]=="Berlin"&jsonKeys=place`: "1",
		"type=Stall&georel=within&geometry=Polygon&coordinates=[[[8,40],[10,40],[10,42],[8,42],[8,40]]]": "1 2 3", "type=Stall&georel=intersects&geometry=LineString&coordinates=[[8.1,40.4],[8.1,40.6]]": "3",
		"type=Stall&georel=disjoint&geometry=Point&coordinates=[9.05,41.05]": "1 3", "type=Stall&georel=contains&geometry=Point&coordinates=[9.05,41.05]": "2", "georel=near;maxDistance==2000&geometry=Point&coordinates=[8,40]": "1",
		"type=Stall&orderBy=name": "1 3 2", "type=Stall&orderBy=name;desc": "2 3 1", "type=Stall&orderBy=price": "1 2 3", "type=Stall&orderBy=location;dist-desc&orderFrom=[8,40]": "2 3 1",
		"type=Stall&orderBy=location;dist-asc&orderFrom=[[9,41],[10,42]]&orderGeometry=LineString": "2 3 1", "type=Stall&orderBy=place[city],name&local=true&limit=2": "1 3",
		"id=urn:ngsi-ld:Stall:1,urn:ngsi-ld:Stall:3&local=true": "1 3", "type=Stall&csf=endpoint==%22https://example.org%22": "1 2 3", "type=Stall&geoproperty=none": "1 2 3",
	} {
		join := strings.Contains(text, "join=")
		a := c.do(t, "GET", "/entities?"+strings.ReplaceAll(strings.ReplaceAll(text, `"`, "%22"), "+", "%2B"), "")
		if a.status != 200 {
			t.Errorf("%s: got %d %s", text, a.status, a.body)
			continue
		}
		if got := listed(t, a); got != want && !(join && strings.HasPrefix(got, want)) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	for _, bad := range []string{
		"", "id=urn:ngsi-ld:Stall:1", "attrs=createdAt", "q=modifiedAt%3E2020-01-01T00:00:00Z", "scopeQ=/Town", "type=*&local=false", "type=Stall&q=keptBy{age}%3E40", "type=Stall&q=keptBy{x{age}}%3E40&join=inline&joinLevel=1",
		"type=Stall&orderBy=name&local=false", "type=Stall&orderBy=location;dist-asc", "type=Stall&orderBy=name&collation=!!", "type=Stall&orderFrom=[1,2]", "type=Stall&orderBy=name&orderFrom=[1,200]",
		"type=Stall&csf=))bad((", "type=Stall&idPattern=(", "type=Stall&limit=-1", "type=Stall&offset=x", "type=Stall&geometry=Point", "type=Stall&splitEntities=maybe", "type=Stall&local=perhaps", "type=Stall&expandValues=a%20b",
	} {
		if a := c.do(t, "GET", "/entities?"+bad, ""); a.status != 400 {
			t.Errorf("%s: got %d %s, want 400", bad, a.status, a.body)
		}
	}
}

func TestQueryBodies(t *testing.T) {
	c := market(t)
	for body, want := range map[string]string{
		`"entities":[{"type":"Stall","id":["urn:ngsi-ld:Stall:1","urn:ngsi-ld:Stall:3"]},{"type":"Person","idPattern":"2$"}]`:                       "2 1 3",
		`"entities":[{"type":"Stall","id":"urn:ngsi-ld:Stall:1","idPattern":"2$"}]`:                                                                 "1",
		`"entities":[{"type":"Stall","id":"urn:ngsi-ld:Stall:1"},{"type":"Person","id":"urn:ngsi-ld:Stall:3"}]`:                                     "1",
		`"entities":[{"type":"*"}],"q":"age>40|price==10"`:                                                                                          "2 1",
		`"entities":[{"type":"Stall"}],"scopeQ":"/Food","pick":["id","price"]`:                                                                      "2",
		`"entities":[{"type":"Stall"}],"q":"kind==Fruit","expandValues":"kind","lang":"fr","omit":["name"]`:                                         "1",
		`"entities":[{"type":"Stall"}],"geoQ":{"georel":"near;maxDistance==2000","geometry":"Point","coordinates":[8,40],"geoproperty":"location"}`: "1",
		`"entities":[{"type":"Stall"}],"geoQ":{"georel":"within","geometry":"Polygon","coordinates":"[[[8,40],[8.5,40],[8.5,41],[8,41],[8,40]]]"}`:  "1 3",
		`"entities":[{"type":"Stall"}],"ordering":{"orderBy":["location;dist-desc"],"coordinates":[8,40],"geometry":"Point"}`:                       "2 3 1",
		`"entities":[{"type":"Stall"}],"ordering":{"orderBy":["name"],"collation":"de-u-co-phonebk"},"splitEntities":false`:                         "1 3 2",
		`"attrs":["age"],"datasetId":["@none"]`: "1 2", `"q":"keptBy{age}>40","join":"inline","joinLevel":1,"containedBy":["urn:ngsi-ld:Person:2"]`: "2",
	} {
		a := c.do(t, "POST", "/entityOperations/query", `{"type":"Query",`+body+`}`)
		if a.status != 200 || listed(t, a) != want {
			t.Errorf("%s: got %d %s, want %s", body, a.status, a.body, want)
		}
	}
	for _, bad := range []string{
		`"entities":[]`, `"entities":[{"id":"urn:ngsi-ld:Stall:1"}]`, `"entities":[{"type":"Stall","id":"no uri"}]`, `"entities":[{"type":"Stall","id":["urn:ngsi-ld:Stall:1",5]}]`, `"entities":[{"type":"Stall","foo":1}]`,
		`"entities":[{"type":"Stall"}],"attrs":[]`, `"entities":[{"type":"Stall"}],"q":42`, `"entities":[{"type":"Stall"}],"join":"inline","joinLevel":0`, `"entities":[{"type":"Stall"}],"temporalQ":{}`, `"entities":[{"type":"Stall"}],"foo":1`,
		`"entities":[{"type":"Stall"}],"ordering":{"orderBy":["location;dist-asc"],"coordinates":"8,40"}`, `"entities":[{"type":"Stall"}],"ordering":{"orderBy":["id"],"geometry":5}`, `"entities":[{"type":"Stall"}],"ordering":{}`,
		`"entities":[{"type":"Stall"}],"geoQ":{"georel":"within"}`, `"entities":[{"type":"Stall"}],"splitEntities":"yes"`, `"entities":"Stall"`,
	} {
		if a := c.do(t, "POST", "/entityOperations/query", `{"type":"Query",`+bad+`}`); a.status != 400 {
			t.Errorf("%s: got %d %s, want 400", bad, a.status, a.body)
		}
	}
	if a := c.do(t, "POST", "/entityOperations/query?limit=1&pick=id", `{"type":"Query","entities":[{"type":"Stall"}],"pick":["id"]}`); a.status != 400 {
		t.Errorf("pick in URL and body: got %d", a.status)
	}
}

func TestLinksLeadToPagesThatAreThere(t *testing.T) {
	c := newCity(t)
	for i := range 4 {
		c.must(t, 201, "POST", "/entities", fmt.Sprintf(`{"id":"urn:ngsi-ld:Stall:%d","type":"Stall","price":%d}`, i, i))
	}
	for query, want := range map[string]string{
		"type=Stall&limit=2": `<` + base + `/entities?type=Stall&limit=2&offset=2>;rel="next";type="application/json"`, "limit=2&offset=2&type=Stall": `<` + base + `/entities?type=Stall&limit=2&offset=0>;rel="prev";type="application/json"`,
		"type=Stall&limit=4": "", "type=Stall&limit=0&count=true": "", "type=Stall&offset=3&limit=3": `<` + base + `/entities?type=Stall&limit=3&offset=0>;rel="prev";type="application/json"`,
	} {
		a := c.do(t, "GET", "/entities?"+query, "")
		var pages []string
		for _, link := range a.header.Values("Link") {
			if !strings.Contains(link, "json-ld#context") {
				pages = append(pages, link)
			}
		}
		if got := strings.Join(pages, ", "); a.status != 200 || got != want {
			t.Errorf("%s: got %d %s, want %s", query, a.status, got, want)
		}
	}
	if a := c.do(t, "GET", "/entities?type=Stall&limit=1&q="+url.QueryEscape(`price>0;price<3`), "", "Accept: application/ld+json"); a.header.Get("Link") != `<`+base+`/entities?type=Stall&q=price%3E0%3Bprice%3C3&limit=1&offset=1>;rel="next";type="application/ld+json"` {
		t.Errorf("got %s", a.header.Get("Link"))
	}
}

// With a purpose, an answer that pretends that nothing fits would be wrong; without one, what is sealed is not there.
func TestNothingIsOrderedOrJoinedByWhatIsPersonal(t *testing.T) {
	c := newCity(t)
	park(t, c)
	for i, path := range []string{"/entities?type=ParkingSession&orderBy=licensePlate", "/entities?type=ParkingSession&orderBy=where;dist-asc&orderFrom=[8,40]",
		"/entities?type=Car&q=seenAt{ParkingSession:driver}==%22x%22&join=inline", "/entities?type=ParkingSession&georel=disjoint&geometry=Point&coordinates=[8,40]&geoproperty=where"} {
		if a := c.do(t, "GET", path, "", enforce...); a.status != 400 || !strings.Contains(a.body, "personal") {
			t.Errorf("%s: got %d %s, want 400 with the reason", path, a.status, a.body)
		}
		if a := c.do(t, "GET", path+"&count=true", ""); a.status != 200 || i > 1 && a.header.Get("NGSILD-Results-Count") != "0" {
			t.Errorf("%s without a purpose: got %d %s, count %s", path, a.status, a.body, a.header.Get("NGSILD-Results-Count"))
		}
	}
}

func FuzzQueryBody(f *testing.F) {
	for _, s := range []string{`{"type":"Query","entities":[{"type":"A|B","id":["urn:a:b"]}],"geoQ":{"georel":"within","geometry":"Point","coordinates":"[1,2]"},"ordering":{"orderBy":["a;desc"]}}`,
		`{"type":"Query","q":"a{b}==1","join":"flat","joinLevel":2,"entityMap":true,"scopeQ":"/#","datasetId":["@none"]}`} {
		f.Add(s)
	}
	c := newCity(f)
	f.Fuzz(func(t *testing.T, body string) {
		if a := c.do(t, "POST", "/entityOperations/query", body); a.status >= 500 {
			t.Fatalf("%s: got %d %s", body, a.status, a.body)
		}
	})
}

package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The broker that is asked for an entity map has its sources make theirs, names them, and goes on with them (clauses 5.5.14 and 5.7.2.4).
func TestAnEntityMapIsLinkedToThoseOfItsSources(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	between := relayed(t, there)
	for n := range 5 {
		there.must(t, 201, "POST", "/entities", fmt.Sprintf(`{"id":"urn:c:%d","type":"Car","speed":{"type":"Property","value":%d}}`, n, n))
	}
	here.must(t, 201, "POST", "/entities", `{"id":"urn:c:9","type":"Car","speed":{"type":"Property","value":9}}`)
	here.registers(t, "there", between.URL, "inclusive", cars, `,"operations":["federationOps"]`)
	status, text, h := here.says(t, "GET", "/entities?type=Car&entityMap=true&limit=2", "")
	at := h.Get("NGSILD-EntityMap")
	if status != 201 || len(list(t, text)) != 2 || at == "" {
		t.Fatalf("page one: %d %s", status, text)
	}
	m := object(t, here.must(t, 200, "GET", strings.TrimPrefix(at, base), ""))
	theirs, _ := m["linkedMaps"].(map[string]any)["urn:r:there"].(string)
	if !strings.HasPrefix(theirs, "urn:ngsi-ld:EntityMap:") || fmt.Sprint(m["entityMap"].(map[string]any)["urn:c:1"]) != "[urn:r:there]" || fmt.Sprint(m["entityMap"].(map[string]any)["urn:c:9"]) != "[@none]" {
		t.Fatalf("the map: %v", m)
	}
	there.must(t, 200, "GET", "/entityMaps/"+theirs, "")
	between.forget()
	_, text, _ = here.says(t, "GET", "/entities?type=Car&limit=2&offset=2", "", "NGSILD-EntityMap: "+at)
	if all := list(t, text); len(all) != 2 || all[0]["id"] != "urn:c:2" {
		t.Errorf("page two: %s", text)
	}
	if r, _ := between.only(t); !strings.HasSuffix(r.Header.Get("NGSILD-EntityMap"), theirs) {
		t.Errorf("the source is asked with the map %q", r.Header.Get("NGSILD-EntityMap"))
	}
	here.must(t, 200, "GET", "/entities?type=Car&id=urn:c:9", "", "NGSILD-EntityMap: "+at)
	between.forget()
	here.must(t, 200, "GET", "/entities?type=Car&id=urn:c:9", "", "NGSILD-EntityMap: "+at)
	if n := between.count(); n != 0 {
		t.Errorf("a source was asked %d times for what the map says is held here", n)
	}
}

// A source of an earlier version knows no entity maps, and a lying one names nonsense.
func TestSourcesWithoutEntityMapsAreAskedAsBefore(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"it refuses the parameter": func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.RawQuery, "entityMap") {
				status(400)(w, r)
				return
			}
			tells(`[{"id":"urn:c:1","type":"Car"}]`)(w, r)
		},
		"it ignores it": tells(`[{"id":"urn:c:1","type":"Car"}]`),
		"it lies": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("NGSILD-EntityMap", strings.Repeat("x", 5000))
			tells(`[{"id":"urn:c:1","type":"Car"}]`)(w, r)
		},
	} {
		here, s := newBroker(t, nil), newSource(t, answer)
		here.registers(t, "s", s.URL, "inclusive", cars, "")
		status, text, h := here.says(t, "GET", "/entities?type=Car&entityMap=true", "")
		if status != 201 || len(list(t, text)) != 1 || h.Get("NGSILD-Warning") != "" {
			t.Errorf("%s: %d %s, warning %q", name, status, text, h.Get("NGSILD-Warning"))
		}
		if m := here.must(t, 200, "GET", strings.TrimPrefix(h.Get("NGSILD-EntityMap"), base), ""); strings.Contains(m, "linkedMaps") {
			t.Errorf("%s: the map is %s", name, m)
		}
		s.mu.Lock()
		last := s.asked[len(s.asked)-1]
		s.mu.Unlock()
		if last.Header.Get("NGSILD-EntityMap") != "" || strings.Contains(last.URL.RawQuery, "entityMap") {
			t.Errorf("%s: it is asked again: %v", name, last.URL)
		}
	}
}

// What is written to a source of an earlier version is what that version knows (clause 4.3.6.6).
func TestASourceOfAnEarlierVersionIsToldWhatItKnows(t *testing.T) {
	here, s := newBroker(t, nil), newSource(t, status(201))
	here.registers(t, "s", s.URL, "redirect", cars, allOps+`,"contextSourceInfo":[{"key":"ngsildConformance","value":"1.3"}]`)
	here.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","scope":"/a","name":{"type":"LanguageProperty","languageMap":{"en":"x"}},"speed":{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z","expiresAt":"2100-01-01T00:00:00Z"}}`)
	if _, body := s.only(t); body != `{"id":"urn:c:1","type":"Car","name":{"type":"Property","value":{"en":"x"}},"speed":{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z"}}` {
		t.Errorf("the source was told %s", body)
	}
}

// forget what was asked.
func (s *source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.said = nil, nil
}

// relayed is a broker behind a server that notes what is asked.
func relayed(t *testing.T, to *broker) *source {
	return newSource(t, func(w http.ResponseWriter, r *http.Request) {
		status, text, h := to.says(t, r.Method, strings.TrimPrefix(r.URL.String(), "/ngsi-ld/v1"), "", "NGSILD-EntityMap: "+r.Header.Get("NGSILD-EntityMap"))
		w.Header().Set("Content-Type", "application/json")
		if at := h.Get("NGSILD-EntityMap"); at != "" && strings.Contains(r.URL.RawQuery, "entityMap=true") {
			w.Header().Set("NGSILD-EntityMap", at)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	})
}

// One entity is retrieved by a map: those who hold it are asked again, with the maps they made, and nobody else (clauses 5.7.1.4 and 5.7.3.4).
func TestAnEntityIsRetrievedByTheMapsOfThoseWhoHoldIt(t *testing.T) {
	for _, c := range []struct{ path, create, body string }{
		{"/entities/urn:c:1", "/entities", `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z"}}`},
		{"/temporal/entities/urn:c:1", "/temporal/entities", `{"id":"urn:c:1","type":"Car","speed":[{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z"}]}`},
	} {
		here, there, empty := newBroker(t, nil), newBroker(t, nil), newBroker(t, nil)
		holds, lacks := relayed(t, there), relayed(t, empty)
		there.must(t, 201, "POST", c.create, c.body)
		const offers = `,"operations":["federationOps","retrieveTemporal","createEntityMapQueryTemporal"]`
		here.registers(t, "holds", holds.URL, "inclusive", cars, offers)
		here.registers(t, "lacks", lacks.URL, "inclusive", cars, offers)
		status, text, h := here.says(t, "GET", c.path+"?entityMap=true", "")
		at := h.Get("NGSILD-EntityMap")
		if status != 200 || at == "" || lacks.count() != 1 {
			t.Fatalf("%s: %d %s, map %q, the other was asked %d times", c.path, status, text, at, lacks.count())
		}
		m := object(t, here.must(t, 200, "GET", strings.TrimPrefix(at, base), ""))
		theirs, _ := m["linkedMaps"].(map[string]any)["urn:r:holds"].(string)
		if !strings.HasPrefix(theirs, "urn:ngsi-ld:EntityMap:") || fmt.Sprint(m["entityMap"].(map[string]any)["urn:c:1"]) != "[urn:r:holds]" {
			t.Fatalf("%s: the map: %v", c.path, m)
		}
		holds.forget()
		lacks.forget()
		here.must(t, 200, "GET", c.path, "", "NGSILD-EntityMap: "+at)
		if r, _ := holds.only(t); !strings.HasSuffix(r.Header.Get("NGSILD-EntityMap"), theirs) || lacks.count() != 0 {
			t.Errorf("%s: asked with the map %q, and the other %d times", c.path, r.Header.Get("NGSILD-EntityMap"), lacks.count())
		}
	}
}

// A query about the past has its sources make their maps, and asks those alone again who hold what the map names (clauses 5.7.4.4 and 5.14.5.4).
func TestAQueryAboutThePastGoesOnWithTheMapsOfItsSources(t *testing.T) {
	here, there, empty := newBroker(t, nil), newBroker(t, nil), newBroker(t, nil)
	holds, lacks := relayed(t, there), relayed(t, empty)
	there.must(t, 201, "POST", "/temporal/entities", `{"id":"urn:c:1","type":"Car","speed":[{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z"}]}`)
	here.must(t, 201, "POST", "/temporal/entities", `{"id":"urn:c:2","type":"Car","speed":[{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z"}]}`)
	for name, s := range map[string]*source{"holds": holds, "lacks": lacks} {
		here.registers(t, name, s.URL, "inclusive", cars, `,"operations":["queryTemporal","createEntityMapQueryTemporal"]`)
	}
	const past = "type=Car&timerel=after&timeAt=2025-01-01T00:00:00Z"
	status, text, h := here.says(t, "GET", "/temporal/entityMaps?"+past, "")
	at := h.Get("NGSILD-EntityMap")
	m := object(t, text)
	theirs, _ := m["linkedMaps"].(map[string]any)["urn:r:holds"].(string)
	if status != 201 || theirs == "" || fmt.Sprint(m["entityMap"]) != "map[urn:c:1:[urn:r:holds] urn:c:2:[@none]]" {
		t.Fatalf("%d %s", status, text)
	}
	holds.forget()
	lacks.forget()
	_, text, _ = here.says(t, "GET", "/temporal/entities?"+past, "", "NGSILD-EntityMap: "+at)
	if len(list(t, text)) != 2 || lacks.count() != 0 {
		t.Errorf("%s; a source that holds nothing of it was asked %d times", text, lacks.count())
	}
	holds.mu.Lock()
	defer holds.mu.Unlock()
	for _, r := range holds.asked {
		if !strings.HasSuffix(r.Header.Get("NGSILD-EntityMap"), theirs) {
			t.Errorf("the source is asked with the map %q", r.Header.Get("NGSILD-EntityMap"))
		}
	}
}

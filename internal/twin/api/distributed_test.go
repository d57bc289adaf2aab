package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/api"
)

// Two brokers, one entity: what is written at one reaches both, what is read at one comes from both.
func TestTwoBrokersEndToEnd(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.registers(t, "there", there.URL, "inclusive", cars, allOps)
	here.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":50}}`)
	there.must(t, 200, "GET", "/entities/urn:c:1", "")
	there.must(t, 204, "POST", "/entities/urn:c:1/attrs", `{"colour":{"type":"Property","value":"red"}}`)
	if e := object(t, here.must(t, 200, "GET", "/entities/urn:c:1", "")); e["colour"] == nil || e["speed"] == nil {
		t.Errorf("one entity of two brokers lacks something: %v", e)
	}
	if e := object(t, here.must(t, 200, "GET", "/entities/urn:c:1?local=true", "")); e["colour"] != nil {
		t.Errorf("local=true asked somebody else: %v", e)
	}
	there.must(t, 201, "POST", "/entities", `{"id":"urn:c:2","type":"Car","speed":{"type":"Property","value":70}}`)
	status, text, h := here.says(t, "GET", "/entities?type=Car&count=true&limit=1&offset=1", "")
	if all := list(t, text); status != 200 || len(all) != 1 || all[0]["id"] != "urn:c:2" || h.Get("NGSILD-Results-Count") != "2" {
		t.Errorf("page: got %d %s count %s", status, text, h.Get("NGSILD-Results-Count"))
	}
	if all := list(t, here.must(t, 200, "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car"}],"q":"speed>60"}`)); len(all) != 1 || all[0]["id"] != "urn:c:2" {
		t.Errorf("query by POST: got %v", all)
	}
	here.must(t, 204, "PATCH", "/entities/urn:c:1/attrs/speed", `{"value":60}`)
	for _, b := range []*broker{here, there} {
		if e := object(t, b.must(t, 200, "GET", "/entities/urn:c:1?options=keyValues&local=true", "")); e["speed"] != 60.0 {
			t.Errorf("a partial update did not reach both: %v", e)
		}
	}
	here.must(t, 204, "DELETE", "/entities/urn:c:1", "")
	there.must(t, 404, "GET", "/entities/urn:c:1", "")
	here.must(t, 204, "DELETE", "/entities?type=Car", "")
	there.must(t, 404, "GET", "/entities/urn:c:2", "")
}

// Pieces of one entity: what is registered as exclusive is held there alone, and filters on pieces work with splitEntities.
func TestExclusiveAttributesAreHeldElsewhere(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","colour":{"type":"Property","value":"red"}}`)
	here.registers(t, "there", there.URL, "exclusive", `{"entities":[{"id":"urn:c:1","type":"Car"}],"propertyNames":["speed"]}`, allOps)
	there.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":1},"secret":{"type":"Property","value":1}}`)
	here.must(t, 204, "POST", "/entities/urn:c:1/attrs", `{"speed":{"type":"Property","value":80},"doors":{"type":"Property","value":4}}`)
	if e := object(t, here.must(t, 200, "GET", "/entities/urn:c:1?options=keyValues&local=true", "")); e["speed"] != nil || e["doors"] != 4.0 {
		t.Errorf("here is %v", e)
	}
	e := object(t, here.must(t, 200, "GET", "/entities/urn:c:1?options=keyValues", ""))
	if e["speed"] != 80.0 || e["colour"] != "red" || e["secret"] != nil {
		t.Errorf("put together it is %v", e)
	}
	both := escape(`speed>70;colour=="red"`)
	if all := list(t, here.must(t, 200, "GET", "/entities?type=Car&splitEntities=true&q="+both, "")); len(all) != 1 {
		t.Errorf("a filter on pieces finds %v", all)
	}
}

// What is redirected is nowhere else; who does not offer the operation stands against it.
func TestRedirectionsKeepNothingHere(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.registers(t, "there", there.URL, "redirect", cars, allOps)
	here.must(t, 201, "POST", "/entityOperations/create", `[{"id":"urn:c:1","type":"Car","a":{"type":"Property","value":1}},{"id":"urn:b:1","type":"Bus","a":{"type":"Property","value":1}}]`)
	here.must(t, 404, "GET", "/entities/urn:c:1?local=true", "")
	here.must(t, 200, "GET", "/entities/urn:b:1?local=true", "")
	there.must(t, 404, "GET", "/entities/urn:b:1", "")
	here.must(t, 200, "GET", "/entities/urn:c:1", "")
	here.must(t, 409, "POST", "/entities", `{"id":"urn:c:1","type":"Car"}`)
	here.must(t, 404, "PATCH", "/entities/urn:c:9/attrs", `{"a":{"type":"Property","value":1}}`)
	readonly := newBroker(t, nil)
	here.registers(t, "readonly", readonly.URL, "redirect", `{"entities":[{"type":"Tram"}]}`, "")
	here.must(t, 409, "POST", "/entities", `{"id":"urn:t:1","type":"Tram"}`)
	if text := here.must(t, 207, "POST", "/entityOperations/create", `[{"id":"urn:t:1","type":"Tram"},{"id":"urn:b:2","type":"Bus"}]`); !strings.Contains(text, `"urn:r:readonly"`) || !strings.Contains(text, `"success":["urn:b:2"]`) {
		t.Errorf("a batch of which a part cannot be forwarded: %s", text)
	}
}

// A source that knows it better: errors of several sources are all told, with their registrations (clauses 5.2.16, 5.2.17, 6.3.17).
func TestPartialFailures(t *testing.T) {
	for name, c := range map[string]struct {
		answer       func(http.ResponseWriter, *http.Request)
		status, part int
	}{
		"it exists there":       {status(409), 409, 409},
		"it is forbidden there": {status(403), 502, 502},
		"half of it":            {status(207), 207, 502},
	} {
		t.Run(name, func(t *testing.T) {
			here, s := newBroker(t, nil), newSource(t, c.answer)
			here.registers(t, "s", s.URL, "redirect", `{"entities":[{"type":"Tram"}]}`, allOps)
			here.must(t, c.status, "POST", "/entities", `{"id":"urn:t:1","type":"Tram"}`)
			here.registers(t, "i", s.URL, "inclusive", cars, allOps)
			out := object(t, here.must(t, 207, "POST", "/entities", `{"id":"urn:c:1","type":"Car"}`))
			failed := out["errors"].([]any)[0].(map[string]any)
			if len(out["success"].([]any)) != 1 || failed["registrationId"] != "urn:r:i" || failed["entityId"] != "urn:c:1" || failed["error"].(map[string]any)["status"] != float64(c.part) {
				t.Errorf("got %v", out)
			}
			here.must(t, 200, "GET", "/entities/urn:c:1?local=true", "")
		})
	}
}

// Brokers that register each other must not ask for ever (clause 4.3.6.4).
func TestLoopsEnd(t *testing.T) {
	a, b := newBroker(t, nil), newBroker(t, nil)
	a.registers(t, "b", b.URL, "inclusive", cars, allOps)
	b.registers(t, "a", a.URL, "inclusive", cars, allOps)
	a.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car"}`)
	b.must(t, 200, "GET", "/entities/urn:c:1?local=true", "")
	for _, path := range []string{"/entities/urn:c:1", "/entities?type=Car"} {
		begin := time.Now()
		a.must(t, 200, "GET", path, "")
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("%s went round for %v", path, took)
		}
	}
	for _, path := range []string{"/entities/urn:c:1", "/entities?type=Car", "/entities/urn:c:none"} { // who asks has to know, wherever the loop was seen
		if _, _, h := a.says(t, "GET", path, ""); !strings.HasPrefix(h.Get("NGSILD-Warning"), "199 ") || !strings.Contains(h.Get("NGSILD-Warning"), "loop") {
			t.Errorf("%s is answered with the warning %q", path, h.Get("NGSILD-Warning"))
		}
	}
	bad := newSource(t, status(508))
	a.registers(t, "bad", bad.URL, "redirect", `{"entities":[{"type":"Tram"}]}`, allOps)
	a.must(t, 508, "POST", "/entities", `{"id":"urn:t:1","type":"Tram"}`)
	own := "1.1 " + a.sources.Alias("")
	a.must(t, 508, "DELETE", "/entities/urn:c:1", "", "Via: "+own)
	if _, _, h := a.says(t, "GET", "/entities/urn:c:1", "", "Via: "+own); !strings.HasPrefix(h.Get("NGSILD-Warning"), "199 ") {
		t.Errorf("a read that loops says %q", h.Get("NGSILD-Warning"))
	}
	a.must(t, 204, "DELETE", "/entities/urn:c:1", "", "Via: 1.1 "+strings.Repeat("x", 3)+", "+own+".other") // another tenant is another source
}

// One slow source costs its own time-out and a warning, nobody else's answer.
func TestSlowSourceDelaysNobodyElse(t *testing.T) {
	never := make(chan struct{})
	slow := newSource(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-never:
		case <-r.Context().Done():
		}
	})
	defer close(never)
	quick := newSource(t, tells(`[{"id":"urn:c:q","type":"Car","a":{"type":"Property","value":1}}]`))
	here := newBroker(t, nil)
	here.registers(t, "slow", slow.URL, "inclusive", cars, `,"management":{"timeout":200,"cooldown":60000}`)
	here.registers(t, "quick", quick.URL, "inclusive", cars, "")
	begin := time.Now()
	_, text, h := here.says(t, "GET", "/entities?type=Car", "")
	if all := list(t, text); len(all) != 1 || all[0]["id"] != "urn:c:q" || !strings.HasPrefix(h.Get("NGSILD-Warning"), "199 ") || !strings.Contains(h.Get("NGSILD-Warning"), "urn:r:slow") {
		t.Errorf("got %s, warning %q", text, h.Get("NGSILD-Warning"))
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	here.must(t, 200, "GET", "/entities?type=Car", "")
	if slow.count() != 1 {
		t.Errorf("a source that is cooling down was asked %d times, want once", slow.count())
	}
	if reg := object(t, here.must(t, 200, "GET", "/csourceRegistrations/urn:r:slow", "")); reg["status"] != "failed" || reg["timesFailed"] != 1.0 {
		t.Errorf("its registration says %v", reg)
	}
}

// A source that lies: other ids, other types, attributes it is not registered for, tenants, endless answers, no NGSI-LD at all.
func TestLyingSourcesAreNotBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(http.ResponseWriter, *http.Request)
		want    int // entities
		warning string
	}{
		"another id":          {tells(`[{"id":"urn:c:2","type":"Car","a":{"type":"Property","value":1}}]`), 0, "199 "},
		"another type":        {tells(`[{"id":"urn:c:1","type":"Bus","a":{"type":"Property","value":1}}]`), 0, "199 "},
		"another tenant":      {func(w http.ResponseWriter, r *http.Request) { w.Header().Set("NGSILD-Tenant", "x"); tells(`[]`)(w, r) }, 0, ""},
		"what it may":         {tells(`[{"id":"urn:c:1","type":"Car","a":{"type":"Property","value":1},"b":{"type":"Property","value":2}}]`), 1, "199 "},
		"no more than it may": {tells(`[{"id":"urn:c:1","type":"Car","a":{"type":"Property","value":1}}]`), 1, ""},
		"no NGSI-LD":          {tells(`{"hello":"world"}`), 0, "111 "},
		"no JSON":             {tells(`<html>`), 0, "111 "},
		"the wrong depth":     {tells(strings.Repeat(`[`, 100_000)), 0, "111 "},
		"too many entities":   {tells(`[` + strings.TrimSuffix(strings.Repeat(`{"id":"urn:c:1","type":"Car"},`, 101), ",") + `]`), 0, "111 "},
		"a gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
			chunk := []byte(`[` + strings.Repeat(" ", 1<<20))
			for range 1 << 10 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, 0, "111 "},
		"a way elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, 0, "299 "},
		"a refusal": {status(403), 0, "299 "},
		"a broken answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "[")
		}, 0, "111 "},
		"an unknown @context": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/ld+json")
			io.WriteString(w, `[{"id":"urn:c:1","type":"Car","@context":"http://127.0.0.1:1/inside"}]`)
		}, 0, "111 "},
	} {
		t.Run(name, func(t *testing.T) {
			here, s := newBroker(t, nil), newSource(t, c.answer)
			here.registers(t, "s", s.URL, "inclusive", `{"entities":[{"id":"urn:c:1","type":"Car"}],"propertyNames":["a"]}`, "")
			code, text, h := here.says(t, "GET", "/entities?type=Car", "")
			all := list(t, text)
			if code != 200 || len(all) != c.want || !strings.HasPrefix(h.Get("NGSILD-Warning"), c.warning) || c.warning == "" && h.Get("NGSILD-Warning") != "" {
				t.Errorf("got %d %.200s warning %q, want %d entities and %q", code, text, h.Get("NGSILD-Warning"), c.want, c.warning)
			}
			if len(all) > 0 && all[0]["b"] != nil {
				t.Errorf("it told what it is not registered for: %s", text)
			}
			if h.Get("NGSILD-Tenant") != "" {
				t.Error("a source named the tenant of the answer")
			}
		})
	}
}

// A request to a source must hold what its registration says, and nothing that belongs to the caller alone.
func TestWhatSourcesAreTold(t *testing.T) {
	s := newSource(t, tells(`[]`))
	here := newBroker(t, nil)
	here.registers(t, "s", s.URL+"/base/", "inclusive", `{"entities":[{"idPattern":"^urn:c:","type":"Car"}],"propertyNames":["speed"]}`,
		`,"tenant":"theirs","management":{"localOnly":true},"contextSourceInfo":[{"key":"X-Key","value":"k"},{"key":"X-User","value":"urn:ngsi-ld:request"},{"key":"Authorization","value":"urn:ngsi-ld:request"},{"key":"Tribune-Signature","value":"urn:ngsi-ld:request"}]`)
	here.must(t, 200, "GET", "/entities?type=Car,Bus&q="+escape(`speed>5`), "", "X-User: anna", "X-Other: o", "Via: 1.0 before", "Tribune-Purpose2: x")
	r, _ := s.only(t)
	q := r.URL.Query()
	for name, want := range map[string]string{"type": "Car", "idPattern": "^urn:c:", "attrs": "speed", "q": "speed>5", "local": "true"} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	for name, want := range map[string]string{"X-Key": "k", "X-User": "anna", "X-Other": "", "NGSILD-Tenant": "theirs", "Authorization": "", "Via": "1.0 before, 1.1 " + here.sources.Alias("")} {
		if r.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, r.Header.Get(name), want)
		}
	}
	if r.URL.Path != "/base/ngsi-ld/v1/entities" {
		t.Errorf("path %s", r.URL.Path)
	}
}

// An answer is used again for as long as the registration allows, and said to be old (clause 6.3.17).
func TestAnswersAreKeptForAWhile(t *testing.T) {
	s := newSource(t, tells(`[{"id":"urn:c:1","type":"Car"}]`))
	here := newBroker(t, nil)
	here.registers(t, "s", s.URL, "inclusive", cars, `,"management":{"cacheDuration":"PT1H"}`)
	here.must(t, 200, "GET", "/entities?type=Car", "")
	_, text, h := here.says(t, "GET", "/entities?type=Car", "")
	if s.count() != 1 || len(list(t, text)) != 1 || !strings.HasPrefix(h.Get("NGSILD-Warning"), "110 ") {
		t.Errorf("asked %d times, got %s with %q", s.count(), text, h.Get("NGSILD-Warning"))
	}
}

// What the law calls personal must never be told to a source, asked of one, or taken from one.
func TestPersonalDataStayHere(t *testing.T) {
	law := func(c *api.Config) {
		c.ClassOf = func(_ []tribune.Name, attr tribune.Name) tribune.Class {
			return tribune.Class{ID: "any", Personal: strings.HasSuffix(string(attr), "/plate")}
		}
	}
	s := newSource(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			w.WriteHeader(201)
			return
		}
		tells(`[{"id":"urn:c:2","type":"Car","plate":{"type":"Property","value":"M-XY 1"},"a":{"type":"Property","value":1}}]`)(w, r)
	})
	here := newBroker(t, law)
	here.registers(t, "s", s.URL, "inclusive", cars, allOps)
	_, _, h := here.says(t, "POST", "/entities", `{"id":"urn:c:1","type":"Car","plate":{"type":"Property","value":"M-AB 1"},"a":{"type":"Property","value":1}}`)
	if _, body := s.only(t); strings.Contains(body, "M-AB") || !strings.Contains(body, `"a"`) || !strings.Contains(h.Get("NGSILD-Warning"), "1 personal attributes are not forwarded") {
		t.Errorf("the source was told %s, the caller %q", body, h.Get("NGSILD-Warning"))
	}
	_, text, h := here.says(t, "GET", "/entities?type=Car&q=a", "")
	if strings.Contains(text, "M-XY") || !strings.Contains(h.Get("NGSILD-Warning"), "left out") {
		t.Errorf("got %s with %q", text, h.Get("NGSILD-Warning"))
	}
	before := s.count()
	if _, _, h = here.says(t, "GET", "/entities?type=Car&q="+escape(`plate=="M-AB 1"`), ""); s.count() != before || h.Get("NGSILD-Warning") == "" {
		t.Errorf("a query that names a person was forwarded, with the warning %q", h.Get("NGSILD-Warning"))
	}
	here.registers(t, "red", s.URL, "redirect", `{"entities":[{"type":"Van"}]}`, allOps)
	here.must(t, 403, "POST", "/entities", `{"id":"urn:v:1","type":"Van","plate":{"type":"Property","value":"M-CD 1"}}`)
	if s.count() != before {
		t.Error("a personal attribute was redirected")
	}
}

// Without batch operations at the source, a batch becomes single requests (clause 5.6.8).
func TestBatchesFallBackToSingles(t *testing.T) {
	s := newSource(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			w.WriteHeader(409)
			return
		}
		w.WriteHeader(204)
	})
	here := newBroker(t, nil)
	here.registers(t, "s", s.URL, "redirect", cars, `,"operations":["redirectionOps"]`)
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf(`{"id":"urn:c:%d","type":"Car","a":{"type":"Property","value":1}}`, i))
	}
	here.must(t, 204, "POST", "/entityOperations/upsert?options=replace", "["+strings.Join(all, ",")+"]")
	if s.count() != 40 {
		t.Errorf("the source was asked %d times, want a creation and a replacement of each", s.count())
	}
}

// Several selectors, a context source filter, and what is only registered: who is asked, and what discovery says is possibly there.
func TestWhoIsAsked(t *testing.T) {
	s := newSource(t, tells(`[{"id":"urn:c:1","type":"Car"},{"id":"urn:c:2","type":"Car"},{"id":"urn:b:1","type":"Bus"}]`))
	here := newBroker(t, nil)
	here.registers(t, "s", s.URL, "inclusive", `{"entities":[{"type":"Car"},{"type":"Bus"}],"propertyNames":["speed"]}`, `,"scope":"/north","operations":["queryEntity"]`)
	all := list(t, here.must(t, 200, "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car","id":"urn:c:1"},{"type":"Bus"}]}`))
	if len(all) != 2 || all[0]["id"] != "urn:b:1" || all[1]["id"] != "urn:c:1" {
		t.Errorf("selectors find %v", all)
	}
	before := s.count()
	for _, path := range []string{"/entities?type=Tram", "/entities?type=Car&attrs=colour", "/entities?type=Car&scopeQ=/south", "/entities?type=Car&csf=" + escape(`mode=="exclusive"`), "/entities?type=*&local=true"} {
		here.must(t, 200, "GET", path, "")
		if s.count() != before {
			t.Fatalf("%s was forwarded", path)
		}
	}
	if text := here.must(t, 200, "GET", "/types", ""); !strings.Contains(text, `"Bus"`) || !strings.Contains(text, `"Car"`) {
		t.Errorf("types are %s", text)
	}
	if text := here.must(t, 200, "GET", "/types?local=true", ""); strings.Contains(text, `"Bus"`) {
		t.Errorf("types here are %s", text)
	}
	if text := here.must(t, 200, "GET", "/attributes/speed", ""); !strings.Contains(text, `"Bus"`) {
		t.Errorf("an attribute is %s", text)
	}
}

// Page after page, each in time, must not add up: a source has one time-out for all of a question.
func TestDrippingSourceEnds(t *testing.T) {
	var page strings.Builder
	for i := range 100 {
		fmt.Fprintf(&page, `,{"id":"urn:c:%d","type":"Car"}`, i)
	}
	s := newSource(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(80 * time.Millisecond)
		tells("["+page.String()[1:]+"]")(w, r) // as many as were asked for, for ever
	})
	here := newBroker(t, nil)
	here.registers(t, "s", s.URL, "inclusive", cars, `,"management":{"timeout":500}`)
	begin := time.Now()
	_, text, h := here.says(t, "GET", "/entities?type=Car&limit=1000", "")
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if all := list(t, text); len(all) != 100 || h.Get("NGSILD-Warning") == "" {
		t.Errorf("got %d entities and the warning %q, want what came in time, each once, and a warning", len(all), h.Get("NGSILD-Warning"))
	}
}

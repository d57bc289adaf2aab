package api_test

import (
	"fmt"
	"strings"
	"testing"
)

const oneSession = "/entities/urn:ngsi-ld:ParkingSession:1"

// opened walks a request through its act and returns the answer.
func opened(t *testing.T, c *city, method, path, body string) answer {
	t.Helper()
	return c.do(t, method, path, body, append(sign(t, c, c.do(t, method, path, body, enforce...)), enforce...)...)
}

// observedAt is sealed with its value: only who opens can keep to the time that was asked for, and must.
func TestOpenedHistoryKeepsToThePeriodAsked(t *testing.T) {
	c := newCity(t)
	park(t, c)
	for hour, name := range map[string]string{"09": "Babbage", "10": "Menabrea"} {
		c.must(t, 204, "PATCH", oneSession+"/attrs", `{"driver":{"value":"`+name+`","observedAt":"2026-11-22T`+hour+`:00:00Z"}}`)
	}
	all := []string{driver, "Babbage", "Menabrea"}
	for query, want := range map[string][]string{
		"": all,
		"&timerel=between&timeAt=2026-11-22T08:30:00Z&endTimeAt=2026-11-22T09:30:00Z": {"Babbage"},
		"&timerel=before&timeAt=2026-11-22T09:30:00Z":                                 {driver, "Babbage"},
		"&timerel=before&timeAt=2026-11-22T09:30:00Z&lastN=1":                         {"Babbage"},
		"&timerel=after&timeAt=2026-11-22T11:00:00Z":                                  nil,
		"&lastN=2": {"Babbage", "Menabrea"},
	} {
		for _, format := range []string{"", "&options=temporalValues"} {
			a := opened(t, c, "GET", "/temporal"+oneSession+"?attrs=driver"+query+format, "")
			if a.status != 200 || a.header.Get("Tribune-Receipt") == "" {
				t.Fatalf("%s: got %d %s", query, a.status, a.body)
			}
			var got []string
			for _, name := range all {
				if strings.Contains(a.body, name) {
					got = append(got, name)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q%s: got %v, want %v in %s", query, format, got, want, a.body)
			}
		}
	}
}

// An entity may have changed hands. Its former owner's look-up opens nothing of the next.
func TestLookUpOfOnePersonOpensNobodyElse(t *testing.T) {
	c := newCity(t)
	park(t, c)
	c.must(t, 204, "PATCH", oneSession+"/attrs", `{"licensePlate":"ZZ99ZZZ","driver":"Charles Babbage"}`)
	a := opened(t, c, "POST", "/entityOperations/query", byPlate)
	if a.status != 200 || strings.Contains(a.body, "ZZ99ZZZ") || strings.Contains(a.body, "Babbage") || !strings.Contains(a.body, "52.48") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if w := a.header.Get("NGSILD-Warning"); !strings.Contains(w, "2 personal") {
		t.Errorf("warning %q", w)
	}
	for _, s := range c.readings[0].Sealed {
		if s.Pseudonym != c.readings[0].Subjects[0] {
			t.Error("the act is about another than the person it names")
		}
	}
}

// What is shown is what the signed act was about, whatever has been written since.
func TestAnswerIsOfTheMomentThatWasSigned(t *testing.T) {
	c := newCity(t)
	park(t, c)
	signed := append(sign(t, c, c.do(t, "GET", oneSession, "", enforce...)), enforce...)
	c.must(t, 204, "PATCH", oneSession+"/attrs", `{"driver":"Charles Babbage","synthetic":false}`)
	a := c.do(t, "GET", oneSession, "", signed...)
	if a.status != 200 || !strings.Contains(a.body, driver) || strings.Contains(a.body, "Babbage") || strings.Contains(a.body, "false") {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestActIsRedeemedOnlyAsItWasPrepared(t *testing.T) {
	c := newCity(t)
	park(t, c)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:x:1","type":"X"}`, "NGSILD-Tenant: other")
	signed := sign(t, c, c.do(t, "GET", oneSession, "", enforce...))
	try := func(method, path string, headers ...string) answer {
		return c.do(t, method, path, "", append([]string{signed[0], signed[1]}, headers...)...)
	}
	for name, x := range map[string]struct {
		a    answer
		want int
	}{
		"another mandate":   {try("GET", oneSession, enforce[0], enforce[1], "Tribune-Mandate: parking-enforcement-2025"), 404},
		"another purpose":   {try("GET", oneSession, enforce[0], "Tribune-Purpose: plan-city", enforce[2]), 404},
		"no purpose":        {try("GET", oneSession, enforce[0]), 404},
		"nobody":            {try("GET", oneSession, enforce[1], enforce[2]), 401},
		"nobody, nothing":   {try("GET", oneSession), 401},
		"integrator":        {try("GET", oneSession, append([]string{as("integrator-1")}, enforce[1:]...)...), 404},
		"another entity":    {try("GET", "/entities/urn:ngsi-ld:ParkingSession:2", enforce...), 400},
		"its history":       {try("GET", "/temporal"+oneSession, enforce...), 400},
		"another view":      {try("GET", oneSession+"?options=keyValues", enforce...), 400},
		"its headers alone": {try("HEAD", oneSession, enforce...), 400},
		"another tenant":    {try("GET", oneSession, append([]string{"NGSILD-Tenant: other"}, enforce...)...), 400},
	} {
		if x.a.status != x.want || strings.Contains(x.a.body, plate) {
			t.Errorf("%s: got %d %s, want %d", name, x.a.status, x.a.body, x.want)
		}
	}
	if a := try("GET", oneSession, enforce...); a.status != 200 || !strings.Contains(a.body, plate) {
		t.Errorf("the act itself, after all that: got %d %s", a.status, a.body)
	}
}

// Neither "is it there" nor "is it so" about a sealed value may be read off a number, a page or a size.
func TestDeniedLookUpIsTheSameWhetherThePersonIsThere(t *testing.T) {
	c := newCity(t)
	park(t, c)
	denied := []string{enforce[0], "Tribune-Purpose: plan-city"}
	shape := func(a answer) string {
		body := a.json(t)
		delete(body, "request")
		a.header.Del("Tribune-Request")
		return fmt.Sprint(a.status, body, len(a.body), a.header)
	}
	for _, url := range []string{"", "?count=true&limit=0", "?limit=1&offset=1", "?options=keyValues"} {
		there := c.do(t, "POST", "/entityOperations/query"+url, byPlate, denied...)
		absent := c.do(t, "POST", "/entityOperations/query"+url, strings.Replace(byPlate, plate, "XX99XXX", 1), denied...)
		if there.status != 403 || shape(there) != shape(absent) {
			t.Errorf("%s: there\n%s\nnot there\n%s", url, shape(there), shape(absent))
		}
	}
	// Nor off the act that a permitted caller has not signed yet, though the entity holds another person's data too.
	c.must(t, 204, "PATCH", oneSession+"/attrs", `{"driver":{"value":"Charles Babbage"},"licensePlate":"ZZ99ZZZ"}`)
	for _, url := range []string{"", "?count=true&limit=0", "?limit=1&offset=1"} {
		there := c.do(t, "POST", "/entityOperations/query"+url, byPlate, enforce...)
		absent := c.do(t, "POST", "/entityOperations/query"+url, strings.Replace(byPlate, plate, "XX99XXX", 1), enforce...)
		if there.status != 428 || absent.status != 428 {
			t.Errorf("%s: there %d %s, not there %d %s", url, there.status, there.body, absent.status, absent.body)
		}
	}
	for _, r := range c.readings { // the act counts subjects in public
		for _, s := range r.Sealed {
			if len(r.Subjects) != 1 || s.Pseudonym != r.Subjects[0] {
				t.Error("the number of subjects says that there is more than the person named")
			}
		}
	}
}

// Naming costs the guardians work, and its time tells whether a person is known: who may not ask is not named for.
func TestWhoMayNotAskCausesNoNaming(t *testing.T) {
	c := newCity(t)
	park(t, c)
	before := c.named.Load()
	c.must(t, 403, "POST", "/entityOperations/query", byPlate, as("inspector-ward"), "Tribune-Purpose: plan-city")
	if got := c.named.Load(); got != before {
		t.Errorf("%d names were evaluated for a denied caller", got-before)
	}
	c.must(t, 428, "POST", "/entityOperations/query", byPlate, enforce...)
	if c.named.Load() == before {
		t.Error("positive control: nobody was named")
	}
}

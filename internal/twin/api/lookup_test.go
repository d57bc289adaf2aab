package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tribune"
)

// The law of these tests lets drivers be looked up for enforcement, and the place of parking for planning.
func withLookUps(c *tribune.Class) {
	c.Equality = []tribune.Equality{
		{Attr: vocabulary + "driver", Purposes: []tribune.PurposeID{"enforce-parking"}},
		{Attr: vocabulary + "where", Purposes: []tribune.PurposeID{"plan-city"}},
	}
}

func byDriver(name string) string {
	return `{"type":"Query","entities":[{"type":"ParkingSession"}],"q":"driver==\"` + name + `\""}`
}

const query = "/entityOperations/query"

func TestSealedAttributeIsLookedUpByASignedAct(t *testing.T) {
	c := newCity(t, withLookUps)
	park(t, c)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:ParkingSession:2","type":"ParkingSession","synthetic":false,"licensePlate":"ZZ99ZZZ","driver":"`+driver+`"}`)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:ParkingSession:3","type":"ParkingSession","licensePlate":"YY99YYY","driver":"Charles Babbage"}`)
	a := opened(t, c, "POST", query, byDriver(driver))
	if a.status != 200 || !strings.Contains(a.body, plate) || !strings.Contains(a.body, "ZZ99ZZZ") || strings.Contains(a.body, "YY99YYY") || a.header.Get("Tribune-Receipt") == "" {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	r := c.readings[0]
	if len(r.Subjects) != 2 || r.LookUp != vocabulary+"driver" || !slices.Contains(r.Attrs, r.LookUp) {
		t.Errorf("reading %+v", r)
	}
	// With another condition, and showing nothing sealed: whoever is found is touched all the same.
	narrow := strings.Replace(byDriver(driver), `"q":"`, `"attrs":["synthetic"],"q":"synthetic==true;`, 1)
	a = opened(t, c, "POST", query, narrow)
	if a.status != 200 || !strings.Contains(a.body, "ParkingSession:1") || strings.Contains(a.body, "ParkingSession:2") || strings.Contains(a.body, plate) {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if r := c.readings[1]; len(r.Subjects) != 1 || len(r.Sealed) != 0 || !slices.Contains(r.Attrs, r.LookUp) {
		t.Errorf("reading %+v", r)
	}
}

func TestLookUpThatFindsNobodyIsAnActToo(t *testing.T) {
	c := newCity(t, withLookUps)
	park(t, c)
	a := opened(t, c, "POST", query, byDriver("Nobody Here"))
	if a.status != 200 || a.body != "[]" || a.header.Get("Tribune-Receipt") == "" {
		t.Errorf("got %d %s %v", a.status, a.body, a.header)
	}
	if r := c.readings[0]; len(r.Subjects) != 0 || len(r.Sealed) != 0 || r.LookUp == "" {
		t.Errorf("reading %+v", r)
	}
}

func TestWhatCannotBeLookedUpIsRefusedWithWhatCan(t *testing.T) {
	c := newCity(t, withLookUps)
	park(t, c)
	plan := []string{enforce[0], "Tribune-Purpose: plan-city", enforce[2]}
	q := func(text string) string {
		return strings.Replace(byDriver("x"), `driver==\"x\"`, strings.ReplaceAll(text, `"`, `\"`), 1)
	}
	is := func(attr string) string { return attr + `=="` + driver + `"` }
	for _, x := range []struct {
		name, method, path, body string
		headers                  []string
		says                     string
	}{
		{"in a URL", "GET", "/entities?type=ParkingSession&q=driver==%22" + strings.ReplaceAll(driver, " ", "%20") + "%22", "", enforce, "ends in logs"},
		{"inequality", "POST", query, q(`driver!="` + driver + `"`), enforce, `driver==\"...\"`},
		{"pattern", "POST", query, q(`driver~="Ada"`), enforce, `driver==\"...\"`},
		{"order", "POST", query, q(`driver>"A"`), enforce, "cannot be compared"},
		{"range", "POST", query, q(`driver=="A".."C"`), enforce, "cannot be compared"},
		{"list", "POST", query, q(is("driver") + `,"Charles Babbage"`), enforce, "cannot be compared"},
		{"existence", "POST", query, q(`driver`), enforce, "cannot be compared"},
		{"either", "POST", query, q(is("driver") + `|synthetic==true`), enforce, "cannot be compared"},
		{"twice", "POST", query, q(is("driver") + `;driver=="x"`), enforce, "cannot be compared"},
		{"hidden in a choice", "POST", query, q(is("driver") + `;(driver=="x"|synthetic==true)`), enforce, "cannot be compared"},
		{"something below it", "POST", query, q(`driver[first]=="Ada"`), enforce, "cannot be compared"},
		{"its time", "POST", query, q(`driver.observedAt=="2026-11-22T08:00:00Z"`), enforce, "cannot be compared"},
		{"for another purpose", "POST", query, q(is("driver")), plan, "driver for purpose enforce-parking"},
		{"what is indexed for another purpose", "POST", query, q(is("where")), enforce, "where for purpose plan-city"},
		{"plate and driver", "POST", query, q(`licensePlate=="` + plate + `";` + is("driver")), enforce, "two attributes"},
		{"counted", "POST", query + "?count=true", q(is("driver")), enforce, "without count"},
		{"on an entity map", "POST", query + "?entityMap=true", q(is("driver")), enforce, "outlive the act"},
		{"in the past", "POST", "/temporal" + query, strings.Replace(q(is("driver")), `"q"`, `"temporalQ":{"timerel":"before","timeAt":"2027-01-01T00:00:00Z"},"q"`, 1), enforce, "cannot be compared"},
	} {
		a := c.do(t, x.method, x.path, x.body, x.headers...)
		if a.status != 400 || !strings.Contains(a.body, x.says) {
			t.Errorf("%s: got %d %s, want 400 saying %q", x.name, a.status, a.body, x.says)
		}
		if strings.Contains(a.body, driver) || strings.Contains(fmt.Sprint(a.header), driver) || strings.Contains(a.body, plate) {
			t.Errorf("%s: the refusal names the person: %s", x.name, a.body)
		}
	}
	if len(c.readings) != 0 {
		t.Errorf("%d acts were prepared", len(c.readings))
	}
	opened(t, c, "POST", query, byDriver(driver))
	for _, secret := range []string{driver, plate} {
		if strings.Contains(c.logged.String(), secret) {
			t.Errorf("the log names %q", secret)
		}
	}
	if len(c.logged.String()) < 500 {
		t.Error("nothing was logged; the check above proves nothing")
	}
}

// Whoever asks without a purpose, or in another way than by the act, learns nothing: not even that there is an index.
func TestWithoutAPurposeNothingIsLookedUp(t *testing.T) {
	c := newCity(t, withLookUps)
	park(t, c)
	before := c.named.Load()
	for _, path := range []string{query, query + "?count=true", query + "?entityMap=true"} {
		there, absent := c.do(t, "POST", path, byDriver(driver)), c.do(t, "POST", path, byDriver("Nobody Here"))
		if there.status != absent.status || there.body != "[]" || absent.body != "[]" || there.header.Get("NGSILD-Results-Count") != absent.header.Get("NGSILD-Results-Count") {
			t.Errorf("%s: there %d %s %v, absent %d %s %v", path, there.status, there.body, there.header, absent.status, absent.body, absent.header)
		}
	}
	denied := c.do(t, "POST", query, byDriver(driver), enforce[0], "Tribune-Purpose: count-cars")
	if denied.status != 400 {
		t.Errorf("a purpose without an index: got %d %s", denied.status, denied.body)
	}
	if got := c.named.Load(); got != before {
		t.Errorf("%d values were named for who may not ask", got-before)
	}
}

// An entity map that was made without a purpose must not answer with one: no act would stand behind it.
func TestEntityMapAnswersNoRequestWithAPurpose(t *testing.T) {
	c := newCity(t, withLookUps)
	park(t, c)
	const cars = `{"type":"Query","entities":[{"type":"ParkingSession"}],"q":"synthetic==true"}`
	made := c.do(t, "POST", query+"?entityMap=true", cars)
	if made.status != 201 || made.header.Get("NGSILD-EntityMap") == "" {
		t.Fatalf("got %d %s", made.status, made.body)
	}
	for _, x := range [][3]string{{"POST", "/entityMaps", byDriver(driver)}, {"POST", "/entityMaps", byPlate}, {"GET", "/entityMaps?type=ParkingSession", ""}, {"POST", "/temporal/entityMaps", cars}} {
		if a := c.do(t, x[0], x[1], x[2], enforce...); a.status != 400 && a.status != 404 && a.status != 405 {
			t.Errorf("%s %s with a purpose: got %d %s", x[0], x[1], a.status, a.body)
		}
	}
	a := c.do(t, "POST", query, cars, append([]string{"NGSILD-EntityMap: " + made.header.Get("NGSILD-EntityMap")}, enforce...)...)
	if a.status != 400 || strings.Contains(a.body, "ParkingSession:1") {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

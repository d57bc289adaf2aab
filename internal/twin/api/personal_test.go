package api_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"tribune/protocol"
)

var enforce = []string{as("inspector-ward"), "Tribune-Purpose: enforce-parking", "Tribune-Mandate: parking-enforcement-2026"}

const byPlate = `{"type":"Query","entities":[{"type":"ParkingSession"}],"q":"licensePlate==\"` + plate + `\""}`

func park(t *testing.T, c *city) {
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:ParkingSession:1","type":"ParkingSession","synthetic":true,
		"licensePlate":"`+plate+`","driver":{"value":"`+driver+`","observedAt":"2026-11-22T08:00:00Z"},"where":{"type":"Point","coordinates":[-1.9,52.48]}}`)
}

// sign signs the act of a 428 as the client does: from the digest alone, after checking it against the act's text.
func sign(t *testing.T, c *city, a answer) []string {
	t.Helper()
	if a.status != 428 || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %d %s, want 428", a.status, a.body)
	}
	p := a.json(t)
	digest, err := hex.DecodeString(p["digest"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(append(protocol.Label("act"), p["actText"].(string)...)); hex.EncodeToString(sum[:]) != p["digest"] {
		t.Fatal("digest is not that of actText")
	}
	act := p["act"].(map[string]any)
	return []string{"Tribune-Act: " + act["id"].(string), "Tribune-Signature: " + base64.StdEncoding.EncodeToString(ed25519.Sign(c.key, digest))}
}

func TestWithoutPurposePersonalAttributesAreAbsentAndCounted(t *testing.T) {
	c := newCity(t)
	park(t, c)
	for range 2 { // rendered, then from ready bytes
		a := c.do(t, "GET", "/entities/urn:ngsi-ld:ParkingSession:1", "")
		if a.status != 200 || strings.Contains(a.body, plate) || strings.Contains(a.body, "licensePlate") || !strings.Contains(a.body, "synthetic") {
			t.Errorf("got %d %s", a.status, a.body)
		}
		if got := a.header.Get("NGSILD-Warning"); !strings.HasPrefix(got, "199 ") || !strings.Contains(got, "3 personal") || !strings.Contains(got, "Tribune-Purpose") {
			t.Errorf("warning %q", got)
		}
	}
	for _, q := range []string{`q=licensePlate=="` + plate + `"`, `q=licensePlate`, `q=synthetic==true;licensePlate!="x"`, "attrs=licensePlate",
		"georel=near;maxDistance==1000&geometry=Point&coordinates=[-1.9,52.48]&geoproperty=where"} {
		a := c.do(t, "GET", "/entities?type=ParkingSession&count=true&"+strings.ReplaceAll(q, `"`, "%22"), "")
		if a.status != 200 || a.body != "[]" || a.header.Get("NGSILD-Results-Count") != "0" {
			t.Errorf("%s: got %d %s, count %s", q, a.status, a.body, a.header.Get("NGSILD-Results-Count"))
		}
	}
	if a := c.do(t, "GET", "/entities?type=ParkingSession&q=synthetic==true&count=true", ""); a.header.Get("NGSILD-Results-Count") != "1" || a.header.Get("NGSILD-Warning") == "" {
		t.Errorf("control: got %d %s %v", a.status, a.body, a.header)
	}
	if a := c.do(t, "GET", "/temporal/entities/urn:ngsi-ld:ParkingSession:1?timeproperty=modifiedAt", ""); a.status != 200 || strings.Contains(a.body, plate) || a.header.Get("NGSILD-Warning") == "" {
		t.Errorf("history: got %d %s %v", a.status, a.body, a.header)
	}
}

func TestPersonIsFoundByASignedActAndByNothingElse(t *testing.T) {
	c := newCity(t)
	park(t, c)
	first := c.do(t, "POST", "/entityOperations/query", byPlate, enforce...)
	signed := append(sign(t, c, first), enforce...)

	if a := c.do(t, "POST", "/entityOperations/query", byPlate, append([]string{signed[0], signed[1], as("inspector-poe")}, enforce[1:]...)...); a.status != 404 {
		t.Errorf("another officer with this act: got %d %s, want 404", a.status, a.body)
	}
	if a := c.do(t, "POST", "/entityOperations/query", strings.Replace(byPlate, plate, "XX99XXX", 1), signed...); a.status != 400 {
		t.Errorf("another question with this act: got %d %s, want 400", a.status, a.body)
	}
	if a := c.do(t, "POST", "/entityOperations/query", byPlate, signed[0], as("inspector-ward"), enforce[1], enforce[2]); a.status != 400 {
		t.Errorf("the act without a signature: got %d %s, want 400", a.status, a.body)
	}
	a := c.do(t, "POST", "/entityOperations/query", byPlate, signed...)
	if a.status != 200 || !strings.Contains(a.body, `"licensePlate":{"type":"Property","value":"`+plate+`"}`) || !strings.Contains(a.body, `"observedAt":"2026-11-22T08:00:00Z"`) {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	receipt, err := base64.RawURLEncoding.DecodeString(a.header.Get("Tribune-Receipt"))
	if err != nil || !strings.HasPrefix(string(receipt), "c2sp.org/tlog-proof@v1") || !strings.Contains(strings.Join(a.header.Values("Link"), " "), `</record/receipts/7>; rel="receipt"`) {
		t.Errorf("receipt %q, links %q (%v)", receipt, a.header.Values("Link"), err)
	}
	if a := c.do(t, "POST", "/entityOperations/query", byPlate, signed...); a.status != 404 {
		t.Errorf("the same act twice: got %d, want 404", a.status)
	}
	if a := c.do(t, "GET", "/entities/urn:ngsi-ld:ParkingSession:1", ""); strings.Contains(a.body, plate) {
		t.Error("what was opened for one stays open for others")
	}
	r := c.readings[0]
	if len(r.Sealed) != 3 || len(r.Subjects) != 1 || r.Class != session.ID || len(r.Attrs) != 3 || r.Window.Until.Sub(r.Window.From) < session.Keep {
		t.Errorf("reading %+v", r)
	}
}

func TestAskingForAPersonWhoIsNotThereIsAnActToo(t *testing.T) {
	c := newCity(t)
	park(t, c)
	unknown := strings.Replace(byPlate, plate, "XX99XXX", 1)
	a := c.do(t, "POST", "/entityOperations/query", unknown, append(sign(t, c, c.do(t, "POST", "/entityOperations/query", unknown, enforce...)), enforce...)...)
	if a.status != 200 || a.body != "[]" || a.header.Get("Tribune-Receipt") == "" {
		t.Errorf("got %d %s %v", a.status, a.body, a.header)
	}
	if r := c.readings[0]; len(r.Subjects) != 1 || len(r.Sealed) != 0 || len(r.Attrs) != 3 {
		t.Errorf("reading %+v", r)
	}
}

func TestPersonalRequestsThatAreRefused(t *testing.T) {
	c := newCity(t)
	park(t, c)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:ParkingSession:2","type":"ParkingSession","licensePlate":"`+plate+`","secret":"`+driver+`"}`)
	q := func(text string) string {
		return strings.Replace(byPlate, `licensePlate==\"`+plate+`\"`, strings.ReplaceAll(text, `"`, `\"`), 1)
	}
	for _, x := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		says                     string
	}{
		{"anonymous", "POST", "/entityOperations/query", byPlate, enforce[1:], 401, "known caller"},
		{"wrong purpose", "POST", "/entityOperations/query", byPlate, []string{enforce[0], "Tribune-Purpose: plan-city"}, 403, "a purpose that this class is open to"},
		{"wrong purpose by id", "GET", "/entities/urn:ngsi-ld:ParkingSession:1", "", []string{enforce[0], "Tribune-Purpose: plan-city"}, 403, "missing"},
		{"plate in a URL", "GET", "/entities?type=ParkingSession&q=licensePlate==%22" + plate + "%22", "", enforce, 400, "POST"},
		{"comparison", "POST", "/entityOperations/query", q(`licensePlate~="AB"`), enforce, 400, "cannot be compared"},
		{"inequality", "POST", "/entityOperations/query", q(`licensePlate!="` + plate + `"`), enforce, 400, "cannot be compared"},
		{"other attribute", "POST", "/entityOperations/query", q(`driver=="` + driver + `"`), enforce, 400, "cannot be compared"},
		{"either person", "POST", "/entityOperations/query", q(`licensePlate=="` + plate + `"|licensePlate=="X"`), enforce, 400, "cannot be compared"},
		{"both persons", "POST", "/entityOperations/query", q(`licensePlate=="` + plate + `";licensePlate=="X"`), enforce, 400, "cannot be compared"},
		{"person and driver", "POST", "/entityOperations/query", q(`licensePlate=="` + plate + `";driver=="` + driver + `"`), enforce, 400, "cannot be compared"},
		{"person hidden in a choice", "POST", "/entityOperations/query", q(`licensePlate=="` + plate + `";(licensePlate=="X"|synthetic==true)`), enforce, 400, "a second time"},
		{"place", "GET", "/entities?type=ParkingSession&georel=near;maxDistance==9&geometry=Point&coordinates=[0,0]&geoproperty=where", "", enforce, 400, "no distance"},
		{"two classes", "GET", "/entities/urn:ngsi-ld:ParkingSession:2", "", enforce, 400, "parking-session: licensePlate"},
		{"syntax", "POST", "/entityOperations/query", q(`licensePlate==="` + plate + `"`), enforce, 400, "character"},
	} {
		a := c.do(t, x.method, x.path, x.body, x.headers...)
		if a.status != x.status || !strings.Contains(a.body, x.says) {
			t.Errorf("%s: got %d %s, want %d saying %q", x.name, a.status, a.body, x.status, x.says)
		}
		if strings.Contains(a.body, plate) || strings.Contains(a.body, driver) || strings.Contains(fmt.Sprint(a.header), plate) {
			t.Errorf("%s: the refusal names the person: %s", x.name, a.body)
		}
	}
	for _, secret := range []string{plate, driver, "inspector-ward"} {
		if strings.Contains(c.logged.String(), secret) {
			t.Errorf("the log names %q: %s", secret, c.logged)
		}
	}
	if len(c.logged.String()) < 500 {
		t.Error("nothing was logged; the check above proves nothing")
	}
}

func TestNarrowedToOneClassAnEntityOpens(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:ParkingSession:2","type":"ParkingSession","licensePlate":"`+plate+`","secret":"x"}`)
	const path = "/entities/urn:ngsi-ld:ParkingSession:2?attrs=licensePlate&options=keyValues"
	a := c.do(t, "GET", path, "", append(sign(t, c, c.do(t, "GET", path, "", enforce...)), enforce...)...)
	if a.status != 200 || a.body != `{"id":"urn:ngsi-ld:ParkingSession:2","type":"ParkingSession","licensePlate":"`+plate+`"}` {
		t.Errorf("got %d %s", a.status, a.body)
	}
	// A person looked up opens their class; what else is sealed stays so, and the answer says it.
	a = c.do(t, "POST", "/entityOperations/query", byPlate, append(sign(t, c, c.do(t, "POST", "/entityOperations/query", byPlate, enforce...)), enforce...)...)
	if a.status != 200 || !strings.Contains(a.body, plate) || strings.Contains(a.body, "secret") || !strings.Contains(a.header.Get("NGSILD-Warning"), "1 personal attribute is") {
		t.Errorf("got %d %s %v", a.status, a.body, a.header)
	}
}

func TestHistoryOpensByAnAct(t *testing.T) {
	c := newCity(t)
	park(t, c)
	const path = "/temporal/entities/urn:ngsi-ld:ParkingSession:1?timeproperty=modifiedAt&attrs=licensePlate,driver"
	a := c.do(t, "GET", path, "", append(sign(t, c, c.do(t, "GET", path, "", enforce...)), enforce...)...)
	if a.status != 200 || !strings.Contains(a.body, `"licensePlate":[{"type":"Property","value":"`+plate+`"`) || !strings.Contains(a.body, driver) {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestWrongSignatureOpensNothing(t *testing.T) {
	c := newCity(t)
	park(t, c)
	signed := sign(t, c, c.do(t, "POST", "/entityOperations/query", byPlate, enforce...))
	signed[1] = "Tribune-Signature: " + base64.StdEncoding.EncodeToString(make([]byte, 64))
	if a := c.do(t, "POST", "/entityOperations/query", byPlate, append(signed, enforce...)...); a.status != 400 || strings.Contains(a.body, plate) {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

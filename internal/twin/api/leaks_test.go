package api_test

import (
	"strings"
	"testing"

	"tribune/internal/twin/api"
)

// A snapshot's endpoint and what opens it are nobody's business but of those who may write.
func TestSnapshotsTellStrangersNoSecret(t *testing.T) {
	c := withSnapshots(t)
	const told = `"endpoint":"mqtt://hub:geheim@broker.example.org/t","receiverInfo":[{"key":"Authorization","value":"Bearer geheim"}]`
	c.must(t, 201, "POST", "/snapshots", `{"type":"Snapshot","id":"urn:x:1",`+told+`,"snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`)
	ready(t, c, "/snapshots/urn:x:1")
	for who, headers := range map[string][]string{"nobody": nil, "an inspector": {as("inspector-ward")}} {
		if a := c.do(t, "GET", "/snapshots/urn:x:1", "", headers...); a.status != 200 || strings.Contains(a.body, "geheim") || strings.Contains(a.body, "broker.example") {
			t.Errorf("%s is told %d %s", who, a.status, a.body)
		}
	}
	if a := c.must(t, 200, "GET", "/snapshots/urn:x:1", ""); strings.Contains(a.body, "Bearer") || !strings.Contains(a.body, "broker.example") {
		t.Errorf("an integrator is told %s", a.body)
	}
	if logged := c.logged.String(); strings.Contains(logged, "geheim") {
		t.Errorf("the log has the secret: %s", logged)
	}
}

// What receiverInfo says becomes headers of the hub's own requests.
func TestSnapshotsSmuggleNoHeaders(t *testing.T) {
	c := withSnapshots(t)
	for _, pair := range []string{
		`"key":"Host","value":"inside"`, `"key":"Transfer-Encoding","value":"chunked"`, `"key":"Connection","value":"X"`, `"key":"Proxy-Authorization","value":"x"`,
		`"key":"Upgrade","value":"h2c"`, `"key":"X","value":"a\r\nTribune-Act: b"`, `"key":"X: y\r\nZ","value":"a"`, `"key":"","value":"a"`,
		`"key":"X","value":"` + strings.Repeat("a", 9000) + `"`,
	} {
		body := `{"type":"Snapshot","endpoint":"https://example.org/n","receiverInfo":[{` + pair + `}],"snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`
		if a := c.do(t, "POST", "/snapshots", body, as("integrator-1")); a.status != 400 {
			t.Errorf("%.60s: got %d %s, want 400", pair, a.status, a.body)
		}
	}
}

// lawful is a broker whose law calls the plates of parking sessions personal.
func lawful(t *testing.T) *broker {
	return newBroker(t, func(cfg *api.Config) { cfg.ClassOf = classOf })
}

// A source says itself of which types its version of an entity is: it may name one for which the law has nothing to hide.
func TestSourceCannotTellPersonalDataUnderAnotherType(t *testing.T) {
	here, there := lawful(t), newBroker(t, nil)
	here.must(t, 201, "POST", "/entities", `{"id":"urn:p:1","type":"ParkingSession","zone":{"type":"Property","value":1}}`)
	there.must(t, 201, "POST", "/entities", `{"id":"urn:p:1","type":"Sign","licensePlate":{"type":"Property","value":"`+plate+`"},"zone":{"type":"Property","value":2,"observedAt":"2026-01-01T00:00:00Z"}}`)
	here.registers(t, "there", there.URL, "inclusive", `{"propertyNames":["licensePlate","zone"]}`, allOps)
	for _, ask := range []string{"/entities/urn:p:1", "/entities?type=ParkingSession", "/entities?type=ParkingSession,Sign"} {
		status, text, h := here.says(t, "GET", ask, "")
		if status != 200 || strings.Contains(text, plate) || !strings.Contains(text, `"zone"`) {
			t.Errorf("%s: got %d %s", ask, status, text)
		}
		if strings.Contains(text, "Sign") && !strings.Contains(h.Get("NGSILD-Warning"), "1 personal") {
			t.Errorf("%s: what is left out is not said: %q", ask, h.Get("NGSILD-Warning"))
		}
	}
}

// A change may give an entity the type for which an attribute of the same change is personal.
func TestChangeThatAddsATypeForwardsNothingPersonal(t *testing.T) {
	for _, change := range []struct{ method, path, body string }{
		{"POST", "/entities/urn:p:1/attrs", `{"type":["Sign","ParkingSession"],"licensePlate":{"type":"Property","value":"` + plate + `"}}`},
		{"PATCH", "/entities/urn:p:1", `{"type":["Sign","ParkingSession"],"licensePlate":{"type":"Property","value":"` + plate + `"}}`},
		{"POST", "/entityOperations/upsert?options=update", `[{"id":"urn:p:1","type":["Sign","ParkingSession"],"licensePlate":{"type":"Property","value":"` + plate + `"}}]`},
	} {
		here, there := lawful(t), newBroker(t, nil)
		for _, b := range []*broker{here, there} {
			b.must(t, 201, "POST", "/entities", `{"id":"urn:p:1","type":"Sign","zone":{"type":"Property","value":1}}`)
		}
		here.registers(t, "there", there.URL, "inclusive", `{"propertyNames":["licensePlate"]}`, allOps)
		status, text, _ := here.says(t, change.method, change.path, change.body)
		if told := there.must(t, 200, "GET", "/entities/urn:p:1", ""); strings.Contains(told, plate) {
			t.Errorf("%s %s (%d %s): the source has %s", change.method, change.path, status, text, told)
		}
	}
}

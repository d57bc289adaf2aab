package api_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
)

// Until, Stands and Deliver make the city's way one of standing acts.
func (c *city) Until(caller tribune.Caller) time.Time {
	if caller.Mandate != "parking-enforcement-2026" {
		return time.Time{}
	}
	return time.Now().Add(30 * 24 * time.Hour)
}

func (c *city) Stands(context.Context, tribune.Standing) error { return nil }

func (c *city) Deliver(_ context.Context, s tribune.Standing, subjects []tribune.Pseudonym) ([]tribune.Pseudonym, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivered = append(c.delivered, subjects...)
	return subjects, nil
}

func (w *whole) wish(more string) string {
	return `{"id":"urn:s:fees","type":"Subscription","entities":[{"type":"ParkingSession"}],"watchedAttributes":["fee"],` + more + `"notification":{"attributes":["fee","synthetic"],"endpoint":{"uri":"` + w.endpoint.URL + `"}}}`
}

func TestSubscriptionToPersonalDataIsASignedAct(t *testing.T) {
	w := newWhole(t)
	body := w.wish("")
	first := w.do(t, "POST", "/subscriptions", body, enforce...)
	signed := append(sign(t, w.city, first), enforce...)
	if r := w.readings[0]; !r.Standing || !slices.Equal(r.Attrs, []tribune.Name{vocabulary + "fee"}) || r.Class != session.ID || len(r.Subjects)+len(r.Sealed) != 0 || !strings.Contains(r.Note, "SHA-256") {
		t.Errorf("the act is about %+v", r)
	}
	if a := w.do(t, "GET", "/subscriptions/urn:s:fees", "", as("integrator-1")); a.status != 404 {
		t.Errorf("before the act is signed: %d %s", a.status, a.body)
	}
	if a := w.do(t, "POST", "/subscriptions", w.wish(`"description":"more",`), signed...); a.status != 400 {
		t.Errorf("another subscription with this act: %d %s", a.status, a.body)
	}
	if a := w.do(t, "POST", "/subscriptions", body, append([]string{signed[0], signed[1], as("inspector-poe")}, enforce[1:]...)...); a.status != 404 {
		t.Errorf("somebody else with this act: %d %s", a.status, a.body)
	}
	a := w.do(t, "POST", "/subscriptions", body, signed...)
	if a.status != 201 || a.header.Get("Tribune-Receipt") == "" || !strings.HasSuffix(a.header.Get("Location"), "/subscriptions/urn:s:fees") {
		t.Fatalf("got %d %s %v", a.status, a.body, a.header)
	}
	w.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:ParkingSession:1","type":"ParkingSession","synthetic":true,"licensePlate":"`+ada.plate+`","driver":"`+ada.driver+`","fee":`+ada.fee+`}`)
	for deadline := time.Now().Add(60 * time.Second); w.endpoint.count() == 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	_, said := w.endpoint.only(t)
	if !strings.Contains(said, ada.fee) || !strings.Contains(said, "synthetic") || strings.Contains(said, ada.driver) || strings.Contains(said, ada.plate) {
		t.Errorf("the endpoint was told %s", said)
	}
	acts := len(w.readings)
	if a := w.do(t, "POST", "/subscriptions", body, enforce...); a.status != 409 || len(w.readings) != acts {
		t.Errorf("the same id again: %d %s, and %d acts were prepared", a.status, a.body, len(w.readings)-acts)
	}
	w.mu.Lock()
	if len(w.delivered) != 1 {
		t.Errorf("%d people are on record as told of", len(w.delivered))
	}
	w.mu.Unlock()
	if strings.Contains(w.logged.String(), ada.fee) {
		t.Error("the log holds what was told")
	}
	w.must(t, 201, "POST", "/subscriptions", `{"id":"urn:s:other","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"`+w.endpoint.URL+`"}}}`)
	for _, x := range []struct {
		who    string
		status int
		count  string
	}{{"inspector-ward", 200, "1"}, {"inspector-poe", 403, ""}, {"integrator-1", 200, "1"}, {"", 401, ""}} {
		var headers []string
		if x.who != "" {
			headers = append(headers, as(x.who))
		}
		a := w.do(t, "GET", "/subscriptions?count=true", "", headers...)
		if a.status != x.status || a.header.Get("NGSILD-Results-Count") != x.count || x.count == "1" && strings.Contains(a.body, "urn:s:fees") != (x.who == "inspector-ward") {
			t.Errorf("the list of %q: got %d %s", x.who, a.status, a.body)
		}
	}
	if a := w.do(t, "GET", "/subscriptions/urn:s:fees", "", as("inspector-ward")); !strings.Contains(a.body, `"expiresAt":"`+time.Now().UTC().AddDate(0, 0, 30).Format(time.DateOnly)) {
		t.Errorf("it does not say when it ends: %s", a.body)
	}
	// A standing act is nobody's business but of who made it: for an integrator, who may write everything else, there is none.
	for _, x := range []struct {
		method, who, body string
		status            int
	}{
		{"GET", "integrator-1", "", 404}, {"PATCH", "integrator-1", `{"isActive":false}`, 404}, {"DELETE", "integrator-1", "", 404},
		{"PATCH", "inspector-poe", `{"isActive":false}`, 403}, {"PATCH", "inspector-ward", `{"description":"more"}`, 400}, {"PATCH", "inspector-ward", `{"isActive":false}`, 204},
	} {
		if a := w.do(t, x.method, "/subscriptions/urn:s:fees", x.body, as(x.who)); a.status != x.status || strings.Contains(a.body, w.endpoint.URL) {
			t.Errorf("%s %s by %s: got %d %s, want %d", x.method, x.body, x.who, a.status, a.body, x.status)
		}
	}
	// Who made it sees and ends it; who did not, and may not write, does neither.
	for _, x := range []struct {
		method, who string
		status      int
	}{{"GET", "inspector-poe", 403}, {"DELETE", "inspector-poe", 403}, {"GET", "inspector-ward", 200}, {"DELETE", "inspector-ward", 204}, {"GET", "inspector-ward", 403}} {
		if a := w.do(t, x.method, "/subscriptions/urn:s:fees", "", as(x.who)); a.status != x.status {
			t.Errorf("%s by %s: got %d %s, want %d", x.method, x.who, a.status, a.body, x.status)
		}
	}
}

func TestSubscriptionsToPersonalDataThatAreRefused(t *testing.T) {
	w := newWhole(t)
	body := w.wish("")
	for _, x := range []struct {
		name, body string
		headers    []string
		status     int
		says       string
	}{
		{"nobody", body, enforce[1:], 401, "known caller"},
		{"another purpose", body, []string{enforce[0], "Tribune-Purpose: plan-city", enforce[2]}, 403, "a purpose that this class is open to"},
		{"nothing personal", strings.NewReplacer(`["fee"]`, `["synthetic"]`, `["fee","synthetic"]`, `["synthetic"]`).Replace(body), enforce, 400, "no personal attribute"},
		{"a condition on what is sealed", w.wish(`"q":"driver==\"` + ada.driver + `\"",`), enforce, 400, "no condition"},
		{"in the clear", strings.Replace(body, w.endpoint.URL, "http://192.0.2.7/n", 1), enforce, 400, "https"},
		{"held back", w.wish(`"throttling":5,`), enforce, 400, "held back"},
		{"without a type", strings.Replace(body, `"entities":[{"type":"ParkingSession"}],`, "", 1), enforce, 400, "types"},
		{"of no class", strings.Replace(body, "ParkingSession", "Unknown", 1), enforce, 400, "no class of data"},
	} {
		a := w.do(t, "POST", "/subscriptions", x.body, x.headers...)
		if a.status != x.status || !strings.Contains(a.body, x.says) || strings.Contains(a.body, ada.driver) {
			t.Errorf("%s: got %d %s, want %d saying %q", x.name, a.status, a.body, x.status, x.says)
		}
	}
	if a := w.do(t, "GET", "/subscriptions?count=true", "", as("integrator-1")); a.header.Get("NGSILD-Results-Count") != "0" {
		t.Errorf("%s subscriptions came of it", a.header.Get("NGSILD-Results-Count"))
	}
}

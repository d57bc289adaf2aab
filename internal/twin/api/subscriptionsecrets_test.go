package api_test

import (
	"strings"
	"testing"
)

const guarded = `{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"mqtts://ada:pass-secret@broker.example/t?token=query-secret",` +
	`"receiverInfo":[{"key":"Authorization","value":"Bearer head-secret"},{"key":"X-Api-Key","value":"key-secret"},{"key":"Prefer","value":"body=json"}],"notifierInfo":[{"key":"MQTT-QoS","value":"1"},{"key":"Pin","value":"pin-secret"}]}}}`

const other = "Authorization: Bearer integrator:other"

// Whoever may write sees all subscriptions: the tokens and passwords of other people's endpoints are not among what they see.
func TestAnotherIntegratorDoesNotReadWhatOpensAnEndpoint(t *testing.T) {
	do := subscribers(t, true)
	if status, _, body := do("POST", "/subscriptions", guarded); status != 201 {
		t.Fatal(status, body)
	}
	for _, path := range []string{"/subscriptions", "/subscriptions/urn:s:1", "/subscriptions?options=sysAttrs"} {
		if _, _, body := do("GET", path, ""); strings.Count(body, "secret") != 5 {
			t.Errorf("%s, to who made it: %s", path, body)
		}
		status, _, body := do("GET", path, "", other)
		if status != 200 || strings.Contains(body, "secret") || !strings.Contains(body, "mqtts://hidden@broker.example/t") || !strings.Contains(body, "body=json") || !strings.Contains(body, `"key":"X-Api-Key","value":"urn:tribune:hidden"`) {
			t.Errorf("%s, to another: %d %s", path, status, body)
		}
	}
}

// A client reads a subscription, changes a member and sends all of it back. What it was not shown stays, unless it is to go elsewhere.
func TestWhatIsHiddenStaysAndGoesNowhereElse(t *testing.T) {
	do := subscribers(t, true)
	if status, _, body := do("POST", "/subscriptions", guarded); status != 201 {
		t.Fatal(status, body)
	}
	_, _, shown := do("GET", "/subscriptions/urn:s:1", "", other)
	back := func(old, with string) string {
		changed := strings.Replace(shown, old, with, 1)
		if changed == shown {
			t.Fatalf("%s is not in %s", old, shown)
		}
		return changed
	}
	for name, body := range map[string]string{
		"to another host":   back("broker.example", "thief.example"),
		"to another path":   back("/t?", "/thief?"),
		"over another way":  back("mqtts://", "https://"),
		"in another case":   back(`"uri":`, `"URI":"https://thief.example/","uri":"mqtts://thief.example/t","uri2":`),
		"a second endpoint": back(`"endpoint":`, `"endpoint":{"uri":"https://thief.example/","receiverInfo":[{"key":"Authorization","value":"urn:tribune:hidden"}]},"Endpoint":`),
	} {
		if status, _, answer := do("PATCH", "/subscriptions/urn:s:1", body, other); status != 400 || strings.Contains(answer, "secret") {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if status, _, answer := do("POST", "/subscriptions", back("urn:s:1", "urn:s:2"), other); status != 400 {
		t.Errorf("a copy of it: %d %s", status, answer)
	}
	body := back(`"value":"body=json"`, `"value":"body=ld+json"`)
	if status, _, answer := do("PATCH", "/subscriptions/urn:s:1", body, other); status != 204 {
		t.Fatalf("as it was shown: %d %s", status, answer)
	}
	if _, _, answer := do("GET", "/subscriptions/urn:s:1", ""); strings.Count(answer, "secret") != 5 || !strings.Contains(answer, "body=ld+json") {
		t.Errorf("after it, to who made it: %s", answer)
	}
	if _, _, answer := do("GET", "/subscriptions/urn:s:1", "", other); strings.Contains(answer, "secret") {
		t.Errorf("after it, to who changed it: %s", answer)
	}
}

// Somebody who puts an endpoint of their own in place of another's is the one who sees what opens it.
func TestWhoReplacesAnEndpointOwnsItsSecrets(t *testing.T) {
	do := subscribers(t, true)
	if status, _, body := do("POST", "/subscriptions", guarded); status != 201 {
		t.Fatal(status, body)
	}
	mine := `{"notification":{"endpoint":{"uri":"https://mine.example/","receiverInfo":[{"key":"Authorization","value":"Bearer my-own"}]}}}`
	if status, _, body := do("PATCH", "/subscriptions/urn:s:1", mine, other); status != 204 {
		t.Fatal(status, body)
	}
	if _, _, body := do("GET", "/subscriptions/urn:s:1", "", other); !strings.Contains(body, "my-own") {
		t.Errorf("to who wrote it: %s", body)
	}
	if _, _, body := do("GET", "/subscriptions/urn:s:1", ""); strings.Contains(body, "my-own") {
		t.Errorf("to who made the subscription: %s", body)
	}
}

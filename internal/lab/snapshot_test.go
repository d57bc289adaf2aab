package lab

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// do asks a laboratory; headers are "Name: value".
func do(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// A snapshot can be subscribed to like what is live (clauses 5.5.15 and 6.3.22): what is tried out in it is told, and named as that.
func TestASubscriptionToASnapshotTellsOfItAlone(t *testing.T) {
	type told struct {
		snapshot, tenant, body string
	}
	got := make(chan told, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- told{r.Header.Get("NGSILD-Snapshot"), r.Header.Get("NGSILD-Tenant"), string(body)}
	}))
	defer receiver.Close()
	at, _ := laboratory(t)
	at += "/ngsi-ld/v1"
	const north, of = "NGSILD-Tenant: north", "NGSILD-Snapshot: urn:x:1"
	must := func(want int, method, path, body string, headers ...string) string {
		t.Helper()
		status, text := do(t, method, at+path, body, headers...)
		if status != want {
			t.Fatalf("%s %s: got %d %s, want %d", method, path, status, text, want)
		}
		return text
	}
	must(404, "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car"}]}`, north)
	must(201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":1}}`, north)
	must(201, "POST", "/snapshots", `{"id":"urn:x:1","type":"Snapshot","snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`, north)
	for range 200 {
		if !strings.Contains(must(200, "GET", "/snapshots/urn:x:1", "", north), "preparing") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	must(201, "POST", "/subscriptions", `{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"`+receiver.URL+`"}}}`, north, of)
	if text := must(200, "GET", "/subscriptions", "", north); text != "[]" {
		t.Errorf("a subscription to a snapshot is among those to what is live: %s", text)
	}
	must(404, "GET", "/subscriptions/urn:s:1", "", north)
	must(200, "GET", "/subscriptions/urn:s:1", "", north, of)
	must(204, "PATCH", "/entities/urn:c:1/attrs/speed", `{"value":77}`, north)
	must(204, "PATCH", "/entities/urn:c:1/attrs/speed", `{"value":42}`, north, of)
	select {
	case n := <-got:
		if n.snapshot != "urn:x:1" || n.tenant != "north" || !strings.Contains(n.body, `"value":42`) || !strings.Contains(n.body, `"subscriptionId":"urn:s:1"`) {
			t.Errorf("told %+v", n)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("nobody was told of what changed in the snapshot")
	}
	must(204, "DELETE", "/snapshots/urn:x:1", "", north)
	must(404, "GET", "/subscriptions/urn:s:1", "", north, of)
	must(404, "GET", "/entities/urn:c:1", "", "NGSILD-Tenant: snapshot", of)
	select {
	case n := <-got:
		t.Errorf("told again: %+v", n)
	case <-time.After(200 * time.Millisecond):
	}
}

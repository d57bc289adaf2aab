package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A standing subscription from its first request to its end: on record when it is made, each person on record of whom it tells, and
// in everybody's sight who made it and nobody's else.
func TestSubscribeMakesListsAndEndsAStandingSubscription(t *testing.T) {
	c := newCity(t)
	c.start(t, "--http", "127.0.0.1:0", "--people", "0")
	elsewhere := t.TempDir()
	subscribe := func(args ...string) result {
		t.Helper()
		return tribune(t, elsewhere, append([]string{"subscribe", "--dir", c.dir, "--as", "inspector-ward"}, args...)...)
	}
	if r := subscribe("list"); r.code != 0 || r.out != "" || !strings.Contains(r.log, "no standing subscription") {
		t.Errorf("before the first: exit %d %s%s", r.code, r.out, r.log)
	}

	write(t, "a secret of the receiver\n", elsewhere, "token")
	made := subscribe("new", "--attrs", "paidUntil, endedAt", "--to", "https://enforcement.birmingham.example/told", "--to-token", "token", "--description", "Paid times", "--receipt", "receipt.tlog")
	id := strings.TrimSpace(made.out)
	if made.code != 0 || !strings.HasPrefix(id, "urn:ngsi-ld:Subscription:") || !strings.Contains(made.log, "on record: http://") {
		t.Fatalf("making one: exit %d %s%s", made.code, made.out, made.log)
	}
	checked := tribune(t, elsewhere, "verify", "--trust", filepath.Join(c.dir, "trust.txt"), "receipt.tlog")
	if checked.code != 0 || !strings.Contains(checked.out, "subscribed to personal data") {
		t.Errorf("its receipt: exit %d %s%s", checked.code, checked.out, checked.log)
	}
	entry := regexp.MustCompile(`On record as entry (\d+)`).FindStringSubmatch(checked.out)
	if entry == nil {
		t.Fatalf("verify names no entry: %s", checked.out)
	}

	park(t, c, "urn:ngsi-ld:ParkingSession:subscribe:1")
	a := do(t, c.as(t, "integrator-1"), http.MethodPatch, entities+"/urn:ngsi-ld:ParkingSession:subscribe:1", `{"paidUntil":"2026-11-22T18:00:00Z"}`)
	if a.Status != http.StatusNoContent {
		t.Fatalf("paying: %d %s", a.Status, a.Body)
	}
	guest := c.as(t, "")
	c.until(t, "the person to be on record as told of", func() bool {
		return strings.Contains(string(get(t, guest, "/record/entries/"+entry[1]).Body), "The one entry of what was told")
	})
	var told struct {
		Count   int
		Entries []struct {
			Index    uint64
			Standing string
		}
	}
	if err := json.Unmarshal(get(t, guest, "/record.json?kind=delivery").Body, &told); err != nil || told.Count != 1 || told.Entries[0].Standing == "" {
		t.Fatalf("what was told: %v %+v", err, told)
	}
	if page := string(get(t, guest, fmt.Sprintf("/en/record/entries/%d", told.Entries[0].Index)).Body); !strings.Contains(page, `href="/en/record/entries/`+entry[1]+`"`) {
		t.Error("the delivery's page does not lead to the subscription")
	}

	listed := subscribe("list")
	if listed.code != 0 || !regexp.MustCompile(regexp.QuoteMeta(id)+` +active +20\d\d-\d\d-\d\d +\d+ +\d+ +https://enforcement\.birmingham\.example/told +paidUntil endedAt`).MatchString(listed.out) || strings.Contains(listed.out, "secret") {
		t.Errorf("the list: exit %d %s%s", listed.code, listed.out, listed.log)
	}
	var whole []map[string]any
	if r := subscribe("list", "--json"); json.Unmarshal([]byte(r.out), &whole) != nil || len(whole) != 1 || whole[0]["description"] != "Paid times" {
		t.Errorf("the list as JSON: exit %d %s%s", r.code, r.out, r.log)
	}
	planner := tribune(t, elsewhere, "subscribe", "end", id, "--dir", c.dir, "--as", "planner-hale")
	if planner.code != 1 || !strings.Contains(planner.log, "no standing subscription of yours") {
		t.Errorf("ended by another office: exit %d %s%s", planner.code, planner.out, planner.log)
	}
	if r := subscribe("end", id); r.code != 0 || !strings.Contains(r.out, id+" has ended") {
		t.Errorf("its end: exit %d %s%s", r.code, r.out, r.log)
	}
	if r := subscribe("end", id); r.code != 1 || !strings.Contains(r.log, "no standing subscription of yours") {
		t.Errorf("its end again: exit %d %s%s", r.code, r.out, r.log)
	}

	write(t, `{"id":"urn:s:of-a-file","type":"Subscription","entities":[{"type":"ParkingSession"}],"watchedAttributes":["endedAt"],
		"notification":{"endpoint":{"uri":"https://somebody:pass-1234@enforcement.birmingham.example/left"}},"expiresAt":"2026-12-31T12:00:00Z"}`, elsewhere, "subscription.json")
	if r := subscribe("new", "--file", "subscription.json"); r.code != 0 || r.out != "urn:s:of-a-file\n" {
		t.Errorf("of a file: exit %d %s%s", r.code, r.out, r.log)
	}
	refuses(t, subscribe)
	c.interrupt(t)
}

// refuses: what the law, the hub or the command do not take says why, and subscribes nothing.
func refuses(t *testing.T, subscribe func(...string) result) {
	t.Helper()
	for _, x := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"who is concerned", []string{"new", "--attrs", "driver", "--to", "https://a.example/"}, 1, "no policy permits office parking-inspector to be told of"},
		{"another purpose", []string{"new", "--attrs", "paidUntil", "--to", "https://a.example/", "--purpose", "plan-city"}, 1, "missing"},
		{"in clear", []string{"new", "--attrs", "paidUntil", "--to", "http://a.example/"}, 1, "https or mqtts"},
		{"public data", []string{"new", "--type", "OffStreetParking", "--attrs", "availableSpotNumber", "--to", "https://a.example/"}, 1, "no personal attribute"},
		{"nothing said", []string{"new"}, 2, "--attrs"},
		{"both", []string{"new", "--file", "subscription.json", "--to", "https://a.example/"}, 2, "--file says it all"},
		{"no JSON", []string{"new", "--file", "token"}, 1, "not JSON"},
		{"no day", []string{"new", "--attrs", "paidUntil", "--to", "https://a.example/", "--until", "soon"}, 2, "2026-12-31"},
		{"the past", []string{"new", "--attrs", "paidUntil", "--to", "https://a.example/", "--until", "2020-12-31"}, 1, "past"},
		{"no verb", nil, 2, "subscribe new"},
		{"nobody", []string{"list", "--as", ""}, 2, "--as is missing"},
		{"a stranger", []string{"list", "--as", "stranger"}, 1, "people"},
		{"no id", []string{"end"}, 2, "subscribe end ID"},
	} {
		if r := subscribe(x.args...); r.code != x.code || !strings.Contains(r.log, x.says) || r.out != "" {
			t.Errorf("%s: exit %d %s%s, want %d and %q", x.name, r.code, r.out, r.log, x.code, x.says)
		}
	}
	if r := subscribe("list"); strings.Count(r.out, "urn:") != 1 || strings.Contains(r.out, "pass-1234") {
		t.Errorf("something came of it, or a password is shown: %s", r.out)
	}
}

package api_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
	"tribune/internal/web"
)

// newPeered is a city where context sources can be registered; sources of .invalid may not be called.
func newPeered(t testing.TB) *city {
	t.Helper()
	c := &city{logged: &bytes.Buffer{}}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if c.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	tw, err := twin.New(twin.Config{Store: st, Sealer: c, ClassOf: classOf})
	if err != nil {
		t.Fatal(err)
	}
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := federation.Open(t.Context(), federation.Config{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registry.Close() })
	sender := notify.NewSender(notify.SenderConfig{Reach: notify.Reach{Anywhere: true}})
	subscriptions, err := federation.NewSubscriptions(t.Context(), federation.SubscriptionsConfig{Registry: registry, Sender: sender, Contexts: contexts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sender.Close(); subscriptions.Close() })
	log := slog.New(slog.NewJSONHandler(c.logged, nil))
	c.Handler = web.Wrap(web.Config{Log: log, Callers: c}, api.New(api.Config{
		Twin: tw, Contexts: contexts, Log: log, ClassOf: classOf, Registry: registry, RegistrySubscriptions: subscriptions,
		Reaches: func(endpoint string) error {
			if strings.HasSuffix(endpoint, ".invalid") {
				return fmt.Errorf("%w: it is inside", tribune.ErrInvalid)
			}
			return nil
		},
	}))
	return c
}

func registration(members string) string {
	return `{"id": "urn:r:1", "type": "ContextSourceRegistration", "endpoint": "https://source.example.org", "information": [{"entities": [{"type": "Car"}]}]` + members + `}`
}

func TestOnlyIntegratorsRegisterSources(t *testing.T) {
	c := newPeered(t)
	c.must(t, 201, "POST", "/csourceRegistrations", registration(``))
	for _, path := range []string{"POST /csourceRegistrations", "PATCH /csourceRegistrations/urn:r:1", "DELETE /csourceRegistrations/urn:r:1", "POST /csourceSubscriptions", "GET /csourceSubscriptions", "DELETE /csourceSubscriptions/urn:s:1"} {
		method, path, _ := strings.Cut(path, " ")
		body := ""
		if method == "POST" || method == "PATCH" {
			body = `{}`
		}
		if a := c.do(t, method, path, body); a.status != 401 {
			t.Errorf("%s %s of nobody: got %d", method, path, a.status)
		}
		if a := c.do(t, method, path, body, as("inspector-ward")); a.status != 403 {
			t.Errorf("%s %s of an inspector: got %d", method, path, a.status)
		}
	}
	if a := c.do(t, "POST", "/csourceRegistrations", strings.NewReplacer(".example.org", ".invalid", "urn:r:1", "urn:r:2").Replace(registration(``)), as("integrator-1")); a.status != 400 {
		t.Errorf("a source inside: got %d %s", a.status, a.body)
	}
}

// What opens a source is for those who may register one.
func TestRegistrationHidesItsSecrets(t *testing.T) {
	c := newPeered(t)
	created := c.must(t, 201, "POST", "/csourceRegistrations", registration(`, "contextSourceInfo": [{"key": "Authorization", "value": "Bearer hush"}]`))
	if got := created.header.Get("Location"); got != base+"/csourceRegistrations/urn:r:1" {
		t.Errorf("it stands at %q", got)
	}
	for _, path := range []string{"/csourceRegistrations/urn:r:1", "/csourceRegistrations?type=Car"} {
		for who, headers := range map[string][]string{"nobody": nil, "an inspector": {as("inspector-ward")}, "a stranger as JSON-LD": {"Accept: application/ld+json"}} {
			if a := c.do(t, "GET", path, "", headers...); a.status != 200 || strings.Contains(a.body, "hush") || strings.Contains(a.body, "contextSourceInfo\"") || !strings.Contains(a.body, "source.example.org") {
				t.Errorf("%s, %s: got %d %s", path, who, a.status, a.body)
			}
		}
		if a := c.must(t, 200, "GET", path, ""); !strings.Contains(a.body, "hush") {
			t.Errorf("%s: the integrator got %s", path, a.body)
		}
	}
	for _, csf := range []string{`contextSourceInfo`, `contextSourceInfo[value]=="Bearer hush"`} {
		if a := c.must(t, 200, "GET", "/csourceRegistrations?type=Car&csf="+strings.NewReplacer("=", "%3D", `"`, "%22", " ", "%20").Replace(csf), ""); a.body != "[]" {
			t.Errorf("%s finds it: %s", csf, a.body)
		}
	}
	if strings.Contains(c.logged.String(), "hush") {
		t.Error("a secret stands in the log")
	}
}

func TestRegistrationLives(t *testing.T) {
	c := newPeered(t)
	ld := []string{"Content-Type: application/ld+json"}
	c.must(t, 201, "POST", "/csourceRegistrations", registration(`, "expiresAt": "2100-01-01T00:00:00Z", "@context": {"Car": "https://e.org/Car"}`), ld...)
	if a := c.must(t, 200, "GET", "/csourceRegistrations/urn:r:1", ""); !strings.Contains(a.body, `"type":"https://e.org/Car"`) || a.header.Get("Link") == "" {
		t.Errorf("in the core context: %s", a.body)
	}
	if a := c.must(t, 200, "GET", "/csourceRegistrations/urn:r:1", "", "Accept: application/ld+json"); a.json(t)["@context"] == nil {
		t.Errorf("as JSON-LD: %s", a.body)
	}
	c.must(t, 409, "POST", "/csourceRegistrations", registration(``))
	c.must(t, 204, "PATCH", "/csourceRegistrations/urn:r:1", `{"expiresAt": null, "description": "ours"}`)
	got := c.must(t, 200, "GET", "/csourceRegistrations/urn:r:1", "").json(t)
	if got["expiresAt"] != nil || got["description"] != "ours" {
		t.Errorf("after the update: %v", got)
	}
	for _, test := range []struct {
		status             int
		method, path, body string
	}{
		{400, "PATCH", "/csourceRegistrations/urn:r:1", `{"type": "Car"}`},
		{400, "PATCH", "/csourceRegistrations/no-uri", `{}`},
		{404, "PATCH", "/csourceRegistrations/urn:r:2", `{}`},
		{405, "PATCH", "/csourceRegistrations/", `{}`},
		{405, "DELETE", "/csourceRegistrations/", ``},
		{400, "DELETE", "/csourceRegistrations/no-uri", ``},
		{404, "DELETE", "/csourceRegistrations/urn:r:2", ``},
		{404, "GET", "/csourceRegistrations/urn:r:2", ``},
		{400, "GET", "/csourceRegistrations/no-uri", ``},
		{400, "POST", "/csourceRegistrations", `[]`},
		{400, "POST", "/csourceRegistrations", `{"type": "ContextSourceRegistration",,}`},
		{204, "DELETE", "/csourceRegistrations/urn:r:1", ``},
		{404, "GET", "/csourceRegistrations/urn:r:1", ``},
	} {
		c.must(t, test.status, test.method, test.path, test.body)
	}
}

// Clause 5.9.2.4: what is held elsewhere is not held here. What is sealed is absent here as everywhere.
func TestProxiedRegistrationIsHeldAgainstEntities(t *testing.T) {
	c := newPeered(t)
	c.must(t, 201, "POST", "/entities", `{"id": "urn:car:1", "type": "Car", "speed": {"type": "Property", "value": 1}, "secret": {"type": "Property", "value": 1}}`)
	information := func(entity, attrs string) string {
		return `, "information": [{"entities": [{` + entity + `}]` + attrs + `}]`
	}
	for _, test := range []struct {
		status  int
		members string
	}{
		{409, `, "mode": "exclusive"` + information(`"type": "Car", "id": "urn:car:1"`, `, "propertyNames": ["colour", "speed"]`)},
		{201, `, "mode": "exclusive"` + information(`"type": "Car", "id": "urn:car:1"`, `, "propertyNames": ["colour"]`)},
		{201, `, "mode": "exclusive"` + information(`"type": "Car", "id": "urn:car:2"`, `, "propertyNames": ["speed"]`)},
		{201, `, "mode": "exclusive"` + information(`"type": "Car", "id": "urn:car:1"`, `, "propertyNames": ["secret"]`)},
		{409, `, "mode": "redirect"` + information(`"type": "Car"`, ``)},
		{409, `, "mode": "redirect"` + information(`"type": "Car", "idPattern": "1$"`, ``)},
		{201, `, "mode": "redirect"` + information(`"type": "Car", "idPattern": "2$"`, ``)},
		{201, `, "mode": "redirect"` + information(`"type": "Bus"`, ``)},
		{409, `, "mode": "redirect", "information": [{"propertyNames": ["speed"]}]`},
		{201, `, "mode": "redirect", "information": [{"propertyNames": ["secret"]}]`},
		{201, `, "mode": "inclusive"` + information(`"type": "Car"`, ``)},
	} {
		body := test.members
		if strings.Contains(body, "information") {
			body = `{"id": "urn:r:1", "type": "ContextSourceRegistration", "endpoint": "https://source.example.org"` + body + `}`
		}
		a := c.must(t, test.status, "POST", "/csourceRegistrations", body)
		if test.status == 201 {
			c.must(t, 204, "DELETE", "/csourceRegistrations/urn:r:1", "")
		} else if kind := a.json(t)["type"]; kind != "https://uri.etsi.org/ngsi-ld/errors/Conflict" {
			t.Errorf("%s: the problem is of type %v", test.members, kind)
		}
	}
}

// Clause 5.10.2.
func TestDiscovery(t *testing.T) {
	c := newPeered(t)
	for _, members := range []string{
		`"id": "urn:r:cars", "information": [{"entities": [{"type": "Car", "idPattern": "^urn:car:"}]}], "colour": "red"`,
		`"id": "urn:r:speeds", "information": [{"propertyNames": ["speed"], "relationshipNames": ["owner"]}]`,
		`"id": "urn:r:past", "information": [{"entities": [{"type": "Car"}]}], "managementInterval": {"startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z"}`,
		`"id": "urn:r:here", "information": [{"entities": [{"type": "Bus"}]}], "location": {"type": "Point", "coordinates": [8.68, 49.41]}, "datasetId": ["urn:d:1"]`,
		`"id": "urn:r:there", "information": [{"entities": [{"type": "Bus"}]}], "location": {"type": "Point", "coordinates": [9.68, 49.41]}, "scope": ["/Madrid/Centro", "/Spain"]`,
		`"id": "urn:r:nowhere", "information": [{"entities": [{"type": "Bus"}]}]`,
	} {
		c.must(t, 201, "POST", "/csourceRegistrations", `{"type": "ContextSourceRegistration", "endpoint": "https://source.example.org", `+members+`}`)
	}
	const near = "&georel=near;maxDistance==2000&geometry=Point&coordinates=[8.68,49.41]"
	for query, want := range map[string]string{
		"type=Car":                           "cars speeds",
		"type=Car,Bus":                       "cars here nowhere speeds there",
		"type=Car&id=urn:car:1":              "cars speeds",
		"type=Car&id=urn:bus:1":              "speeds",
		"type=Car&attrs=owner":               "cars speeds",
		"attrs=colour":                       "cars here nowhere there",
		"pick=id,owner&type=Train":           "speeds",
		"pick=id,colour&type=Train":          "",
		"q=colour==%22red%22&type=Train":     "",
		"q=speed%3E3&type=Train":             "speeds",
		"type=Train":                         "speeds",
		"type=Bus&datasetId=urn:d:2":         "nowhere speeds there",
		"type=Car&csf=colour==%22red%22":     "cars",
		"type=Car&csf=mode==%22exclusive%22": "",
		"type=Car&timerel=before&timeAt=2020-06-01T00:00:00Z&timeproperty=createdAt":                                 "past",
		"type=Car&timerel=before&timeAt=2020-06-01T00:00:00Z":                                                        "",
		"type=Car&timerel=after&timeAt=2022-01-01T00:00:00Z&timeproperty=modifiedAt":                                 "",
		"type=Car&timerel=between&timeAt=2019-01-01T00:00:00Z&endTimeAt=2020-01-01T00:00:00Z&timeproperty=deletedAt": "past",
		"type=Bus&scopeQ=/Madrid/%23": "there",
		"type=Bus&scopeQ=/Berlin":     "",
		"type=Bus&georel=within&geometry=Polygon&coordinates=[[[9,49],[10,49],[10,50],[9,50],[9,49]]]&geoproperty=location":       "there",
		"type=Bus&georel=within&geometry=Polygon&coordinates=[[[9,49],[10,49],[10,50],[9,50],[9,49]]]&geoproperty=operationSpace": "",
		"type=Bus" + near: "here",
	} {
		a := c.do(t, "GET", "/csourceRegistrations?"+query+"&count=true", "")
		var list []struct{ ID string }
		if err := json.Unmarshal([]byte(a.body), &list); a.status != 200 || err != nil {
			t.Errorf("%s: got %d %s", query, a.status, a.body)
			continue
		}
		var got []string
		for _, r := range list {
			got = append(got, strings.TrimPrefix(r.ID, "urn:r:"))
		}
		if strings.Join(got, " ") != want || a.header.Get("NGSILD-Results-Count") != fmt.Sprint(len(got)) {
			t.Errorf("%s: got %v, %s, want %s", query, got, a.header.Get("NGSILD-Results-Count"), want)
		}
	}
	for _, query := range []string{
		"", "id=urn:car:1", "idPattern=car", "omit=speed", "type=Car&id=no-uri", "type=Car&q=(a", "type=Car&georel=within", "type=Car&timerel=before", "type=Car&timerel=before&timeAt=now",
		"type=Car&timerel=between&timeAt=2020-01-01T00:00:00Z", "type=Car&csf===", "type=Car&limit=-1", "type=Car&colour=red", "type=(Car", "attrs=%3C", "type=Car&timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty=x",
	} {
		if a := c.do(t, "GET", "/csourceRegistrations?"+query, ""); a.status != 400 {
			t.Errorf("%s: got %d %s", query, a.status, a.body)
		}
	}
}

// Clause 5.5.9.
func TestDiscoveryInPages(t *testing.T) {
	c := newPeered(t)
	for i := range 5 {
		c.must(t, 201, "POST", "/csourceRegistrations", strings.Replace(registration(``), "urn:r:1", fmt.Sprintf("urn:r:%d", i), 1))
		c.must(t, 201, "POST", "/csourceSubscriptions", fmt.Sprintf(`{"id": "urn:s:%d", "type": "Subscription", "entities": [{"type": "Train"}], "notification": {"endpoint": {"uri": "https://example.org/"}}}`, i))
	}
	for _, path := range []string{"/csourceRegistrations?type=Car&", "/csourceSubscriptions?"} {
		for query, want := range map[string]struct{ ids, prev, next string }{
			"limit=2":          {"0 1", "", "offset=2"},
			"limit=2&offset=2": {"2 3", "offset=0", "offset=4"},
			"limit=2&offset=4": {"4", "offset=2", ""},
			"limit=5":          {"0 1 2 3 4", "", ""},
			"limit=2&offset=9": {"", "offset=7", ""},
		} {
			a := c.must(t, 200, "GET", path+query, "")
			var list []struct{ ID string }
			if err := json.Unmarshal([]byte(a.body), &list); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range list {
				got = append(got, r.ID[6:])
			}
			links := strings.Join(a.header.Values("Link"), ", ")
			prev, next := "", ""
			for link := range strings.SplitSeq(links, ", ") {
				if at, _, _ := strings.Cut(link, ">"); strings.Contains(link, `rel="prev"`) {
					prev = at
				} else if strings.Contains(link, `rel="next"`) {
					next = at
				}
			}
			if strings.Join(got, " ") != want.ids || (prev == "") != (want.prev == "") || !strings.Contains(prev, want.prev) || (next == "") != (want.next == "") || !strings.Contains(next, want.next) {
				t.Errorf("%s%s: got %v with %s", path, query, got, links)
			}
		}
		if a := c.must(t, 200, "GET", path+"limit=0&count=true", ""); a.body != "[]" || a.header.Get("NGSILD-Results-Count") != "5" {
			t.Errorf("%s: got %s of %s", path, a.body, a.header.Get("NGSILD-Results-Count"))
		}
	}
}

// The whole way of clause 5.11: a subscriber is told of a registration, as it is made.
func TestRegistrationIsTold(t *testing.T) {
	c := newPeered(t)
	told := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- r.Header.Get("Link") + string(body)
	}))
	defer receiver.Close()
	created := c.must(t, 201, "POST", "/csourceSubscriptions", `{"id": "urn:s:1", "type": "Subscription", "entities": [{"type": "Car"}], "notification": {"endpoint": {"uri": "`+receiver.URL+`"}}}`)
	if got := created.header.Get("Location"); got != base+"/csourceSubscriptions/urn:s:1" {
		t.Errorf("it stands at %q", got)
	}
	c.must(t, 409, "POST", "/csourceSubscriptions", `{"id": "urn:s:1", "type": "Subscription", "entities": [{"type": "Car"}], "notification": {"endpoint": {"uri": "`+receiver.URL+`"}}}`)
	c.must(t, 201, "POST", "/csourceRegistrations", registration(``))
	select {
	case got := <-told:
		if !strings.Contains(got, `"triggerReason":"newlyMatching"`) || !strings.Contains(got, `"urn:r:1"`) || !strings.Contains(got, "json-ld#context") {
			t.Errorf("told %s", got)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("nobody is told")
	}
	c.must(t, 204, "PATCH", "/csourceSubscriptions/urn:s:1", `{"isActive": false}`)
	if got := c.must(t, 200, "GET", "/csourceSubscriptions/urn:s:1", "").json(t); got["status"] != "paused" {
		t.Errorf("got %v", got)
	}
	for _, test := range []struct {
		status             int
		method, path, body string
	}{
		{400, "PATCH", "/csourceSubscriptions/urn:s:1", `{"notification": {"format": "keyValues"}}`},
		{400, "PATCH", "/csourceSubscriptions/urn:s:1", `{"type": null}`},
		{404, "PATCH", "/csourceSubscriptions/urn:s:2", `{}`},
		{400, "PATCH", "/csourceSubscriptions/no-uri", `{}`},
		{400, "GET", "/csourceSubscriptions/no-uri", ``},
		{404, "GET", "/csourceSubscriptions/urn:s:2", ``},
		{400, "DELETE", "/csourceSubscriptions/no-uri", ``},
		{404, "DELETE", "/csourceSubscriptions/urn:s:2", ``},
		{204, "DELETE", "/csourceSubscriptions/urn:s:1", ``},
		{404, "GET", "/csourceSubscriptions/urn:s:1", ``},
	} {
		c.must(t, test.status, test.method, test.path, test.body)
	}
}

// Clause 5.15.1: a hub that is no context source says so.
func TestSourceIdentityNeedsAName(t *testing.T) {
	if a := newPeered(t).do(t, "GET", "/info/sourceIdentity", ""); a.status != 501 {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

package api_test

import (
	"fmt"
	"strings"
	"testing"
)

// purged creates entities of several scopes, purges, and says which are left.
func purged(t *testing.T, query string) (status int, left string) {
	t.Helper()
	c := newCity(t)
	for i, scope := range []string{`"/a/b"`, `["/a/c","/d"]`, `"/d"`, ``} {
		if scope != "" {
			scope = `,"scope":` + scope
		}
		c.must(t, 201, "POST", "/entities", fmt.Sprintf(`{"id":"urn:c:%d","type":"Car","speed":{"type":"Property","value":%d}%s}`, i, i, scope))
	}
	a := c.do(t, "DELETE", "/entities?"+query, "", as("integrator-1"))
	for i := range 4 {
		if b := c.do(t, "GET", fmt.Sprintf("/entities/urn:c:%d", i), ""); b.status == 200 {
			left += fmt.Sprint(i)
			if !strings.Contains(b.body, "speed") {
				left += "-"
			}
		}
	}
	return a.status, left
}

func TestAPurgeIsAsNarrowAsWhatWasAskedFor(t *testing.T) {
	for query, want := range map[string]string{
		"type=Car&scopeQ=/a/%23":             "204 23",
		"type=Car&scopeQ=/a/b":               "204 123",
		"type=Car&scopeQ=/d;/a/c":            "204 023",
		"type=Car&scopeQ=/d,/a/b":            "204 3",
		"type=Car&scopeQ=/x":                 "204 0123",
		"type=Car&scopeQ=/a/%23&q=speed%3E0": "204 023",
		"type=Car&scopeQ=/d&drop=speed":      "204 01-2-3",
		"local=true&scopeQ=/d":               "204 03",
		"scopeQ=/d":                          "400 0123", // too wide
		"type=Car&scopeQ=(":                  "400 0123",
		"type=Car&scopeQ=":                   "400 0123",
		"type=Car&csf=((":                    "400 0123",
		"type=Car&q=speed.x{y}==1":           "400 0123",
		"type=Car&collation=und":             "400 0123",
	} {
		status, left := purged(t, query)
		if got := fmt.Sprint(status, " ", left); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func TestAPurgeOnAnEntityMapIsOfWhatIsInItAlone(t *testing.T) {
	c := newCity(t)
	car := func(n int) {
		c.must(t, 201, "POST", "/entities", fmt.Sprintf(`{"id":"urn:c:%d","type":"Car","speed":{"type":"Property","value":%d}}`, n, n))
	}
	for n := range 250 {
		car(n)
	}
	at := c.must(t, 201, "GET", "/entityMaps?type=Car&q=speed%3E9", "").header.Get("NGSILD-EntityMap")
	car(250)
	named := "NGSILD-EntityMap: " + at
	c.must(t, 400, "DELETE", "/entities?type=Car&q=speed%3E8", "", named)   // the map is of another question
	c.must(t, 400, "DELETE", "/entities?q=speed%3E9&local=true", "", named) // and so on
	c.must(t, 404, "DELETE", "/entities?type=Car&q=speed%3E9", "", named+"0")
	c.must(t, 204, "PATCH", "/entities/urn:c:100", `{"speed":{"value":1}}`) // it does not match any more
	a := c.must(t, 204, "DELETE", "/entities?type=Car&q=speed%3E9", "", named)
	if a.header.Get("NGSILD-EntityMap") != at {
		t.Errorf("the answer names the map %q", a.header.Get("NGSILD-EntityMap"))
	}
	if a := c.must(t, 200, "GET", "/entities?type=Car&count=true&limit=1", ""); a.header.Get("NGSILD-Results-Count") != "12" {
		t.Errorf("%s cars are left, want the ten that were not in it, the one that changed and the one that came later", a.header.Get("NGSILD-Results-Count"))
	}
}

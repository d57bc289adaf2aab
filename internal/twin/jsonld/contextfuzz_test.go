package jsonld

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whatever a context's server says, a copy holds for a while, and not for ever.
func FuzzFreshFor(f *testing.F) {
	for _, seed := range []string{"max-age=300", `s-maxage="60", max-age=1`, "no-store", "max-age=99999999999999999999", "max-age=-1", "public,,=,max-age", "Max-Age=5\x00"} {
		f.Add(seed, "Sun, 22 Nov 2026 13:00:00 GMT", "100", "Sun, 22 Nov 2026 12:00:00 GMT")
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, control, expires, age, modified string) {
		h := http.Header{"Cache-Control": strings.Split(control, "\n"), "Expires": {expires}, "Age": {age}, "Last-Modified": {modified}, "Date": {modified}}
		if d := freshFor(h, now); d < leastFresh || d > longestFresh {
			t.Errorf("%v for %q, %q, %q, %q", d, control, expires, age, modified)
		}
	})
}

// A URL is one of ours only where its last part is an identifier of ours, as it stands or escaped.
func FuzzLocalID(f *testing.F) {
	for _, seed := range []string{"http://a/ngsi-ld/v1/jsonldContexts/" + idOf("x"), "/jsonldContexts/urn%3Angsi-ld%3AjsonldContext%3Aab", "urn:ngsi-ld:jsonldContext:", "/", "", "jsonldContexts/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		id := localID(url)
		if id == "" {
			return
		}
		if !strings.HasPrefix(id, idBase) || strings.Contains(id, "/") || localID("https://hub.example/x/jsonldContexts/"+id) != id {
			t.Errorf("%q is said to be %q", url, id)
		}
	})
}

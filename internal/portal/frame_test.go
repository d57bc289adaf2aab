package portal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"tribune/internal/web"
)

func TestLanguageIsTheReadersAndAPermalinkKeepsIt(t *testing.T) {
	p := newPortal(t, testConfig(t))
	for _, c := range []struct{ path, accept, lang, link string }{
		{"/", "", "en", `href="/record"`},
		{"/", "de-AT,de;q=0.9,en;q=0.5", "de", `href="/record"`},
		{"/", "fr,de;q=0.2", "de", `href="/record"`},
		{"/", "fr", "en", `href="/record"`},
		{"/", "de;q=0, en", "en", `href="/record"`},
		{"/", strings.Repeat("de,", 200), "en", `href="/record"`},
		{"/", "\x00;;;q=", "en", `href="/record"`},
		{"/de", "en", "de", `href="/de/record"`},
		{"/de/", "en", "de", `href="/de/record"`},
		{"/en/", "de", "en", `href="/en/record"`},
		{"/de/entities/urn:ngsi-ld:OffStreetParking:zoo", "en", "de", `href="/de/record"`},
	} {
		w := get(p, c.path, "Accept-Language", c.accept)
		if got := w.Header().Get("Content-Language"); w.Code != http.StatusOK || got != c.lang {
			t.Errorf("%s for %.40q: status %d in %q, want %q", c.path, c.accept, w.Code, got, c.lang)
		}
		has(t, w.Body.String(), `<html lang="`+c.lang+`">`, c.link)
	}
	if vary := get(p, "/").Header().Get("Vary"); !strings.Contains(vary, "Accept-Language") {
		t.Errorf("a cache would mix the languages: Vary is %q", vary)
	}
	for _, path := range []string{"/den", "/fr/", "/de/de/", "/de/nothing"} {
		if w := get(p, path); w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
	has(t, get(p, "/de/?find=zoo").Body.String(), `hreflang="en" href="/en/?find=zoo"`)
}

// An id may hold what a path gives a meaning to.
func TestEscapedIdsComeThroughTheLanguagePrefix(t *testing.T) {
	cfg := testConfig(t)
	tw := cfg.Twin.(*fakeTwin)
	const id = "urn:ngsi-ld:OffStreetParking:a/b?c#d e%2F"
	tw.views = append(tw.views, entity("OffStreetParking", id, map[string]any{"name": "Strange"}))
	p := newPortal(t, cfg)
	const path = "/entities/urn:ngsi-ld:OffStreetParking:a%2Fb%3Fc%23d%20e%252F"
	for _, prefix := range []string{"", "/de", "/en"} {
		w := get(p, prefix+path)
		if w.Code != http.StatusOK {
			t.Errorf("%s answers %d", prefix+path, w.Code)
		}
		has(t, w.Body.String(), "<h1>Strange</h1>")
	}
	has(t, get(p, "/").Body.String(), `href="`+path+`"`)
}

func TestErrorsArePagesThatSayWhatToDo(t *testing.T) {
	cfg := testConfig(t)
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	tw := cfg.Twin.(*fakeTwin)
	p := newPortal(t, cfg)
	w := get(p, "/entities/urn:ngsi-ld:OffStreetParking:nowhere")
	if w.Code != http.StatusNotFound || w.Header().Get("Content-Security-Policy") != contentPolicy {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
	has(t, w.Body.String(), "There is no such thing", `href="/"`)
	tw.fail = fmt.Errorf("opening /secret/path: %w", errors.ErrUnsupported)
	w = get(p, "/")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "/secret/path") {
		t.Error("the operators do not learn the cause")
	}
	if w := get(p, "/city.json"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/nothing", "/assets/", "/assets/nothing.js", "/assets/..%2fportal.go", "/assets/%2e%2e/portal.go", "/entities/", "/types/ParkingSession", "/types/Nothing"} {
		if got := get(p, path); got.Code < 400 && got.Code != http.StatusMovedPermanently && got.Code != http.StatusTemporaryRedirect {
			t.Errorf("%s answers %d", path, got.Code)
		}
	}
}

// A demo that looked like a city would be a lie.
func TestDemoBannerStandsOnADemoAndOnlyThere(t *testing.T) {
	cfg := testConfig(t)
	has(t, get(newPortal(t, cfg), "/").Body.String(), `<aside class="banner" aria-label="Demo"><strong>Demo.</strong> One machine plays everyone.</aside>`)
	cfg.Demo = ""
	if strings.Contains(get(newPortal(t, cfg), "/").Body.String(), "banner") {
		t.Error("a banner without a demo")
	}
}

// What one reader sees must not be kept for the next one.
func TestPagesOfASessionAreNotStored(t *testing.T) {
	p := newPortal(t, testConfig(t))
	if c := get(p, "/").Header().Get("Cache-Control"); c != "no-cache" {
		t.Errorf("a public page: Cache-Control %q", c)
	}
	s := &web.Session{Name: "Ada <Byron>", Role: web.RoleOfficer, Office: "parking-inspector", CSRF: "token-of-the-form"}
	w := visitAs(p, s, "/")
	if c := w.Header().Get("Cache-Control"); c != "no-store" {
		t.Errorf("a page with a name on it: Cache-Control %q", c)
	}
	has(t, w.Body.String(), "Ada &lt;Byron&gt;", `href="/desk"`, `<input type="hidden" name="csrf" value="token-of-the-form">`)
	if body := get(p, "/").Body.String(); strings.Contains(body, "csrf") || strings.Contains(body, `href="/desk"`) {
		t.Error("a visitor sees an officer's page")
	}
}

func TestRedirectsLeadToOurselvesInTheReadersLanguage(t *testing.T) {
	p := newPortal(t, testConfig(t))
	p.page("GET /test-away", func(*http.Request) (view, error) { return view{}, redirect("/record") })
	p.page("GET /test-login", func(r *http.Request) (view, error) {
		_, err := session(r)
		return view{}, err
	})
	for path, want := range map[string]string{
		"/test-away": "/record", "/de/test-away": "/de/record", "/test-login?a=b": "/login?return=%2Ftest-login%3Fa%3Db", "/de/test-login": "/de/login?return=%2Fde%2Ftest-login",
	} {
		w := get(p, path)
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%s leads to %q with %d, want %q", path, got, w.Code, want)
		}
	}
}

func TestAssetsAreKeptForEverUnderTheirHashAndNoOther(t *testing.T) {
	p := newPortal(t, testConfig(t))
	css := get(p, p.assets.url("portal.css"))
	if css.Code != http.StatusOK || !strings.HasPrefix(css.Header().Get("Content-Type"), "text/css") || !strings.Contains(css.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("style sheet: %d %v", css.Code, css.Header())
	}
	if strings.Contains(css.Body.String(), "url(") || strings.Contains(css.Body.String(), "@import") {
		t.Error("the style sheet asks for more")
	}
	if w := get(p, "/assets/portal.css?v=old"); strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Error("an old address is kept for ever with new content")
	}
	if w := get(p, p.assets.url("icon.svg")); w.Header().Get("Content-Type") != "image/svg+xml" || w.Header().Get("Content-Security-Policy") != contentPolicy {
		t.Errorf("icon: %v", w.Header())
	}
	for name := range p.assets.content {
		if strings.HasSuffix(name, ".ts") || strings.HasPrefix(name, "_") {
			t.Errorf("the source %s is served", name)
		}
	}
}

// A template that fails in the middle must not send half a page.
func TestHalfAPageIsNeverSent(t *testing.T) {
	p := newPortal(t, testConfig(t))
	p.page("GET /test-broken", func(*http.Request) (view, error) { return view{Name: "city", Data: 1}, nil })
	if w := get(p, "/test-broken"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "<main") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	p.page("GET /test-absent", func(*http.Request) (view, error) { return view{Name: "no-such-template"}, nil })
	if w := get(p, "/test-absent"); w.Code != http.StatusInternalServerError {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

package provider

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestARequestBelongsToTheBrowserThatBeganIt(t *testing.T) {
	rp := start(t)
	page := rp.begin()
	mine := rp.browser
	rp.browser = newBrowser(t)
	rp.begin() // another browser, with a request of its own
	if a := rp.send("GET", page, nil); a.status != http.StatusForbidden || strings.Contains(a.body, "<form") {
		t.Errorf("another browser sees the page: %d", a.status)
	}
	if a := rp.press(page, "inspector"); a.status != http.StatusForbidden || a.location != "" {
		t.Errorf("another browser pressed a button: %d to %q", a.status, a.location)
	}
	if a := rp.press(page, "inspector", "Cookie", cookieName+"="); a.status != http.StatusForbidden {
		t.Errorf("an empty cookie: %d to %q", a.status, a.location)
	}
	if a := rp.send("POST", page, url.Values{"cancel": {"1"}}); a.status != http.StatusForbidden {
		t.Errorf("another browser cancelled: %d to %q", a.status, a.location)
	}
	rp.browser = mine
	if a := rp.press(page, "inspector"); a.status != http.StatusFound {
		t.Errorf("its own browser: %d %s", a.status, a.body)
	}
	if a := rp.press(page, "steward"); a.status != http.StatusForbidden || a.location != "" {
		t.Errorf("a second answer: %d to %q", a.status, a.location)
	}
}

// TestTwoPressesAtOnceAreOneAnswer looks between the press and its code, where a second press could get in.
func TestTwoPressesAtOnceAreOneAnswer(t *testing.T) {
	rp := start(t)
	early := strings.TrimPrefix(rp.send("GET", rp.authorizeURL(), nil).location, choosePath)
	if err := rp.store.SaveAuthCode(t.Context(), early, "early"); err == nil {
		t.Error("a code for a request that nobody has answered")
	}
	if _, err := rp.store.AuthRequestByCode(t.Context(), "early"); err == nil {
		t.Error("the early code is good")
	}
	a := rp.send("GET", rp.authorizeURL(), nil)
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(a.location, choosePath)
	if _, err := rp.store.answer(id, cookie.Value, "citizen"); err != nil {
		t.Fatal(err)
	}
	if _, err := rp.store.answer(id, cookie.Value, "steward"); !errors.Is(err, errNoRequest) {
		t.Errorf("a second answer: %v", err)
	}
	if _, err := rp.store.abandon(id, cookie.Value); !errors.Is(err, errNoRequest) {
		t.Errorf("cancelled after the answer: %v", err)
	}
}

func TestACodeSaysNothing(t *testing.T) {
	rp := start(t)
	first, second := rp.code("citizen"), rp.code("citizen")
	if len(first) < 43 || first == second {
		t.Errorf("codes %q and %q", first, second)
	}
	if clear, err := rp.op.Crypto().Decrypt(first); err == nil {
		t.Errorf("a code decrypts to %q", clear)
	}
}

func TestAnotherSiteCannotPressAButton(t *testing.T) {
	rp := start(t)
	for name, header := range map[string][]string{
		"cross-site":           {"Sec-Fetch-Site", "cross-site"},
		"another port":         {"Sec-Fetch-Site", "same-site"},
		"an old browser":       {"Origin", "https://evil.example"},
		"an origin that hides": {"Origin", "null"},
	} {
		t.Run(name, func(t *testing.T) {
			rp := rp.in(t)
			page := rp.begin()
			if a := rp.press(page, "inspector", header...); a.status != http.StatusForbidden || a.location != "" {
				t.Errorf("%d to %q", a.status, a.location)
			}
			if a := rp.press(page, "inspector", "Sec-Fetch-Site", "same-origin", "Origin", rp.issuer); a.status != http.StatusFound {
				t.Errorf("the page's own form: %d %s", a.status, a.body)
			}
		})
	}
}

func TestUnknownPerson(t *testing.T) {
	rp := start(t)
	page := rp.begin()
	for _, person := range []string{"", "mayor", "Citizen", "citizen ", "<b>"} {
		if a := rp.press(page, person); a.status != http.StatusBadRequest || a.location != "" || strings.Contains(a.body, "<b>") {
			t.Errorf("%q: %d to %q", person, a.status, a.location)
		}
	}
	if a := rp.send("POST", page, url.Values{"person": {"citizen", "inspector"}}); a.status != http.StatusBadRequest {
		t.Errorf("two people: %d", a.status)
	}
	if a := rp.press(page, "citizen"); a.status != http.StatusFound {
		t.Errorf("after mistakes: %d", a.status)
	}
}

func TestPagesCannotBeFramedOrScripted(t *testing.T) {
	rp := start(t)
	page := rp.begin("authorization_details", `[{"type":"tribune_act","purpose":"<script>alert(1)</script>","mandate":"\"><img/src=x>"}]`)
	for what, a := range map[string]answer{
		"choice":  rp.send("GET", page, nil),
		"problem": rp.send("GET", rp.authorizeURL("client_id", ""), nil),
		"ended":   rp.send("GET", rp.issuer+endedPath, nil),
		"answer":  rp.press(page, "citizen"),
	} {
		csp := a.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' " + hub} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: Content-Security-Policy %q lacks %s", what, csp, want)
			}
		}
		if strings.Contains(csp, "script-src") || strings.Contains(csp, "unsafe") || a.header.Get("X-Frame-Options") != "DENY" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", what, a.header)
		}
		for _, bad := range []string{"<script", "<img", "javascript:", " style=", "onclick"} {
			if strings.Contains(a.body, bad) {
				t.Errorf("%s: the page holds %s", what, bad)
			}
		}
	}
}

func TestCookieIsForOnePageAndNoScript(t *testing.T) {
	rp := start(t)
	a := rp.send("GET", rp.authorizeURL(), nil)
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != a.location || cookie.Domain != "" || cookie.MaxAge != int(requestLife.Seconds()) || cookie.Secure {
		t.Errorf("cookie %v", cookie)
	}
	if strings.Contains(a.location, cookie.Value) || len(cookie.Value) < 43 {
		t.Errorf("cookie %v for %s", cookie, a.location)
	}
	rp.cfg.Issuer = "https://login.example"
	if !rp.cookie("x", "y", 1).Secure {
		t.Error("a cookie of an https origin is not Secure")
	}
}

func TestAnotherNameForThisMachineIsRefused(t *testing.T) {
	rp := start(t)
	for _, path := range []string{discoveryPath, "/authorize", choosePath + "x"} {
		if a := rp.send("GET", rp.issuer+path, nil, "Host", "rebound.example"); a.status != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

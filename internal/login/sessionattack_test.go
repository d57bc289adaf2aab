package login_test

import (
	"bytes"
	"encoding/base64"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tribune/internal/login"
)

func TestSessionFixation(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	planted := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	b.setCookie("tribune", planted)
	if b.login("/"); b.account() == nil || b.cookie("tribune") == planted {
		t.Fatal("a planted id became a session")
	}
	thief := h.browser(t)
	thief.setCookie("tribune", planted)
	if thief.account() != nil {
		t.Error("the planted id works")
	}
	// A second login rotates the id and ends the session before it.
	first := b.cookie("tribune")
	b.login("/")
	if b.cookie("tribune") == first || b.account() == nil {
		t.Fatal("the id was not rotated")
	}
	thief.setCookie("tribune", first)
	if thief.account() != nil {
		t.Error("the id before the second login works")
	}
}

func TestStolenCookieAfterLogout(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	b.login("/")
	stolen, csrf := b.cookie("tribune"), b.account().Session.CSRF
	res := b.form("/logout", url.Values{"csrf": {csrf}})
	if res.StatusCode != http.StatusSeeOther || res.location() != "/login?done=logged-out&provider=city" || b.cookie("tribune") != "" {
		t.Fatalf("got %d to %q", res.StatusCode, res.location())
	}
	thief := h.browser(t)
	thief.setCookie("tribune", stolen)
	if thief.account() != nil {
		t.Error("the cookie still works")
	}
	thief.setCookie("tribune", stolen)
	if res := thief.do("POST", "/act", map[string]string{"Tribune-CSRF": csrf}, ""); res.StatusCode != http.StatusForbidden || h.acted != 0 {
		t.Errorf("got %d", res.StatusCode)
	}
	res = b.get("/logout/provider?provider=city")
	u, _ := url.Parse(res.location())
	if u.Path != "/logout" || u.Query().Get("client_id") != clientID || u.Query().Get("post_logout_redirect_uri") != h.url+"/login" || u.Query().Get("x") != "1" || u.Query().Has("id_token_hint") {
		t.Errorf("logout at the provider: got %q", res.location())
	}
	if res := b.get("/logout"); res.StatusCode == http.StatusSeeOther {
		t.Error("a link logs out")
	}
}

func TestCSRFOnEveryUnsafeMethod(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	b.login("/")
	csrf := b.account().Session.CSRF
	other := h.browser(t)
	other.login("/")
	multi := func(token string) (string, string) {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		w.WriteField("csrf", token)
		w.WriteField("what", "this")
		w.Close()
		return w.FormDataContentType(), body.String()
	}
	kind, body := multi(csrf)
	_, wrongBody := multi("x")
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		what   string
		header map[string]string
		body   string
		ok     bool
	}{
		{"nothing", nil, "", false},
		{"in the header", map[string]string{"Tribune-CSRF": csrf}, "", true},
		{"in a form", map[string]string{"Content-Type": form}, "what=this&csrf=" + csrf, true},
		{"in a form of parts", map[string]string{"Content-Type": kind}, body, true},
		{"wrong", map[string]string{"Tribune-CSRF": csrf[:42] + "x"}, "", false},
		{"empty in a form", map[string]string{"Content-Type": form}, "csrf=", false},
		{"wrong in parts", map[string]string{"Content-Type": kind}, wrongBody, false},
		{"another person's", map[string]string{"Tribune-CSRF": other.account().Session.CSRF}, "", false},
		{"the session id", map[string]string{"Tribune-CSRF": b.cookie("tribune")}, "", false},
		{"in JSON", map[string]string{"Content-Type": "application/json"}, `{"csrf":"` + csrf + `"}`, false},
		{"as text", map[string]string{"Content-Type": "text/plain"}, "csrf=" + csrf, false},
		{"right, from another site", map[string]string{"Tribune-CSRF": csrf, "Sec-Fetch-Site": "cross-site"}, "", false},
		{"right, from another origin", map[string]string{"Tribune-CSRF": csrf, "Origin": "https://evil.example"}, "", false},
		{"right, from our own", map[string]string{"Tribune-CSRF": csrf, "Origin": h.url, "Sec-Fetch-Site": "same-origin"}, "", true},
	}
	for _, tt := range tests {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "PROPFIND"} {
			before := h.acted
			res := b.do(method, "/act", tt.header, tt.body)
			reached := h.acted != before
			if reached != tt.ok || (res.StatusCode == http.StatusForbidden) == tt.ok || !tt.ok && res.problem() != "csrf" {
				t.Errorf("%s %s: got %d %q, reached %v", method, tt.what, res.StatusCode, res.body, reached)
			}
			if tt.ok && tt.body != "" && method == "POST" && res.body != "acted this" {
				t.Errorf("%s: the form was eaten: %q", tt.what, res.body)
			}
		}
	}
	if res := b.get("/act?csrf=x"); res.StatusCode != http.StatusOK {
		t.Errorf("a safe method: got %d", res.StatusCode)
	}
	if res := b.do("POST", "/act?csrf="+csrf, nil, ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("a token in the address: got %d", res.StatusCode)
	}
	if res := h.browser(t).do("POST", "/act", nil, ""); res.StatusCode != http.StatusOK {
		t.Errorf("without a cookie: got %d", res.StatusCode)
	}
	if res := b.do("POST", "/act", map[string]string{"Content-Type": form}, "csrf="+strings.Repeat("x", 2<<20)); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge form: got %d", res.StatusCode)
	}
}

func TestUnsafeUnderAnEndedSessionIsNotAnonymous(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	b.login("/")
	csrf := b.account().Session.CSRF
	h.pass(time.Hour)
	res := b.do("POST", "/act", map[string]string{"Tribune-CSRF": csrf}, "")
	if res.StatusCode != http.StatusForbidden || res.problem() != "session" || h.acted != 0 {
		t.Errorf("got %d %q", res.StatusCode, res.body)
	}
}

func TestBruteForceOfSessions(t *testing.T) {
	h := newHub(t, nil)
	honest := h.browser(t)
	honest.login("/")
	refused := 0
	for range 200 {
		b := h.browser(t)
		b.setCookie("tribune", base64.RawURLEncoding.EncodeToString(randomBytes(32)))
		if res := b.get("/account"); res.StatusCode == http.StatusTooManyRequests {
			refused++
		} else if res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("a guess got %d", res.StatusCode)
		}
	}
	if refused < 50 {
		t.Errorf("of 200 guesses %d were refused unread", refused)
	}
	if honest.account() == nil {
		t.Error("guessing from the same address ended somebody's session")
	}
	for _, odd := range []string{"x", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("A", 4000), strings.Repeat("A", 42) + "B", "=", "%00"} {
		b := h.browser(t)
		b.setCookie("tribune", odd)
		if res := b.get("/account"); res.StatusCode == http.StatusOK {
			t.Errorf("%q is a session", odd)
		}
	}
}

func TestSessionEndsWhenItsProviderIsRemoved(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	b.login("/")
	other := newHub(t, func(o *hub, cfg *login.Config) { cfg.Store, o.clock = h.store, h.clock })
	thief := other.browser(t)
	thief.setCookie("tribune", b.cookie("tribune"))
	if thief.account() != nil {
		t.Error("the session goes on")
	}
}

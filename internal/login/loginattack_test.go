package login_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tribune/internal/login"
)

func TestForgedIDTokens(t *testing.T) {
	stranger := newIssuer(t, time.Now)
	tests := []struct {
		what   string
		change func(*issuer)
	}{
		{"wrong nonce", func(p *issuer) { p.idClaims = map[string]any{"nonce": "another"} }},
		{"no nonce", func(p *issuer) { p.idClaims = map[string]any{"nonce": nil} }},
		{"wrong audience", func(p *issuer) { p.idClaims = map[string]any{"aud": "another-client"} }},
		{"no audience", func(p *issuer) { p.idClaims = map[string]any{"aud": nil} }},
		{"two audiences without azp", func(p *issuer) { p.idClaims = map[string]any{"aud": []string{clientID, "evil"}} }},
		{"azp of another client", func(p *issuer) { p.idClaims = map[string]any{"azp": "evil"} }},
		{"wrong issuer", func(p *issuer) { p.idClaims = map[string]any{"iss": "https://evil.example"} }},
		{"expired", func(p *issuer) { p.idClaims = map[string]any{"exp": p.now().Add(-time.Second).Unix()} }},
		{"issued yesterday", func(p *issuer) { p.idClaims = map[string]any{"iat": p.now().Add(-24 * time.Hour).Unix()} }},
		{"issued tomorrow", func(p *issuer) { p.idClaims = map[string]any{"iat": p.now().Add(24 * time.Hour).Unix()} }},
		{"no subject", func(p *issuer) { p.idClaims = map[string]any{"sub": nil} }},
		{"endless subject", func(p *issuer) { p.idClaims = map[string]any{"sub": strings.Repeat("a", 256)} }},
		{"another access token's", func(p *issuer) { p.idClaims = map[string]any{"at_hash": "AAAA"} }},
		{"alg none", func(p *issuer) { p.sign = unsigned }},
		{"HS256 with the public key", func(p *issuer) {
			p.sign = func(c map[string]any) string { return signed(publicBytes(p.key.Public()), jose.HS256, "k1", c) }
		}},
		{"HS256 with the client secret", func(p *issuer) {
			p.sign = func(c map[string]any) string {
				return signed([]byte(clientSecret+"-0123456789-0123456789"), jose.HS256, "k1", c)
			}
		}},
		{"another key with the same id", func(p *issuer) { p.sign = stranger.jwt }},
		{"signature cut off", func(p *issuer) {
			p.sign = func(c map[string]any) string { s := p.jwt(c); return s[:strings.LastIndex(s, ".")+1] }
		}},
		{"no ID token", func(p *issuer) { p.sign = func(map[string]any) string { return "" } }},
		{"userinfo of somebody else", func(p *issuer) { p.info["sub"] = "somebody-else" }},
		{"name with a line end", func(p *issuer) {
			p.info["tribune_names"] = []map[string]string{{"type": "plate", "name": "AB12\nCDE"}}
		}},
		{"name without a type", func(p *issuer) { p.info["tribune_names"] = []map[string]string{{"name": "AB12CDE"}} }},
		{"names that are no list", func(p *issuer) { p.info["tribune_names"] = "AB12CDE" }},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			h := newHub(t, nil)
			h.op.set(tt.change)
			b := h.browser(t)
			res := b.login("/account")
			if res.StatusCode != http.StatusSeeOther || res.problem() != "failed" {
				t.Errorf("got %d to %q", res.StatusCode, res.location())
			}
			if b.cookie("tribune") != "" || b.account() != nil {
				t.Error("a session began")
			}
		})
	}
}

func TestCodeReplay(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	back := b.toProvider("/login/start")
	begun := b.cookie("tribune-login")
	if res := b.get(back); res.location() != "/" {
		t.Fatalf("got %q", res.location())
	}
	// Whoever has read the address: another browser has no cookie for it.
	if res := h.browser(t).get(back); res.problem() != "expired" {
		t.Errorf("another browser: got %q", res.location())
	}
	// Whoever has the cookie too: the provider takes a code once.
	thief := h.browser(t)
	thief.setCookie("tribune-login", begun)
	if res := thief.get(back); res.problem() != "failed" || thief.account() != nil {
		t.Errorf("with the cookie: got %q", res.location())
	}
}

func TestCodeReplayWithAProviderThatAllowsIt(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	back := b.toProvider("/login/start")
	begun := b.cookie("tribune-login")
	u, _ := url.Parse(back)
	code := u.Query().Get("code")
	var asked url.Values
	h.op.set(func(p *issuer) { asked = p.codes[code] })
	if b.get(back); b.account() == nil {
		t.Fatal("nobody is logged in")
	}
	h.op.set(func(p *issuer) { p.codes[code] = asked })
	thief := h.browser(t)
	thief.setCookie("tribune-login", begun)
	if res := thief.get(back); res.problem() != "expired" || thief.account() != nil {
		t.Errorf("got %q", res.location())
	}
}

func TestStateFromAnotherBrowser(t *testing.T) {
	h := newHub(t, nil)
	attacker, victim := h.browser(t), h.browser(t)
	back := attacker.toProvider("/login/start") // the attacker's own account: to make the victim use it
	victim.toProvider("/login/start")           // the victim has begun a login too
	if res := victim.get(back); res.problem() != "expired" || victim.account() != nil {
		t.Errorf("got %q", res.location())
	}
	for what, change := range map[string]func(url.Values){
		"no state": func(q url.Values) { q.Del("state") }, "two states": func(q url.Values) { q.Add("state", "x") },
		"empty state": func(q url.Values) { q.Set("state", "") }, "another state": func(q url.Values) { q.Set("state", "x") },
	} {
		b := h.browser(t)
		u, err := url.Parse(b.toProvider("/login/start"))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		if res := b.get(u.String()); res.problem() != "expired" {
			t.Errorf("%s: got %q", what, res.location())
		}
	}
}

func TestTamperedAndOldLoginCookies(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	back := b.toProvider("/login/start")
	good := b.cookie("tribune-login")
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(raw); i += 17 {
		bent := slices.Clone(raw)
		bent[i] ^= 1
		thief := h.browser(t)
		thief.setCookie("tribune-login", base64.RawURLEncoding.EncodeToString(bent))
		if res := thief.get(back); res.problem() != "expired" {
			t.Fatalf("bit %d: got %q", i*8, res.location())
		}
	}
	h.pass(10 * time.Minute)
	if res := b.get(back); res.problem() != "expired" {
		t.Errorf("after ten minutes: got %q", res.location())
	}
}

func TestMixedUpProviders(t *testing.T) {
	two := func(names bool) (*hub, *issuer) {
		var evil *issuer
		h := newHub(t, func(h *hub, cfg *login.Config) {
			evil = newIssuer(t, h.now)
			h.op.names, evil.names = names, names
			cfg.Providers = []login.Provider{h.op.provider("city"), evil.provider("evil")}
		})
		return h, evil
	}
	// The victim chose evil; evil sent them on to the city's provider, whose answer comes back under evil's state.
	crossed := func(t *testing.T, h *hub, b *browser) string {
		t.Helper()
		asked, err := url.Parse(b.get("/login/start?provider=evil").location())
		if err != nil {
			t.Fatal(err)
		}
		q := asked.Query()
		if u, _ := url.Parse(q.Get("redirect_uri")); strings.HasPrefix(u.Path, "/login/callback/") {
			q.Set("redirect_uri", h.url+"/login/callback/city") // the city's provider knows the city's only
		}
		return b.get(h.op.URL + "/authorize?" + q.Encode()).location()
	}
	for name, names := range map[string]bool{"with RFC 9207": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			h, evil := two(names)
			b := h.browser(t)
			if res := b.get(crossed(t, h, b)); res.problem() != "failed" || b.account() != nil {
				t.Errorf("got %q", res.location())
			}
			if evil.served("/token") != 0 {
				t.Error("a code of the city's provider was sent to another")
			}
			for _, id := range []string{"city", "evil"} { // and both work
				b := h.browser(t)
				if res := b.get(b.toProvider("/login/start?return=/account&provider=" + id)); res.location() != "/account" {
					t.Errorf("%s: got %q", id, res.location())
				}
			}
		})
	}
	t.Run("promised to name itself and did not", func(t *testing.T) {
		h, _ := two(true)
		b := h.browser(t)
		u, _ := url.Parse(b.toProvider("/login/start?provider=city"))
		q := u.Query()
		q.Del("iss")
		u.RawQuery = q.Encode()
		if res := b.get(u.String()); res.problem() != "failed" {
			t.Errorf("got %q", res.location())
		}
	})
	t.Run("names another where it is the only one", func(t *testing.T) {
		h := newHub(t, func(h *hub, _ *login.Config) { h.op.names, h.op.asIss = false, "https://evil.example" })
		if res := h.browser(t).login("/"); res.problem() != "failed" {
			t.Errorf("got %q", res.location())
		}
	})
}

func TestOpenRedirect(t *testing.T) {
	h := newHub(t, nil)
	for _, evil := range []string{
		"//evil.example", "///evil.example", "//", `/\evil.example`, `\/evil.example`, `/\/evil.example`, "http://evil.example", "https:evil.example", "javascript:alert(1)",
		"/\t/evil.example", "/\n/evil.example", "/%2f/evil.example", "/%5cevil.example", "/a/..//evil.example", "/a//b", " /a", "/a b", "evil.example", "/é",
		"/login/start?provider=city", "/logout", "/" + strings.Repeat("a", 600), "",
	} {
		h.pass(3 * time.Minute) // not to be busy
		if res := h.browser(t).login(evil); res.location() != "/" {
			t.Errorf("%q leads to %q", evil, res.location())
		}
	}
	for _, fine := range []string{"/account", "/de/register/?q=a%20b&x=1", "/entity/urn:ngsi-ld:Car:1?at=2026-11-22T09:00:00Z"} {
		h.pass(3 * time.Minute)
		if res := h.browser(t).login(fine); res.location() != fine {
			t.Errorf("%q leads to %q", fine, res.location())
		}
	}
}

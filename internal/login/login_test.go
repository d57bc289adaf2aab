package login_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune/internal/login"
	"tribune/internal/store"
	"tribune/internal/web"
)

func TestLoginThenSession(t *testing.T) {
	for name, public := range map[string]bool{"confidential client": false, "public client": true} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, func(h *hub, _ *login.Config) { h.op.public = public })
			b := h.browser(t)
			if b.get("/"); b.cookie("tribune") != "" || b.cookie("tribune-login") != "" {
				t.Error("a cookie before any login")
			}
			res := b.login("/account?tab=keys")
			if res.StatusCode != http.StatusSeeOther || res.location() != "/account?tab=keys" {
				t.Fatalf("got %d to %q", res.StatusCode, res.location())
			}
			s := b.account()
			if s == nil {
				t.Fatal("nobody is logged in")
			}
			want := web.Session{
				Subject: h.op.URL + "#248289761001", Name: "Ada Citizen", Role: "citizen", Names: []web.PersonName{{Type: "plate", Name: "AB12CDE"}},
				Method: "openid", Until: h.now().Add(8 * time.Hour), CSRF: s.Session.CSRF,
			}
			if got := s.Session; got.Subject != want.Subject || got.Name != want.Name || got.Role != want.Role || !slices.Equal(got.Names, want.Names) || got.Method != want.Method || !got.Until.Equal(want.Until) || len(got.CSRF) < 40 {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if b.cookie("tribune-login") != "" {
				t.Error("the cookie of the begun login is still there")
			}
		})
	}
}

func TestCookiesAreHostOnlyAndSecureUnderHTTPS(t *testing.T) {
	h := newHub(t, nil)
	l, err := login.New(login.Config{URL: "https://city.example", Store: openStore(t), Log: slog.New(slog.DiscardHandler), Now: h.now, Providers: []login.Provider{h.op.provider("city")}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	l.Routes(mux)
	w := httptest.NewRecorder()
	l.Wrap(mux).ServeHTTP(w, httptest.NewRequest("GET", "https://city.example/login/start?provider=city", nil))
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got %d cookies", len(cookies))
	}
	c := cookies[0]
	if c.Name != "__Host-tribune-login" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 {
		t.Errorf("got %+v", c)
	}
	if strings.Contains(c.Value, "city") || w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got headers %v", w.Header())
	}
}

func TestURLsThatSessionsCannotBeSafeUnder(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://city.example": true, "http://localhost:8080": true, "http://127.0.0.1:8080/": true, "http://[::1]:80": true,
		"http://city.example": false, "https://city.example/path": false, "ftp://x": false, "": false, "https://user@city.example": false, "https://city.example?x": false,
	} {
		_, err := login.New(login.Config{URL: raw, Store: openStore(t), Log: slog.New(slog.DiscardHandler)})
		if (err == nil) != ok {
			t.Errorf("%q: got %v", raw, err)
		}
	}
	if _, err := login.New(login.Config{URL: "http://192.168.0.7:8080", Demo: true, Store: openStore(t), Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Errorf("a demo: %v", err)
	}
}

func TestProvidersThatCannotBeTrusted(t *testing.T) {
	good := login.Provider{ID: "city", Title: "City", Issuer: "https://id.example", ClientID: "x"}
	for what, change := range map[string]func(*login.Provider){
		"plain http": func(p *login.Provider) { p.Issuer = "http://id.example" }, "no issuer": func(p *login.Provider) { p.Issuer = "" },
		"query": func(p *login.Provider) { p.Issuer = "https://id.example?a=b" }, "fragment": func(p *login.Provider) { p.Issuer = "https://id.example#a" },
		"id with a slash": func(p *login.Provider) { p.ID = "a/b" }, "no client": func(p *login.Provider) { p.ClientID = "" },
		"client id that is the audience of access tokens": func(p *login.Provider) { p.ClientID = "https://city.example" },
	} {
		p := good
		change(&p)
		if _, err := login.New(login.Config{URL: "https://city.example", Providers: []login.Provider{p}, Store: openStore(t), Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	other := good
	other.ID = "other"
	if _, err := login.New(login.Config{URL: "https://city.example", Providers: []login.Provider{good, other}, Store: openStore(t), Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("two providers with one issuer: accepted")
	}
}

// Each of these changes what the provider says; none may begin a session.
// A provider that takes a code twice must not make two sessions of it.
func TestProviderIsDownThenUp(t *testing.T) {
	h := newHub(t, nil)
	h.op.set(func(p *issuer) { p.down = true })
	b := h.browser(t)
	for range 20 {
		if res := b.get("/login/start?return=/account"); res.location() != "/login?problem=unreachable&return=%2Faccount" {
			t.Fatalf("got %q", res.location())
		}
	}
	if n := h.op.served("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("a provider that is down was asked %d times at once", n)
	}
	if res := b.get("/"); res.StatusCode != http.StatusOK {
		t.Errorf("the hub is down too: %d", res.StatusCode)
	}
	h.op.set(func(p *issuer) { p.down = false })
	h.pass(5 * time.Second)
	if b.login("/"); b.account() == nil {
		t.Error("nobody can log in after it is back")
	}
	h.op.set(func(p *issuer) { p.down = true }) // and what is known stays known
	h.pass(13 * time.Hour)
	if res := h.browser(t).get("/login/start"); !strings.Contains(res.location(), "/authorize?") {
		t.Errorf("got %q", res.location())
	}
}

func TestDiscoveryThatLeadsElsewhere(t *testing.T) {
	for what, more := range map[string]map[string]any{
		"token endpoint in clear": {"token_endpoint": "http://evil.example/token"}, "no keys": {"jwks_uri": ""},
		"keys of a file": {"jwks_uri": "file:///etc/passwd"}, "another issuer": {"issuer": "https://evil.example"},
		"authorization by script": {"authorization_endpoint": "javascript:alert(1)"}, "huge": {"x": strings.Repeat("x", 2<<20)},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHub(t, func(h *hub, _ *login.Config) { h.op.more = more })
			if res := h.browser(t).get("/login/start"); res.problem() != "unreachable" {
				t.Errorf("got %q", res.location())
			}
		})
	}
}

func TestProviderSaysNo(t *testing.T) {
	for code, want := range map[string]string{"access_denied": "cancelled", "server_error": "failed", "ada@example.org": "failed"} {
		h := newHub(t, func(h *hub, _ *login.Config) { h.op.refuse = code })
		if res := h.browser(t).login("/account"); res.location() != "/login?problem="+want+"&return=%2Faccount" {
			t.Errorf("%s: got %q", code, res.location())
		}
	}
	h := newHub(t, nil)
	if res := h.browser(t).get("/login/start?provider=nobody"); res.problem() != "unreachable" {
		t.Errorf("got %q", res.location())
	}
}

// Everything that is secret or names a person, through every way a login can fail.
func TestLogsAndAddressesHoldNoSecretsOrNames(t *testing.T) {
	h := newHub(t, nil)
	var secrets []string
	for _, change := range []func(*issuer){
		func(p *issuer) {}, func(p *issuer) { p.idClaims = map[string]any{"nonce": "ada@example.org"} },
		func(p *issuer) {
			p.idClaims = map[string]any{"aud": "ada@example.org", "iss": "https://ada@example.org"}
		},
		func(p *issuer) { p.idClaims = map[string]any{"exp": "ada@example.org"} },
		func(p *issuer) { p.idClaims = nil; p.refuse = "ada@example.org" },
		func(p *issuer) { p.refuse = ""; p.codes = map[string]url.Values{} },
		func(p *issuer) { p.codes = map[string]url.Values{}; p.info = map[string]any{"sub": "ada@example.org"} },
		func(p *issuer) {
			p.info = map[string]any{"tribune_names": []map[string]string{{"type": "ada@example.org", "name": "AB12CDE"}}}
		},
	} {
		b := h.browser(t)
		h.op.set(change)
		back := b.toProvider("/login/start")
		u, _ := url.Parse(back)
		if code := u.Query().Get("code"); code != "" {
			secrets = append(secrets, code)
			h.op.set(func(p *issuer) {
				if p.codes[code] == nil {
					return
				}
				if len(p.info) == 1 {
					delete(p.codes, code) // the token endpoint's words are next
				}
			})
		}
		secrets = append(secrets, u.Query().Get("state"), b.cookie("tribune-login"))
		res := b.get(back)
		if strings.Contains(res.location(), "ada") {
			t.Errorf("address %q", res.location())
		}
		if c := b.cookie("tribune"); c != "" {
			secrets = append(secrets, c)
		}
	}
	secrets = append(secrets, clientSecret, "248289761001", "Ada Citizen", "AB12CDE", "ada@example.org", "opaque-access-token")
	log := h.log.String()
	if strings.Count(log, "login refused") < 5 {
		t.Fatalf("the log tells too little:\n%s", log)
	}
	for _, s := range secrets {
		if strings.Contains(log, s) {
			t.Errorf("the log holds %q", s)
		}
	}
}

// What rests in the store must not tell who logs in.
func TestStoreHoldsNoNamesAndNoSessionIDs(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	b.login("/")
	id := b.cookie("tribune")
	raw, _ := base64.RawURLEncoding.DecodeString(id)
	n := 0
	for pair, err := range h.store.Scan(context.Background(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		both := string(pair.Key) + string(pair.Value)
		for _, secret := range []string{"248289761001", "Ada", "AB12CDE", h.op.URL, id, string(raw)} {
			if strings.Contains(both, secret) {
				t.Errorf("the store holds %q", secret)
			}
		}
		if !strings.HasPrefix(string(pair.Key), "login\x00\x01") {
			t.Errorf("a key outside the room: %q", pair.Key)
		}
	}
	if n < 5 {
		t.Errorf("found %d rows only", n)
	}
}

func TestRatesPerAddressAndPerAccount(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	last := ""
	for range 130 {
		last = b.get("/login/start").problem()
	}
	if last != "busy" {
		t.Errorf("130 logins begun from one address: %q", last)
	}
	h.pass(10 * time.Minute)
	busy := 0
	for range 25 {
		if b.login("/").problem() == "busy" {
			busy++
		}
	}
	if busy == 0 || busy > 6 {
		t.Errorf("of 25 logins of one account %d were busy", busy)
	}
	if b.account() == nil {
		t.Error("the session that was there has gone")
	}
	h.op.set(func(p *issuer) { p.subject = "another" })
	if res := h.browser(t).login("/"); res.problem() != "" {
		t.Errorf("another account of that address: %q", res.location())
	}
}

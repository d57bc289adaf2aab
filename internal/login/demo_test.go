package login_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"tribune/internal/login"
	"tribune/internal/login/provider"
	"tribune/internal/web"
)

// withDemoProvider starts a hub whose provider is the demo's own.
func withDemoProvider(t *testing.T) (*hub, string) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	issuer := "http://localhost:" + port
	var url string
	h := newHub(t, func(h *hub, cfg *login.Config) {
		url = h.url
		h.clock = nil // that provider has the real clock
		cfg.Now = nil
		cfg.Providers = []login.Provider{{ID: "demo", Title: "Demo", Issuer: issuer, ClientID: "tribune"}}
	})
	p, err := provider.New(provider.Config{
		Issuer: issuer, Audience: url, ClientID: "tribune", RedirectURIs: []string{url + "/login/callback"}, LogoutURIs: []string{url + "/login"}, Dir: t.TempDir(),
		People: []provider.Person{
			{Login: "citizen", Name: "Ada Citizen", Role: "citizen", Names: []web.PersonName{{Type: "plate", Name: "AB12CDE"}}},
			{Login: "inspector", Name: "Ines Inspector", Role: "inspector"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = p
	server.Start()
	t.Cleanup(server.Close)
	return h, issuer
}

// press opens an authorization request of the demo provider and presses somebody's button; it returns where that leads.
func (b *browser) press(request, person string) string {
	b.t.Helper()
	page := b.get(request)
	for page.StatusCode/100 == 3 {
		next, err := page.Request.URL.Parse(page.location())
		if err != nil {
			b.t.Fatal(err)
		}
		request = next.String()
		page = b.get(request)
	}
	origin := page.Request.URL.Scheme + "://" + page.Request.URL.Host
	res := b.do("POST", request, map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}, url.Values{"person": {person}}.Encode())
	for strings.HasPrefix(res.location(), "/") || strings.HasPrefix(res.location(), origin) {
		next, err := res.Request.URL.Parse(res.location())
		if err != nil {
			b.t.Fatal(err)
		}
		res = b.get(next.String())
	}
	if res.location() == "" {
		b.t.Fatalf("pressing: got %d %s", res.StatusCode, res.body)
	}
	return res.location()
}

// Somebody else's OpenID implementation, as the demo runs it.
func TestDemoProvider(t *testing.T) {
	h, issuer := withDemoProvider(t)
	b := h.browser(t)
	res := b.get(b.press(b.get("/login/start?return=/account").location(), "citizen"))
	if res.location() != "/account" {
		t.Fatalf("got %q\n%s", res.location(), h.log)
	}
	s := b.account().Session
	if s.Subject != issuer+"#citizen" || s.Name != "Ada Citizen" || len(s.Names) != 1 || s.Names[0].Name != "AB12CDE" {
		t.Errorf("got %+v", s)
	}
	if res := b.form("/logout", url.Values{"csrf": {s.CSRF}}); res.location() != "/login?done=logged-out&provider=demo" {
		t.Errorf("got %q", res.location())
	}
	if res := b.get(b.get("/logout/provider?provider=demo").location()); res.StatusCode >= 400 {
		t.Errorf("logout at the provider: got %d %s", res.StatusCode, res.body)
	}
}

func TestDemoProvidersAccessToken(t *testing.T) {
	h, issuer := withDemoProvider(t)
	h.list("inspector", login.Account{Role: "officer", Actor: "inspector-ward", Office: "parking-inspector", Until: farAway})
	b := h.browser(t)
	verifier := oauth2.GenerateVerifier()
	cfg := oauth2.Config{ClientID: "tribune", RedirectURL: h.url + "/login/callback", Scopes: []string{"openid"}, Endpoint: oauth2.Endpoint{AuthURL: issuer + "/authorize", TokenURL: issuer + "/oauth/token", AuthStyle: oauth2.AuthStyleInParams}}
	details := `[{"type":"tribune_act","purpose":"enforce-parking","mandate":"parking-enforcement-2026"}]`
	back, err := url.Parse(b.press(cfg.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("authorization_details", details)), "inspector"))
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := cfg.Exchange(t.Context(), back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Caller(tokens.AccessToken)
	if err != nil || c.Actor != "inspector-ward" || c.Purpose != "enforce-parking" || c.Mandate != "parking-enforcement-2026" {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := h.Caller(tokens.Extra("id_token").(string)); err == nil {
		t.Error("its ID token is a key to the API")
	}
	if res := b.do("GET", "/account", map[string]string{"Authorization": "Bearer " + tokens.AccessToken}, ""); res.StatusCode == http.StatusForbidden {
		t.Errorf("the token does not fit the header: %s", res.body)
	}
}

package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"tribune/internal/web"
)

func TestAnotherRelyingPartyLogsAPersonIn(t *testing.T) {
	rp := start(t)
	page := rp.begin("authorization_details", details)
	shown := rp.send("GET", page, nil)
	for _, p := range people() {
		if !strings.Contains(shown.body, p.Name) {
			t.Errorf("the page does not offer %s", p.Name)
		}
	}
	a := rp.press(page, "citizen")
	token, err := rp.oauth.Exchange(t.Context(), a.query("code"), oauth2.VerifierOption(rp.verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := rp.oidc.Verifier(&oidc.Config{ClientID: "tribune"}).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Name  string           `json:"name"`
		Names []web.PersonName `json:"tribune_names"`
		Role  string           `json:"role"`
		AuthT int64            `json:"auth_time"`
	}
	if err := id.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if id.Subject != "citizen" || id.Nonce != "nonce-1" || !slices.Equal(id.Audience, []string{"tribune"}) {
		t.Errorf("ID token: sub %q, nonce %q, aud %q", id.Subject, id.Nonce, id.Audience)
	}
	if claims.Name != "Ada Citizen" || !slices.Equal(claims.Names, people()[0].Names) || claims.Role != "" || time.Since(time.Unix(claims.AuthT, 0)) > time.Minute {
		t.Errorf("ID token says %+v", claims)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	access, err := rp.verify(token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	var granted struct {
		Details  json.RawMessage `json:"authorization_details"`
		ClientID string          `json:"client_id"`
		ID       string          `json:"jti"`
		Name     string          `json:"name"`
	}
	if err := access.Claims(&granted); err != nil {
		t.Fatal(err)
	}
	if access.Subject != "citizen" || !slices.Equal(access.Audience, []string{hub}) || string(granted.Details) != details || granted.ClientID != "tribune" || granted.ID == "" || granted.Name != "" {
		t.Errorf("access token: sub %q, aud %q, %s, %+v", access.Subject, access.Audience, granted.Details, granted)
	}
	if life := time.Until(access.Expiry); life <= 0 || life > tokenLife {
		t.Errorf("the access token lives for %v", life)
	}
	if said, _ := json.Marshal(token.Extra("authorization_details")); len(said) < 10 {
		t.Errorf("the token response says %s about authorization_details", said)
	}
	info, err := rp.oidc.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	var more struct {
		Names []web.PersonName `json:"tribune_names"`
	}
	if err := info.Claims(&more); err != nil || info.Subject != "citizen" || !slices.Equal(more.Names, people()[0].Names) {
		t.Errorf("userinfo: %q, %+v, %v", info.Subject, more, err)
	}
}

func TestClaimsFollowScopes(t *testing.T) {
	for _, c := range []struct {
		scope, person  string
		name, verified bool
	}{
		{"openid", "citizen", false, false},
		{"openid profile", "citizen", true, false},
		{"openid tribune_names", "citizen", false, true},
		{"openid profile tribune_names", "inspector", true, false},
		{"openid profile email openid offline_access unheard_of", "citizen", true, false},
	} {
		t.Run(c.scope+" "+c.person, func(t *testing.T) {
			rp := start(t)
			token, err := rp.oauth.Exchange(t.Context(), rp.code(c.person, "scope", c.scope), oauth2.VerifierOption(rp.verifier))
			if err != nil {
				t.Fatal(err)
			}
			if token.RefreshToken != "" {
				t.Error("a refresh token was given")
			}
			if got, want := token.Extra("scope"), strings.TrimSuffix(c.scope, " email openid offline_access unheard_of"); got != want {
				t.Errorf("scope %q, want %q", got, want)
			}
			id, err := rp.oidc.Verifier(&oidc.Config{ClientID: "tribune"}).Verify(t.Context(), token.Extra("id_token").(string))
			if err != nil {
				t.Fatal(err)
			}
			claims := map[string]any{}
			if err := id.Claims(&claims); err != nil {
				t.Fatal(err)
			}
			if _, got := claims["name"]; got != c.name {
				t.Errorf("name: got %v, want %v", got, c.name)
			}
			if _, got := claims["tribune_names"]; got != c.verified {
				t.Errorf("tribune_names: got %v, want %v", got, c.verified)
			}
		})
	}
}

func TestDiscoveryPromisesOnlyWhatIsServed(t *testing.T) {
	rp := start(t)
	a := rp.send("GET", rp.issuer+discoveryPath, nil)
	var doc map[string]any
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatal(err)
	}
	for name, value := range doc {
		address, ok := value.(string)
		if !ok || !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		method := "GET"
		if name == "token_endpoint" {
			method = "POST"
		}
		if got := rp.send(method, address, url.Values{}).status; got == http.StatusNotFound || got == http.StatusMethodNotAllowed {
			t.Errorf("%s is promised at %s, which answers %d", name, address, got)
		}
	}
	for _, path := range []string{"/oauth/introspect", "/revoke", "/device_authorization", "/authorize/callback?id=x", "/ready", "/"} {
		if got := rp.send("GET", rp.issuer+path, nil).status; got != http.StatusNotFound {
			t.Errorf("%s answers %d, want 404", path, got)
		}
	}
	for name, want := range map[string]string{
		"grant_types_supported": "authorization_code", "response_types_supported": "code", "code_challenge_methods_supported": "S256",
		"token_endpoint_auth_methods_supported": "none", "authorization_details_types_supported": "tribune_act",
	} {
		if list, _ := doc[name].([]any); len(list) != 1 || list[0] != want {
			t.Errorf("%s: %v, want only %s", name, doc[name], want)
		}
	}
}

func TestLogoutEndsUserinfoAndGoesToRegisteredPagesOnly(t *testing.T) {
	rp := start(t)
	token, err := rp.oauth.Exchange(t.Context(), rp.code("citizen"), oauth2.VerifierOption(rp.verifier))
	if err != nil {
		t.Fatal(err)
	}
	logout := func(to string) answer {
		return rp.send("GET", rp.issuer+"/end_session?"+url.Values{"id_token_hint": {token.Extra("id_token").(string)}, "post_logout_redirect_uri": {to}}.Encode(), nil)
	}
	if a := logout("http://localhost:8080.evil.example/"); a.status != http.StatusBadRequest || a.location != "" {
		t.Errorf("logout to a stranger's page: %d to %q", a.status, a.location)
	}
	if a := logout(hub + "/"); a.status != http.StatusFound || a.location != hub+"/" {
		t.Errorf("logout: %d to %q", a.status, a.location)
	}
	if _, err := rp.oidc.UserInfo(t.Context(), oauth2.StaticTokenSource(token)); err == nil {
		t.Error("userinfo answers after logout")
	}
	if a := logout(""); a.location != endedPath {
		t.Errorf("logout without a page: to %q, want %q", a.location, endedPath)
	}
	if a := rp.send("GET", rp.issuer+endedPath, nil); a.status != http.StatusOK || !strings.Contains(a.body, `href="`+hub+`"`) {
		t.Errorf("%s: %d %s", endedPath, a.status, a.body)
	}
}

func TestCancelGoesBackToTheClient(t *testing.T) {
	rp := start(t)
	page := rp.begin()
	a := rp.send("POST", page, url.Values{"cancel": {"1"}})
	if a.status != http.StatusFound || a.query("error") != "access_denied" || a.query("state") != "state-1" || !strings.HasPrefix(a.location, callback+"?") {
		t.Errorf("cancel: %d to %q", a.status, a.location)
	}
	if a := rp.press(page, "citizen"); a.status != http.StatusForbidden {
		t.Errorf("a person chosen after cancel: %d to %q", a.status, a.location)
	}
}

func TestTokenForTests(t *testing.T) {
	rp := start(t)
	token, err := rp.Token(context.Background(), "inspector", details)
	if err != nil {
		t.Fatal(err)
	}
	access, err := rp.verify(token)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Details []Detail `json:"authorization_details"`
	}
	if err := access.Claims(&claims); err != nil || access.Subject != "inspector" || len(claims.Details) != 1 || claims.Details[0].Purpose != "enforce-parking" {
		t.Errorf("sub %q, %+v, %v", access.Subject, claims, err)
	}
	if _, err := rp.Token(context.Background(), "nobody", ""); err == nil {
		t.Error("a token was made for nobody")
	}
	if _, err := rp.Token(context.Background(), "inspector", `[{"type":"root"}]`); err == nil {
		t.Error("a token was made with bad details")
	}
}

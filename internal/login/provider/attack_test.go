package provider

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func TestUnregisteredClientOrRedirectIsNeverRedirectedTo(t *testing.T) {
	rp := start(t)
	for name, params := range map[string][]string{
		"another host":          {"redirect_uri", "http://localhost:9999/login/callback"},
		"another path":          {"redirect_uri", callback + "/"},
		"more query":            {"redirect_uri", callback + "?a=b"},
		"a fragment":            {"redirect_uri", callback + "#x"},
		"other letters":         {"redirect_uri", strings.ToUpper(callback)},
		"escaped a second time": {"redirect_uri", url.QueryEscape(callback)},
		"user in front":         {"redirect_uri", "http://localhost:8080@evil.example/login/callback"},
		"none":                  {"redirect_uri", ""},
		"another client":        {"client_id", "someone"},
		"no client":             {"client_id", ""},
		"a broken request too":  {"redirect_uri", "https://evil.example/", "code_challenge", ""},
	} {
		t.Run(name, func(t *testing.T) {
			rp := rp.in(t)
			if a := rp.send("GET", rp.authorizeURL(params...), nil); a.status != http.StatusBadRequest || a.location != "" || len(a.header["Set-Cookie"]) != 0 {
				t.Errorf("%d to %q", a.status, a.location)
			}
		})
	}
}

func TestBadAuthorizationRequestsGoBackWithAnError(t *testing.T) {
	rp := start(t)
	for name, c := range map[string]struct {
		want   string
		params []string
	}{
		"no PKCE":                   {"invalid_request", []string{"code_challenge", "", "code_challenge_method", ""}},
		"PKCE plain":                {"invalid_request", []string{"code_challenge_method", "plain"}},
		"PKCE plain by default":     {"invalid_request", []string{"code_challenge_method", ""}},
		"a short challenge":         {"invalid_request", []string{"code_challenge", "abc"}},
		"token instead of code":     {"unsupported_response_type", []string{"response_type", "id_token token"}},
		"no response type":          {"unsupported_response_type", []string{"response_type", ""}},
		"form_post, a script":       {"invalid_request", []string{"response_mode", "form_post"}},
		"fragment":                  {"invalid_request", []string{"response_mode", "fragment"}},
		"no page":                   {"login_required", []string{"prompt", "none"}},
		"not OpenID":                {"invalid_scope", []string{"scope", "profile"}},
		"a request object":          {"request_not_supported", []string{"request", "eyJhbGciOiJub25lIn0.e30."}},
		"a request by reference":    {"request_not_supported", []string{"request_uri", "https://evil.example/request"}},
		"details: not a list":       {"invalid_authorization_details", []string{"authorization_details", `{"type":"tribune_act"}`}},
		"details: of another type":  {"invalid_authorization_details", []string{"authorization_details", `[{"type":"payment","purpose":"a","mandate":"b"}]`}},
		"details: too large by far": {"invalid_authorization_details", []string{"authorization_details", "[" + strings.Repeat(" ", maxDetails) + details[1:]}},
		"a stranger's token":        {"login_required", []string{"id_token_hint", "eyJhbGciOiJub25lIn0.e30."}},
	} {
		t.Run(name, func(t *testing.T) {
			rp := rp.in(t)
			a := rp.send("GET", rp.authorizeURL(c.params...), nil)
			if a.status != http.StatusFound || !strings.HasPrefix(a.location, callback+"?") || a.query("error") != c.want || a.query("state") != "state-1" || a.query("code") != "" {
				t.Errorf("%d to %q, want error %s", a.status, a.location, c.want)
			}
		})
	}
	if n := rp.store.requests.age.Len(); n != 0 {
		t.Errorf("%d bad requests were kept", n)
	}
}

func TestParametersThatComeTwiceOrAreHugeAreRefused(t *testing.T) {
	rp := start(t)
	for name, c := range map[string]struct {
		more string
		want int
	}{
		"two redirect URIs": {"&redirect_uri=" + url.QueryEscape("https://evil.example/"), http.StatusBadRequest},
		"two challenges":    {"&code_challenge=" + strings.Repeat("A", 43), http.StatusBadRequest},
		"a huge state":      {"&login_hint=" + strings.Repeat("x", maxParam+1), http.StatusBadRequest},
		"a huge query":      {"&x=" + strings.Repeat("x", maxRequest), http.StatusRequestURITooLong},
		"half an escape":    {"&x=%2", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			rp := rp.in(t)
			if a := rp.send("GET", rp.authorizeURL()+c.more, nil); a.status != c.want || a.location != "" {
				t.Errorf("%d to %q, want %d", a.status, a.location, c.want)
			}
		})
	}
	a := rp.send("POST", rp.issuer+"/authorize", url.Values{"x": {strings.Repeat("x", maxRequest)}})
	if a.status != http.StatusBadRequest || a.location != "" {
		t.Errorf("a huge body: %d to %q", a.status, a.location)
	}
}

func TestAuthorizeByPost(t *testing.T) {
	rp := start(t)
	u, _ := url.Parse(rp.authorizeURL())
	if a := rp.send("POST", rp.issuer+"/authorize", u.Query()); a.status != http.StatusFound || !strings.HasPrefix(a.location, choosePath) {
		t.Errorf("%d to %q", a.status, a.location)
	}
}

func TestCodeWorksOnceAndOnlyWithItsVerifierAndRedirect(t *testing.T) {
	rp := start(t)
	other := rp.oauth
	other.RedirectURL = hub + "/elsewhere"
	stranger := rp.oauth
	stranger.ClientID = "someone"
	for name, first := range map[string]func(code string) error{
		"used":             func(code string) error { return nil },
		"another verifier": func(code string) error { return fails(rp.exchangeWith(rp.oauth, code, oauth2.GenerateVerifier())) },
		"no verifier":      func(code string) error { return fails(rp.exchangeWith(rp.oauth, code, "")) },
		"another redirect": func(code string) error { return fails(rp.exchangeWith(other, code, rp.verifier)) },
		"another client":   func(code string) error { return fails(rp.exchangeWith(stranger, code, rp.verifier)) },
	} {
		t.Run(name, func(t *testing.T) {
			rp := rp.in(t)
			code := rp.code("citizen")
			if err := first(code); err != nil {
				t.Fatal(err)
			}
			err := rp.exchangeWith(rp.oauth, code, rp.verifier)
			if name == "used" {
				if err != nil {
					t.Fatal(err)
				}
				err = rp.exchangeWith(rp.oauth, code, rp.verifier)
			}
			if err == nil || !strings.Contains(err.Error(), "invalid_grant") {
				t.Errorf("second try: %v, want invalid_grant", err)
			}
		})
	}
}

func TestOneCodeInManyHandsAtOnceIsOneLogin(t *testing.T) {
	rp := start(t)
	code := rp.code("citizen")
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		wg.Go(func() {
			if rp.exchangeWith(rp.oauth, code, rp.verifier) == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("the code worked %d times", won)
	}
}

func (rp *party) exchangeWith(c oauth2.Config, code, verifier string) error {
	c.Endpoint.AuthStyle = oauth2.AuthStyleInParams // else the client would try twice by itself
	var opts []oauth2.AuthCodeOption
	if verifier != "" {
		opts = append(opts, oauth2.VerifierOption(verifier))
	}
	_, err := c.Exchange(rp.Context(), code, opts...)
	return err
}

type unexpected string

func (u unexpected) Error() string { return string(u) }

func fails(err error) error {
	if err == nil {
		return unexpected("a code was accepted that should not have been")
	}
	return nil
}

func TestTokenEndpointRefuses(t *testing.T) {
	rp := start(t)
	form := func(more ...string) url.Values {
		v := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "client_id": {"tribune"}, "redirect_uri": {callback}, "code_verifier": {rp.verifier}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	twice, without := form(), form()
	without.Del("code")
	twice.Add("code", "y")
	endpoint := rp.issuer + "/oauth/token"
	for name, c := range map[string]struct {
		a    answer
		want string
	}{
		"a guessed code":                {rp.send("POST", endpoint, form()), "invalid_grant"},
		"no code":                       {rp.send("POST", endpoint, form("code", "")), "invalid_grant"},
		"a refresh token":               {rp.send("POST", endpoint, form("grant_type", "refresh_token", "refresh_token", "x")), "unsupported_grant_type"},
		"a JWT":                         {rp.send("POST", endpoint, form("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", "x")), "unsupported_grant_type"},
		"no grant":                      {rp.send("POST", endpoint, form("grant_type", "")), "unsupported_grant_type"},
		"a code twice":                  {rp.send("POST", endpoint, twice), "invalid_request"},
		"a code in the query":           {rp.send("POST", endpoint+"?code=x", without), "invalid_request"},
		"a huge body":                   {rp.send("POST", endpoint, form("x", strings.Repeat("x", maxRequest))), "invalid_request"},
		"a header that cannot be read":  {rp.send("POST", endpoint, form(), "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("%zz:x"))), "invalid_client"},
		"an assertion in a code's name": {rp.send("POST", endpoint, form("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", "x")), "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.a.status < 400 || c.a.status > 401 || !strings.Contains(c.a.body, `"error":"`+c.want+`"`) || strings.Contains(c.a.body, "access_token") {
				t.Errorf("%d %s, want %s", c.a.status, c.a.body, c.want)
			}
			if got := c.a.header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q", got)
			}
		})
	}
}

func TestAnIDTokenIsNoAccessTokenAndTheOtherWayRound(t *testing.T) {
	rp := start(t)
	token, err := rp.oauth.Exchange(t.Context(), rp.code("inspector", "authorization_details", details), oauth2.VerifierOption(rp.verifier))
	if err != nil {
		t.Fatal(err)
	}
	id := token.Extra("id_token").(string)
	if _, err := rp.verify(id); err == nil {
		t.Error("the hub would take an ID token for an access token")
	}
	if a := rp.send("GET", rp.issuer+"/userinfo", nil, "Authorization", "Bearer "+id); a.status != http.StatusForbidden {
		t.Errorf("userinfo for an ID token: %d %s", a.status, a.body)
	}
	asClient := rp.oidc.Verifier(&oidc.Config{ClientID: "tribune"})
	if _, err := asClient.Verify(t.Context(), token.AccessToken); err == nil {
		t.Error("a client would take an access token for an ID token")
	}
	if a := rp.send("GET", rp.issuer+"/userinfo?access_token="+token.AccessToken, nil); a.status != http.StatusBadRequest {
		t.Errorf("a token in the query: %d", a.status)
	}
	other := start(t)
	foreign, err := other.Token(t.Context(), "inspector", "")
	if err != nil {
		t.Fatal(err)
	}
	if a := rp.send("GET", rp.issuer+"/userinfo", nil, "Authorization", "Bearer "+foreign); a.status != http.StatusUnauthorized {
		t.Errorf("userinfo for another provider's token: %d", a.status)
	}
}

package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tribune"
	"tribune/internal/login"
)

func details(list ...map[string]any) map[string]any {
	return map[string]any{"authorization_details": list}
}

func tokenHub(t *testing.T) *hub {
	t.Helper()
	h := newHub(t, nil)
	h.list("248289761001", login.Account{Role: "officer", Actor: "inspector-ward", Office: "parking-inspector", Until: h.now().Add(48 * time.Hour)})
	return h
}

func TestAccessTokenCarriesPurposeAndMandate(t *testing.T) {
	h := tokenHub(t)
	act := map[string]any{"type": "tribune_act", "purpose": "enforce-parking", "mandate": "parking-enforcement-2026"}
	for what, c := range map[string]map[string]any{
		"alone":                          details(act),
		"with another resource's":        details(act, map[string]any{"type": "payment_initiation", "amount": 5}),
		"with our place":                 details(map[string]any{"type": "tribune_act", "purpose": "enforce-parking", "mandate": "parking-enforcement-2026", "locations": []string{h.url}}),
		"with an audience of several":    {"aud": []string{h.url, "https://other.example"}, "authorization_details": []any{act}},
		"with an audience that is a one": {"aud": h.url, "authorization_details": []any{act}},
	} {
		got, err := h.Caller(h.op.access(h.url, c))
		want := tribune.Caller{Actor: "inspector-ward", Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "parking-enforcement-2026", Until: h.now().Add(time.Hour)}
		if err != nil || got.Actor != want.Actor || got.Office != want.Office || got.Purpose != want.Purpose || got.Mandate != want.Mandate || !got.Until.Equal(want.Until) {
			t.Errorf("%s: got %+v, %v", what, got, err)
		}
	}
	if got, err := h.Caller(h.op.access(h.url, nil)); err != nil || got.Purpose != "" || got.Actor != "inspector-ward" {
		t.Errorf("without details: got %+v, %v", got, err)
	}
	h.list("248289761001", login.Account{Role: "officer", Actor: "a", Office: "o", Until: h.now().Add(time.Minute)})
	if got, err := h.Caller(h.op.access(h.url, nil)); err != nil || !got.Until.Equal(h.now().Add(time.Minute)) {
		t.Errorf("the account ends before the token: got %+v, %v", got, err)
	}
}

func TestAccessTokensThatAreNoKeyHere(t *testing.T) {
	h := tokenHub(t)
	stranger := newIssuer(t, h.now)
	hour := h.now().Add(time.Hour).Unix()
	claims := func(change map[string]any) map[string]any {
		c := map[string]any{"iss": h.op.URL, "sub": "248289761001", "aud": h.url, "iat": h.now().Unix(), "exp": hour}
		override(c, change)
		return c
	}
	act := func(change map[string]any) map[string]any {
		d := map[string]any{"type": "tribune_act", "purpose": "enforce-parking"}
		override(d, change)
		return d
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		what, token string
		want        error
	}{
		{"empty", "", tribune.ErrUnknown},
		{"a token of the gate", "tribune-0123456789", tribune.ErrUnknown},
		{"dots", "..", tribune.ErrUnknown},
		{"huge", h.op.access(h.url, map[string]any{"x": strings.Repeat("x", 5000)}), tribune.ErrUnknown},
		{"for another audience", h.op.access("https://other.example", nil), tribune.ErrUnknown},
		{"for an address that begins like ours", h.op.access(h.url+".evil.example", nil), tribune.ErrUnknown},
		{"an ID token of a login here", h.op.access(clientID, map[string]any{"nonce": "n"}), tribune.ErrUnknown},
		{"an ID token that has us as audience", h.op.access(h.url, map[string]any{"nonce": "n"}), tribune.ErrUnknown},
		{"an ID token with at_hash", h.op.access(h.url, map[string]any{"at_hash": "n"}), tribune.ErrUnknown},
		{"of another issuer", stranger.access(h.url, nil), tribune.ErrUnknown},
		{"of another issuer under our issuer's name", stranger.access(h.url, map[string]any{"iss": h.op.URL}), tribune.ErrUnknown},
		{"of our issuer under another name", h.op.access(h.url, map[string]any{"iss": stranger.URL}), tribune.ErrUnknown},
		{"alg none", unsigned(claims(nil)), tribune.ErrUnknown},
		{"HS256 with the public key", signed(publicBytes(h.op.key.Public()), jose.HS256, "k1", claims(nil)), tribune.ErrUnknown},
		{"another key under the same id", signed(p384, jose.ES384, "k1", claims(nil)), tribune.ErrUnknown},
		{"a key nobody has", signed(h.op.key, jose.ES256, "k2", claims(nil)), tribune.ErrUnknown},
		{"expired", h.op.access(h.url, map[string]any{"exp": h.now().Add(-time.Second).Unix()}), tribune.ErrExpired},
		{"expires now", h.op.access(h.url, map[string]any{"exp": h.now().Unix()}), tribune.ErrExpired},
		{"without an end", h.op.access(h.url, map[string]any{"exp": nil}), tribune.ErrExpired},
		{"without a beginning", h.op.access(h.url, map[string]any{"iat": nil}), tribune.ErrUnknown},
		{"for a year", h.op.access(h.url, map[string]any{"exp": h.now().AddDate(1, 0, 0).Unix()}), tribune.ErrUnknown},
		{"not yet", h.op.access(h.url, map[string]any{"nbf": h.now().Add(time.Hour).Unix()}), tribune.ErrUnknown},
		{"of a citizen", h.op.access(h.url, map[string]any{"sub": "citizen"}), tribune.ErrUnknown},
		{"details of others only", h.op.access(h.url, details(map[string]any{"type": "payment_initiation"})), tribune.ErrUnknown},
		{"details of nothing", h.op.access(h.url, map[string]any{"authorization_details": []any{}}), tribune.ErrUnknown},
		{"details that are no list", h.op.access(h.url, map[string]any{"authorization_details": "tribune_act"}), tribune.ErrUnknown},
		{"two acts", h.op.access(h.url, details(act(nil), act(map[string]any{"purpose": "other"}))), tribune.ErrUnknown},
		{"an act elsewhere", h.op.access(h.url, details(act(map[string]any{"locations": []string{"https://other.example"}}))), tribune.ErrUnknown},
		{"a restriction we do not know", h.op.access(h.url, details(act(map[string]any{"max_subjects": 1}))), tribune.ErrUnknown},
		{"a purpose in capitals beside", h.op.access(h.url, details(act(map[string]any{"PURPOSE": "other"}))), tribune.ErrUnknown},
		{"no purpose", h.op.access(h.url, details(act(map[string]any{"purpose": nil}))), tribune.ErrUnknown},
		{"a purpose with a line end", h.op.access(h.url, details(act(map[string]any{"purpose": "a\r\nb"}))), tribune.ErrUnknown},
		{"an endless mandate", h.op.access(h.url, details(act(map[string]any{"mandate": strings.Repeat("m", 257)}))), tribune.ErrUnknown},
	}
	for _, tt := range tests {
		got, err := h.Caller(tt.token)
		if !errors.Is(err, tt.want) || got != (tribune.Caller{}) {
			t.Errorf("%s: got %+v, %v", tt.what, got, err)
		}
		if err != nil && len(tt.token) > 20 && strings.Contains(err.Error()+tribune.HintOf(err), tt.token) {
			t.Errorf("%s: the error repeats the token", tt.what)
		}
	}
	h.pass(49 * time.Hour)
	if _, err := h.Caller(h.op.access(h.url, nil)); !errors.Is(err, tribune.ErrExpired) {
		t.Errorf("an account that has ended: got %v", err)
	}
}

// Made-up key ids make the library look for new keys; that must not become a flood on the provider.
func TestMadeUpKeyIDsDoNotFloodTheProvider(t *testing.T) {
	h := tokenHub(t)
	good := h.op.access(h.url, nil)
	if _, err := h.Caller(good); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		claims := map[string]any{"iss": h.op.URL, "sub": "x", "aud": h.url, "iat": h.now().Unix(), "exp": h.now().Add(time.Hour).Unix()}
		if _, err := h.Caller(signed(h.op.key, jose.ES256, "made-up-"+string(rune('a'+i%26)), claims)); err == nil {
			t.Fatal("accepted")
		}
	}
	if n := h.op.served("/keys"); n > 6 {
		t.Errorf("100 tokens fetched the keys %d times", n)
	}
	if _, err := h.Caller(good); err != nil {
		t.Errorf("a good token meanwhile: %v", err)
	}
}

func TestProviderThatIsDownMakesTokensBusyNotUnknown(t *testing.T) {
	h := tokenHub(t)
	h.op.set(func(p *issuer) { p.down = true })
	if _, err := h.Caller(h.op.access(h.url, nil)); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("got %v", err)
	}
}

// The header may name what a token leaves open, and nothing else than what it names.
func TestTokenForOnePurposeIsNoTokenForAnother(t *testing.T) {
	h := tokenHub(t)
	bound := h.op.access(h.url, details(map[string]any{"type": "tribune_act", "purpose": "enforce-parking", "mandate": "m1"}))
	half := h.op.access(h.url, details(map[string]any{"type": "tribune_act", "purpose": "enforce-parking"}))
	open := h.op.access(h.url, nil)
	for _, tt := range []struct {
		what, token, purpose, mandate string
		status                        int
		want                          string
	}{
		{"nothing in the header", bound, "", "", 200, `"Purpose":"enforce-parking","Mandate":"m1"`},
		{"the same in the header", bound, "enforce-parking", "m1", 200, `"Purpose":"enforce-parking","Mandate":"m1"`},
		{"another purpose", bound, "plan-traffic", "", 403, ""},
		{"another mandate", bound, "enforce-parking", "m2", 403, ""},
		{"mandate left open", half, "", "m2", 200, `"Purpose":"enforce-parking","Mandate":"m2"`},
		{"all left open", open, "plan-traffic", "m3", 200, `"Purpose":"plan-traffic","Mandate":"m3"`},
	} {
		b := h.browser(t)
		b.login("/")
		header := map[string]string{"Authorization": "Bearer " + tt.token}
		if tt.purpose != "" {
			header["Tribune-Purpose"] = tt.purpose
		}
		if tt.mandate != "" {
			header["Tribune-Mandate"] = tt.mandate
		}
		res := b.do("GET", "/account", header, "")
		if res.StatusCode != tt.status || !strings.Contains(res.body, tt.want) {
			t.Errorf("%s: got %d %s", tt.what, res.StatusCode, res.body)
		}
		if tt.status == http.StatusForbidden && !strings.Contains(res.body, "/problems/denied") {
			t.Errorf("%s: got %s", tt.what, res.body)
		}
	}
}

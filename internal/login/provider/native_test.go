package provider

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const nativeAt = "http://127.0.0.1:40123/callback"

func startNative(t *testing.T) *party {
	rp := start(t, func(c *Config) { c.NativeID = "own-program" })
	rp.oauth.ClientID, rp.oauth.RedirectURL = "own-program", nativeAt
	return rp
}

// A program on somebody's own machine gets tokens for itself and for nobody else.
func TestAProgramOnLoopbackLogsAPersonIn(t *testing.T) {
	rp := startNative(t)
	a := rp.press(rp.begin(), "citizen")
	if !strings.HasPrefix(a.location, nativeAt+"?") {
		t.Fatalf("the answer goes to %s", a.location)
	}
	token, err := rp.oauth.Exchange(t.Context(), a.query("code"), oauth2.VerifierOption(rp.verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := rp.oidc.Verifier(&oidc.Config{ClientID: "own-program"}).Verify(t.Context(), raw)
	if err != nil || id.Nonce != "nonce-1" || !slices.Equal(id.Audience, []string{"own-program"}) {
		t.Errorf("ID token %+v, %v", id, err)
	}
	if _, err := rp.oidc.Verifier(&oidc.Config{ClientID: "tribune"}).Verify(t.Context(), raw); err == nil {
		t.Error("the program's ID token passes for the hub's")
	}
	access, err := rp.verify(token.AccessToken)
	if err == nil && slices.Contains(access.Audience, hub) {
		t.Error("the program's access token is good at the hub")
	}
}

func TestAProgramsAnswerStaysOnThisMachine(t *testing.T) {
	rp := startNative(t)
	for _, redirect := range []string{
		"http://127.0.0.1/callback", "http://127.0.0.1:0/callback", "http://127.0.0.1:40123/other", "http://127.0.0.1:40123/callback?x=y", "http://localhost:40123/callback",
		"http://127.0.0.2:40123/callback", "https://127.0.0.1:40123/callback", "http://127.0.0.1:040123/callback", "http://evil.example:40123/callback", "http://127.0.0.1:40123@evil.example/callback", callback,
	} {
		if a := rp.send("GET", rp.authorizeURL("redirect_uri", redirect), nil); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s, want refused on the page", redirect, a.status, a.location)
		}
	}
	if a := rp.send("GET", rp.authorizeURL("client_id", "tribune"), nil); a.status != http.StatusBadRequest {
		t.Errorf("the hub's client at a program's address: %d", a.status)
	}
	// Without such a client nobody is it.
	plain := start(t)
	for _, id := range []string{"", "own-program"} {
		if a := plain.send("GET", plain.authorizeURL("client_id", id, "redirect_uri", nativeAt), nil); a.status != http.StatusBadRequest {
			t.Errorf("client %q: %d", id, a.status)
		}
	}
}

package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"tribune"
	"tribune/protocol"
)

const (
	loginTime   = 15 * time.Second // of the provider's answers
	loginHeader = 5 * time.Second
	loginLook   = 200 * time.Millisecond
)

// login gets an ID token that says who somebody is, made for the recovery's nonce: from a file, or by logging in with a browser on this machine
// (RFC 8252). The hub has no part in it.
func (d *traceFlags) login(ctx context.Context, a *askedGuardians, log io.Writer) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	if d.token != "" {
		fmt.Fprintf(log, "Put an ID token with the nonce %s into %s\n", a.session.Nonce(), d.token)
		return d.waitForToken(ctx)
	}
	if len(a.issuers) == 0 {
		return "", tribune.Hint(fmt.Errorf("%w: these guardians take no login in common", tribune.ErrUnsupported), "The ombudsman's desk can help: it needs no login.")
	}
	issuer := a.issuers[0]
	ctx = oidc.ClientContext(ctx, &http.Client{Timeout: loginTime})
	provider, err := oidc.NewProvider(ctx, issuer.URL)
	if err != nil {
		return "", fmt.Errorf("asking %s how one logs in: %w", issuer.URL, err)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("waiting for the login's answer: %w", err)
	}
	defer ln.Close()
	config := &oauth2.Config{
		ClientID: issuer.ClientID, Endpoint: provider.Endpoint(), RedirectURL: "http://" + ln.Addr().String() + "/callback", Scopes: []string{oidc.ScopeOpenID, "tribune_names"},
	}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	fmt.Fprintf(log, "Open this address in a browser on this machine, and log in:\n\n  %s\n\n", config.AuthCodeURL(state, oidc.Nonce(a.session.Nonce()), oauth2.S256ChallengeOption(verifier)))
	code, err := waitForCode(ctx, ln, state)
	if err != nil {
		return "", err
	}
	tokens, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", fmt.Errorf("changing the login's code for a token: %w", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return "", fmt.Errorf("%w: %s gave no ID token", tribune.ErrInvalid, issuer.URL)
	}
	return raw, nil
}

// waitForToken reads the token once somebody has put it there: its nonce is known only since this program runs.
func (d *traceFlags) waitForToken(ctx context.Context) (string, error) {
	for {
		raw, err := readOr(d.token)
		switch token := strings.TrimSpace(string(raw)); {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("reading the ID token: %w", err)
		case len(raw) > protocol.MaxPersonToken:
			return "", fmt.Errorf("reading the ID token: %w", tribune.ErrTooLarge)
		case token != "":
			return token, nil
		case d.token == "-":
			return "", fmt.Errorf("%w: there is no ID token on standard input", tribune.ErrInvalid)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("waiting for an ID token in %s: %w", d.token, ctx.Err())
		case <-time.After(loginLook):
		}
	}
}

// waitForCode serves the one redirect that the login ends with.
func waitForCode(ctx context.Context, ln net.Listener, state string) (string, error) {
	type outcome struct {
		code string
		err  error
	}
	done := make(chan outcome, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			http.Error(w, "This is not the answer to the login that was begun here.", http.StatusBadRequest)
			return // somebody else's: go on waiting
		}
		o := outcome{code: q.Get("code")}
		if o.code == "" {
			o.err = fmt.Errorf("%w: the login was not completed", tribune.ErrDenied)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Referrer-Policy", "no-referrer")
		fmt.Fprintln(w, "You can close this page. The rest happens where you began.")
		select {
		case done <- o:
		default:
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: loginHeader}
	go server.Serve(ln) // ends with server
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), loginHeader)
		defer cancel()
		server.Shutdown(end)
	}()
	select {
	case o := <-done:
		return o.code, o.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return "", tribune.Hint(fmt.Errorf("%w: nobody has logged in", tribune.ErrExpired), "Begin again; --patience says how long it waits.")
		}
		return "", ctx.Err()
	}
}

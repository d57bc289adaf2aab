package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"tribune"
)

// Time-outs and bounds towards a provider, with their reasons.
const (
	answerTimeout = 5 * time.Second  // of one answer: a person is waiting
	tokenTimeout  = 10 * time.Second // code, keys and userinfo together
	retryAfter    = 3 * time.Second  // a provider that is down is not asked by every visitor
	refreshAfter  = 12 * time.Hour   // endpoints change rarely, and then both work for days
	maxAnswer     = 1 << 20          // a discovery document takes 5 KB, a key set 10 KB
	keysBurst     = 5                // tokens with made-up key ids must not become a flood on the provider
	keysEvery     = 10 * time.Second
)

// namesScope asks for the claim of the same name.
const namesScope = "tribune_names"

var (
	errKeysBusy = errors.New("the provider's keys were asked for too often")
	errTooMuch  = errors.New("the provider's answer is too large")
	errRedirect = errors.New("the provider's endpoint redirects elsewhere")
)

// signing are the algorithms of tokens: never none, never one whose key is not the provider's alone.
func signing() []string {
	return []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}
}

// provider is one OpenID Connect provider and what its discovery document said.
type provider struct {
	Provider
	issuer *url.URL
	now    func() time.Time
	client *http.Client
	wire   *wire

	found atomic.Pointer[discovered]

	mu     sync.Mutex // held by whoever asks; guards what follows
	failed error
	retry  time.Time
}

// discovered is a provider as it described itself.
type discovered struct {
	oidc       *oidc.Provider
	endpoint   oauth2.Endpoint
	userinfo   bool
	scopes     []string
	endSession string
	names      bool // RFC 9207: its answers say who it is
	at         time.Time
}

func newProvider(p Provider, issuer *url.URL, now func() time.Time) *provider {
	w := &wire{base: http.DefaultTransport, keys: newLimiter(now, keysBurst, keysEvery)}
	return &provider{Provider: p, issuer: issuer, now: now, wire: w, client: &http.Client{
		Transport: w, Timeout: answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}}
}

// discover is what the provider says of itself, asked at most once in a while.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	d := p.found.Load()
	if d != nil && p.now().Before(d.at.Add(refreshAfter)) {
		return d, nil
	}
	if d != nil {
		if !p.mu.TryLock() {
			return d, nil // somebody asks already
		}
	} else {
		p.mu.Lock()
		if d = p.found.Load(); d != nil {
			p.mu.Unlock()
			return d, nil
		}
	}
	defer p.mu.Unlock()
	if p.failed == nil || !p.now().Before(p.retry) {
		fresh, err := p.ask(ctx)
		if p.failed = err; err == nil {
			p.found.Store(fresh)
			return fresh, nil
		}
		p.retry = p.now().Add(retryAfter)
	}
	if d != nil {
		return d, nil // as it was yesterday
	}
	return nil, &refusal{ProblemUnreachable, p.failed}
}

func (p *provider) ask(ctx context.Context) (*discovered, error) {
	// Whoever came first asks for all: their leaving must not fail the others.
	ctx, cancel := context.WithTimeout(p.context(context.WithoutCancel(ctx)), answerTimeout)
	defer cancel()
	found, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		return nil, reason("reading the provider's discovery document", err)
	}
	var more struct {
		JWKS       string   `json:"jwks_uri"`
		EndSession string   `json:"end_session_endpoint"`
		Iss        bool     `json:"authorization_response_iss_parameter_supported"`
		Auth       []string `json:"token_endpoint_auth_methods_supported"`
		Scopes     []string `json:"scopes_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, reason("reading the provider's discovery document", err)
	}
	d := &discovered{oidc: found, endpoint: found.Endpoint(), userinfo: found.UserInfoEndpoint() != "", endSession: more.EndSession, names: more.Iss, at: p.now()}
	d.endpoint.AuthStyle = p.authStyle(more.Auth)
	d.scopes = []string{oidc.ScopeOpenID, "profile"}
	if slices.Contains(more.Scopes, namesScope) {
		d.scopes = append(d.scopes, namesScope) // others may refuse a scope they do not know
	}
	for what, raw := range map[string]string{
		"authorization_endpoint": d.endpoint.AuthURL, "token_endpoint": d.endpoint.TokenURL, "jwks_uri": more.JWKS,
		"userinfo_endpoint": found.UserInfoEndpoint(), "end_session_endpoint": more.EndSession,
	} {
		if raw == "" && (what == "userinfo_endpoint" || what == "end_session_endpoint") {
			continue
		}
		if u, err := url.Parse(raw); err != nil || !trustworthy(u, p.issuer) {
			return nil, fmt.Errorf("the provider's %s is missing or not https: %w", what, tribune.ErrInvalid)
		}
	}
	p.wire.keysURL.Store(&more.JWKS)
	return d, nil
}

// authStyle: left to find out, the library would send the code twice.
func (p *provider) authStyle(offered []string) oauth2.AuthStyle {
	basic, post := len(offered) == 0, false
	for _, m := range offered {
		basic = basic || m == "client_secret_basic"
		post = post || m == "client_secret_post"
	}
	if p.ClientSecret == "" || post && !basic {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

func (p *provider) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

func (p *provider) oauth(d *discovered, redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: d.endpoint, RedirectURL: redirect, Scopes: d.scopes}
}

// verify checks a token's signature, issuer, audience and times.
func (p *provider) verify(ctx context.Context, d *discovered, token, audience string) (*oidc.IDToken, error) {
	t, err := d.oidc.Verifier(&oidc.Config{ClientID: audience, SupportedSigningAlgs: signing(), Now: p.now}).Verify(p.context(ctx), token)
	if err == nil && t.Issuer != p.Issuer {
		err = errors.New("another issuer") // the library lets one provider of the world go without its scheme
	}
	return t, err
}

// wire bounds what a provider may answer, and how often its keys are fetched.
type wire struct {
	base    http.RoundTripper
	keys    *limiter
	keysURL atomic.Pointer[string]
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if keys := w.keysURL.Load(); keys != nil && r.Method == http.MethodGet && r.URL.String() == *keys && !w.keys.allow("") {
		return nil, errKeysBusy
	}
	res, err := w.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &bounded{body: res.Body, left: maxAnswer}
	return res, nil
}

// bounded is a body that fails where it grows too large: cut off, half an answer could look whole.
type bounded struct {
	body io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooMuch
	}
	return n, err
}

func (b *bounded) Close() error { return b.body.Close() }

// Package provider is the demo city's own OpenID provider: a page with one button for each demo person and no password,
// so that a newcomer can log in as a citizen or an officer without an account anywhere. A real city connects the provider
// it has; this package is then not started.
//
// The demo starts it on a listener and an origin of its own (http://localhost:PORT), and tells the login room its address.
// It brings its own limits and headers and needs no more around it than web.NewServer: web.Wrap would take the access token
// at /userinfo for one of the hub's. To the hub it is a provider like any other; nothing there knows that it is ours. It is an OpenID Connect Core 1.0
// provider, as much of one as a web application needs:
//
//	GET  /.well-known/openid-configuration   discovery, with what is served here and nothing else
//	GET  /keys                               the signing key, a JWK set
//	GET  /authorize  (or POST)               authorization code flow; query responses only
//	GET  /choose/ID, POST /choose/ID         the page with the buttons, and one of them pressed
//	POST /oauth/token                        grant authorization_code only
//	GET  /userinfo   (or POST)               with the access token
//	GET  /end_session (or POST)              RP-initiated logout
//
// One public client is registered. It authenticates by PKCE (RFC 7636), method S256, which is required; its redirect URIs
// are compared byte for byte. There is no consent, no refresh token, no session of the provider's own: each authorization
// request shows the page, and each press of a button answers one request.
//
// Scopes: "openid" gives sub, the person's login name; "profile" gives name; "tribune_names" gives, to those who have any,
//
//	"tribune_names": [{"type": "plate", "name": "AB12CDE"}]
//
// the names under which data about them are filed, as a real provider would have verified them. Roles are not claims:
// who holds which office is the city's to say, in its accounts file. The ID token is for the client; the access token is
// for the hub (aud is Config.Audience), so that neither is of use in the other's place.
//
// The parameter authorization_details (RFC 9396) of /authorize is a JSON list of 1 to 4 objects, at most 4,096 bytes:
//
//	[{"type": "tribune_act", "purpose": "enforce-parking", "mandate": "parking-enforcement-2026"}]
//
// All three members are required, each once, and no other is known; purpose and mandate are 1 to 128 printable
// ASCII characters without spaces. Anything else is refused as invalid_authorization_details. The page shows them, and the
// access token and the token response carry them as they were checked. Whether the purpose exists and the person may act
// for it is the hub's to decide: the provider knows neither register nor office.
//
// What it promises:
//
//   - an authorization request belongs to the browser that began it: a cookie, sent to that request's page only, must come
//     with the press of a button, and a press that another site caused is refused;
//   - a request can be answered once, a code can be tried once, with the verifier and the redirect URI it was asked with;
//   - everything is in memory and bounded in number, size and time, so that a restart ends logins under way and a flood
//     ends the oldest of them; only the signing key is kept, in Config.Dir, readable by its owner, so that tokens can be
//     verified after a restart;
//   - pages run no script, load nothing from elsewhere, cannot be framed, and are plain HTML in English and German.
//
// What it does not promise: that a person is who they say. It asks nobody.
package provider

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"tribune/internal/web"
)

// Config of the provider.
type Config struct {
	Issuer       string   // its origin, for example http://localhost:8081; http on loopback only
	Audience     string   // the hub's URL: whom access tokens are for, and where the pages link back to
	ClientID     string   // of the hub's login
	NativeID     string   // of programs on people's own machines, see native.go; "" = none
	RedirectURIs []string // where codes may be sent, byte for byte
	LogoutURIs   []string // where a browser may be sent after logout, byte for byte
	People       []Person // the demo's, in the order of the page
	Dir          string   // keeps the signing key; made if it is not there
	Log          *slog.Logger
}

// Person is one who can be logged in as.
type Person struct {
	Login string           // the subject: lower-case letters, digits and hyphens, at most 64
	Name  string           // to show and to greet with
	Role  string           // chooses the sentence on the page: citizen, officer, inspector, steward, auditor or journalist
	Names []web.PersonName // verified names, of citizens
}

// Provider is the provider's whole surface. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	store  *storage
	op     *op.Provider
	pages  *pages
	routes http.Handler
}

var _ http.Handler = (*Provider)(nil)

// Limits, with their reasons.
const (
	requestLife = 10 * time.Minute // to read the page and choose
	codeLife    = time.Minute      // a redirect and one request by the client
	tokenLife   = 5 * time.Minute  // the client has a session of its own by then, and a tool can ask again

	mostRequests = 1024     // under way at once: 10 MB at worst
	mostCodes    = 1024     // waiting for their client
	mostTokens   = 4096     // known to /userinfo
	maxRequest   = 16 << 10 // of a query or a body; authorization_details triple when escaped
	maxParam     = 4 << 10  // of one parameter, unescaped: an ID token as a hint, or authorization_details
)

// New checks the configuration, and reads the signing key or makes one.
func New(cfg Config) (*Provider, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("demo provider: %w", err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	key, err := openKey(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("demo provider: %w", err)
	}
	pages, err := newPages(cfg)
	if err != nil {
		return nil, fmt.Errorf("demo provider: %w", err)
	}
	p := &Provider{cfg: cfg, pages: pages, store: newStorage(cfg, key)}
	p.op, err = op.NewProvider(
		&op.Config{CodeMethodS256: true, DefaultLogoutRedirectURI: endedPath},
		p.store, op.StaticIssuer(cfg.Issuer),
		op.WithAllowInsecure(), // check has refused http elsewhere than on loopback
		op.WithCrypto(codes{}),
		op.WithLogger(slog.New(slog.DiscardHandler)), // its lines name redirect URIs and states; what fails here is logged here
	)
	if err != nil {
		return nil, fmt.Errorf("demo provider: %w", err)
	}
	p.routes = p.router()
	return p, nil
}

// The paths that are not in the discovery document.
const (
	choosePath = "/choose/"
	endedPath  = "/ended"
	stylePath  = "/style.css"
)

// router names what is served. The library's own router would also serve introspection, revocation and device codes,
// and let scripts of any origin read all of it.
func (p *Provider) router() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+discoveryPath, p.discovery)
	mux.HandleFunc("GET "+p.op.KeysEndpoint().Relative(), func(w http.ResponseWriter, r *http.Request) { op.Keys(w, r, p.store) })
	both(mux, p.op.AuthorizationEndpoint().Relative(), p.authorize)
	mux.HandleFunc("POST "+p.op.TokenEndpoint().Relative(), p.token)
	both(mux, p.op.UserinfoEndpoint().Relative(), p.userinfo)
	both(mux, p.op.EndSessionEndpoint().Relative(), func(w http.ResponseWriter, r *http.Request) { op.EndSession(w, r, p.op) })
	mux.HandleFunc("GET "+choosePath+"{id}", p.choice)
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(p.foreign))
	mux.Handle("POST "+choosePath+"{id}", own.Handler(http.HandlerFunc(p.chosen)))
	mux.HandleFunc("GET "+endedPath, p.ended)
	mux.HandleFunc("GET "+stylePath, p.pages.style)
	return p.guard(http.MaxBytesHandler(mux, maxRequest))
}

func both(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("GET "+path, h)
	mux.HandleFunc("POST "+path, h)
}

// guard is around everything: headers, the Host that was meant, and the issuer where the library looks for it.
func (p *Provider) guard(next http.Handler) http.Handler {
	issuer, _ := url.Parse(p.cfg.Issuer) // check has parsed it
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", p.pages.policy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // "no-referrer" would hide the Origin of our own form from us
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		// A name that someone else's DNS points at this machine would make their page our origin.
		if r.Host != issuer.Host {
			http.Error(w, "This is not the address of this provider.", http.StatusMisdirectedRequest)
			return
		}
		if len(r.URL.RawQuery) > maxRequest {
			http.Error(w, "The query is too long.", http.StatusRequestURITooLong)
			return
		}
		next.ServeHTTP(w, r.WithContext(op.ContextWithIssuer(r.Context(), p.cfg.Issuer)))
	})
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.routes.ServeHTTP(w, r) }

// Token is a JWT access token of a demo person, as the code flow would give it: for tests and for tools on this machine.
// details is the parameter authorization_details, "" for none. Nothing is written to disk.
func (p *Provider) Token(ctx context.Context, person, details string) (string, error) {
	if _, ok := p.store.people[person]; !ok {
		return "", fmt.Errorf("token: %w", errNoPerson)
	}
	g := grant{person: person, audience: p.cfg.Audience}
	var err error
	if g.details, err = parseDetails(details); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	token, _, err := p.accessToken(op.ContextWithIssuer(ctx, p.cfg.Issuer), g)
	return token, err
}

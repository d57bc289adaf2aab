// Package login lets people log in with a browser, and programs with an access token. City wires it: Wrap stands before
// the pages, Routes beside them, Caller beside the gate's tokens. Everyone else sees a web.Session or a tribune.Caller.
//
// # Logging in
//
//	GET  /login                          the portal's page: a link per provider, a passkey button, the text of a problem
//	GET  /login/start?provider=ID&return=/path      to the provider (provider may be left out where there is one)
//	GET  /login/callback, /login/callback/ID        back from the provider, then on to return
//	POST /logout                         to /login?done=logged-out, with &provider=ID where that provider can log out too
//	GET  /logout/provider?provider=ID    to the provider's own logout (RP-Initiated Logout 1.0); a link, never a form:
//	                                     form-action 'self' would stop the redirect
//	POST /account/sessions/end           form id=ID or others=1; to /account?done=session-ended
//
// OpenID Connect Core 1.0, authorization code flow, with PKCE (RFC 7636), state and nonce. The redirect URI to register
// is URL/login/callback. Where several providers are configured, one that does not name itself in its answers (RFC 9207)
// is told URL/login/callback/ID instead, so that no provider can be mistaken for another (RFC 9700, 4.4.2). The only cookie
// before a login is one of ten minutes that login/start sets; it binds state, nonce and verifier to that browser and rests
// nowhere else.
//
// A login that fails leads to /login?problem=CODE, with &return= where there was one. The codes are closed:
//
//	cancelled     the person, or the provider, said no
//	failed        what came back could not be verified
//	expired       it took longer than ten minutes, began in another browser, or was used already
//	unreachable   the provider does not answer, or is none that is configured
//	busy          too many tries; later
//	passkey       the passkey was not accepted; no further reason is given to anyone
//	renew         the passkey is good, but the provider has not vouched for the person for 30 days: log in there once
//	again         adding a passkey needs a login of the last 15 minutes
//	many          as many passkeys as one person may have
//	off           passkeys cannot be used here (PasskeysOff says why)
//	session       the session has ended
//	csrf          the form or the call did not come from our own page
//
// # Passkeys
//
// All are POST with JSON. begin answers {"publicKey": ...} as parseRequestOptionsFromJSON and
// parseCreationOptionsFromJSON take it; finish takes what the credential's toJSON() gives. Calls under /account, and any
// call of somebody logged in, carry the header Tribune-CSRF. A failure is problem details (RFC 9457) with the further
// member "problem", one of the codes above.
//
//	/login/passkey/begin      {"return": "/path"}, or an empty body
//	/login/passkey/finish     toJSON()                       -> {"to": "/path"}
//	/account/passkeys/begin   empty                          needs a login of the last 15 minutes, else "again"
//	/account/passkeys/finish  toJSON() with "label": "..."   -> {"id": ..., "label": ..., "created": ...}
//	/account/passkeys/delete  {"id": "..."} -> 204; as a form (id, csrf) it leads to /account?done=passkey-deleted
//
// # What it promises
//
// A session id is 256 random bits, new at every login, and rests as its SHA-256 only. Who a session or passkey belongs to
// is sealed under that id, or under the passkey's user handle: neither is on this machine, so its disk says nothing
// about who logs in. A session ends after 30 idle minutes, after 8 hours, when its account changes or ends, and at
// logout. A passkey stands for a provider's word and lapses 30 days after it was last given. Errors and logs hold no
// secret, name or subject. Failures of one passkey all look the same, locked or not.
package login

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/web"
)

// Config of the room. URL, Store and Log are required.
type Config struct {
	URL       string // public base of the hub, "http://localhost:8080": origin only
	Title     string // of the hub, in the dialogs of passkeys; "" = "Tribune"
	Providers []Provider
	Accounts  func(issuer, subject string) (Account, bool) // who holds an office; asked at every request. nil = nobody
	Store     store.Store
	Now       func() time.Time // nil = time.Now
	Log       *slog.Logger
	Demo      bool // the public URL may be plain http on any host

	// Address is whom rates are counted against. nil = the connection's other end; behind a proxy that would be the proxy.
	Address func(*http.Request) netip.Addr
	// Refuse shows a 403 or 429 to a person, as a page; nil = problem details.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, p Problem)
}

// Provider is an OpenID Connect provider that people may log in with. Its word is taken for who a person is and for the
// names in its claim "tribune_names".
type Provider struct {
	ID           string // short, in paths
	Title        string // on the button
	Issuer       string // https, or http on loopback
	ClientID     string
	ClientSecret string // "" = a public client
}

// Account is what the city says about one person of a provider. Nobody listed is a citizen.
type Account struct {
	Role   string           // one of web's roles
	Actor  tribune.ActorID  // with Office, or neither
	Office tribune.OfficeID //
	Until  time.Time        // never zero
}

// Limits, with their reasons.
const (
	idle        = 30 * time.Minute    // a browser left open in a library
	absolute    = 8 * time.Hour       // a working day
	touchEvery  = time.Minute         // how exactly idleness is known; each note is a synced write
	pendingFor  = 10 * time.Minute    // a second factor, found in another room
	freshFor    = 15 * time.Minute    // a stolen cookie should not become a passkey
	vouchedFor  = 30 * 24 * time.Hour // how long a passkey stands for a provider's word
	maxSessions = 16                  // of one person; the oldest ends
	maxPasskeys = 10                  // of one person
	maxBody     = 64 << 10            // of our own routes; a credential takes 2 KB
)

// Login is the room.
type Login struct {
	cfg       Config
	base      *url.URL
	secure    bool
	providers []*provider
	keys      roomKeys
	passkeys  passkeyParty
	cross     *http.CrossOriginProtection
	limits    limits
	problems  *web.Problems
}

// New checks the configuration and makes or reads the room's key. Providers are asked for at the first login: one that is
// down stops its logins, not the hub.
func New(cfg Config) (*Login, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Title == "" {
		cfg.Title = "Tribune"
	}
	if cfg.Accounts == nil {
		cfg.Accounts = func(string, string) (Account, bool) { return Account{}, false }
	}
	if cfg.Address == nil {
		cfg.Address = peer
	}
	base, err := origin(cfg.URL, cfg.Demo)
	if err != nil {
		return nil, fmt.Errorf("opening login: %w", err)
	}
	cfg.URL = base.String()
	l := &Login{cfg: cfg, base: base, secure: base.Scheme == "https", cross: http.NewCrossOriginProtection(), limits: newLimits(cfg.Now), problems: web.NewProblems(cfg.Log, "")}
	if err := l.cross.AddTrustedOrigin(cfg.URL); err != nil {
		return nil, fmt.Errorf("opening login: %w: %w", tribune.ErrInvalid, err)
	}
	if l.providers, err = newProviders(cfg); err != nil {
		return nil, fmt.Errorf("opening login: %w", err)
	}
	if l.passkeys, err = newPasskeyParty(cfg, base); err != nil {
		return nil, fmt.Errorf("opening login: %w", err)
	}
	if l.keys, err = openRoomKeys(cfg.Store); err != nil {
		return nil, fmt.Errorf("opening login: %w", err)
	}
	return l, nil
}

// Routes adds what the package comment lists, but for GET /login and GET /account. They must be served inside Wrap.
func (l *Login) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /login/start", l.start)
	mux.HandleFunc("GET /login/callback", l.callback)
	mux.HandleFunc("GET /login/callback/{provider}", l.callback)
	mux.HandleFunc("POST /logout", l.logout)
	mux.HandleFunc("GET /logout/provider", l.logoutProvider)
	mux.HandleFunc("POST /account/sessions/end", l.endSessions)
	mux.HandleFunc("POST /login/passkey/begin", l.passkeyLoginBegin)
	mux.HandleFunc("POST /login/passkey/finish", l.passkeyLoginFinish)
	mux.HandleFunc("POST /account/passkeys/begin", l.passkeyAddBegin)
	mux.HandleFunc("POST /account/passkeys/finish", l.passkeyAddFinish)
	mux.HandleFunc("POST /account/passkeys/delete", l.passkeyDelete)
}

// Providers lists the providers for the login page, without their secrets.
func (l *Login) Providers() []Provider {
	list := make([]Provider, len(l.providers))
	for i, p := range l.providers {
		list[i] = Provider{ID: p.ID, Title: p.Title, Issuer: p.Issuer, ClientID: p.ClientID}
	}
	return list
}

var providerID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

func newProviders(cfg Config) ([]*provider, error) {
	var list []*provider
	seen := map[string]bool{}
	for _, p := range cfg.Providers {
		u, err := url.Parse(p.Issuer)
		switch {
		case !providerID.MatchString(p.ID):
			return nil, tribune.Hint(fmt.Errorf("%w: provider id %q", tribune.ErrInvalid, p.ID), "Use small letters, digits and hyphens, at most 32.")
		case p.ClientID == "" || p.Title == "":
			return nil, fmt.Errorf("%w: provider %s needs a title and a client id", tribune.ErrInvalid, p.ID)
		case err != nil || !trustworthy(u, u) || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
			return nil, tribune.Hint(fmt.Errorf("%w: the issuer of provider %s", tribune.ErrInvalid, p.ID), "An issuer is an https URL exactly as the provider writes it; http only on loopback.")
		case p.ClientID == cfg.URL:
			return nil, fmt.Errorf("%w: the client id of provider %s is the hub's URL: its ID tokens would pass for access tokens", tribune.ErrInvalid, p.ID)
		case seen["id "+p.ID] || seen["issuer "+p.Issuer]:
			return nil, fmt.Errorf("%w: provider %s or its issuer is there twice", tribune.ErrInvalid, p.ID)
		}
		seen["id "+p.ID], seen["issuer "+p.Issuer] = true, true
		list = append(list, newProvider(p, u, cfg.Now))
	}
	return list, nil
}

func (l *Login) provider(id string) *provider {
	if id == "" && len(l.providers) == 1 {
		return l.providers[0]
	}
	for _, p := range l.providers {
		if p.ID == id {
			return p
		}
	}
	return nil
}

func (l *Login) providerOf(issuer string) *provider {
	for _, p := range l.providers {
		if p.Issuer == issuer {
			return p
		}
	}
	return nil
}

// origin reads the hub's public base. Cookies without Secure are for loopback and for demos.
func origin(raw string, demo bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(raw, "/"))
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, tribune.Hint(fmt.Errorf("%w: the public URL", tribune.ErrInvalid), "Write scheme, host and port only, like https://city.example.")
	}
	if u.Scheme == "http" && !demo && !loopback(u.Hostname()) {
		return nil, tribune.Hint(fmt.Errorf("%w: the public URL is plain http", tribune.ErrInvalid), "Sessions need https; http works on localhost only.")
	}
	return u, nil
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}

// trustworthy reports whether u may carry codes and tokens: https, or plain http on loopback where the issuer itself is there.
func trustworthy(u, issuer *url.URL) bool {
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()) && issuer.Scheme == "http" && loopback(issuer.Hostname()))
}

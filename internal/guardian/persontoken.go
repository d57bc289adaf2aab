package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tribune"
	"tribune/protocol"
)

// Issuer is an OpenID Connect provider whose ID tokens this guardian takes for who somebody is, and the client they must be for. That
// client is not the hub's: the hub chooses the nonces of its own logins, and could have any visitor's keys sealed to itself.
type Issuer struct {
	URL      string `toml:"url"`       // exactly as the provider's discovery document says
	ClientID string `toml:"client_id"` // of programs on people's own machines
}

const (
	tokenAge    = 10 * time.Minute // from the provider to the second round; a person has to type, perhaps
	tokenSkew   = time.Minute
	keysLife    = 12 * time.Hour
	keysStale   = 48 * time.Hour   // of a provider that cannot be asked: whoever keeps us from it may hold a key that it has withdrawn
	keysRetry   = 10 * time.Second // made-up key ids must not become a flood on the provider
	issuerTime  = 5 * time.Second
	maxIssuerIn = 1 << 20
	maxNames    = 32
)

// check: a provider is reached over https, or on this machine.
func (i Issuer) check() error {
	u, err := url.Parse(i.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !safeURL(u) || i.ClientID == "" {
		return tribune.Hint(fmt.Errorf("%w: issuer %q with client %q", tribune.ErrInvalid, i.URL, i.ClientID), "Write url = \"https://HOST[/PATH]\" as the provider's discovery document does, and the client_id that it knows people's own programs by.")
	}
	return nil
}

func safeURL(u *url.URL) bool {
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// claims are what is read of an ID token.
type claims struct {
	Issuer   string                `json:"iss"`
	Subject  string                `json:"sub"`
	Audience jwt.Audience          `json:"aud"`
	Party    string                `json:"azp"`
	Expires  *jwt.NumericDate      `json:"exp"`
	Issued   *jwt.NumericDate      `json:"iat"`
	Before   *jwt.NumericDate      `json:"nbf"`
	Nonce    string                `json:"nonce"`
	Names    []protocol.PersonName `json:"tribune_names"`
}

// signing are the algorithms of tokens: never none, never one whose key is not the provider's alone.
func signing() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}
}

// errToken is what a token's owner is told; it quotes nothing of the token.
var errToken = errors.New("the ID token is not accepted")

// verifyToken returns what a pinned issuer says of whoever made this request: the token is signed by it, for its client, fresh, and made for this
// recipient.
func (d *personDesk) verifyToken(ctx context.Context, req protocol.PersonRequest) (claims, error) {
	var c claims
	no := func(why string) (claims, error) { return claims{}, fmt.Errorf("%w: %s", errToken, why) }
	token, err := jwt.ParseSigned(req.Token, signing())
	if err != nil || len(token.Headers) != 1 || token.UnsafeClaimsWithoutVerification(&c) != nil {
		return no("it is no signed token")
	}
	i := slices.IndexFunc(d.issuers, func(i *issuer) bool { return i.URL == c.Issuer })
	if i < 0 {
		return no("this guardian knows no such issuer")
	}
	from := d.issuers[i]
	keys, err := from.keysFor(ctx, token.Headers[0].KeyID, d.now())
	if err != nil {
		return claims{}, err
	}
	c = claims{}
	if !slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool { return token.Claims(k.Key, &c) == nil }) {
		return no("its issuer has not signed it")
	}
	now := d.now()
	switch {
	case c.Issuer != from.URL:
		return no("it is of another issuer")
	case !c.Audience.Contains(from.ClientID) || len(c.Audience) > 1 && c.Party != from.ClientID || c.Party != "" && c.Party != from.ClientID:
		return no("it was made for another program")
	case c.Nonce != protocol.PersonNonce(req.Recipient):
		return no("it was made for another recipient key")
	case c.Issued == nil || c.Expires == nil || c.Issued.Time().After(now.Add(tokenSkew)) || c.Issued.Time().Before(now.Add(-tokenAge)):
		return no("it was not issued just now")
	case now.After(c.Expires.Time().Add(tokenSkew)) || c.Before != nil && now.Before(c.Before.Time().Add(-tokenSkew)):
		return no("it is not valid now")
	case c.Subject == "" || len(c.Subject) > 255 || len(c.Names) > maxNames:
		return no("its claims cannot be used")
	case req.Representation == nil && !slices.Contains(c.Names, req.Name): // a representative's names are held against the document
		return no("its issuer does not vouch for this name")
	}
	return c, nil
}

// issuer is a pinned issuer and its keys.
type issuer struct {
	Issuer
	client *http.Client

	mu      sync.Mutex // guards what follows, and lets one ask at a time
	keys    []jose.JSONWebKey
	fetched time.Time
	tried   time.Time
}

func newIssuer(i Issuer) *issuer {
	return &issuer{Issuer: i, client: &http.Client{Timeout: issuerTime, CheckRedirect: noRedirect}}
}

// errIssuer: the token may be good; nobody can tell now.
var errIssuer = fmt.Errorf("%w: the issuer of the ID token cannot be asked for its keys now", tribune.ErrBusy)

// keysFor are the keys that may have signed a token with this key id; without one, all.
func (i *issuer) keysFor(ctx context.Context, id string, now time.Time) ([]jose.JSONWebKey, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	known := i.named(id)
	if len(known) > 0 && now.Sub(i.fetched) < keysLife {
		return known, nil
	}
	stale := len(i.keys) == 0 || now.Sub(i.fetched) > keysStale
	if now.Sub(i.tried).Abs() < keysRetry {
		if stale {
			return nil, errIssuer
		}
		return known, nil
	}
	i.tried = now
	keys, err := i.fetch(context.WithoutCancel(ctx)) // whoever came first asks for all
	if err != nil {
		if len(known) > 0 && !stale {
			return known, nil // as they were yesterday
		}
		return nil, errIssuer
	}
	i.keys, i.fetched = keys, now
	return i.named(id), nil
}

func (i *issuer) named(id string) (keys []jose.JSONWebKey) {
	for _, k := range i.keys {
		if id == "" || k.KeyID == id {
			keys = append(keys, k)
		}
	}
	return keys
}

func (i *issuer) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	var found struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := i.get(ctx, strings.TrimSuffix(i.URL, "/")+"/.well-known/openid-configuration", &found); err != nil {
		return nil, err
	}
	at, err := url.Parse(found.Keys)
	if err != nil || found.Issuer != i.URL || at.Host == "" || !safeURL(at) {
		return nil, fmt.Errorf("%w: discovery document of %s", tribune.ErrInvalid, i.URL)
	}
	var set jose.JSONWebKeySet
	if err := i.get(ctx, found.Keys, &set); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(set.Keys, func(k jose.JSONWebKey) bool { return !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" }), nil
}

func (i *issuer) get(ctx context.Context, at string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	resp, err := i.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", at, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxIssuerIn+1))
	if err == nil && len(body) > maxIssuerIn {
		err = tribune.ErrTooLarge
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

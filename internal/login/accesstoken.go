package login

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"tribune"
	"tribune/internal/web"
)

var _ web.Callers = (*Login)(nil)

// Bounds of access tokens.
const (
	maxAccessToken = 4 << 10        // bytes: the whole header may take 32 KB
	maxTokenLife   = 24 * time.Hour // a token cannot be called back; no power without an end
	maxWord        = 256            // bytes of a purpose or mandate, as in the headers
	detailsType    = "tribune_act"
)

// IsAccessToken tells a JWT from a token of the gate, which has no dots.
func IsAccessToken(token string) bool { return strings.Count(token, ".") == 2 }

// Caller is who holds an access token of one of the providers: a JWT (RFC 9068) that the provider has signed for this hub
// (its audience is Config.URL), of a person whom the city lists with an office. authorization_details (RFC 9396) may hold one
// object
//
//	{"type": "tribune_act", "purpose": "...", "mandate": "...", "locations": ["URL of the hub"]}
//
// and then the token is good for that purpose and mandate only; mandate and locations may be left out. Details of other
// types alone, two of ours, or members we do not know make the token useless: they would restrict it in ways we cannot
// keep. It fails with ErrUnknown or ErrExpired, and with ErrBusy where the provider does not answer.
func (l *Login) Caller(token string) (tribune.Caller, error) {
	if len(token) > maxAccessToken || !IsAccessToken(token) {
		return tribune.Caller{}, unknownToken("it is no access token")
	}
	p := l.providerOf(issuerOf(token))
	if p == nil {
		return tribune.Caller{}, unknownToken("its issuer is not configured")
	}
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	d, err := p.discover(ctx)
	if err != nil {
		return tribune.Caller{}, busyToken()
	}
	t, err := p.verify(ctx, d, token, l.cfg.URL)
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return tribune.Caller{}, expiredToken()
	case err != nil && unreachable(err):
		return tribune.Caller{}, busyToken()
	case err != nil:
		return tribune.Caller{}, unknownToken("it does not verify")
	}
	return l.callerOf(p, t)
}

// accessClaims are what we read of an access token beside what the library has checked. What only ID tokens have is read
// to refuse them: one that leaked is not a key to the API.
type accessClaims struct {
	Details json.RawMessage `json:"authorization_details"`
	Nonce   *string         `json:"nonce"`
	AtHash  *string         `json:"at_hash"`
}

func (l *Login) callerOf(p *provider, t *oidc.IDToken) (tribune.Caller, error) {
	now := l.cfg.Now()
	var c accessClaims
	switch {
	case t.Claims(&c) != nil:
		return tribune.Caller{}, unknownToken("its claims cannot be read")
	case c.Nonce != nil || c.AtHash != nil:
		return tribune.Caller{}, unknownToken("it is an ID token")
	case !now.Before(t.Expiry):
		return tribune.Caller{}, expiredToken()
	case t.IssuedAt.IsZero() || t.IssuedAt.After(now.Add(clockSkew)) || t.Expiry.Sub(t.IssuedAt) > maxTokenLife:
		return tribune.Caller{}, unknownToken("it was issued in the future, or for longer than a day")
	}
	account, ok := l.cfg.Accounts(p.Issuer, t.Subject)
	if !ok || account.Actor == "" {
		return tribune.Caller{}, unknownToken("its holder has no office here")
	}
	if !now.Before(account.Until) {
		return tribune.Caller{}, tribune.Hint(fmt.Errorf("%w: the account", tribune.ErrExpired), "Ask the hub's operator to renew the account.")
	}
	caller := tribune.Caller{Actor: account.Actor, Office: account.Office, Until: account.Until}
	if t.Expiry.Before(caller.Until) {
		caller.Until = t.Expiry
	}
	if err := l.bind(&caller, c.Details); err != nil {
		return tribune.Caller{}, err
	}
	return caller, nil
}

// detail is one of authorization_details.
type detail struct {
	Type      string   `json:"type"`
	Purpose   string   `json:"purpose"`
	Mandate   string   `json:"mandate"`
	Locations []string `json:"locations"`
}

// bind reads the details into the caller.
func (l *Login) bind(caller *tribune.Caller, raw json.RawMessage) error {
	if raw == nil || string(raw) == "null" {
		return nil
	}
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return unknownToken("its authorization_details cannot be read")
	}
	var ours *detail
	for _, one := range all {
		var kind struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(one, &kind) != nil {
			return unknownToken("its authorization_details cannot be read")
		}
		if kind.Type != detailsType {
			continue // for somebody else
		}
		d, err := strictDetail(one)
		if err != nil || ours != nil {
			return unknownToken("its authorization_details are not one " + detailsType)
		}
		ours = d
	}
	switch {
	case ours == nil:
		return unknownToken("its authorization_details are for something else")
	case len(ours.Locations) > 0 && !slices.Contains(ours.Locations, l.cfg.URL):
		return unknownToken("its authorization_details are for another place")
	case !word(ours.Purpose) || ours.Mandate != "" && !word(ours.Mandate):
		return unknownToken("its authorization_details name no purpose or mandate that could be one")
	}
	caller.Purpose, caller.Mandate = tribune.PurposeID(ours.Purpose), tribune.MandateID(ours.Mandate)
	return nil
}

// strictDetail refuses members beyond ours, whatever their case: encoding/json would take "PURPOSE" for purpose, and the
// last of two.
func strictDetail(raw json.RawMessage) (*detail, error) {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		s, _ := name.(string)
		if seen[s] || !slices.Contains([]string{"type", "purpose", "mandate", "locations"}, s) {
			return nil, errors.New("a member that is unknown or there twice")
		}
		seen[s] = true
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return nil, err
		}
	}
	var d detail
	return &d, json.Unmarshal(raw, &d)
}

func word(s string) bool {
	return s != "" && len(s) <= maxWord && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// issuerOf reads the issuer of a token before anything is verified, to know whose keys to verify it with.
func issuerOf(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(text, &c) != nil {
		return ""
	}
	return c.Issuer
}

func unknownToken(why string) error {
	return tribune.Hint(fmt.Errorf("%w: the access token: %s", tribune.ErrUnknown, why), "Get an access token for this hub's address from its provider.")
}

func expiredToken() error {
	return tribune.Hint(fmt.Errorf("%w: the access token", tribune.ErrExpired), "Get a new access token from the provider.")
}

func busyToken() error {
	return tribune.Hint(fmt.Errorf("%w: the provider of this token does not answer", tribune.ErrBusy), "Try again in a few seconds.")
}

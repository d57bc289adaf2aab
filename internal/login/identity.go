package login

import (
	"context"
	"crypto/subtle"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"tribune/internal/web"
)

// Bounds of what a provider says about a person.
const (
	maxSubject  = 255 // OpenID Connect Core, section 2
	maxName     = 100 // characters of a greeting
	maxNames    = 32
	maxNameSize = 128 // bytes of one verified name, and of its type
	clockSkew   = time.Minute
	maxTokenAge = 10 * time.Minute // of an ID token that comes straight from the token endpoint
)

// identity is a person as a provider vouched for them.
type identity struct {
	Issuer  string           `json:"issuer"`
	Subject string           `json:"subject"`
	Name    string           `json:"name,omitempty"`
	Names   []web.PersonName `json:"names,omitempty"`
	Vouched time.Time        `json:"vouched"`
}

// subject is issuer and subject in one string; an issuer has no "#".
func (i identity) subject() string { return i.Issuer + "#" + i.Subject }

// claims are what we read of an ID token or of userinfo.
type claims struct {
	AuthorizedParty string            `json:"azp"`
	Name            string            `json:"name"`
	Preferred       string            `json:"preferred_username"`
	Names           *[]web.PersonName `json:"tribune_names"`
}

// identify turns a code's tokens into a person, or says why not.
func (l *Login) identify(ctx context.Context, p *provider, d *discovered, tokens *oauth2.Token, nonce string) (identity, error) {
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" || len(raw) > maxAnswer {
		return identity{}, refuse(ProblemFailed, "the token endpoint gave no ID token")
	}
	token, err := p.verify(ctx, d, raw, p.ClientID)
	if err != nil {
		return identity{}, &refusal{problemOfProvider(err), reason("verifying the ID token", err)}
	}
	now := l.cfg.Now()
	var c claims
	switch {
	case token.Claims(&c) != nil:
		return identity{}, refuse(ProblemFailed, "the ID token's claims cannot be read")
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1:
		return identity{}, refuse(ProblemFailed, "the ID token has another nonce")
	case len(token.Audience) > 1 && c.AuthorizedParty != p.ClientID, c.AuthorizedParty != "" && c.AuthorizedParty != p.ClientID:
		return identity{}, refuse(ProblemFailed, "the ID token is for another party")
	case token.IssuedAt.After(now.Add(clockSkew)) || token.IssuedAt.Before(now.Add(-maxTokenAge)):
		return identity{}, refuse(ProblemFailed, "the ID token was not issued just now; are both clocks right?")
	case token.AccessTokenHash != "" && token.VerifyAccessToken(tokens.AccessToken) != nil:
		return identity{}, refuse(ProblemFailed, "the ID token belongs to another access token")
	case token.Subject == "" || len(token.Subject) > maxSubject:
		return identity{}, refuse(ProblemFailed, "the ID token has no usable subject")
	}
	if d.userinfo && (c.Names == nil || c.Name == "") {
		if err := l.userinfo(ctx, p, d, tokens, token, &c); err != nil {
			return identity{}, err
		}
	}
	id := identity{Issuer: p.Issuer, Subject: token.Subject, Name: greeting(c.Name, c.Preferred), Vouched: now}
	if c.Names != nil {
		if id.Names, err = verifiedNames(*c.Names); err != nil {
			return identity{}, err
		}
	}
	return id, nil
}

// userinfo adds what the ID token leaves out. Its subject must be the token's (Core, 5.3.2): else one person's names
// could be put on another.
func (l *Login) userinfo(ctx context.Context, p *provider, d *discovered, tokens *oauth2.Token, token *oidc.IDToken, c *claims) error {
	info, err := d.oidc.UserInfo(p.context(ctx), oauth2.StaticTokenSource(tokens))
	if err != nil {
		return &refusal{problemOfProvider(err), reason("asking the provider's userinfo", err)}
	}
	if subtle.ConstantTimeCompare([]byte(info.Subject), []byte(token.Subject)) != 1 {
		return refuse(ProblemFailed, "userinfo is about somebody else")
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return refuse(ProblemFailed, "userinfo cannot be read")
	}
	if c.Name == "" {
		c.Name = more.Name
	}
	if c.Preferred == "" {
		c.Preferred = more.Preferred
	}
	if c.Names == nil {
		c.Names = more.Names
	}
	return nil
}

func problemOfProvider(err error) Problem {
	if unreachable(err) {
		return ProblemUnreachable
	}
	return ProblemFailed
}

// verifiedNames takes all or none: a name cut short would be somebody else's.
func verifiedNames(list []web.PersonName) ([]web.PersonName, error) {
	if len(list) > maxNames {
		return nil, refuse(ProblemFailed, "the provider vouches for too many names")
	}
	out := make([]web.PersonName, 0, len(list))
	for _, n := range list {
		if !providerID.MatchString(n.Type) || n.Name == "" || len(n.Name) > maxNameSize || n.Name != strings.TrimSpace(n.Name) || strings.ContainsFunc(n.Name, unicode.IsControl) || strings.ToValidUTF8(n.Name, "") != n.Name {
			return nil, refuse(ProblemFailed, "the provider vouches for a name that cannot be used")
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// greeting is the first usable of names, on one line.
func greeting(names ...string) string {
	for _, name := range names {
		clean := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(name, ""), func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r)
		}), " ")
		if runes := []rune(clean); len(runes) > maxName {
			clean = string(runes[:maxName])
		}
		if clean != "" {
			return clean
		}
	}
	return ""
}

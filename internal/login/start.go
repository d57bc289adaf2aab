package login

import (
	"encoding/base64"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// start sends the browser to a provider.
func (l *Login) start(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back := localPath(q.Get("return"))
	p := l.provider(q.Get("provider"))
	if p == nil {
		l.fail(w, r, "", back, refuse(ProblemUnreachable, "no such provider is configured"))
		return
	}
	if !l.limits.starts.allow(l.address(r)) {
		l.fail(w, r, p.ID, back, refuse(ProblemBusy, "too many logins begun from one address"))
		return
	}
	d, err := p.discover(r.Context())
	if err != nil {
		l.fail(w, r, p.ID, back, err)
		return
	}
	begun := pending{Provider: p.ID, State: token(), Nonce: token(), Verifier: oauth2.GenerateVerifier(), Return: back}
	if err := l.setPending(w, pendingOpenID, begun); err != nil {
		l.fail(w, r, p.ID, back, err)
		return
	}
	seeOther(w, p.oauth(d, l.cfg.URL+l.callbackPath(p, d)).AuthCodeURL(begun.State, oidc.Nonce(begun.Nonce), oauth2.S256ChallengeOption(begun.Verifier)))
}

// callbackPath is one path for all, but for a provider that others could be mistaken for.
func (l *Login) callbackPath(p *provider, d *discovered) string {
	if len(l.providers) > 1 && !d.names {
		return "/login/callback/" + p.ID
	}
	return "/login/callback"
}

// token is 256 random bits in a URL's alphabet.
func token() string { return base64.RawURLEncoding.EncodeToString(random(32)) }

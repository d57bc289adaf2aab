package login

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"tribune/internal/store"
)

const maxCode = 4 << 10 // bytes of an authorization code

// callback takes the browser back from a provider and begins a session.
func (l *Login) callback(w http.ResponseWriter, r *http.Request) {
	begun, err := l.takePending(w, r, pendingOpenID)
	if err == nil {
		err = l.finish(w, r, begun)
	}
	if err != nil {
		l.fail(w, r, begun.Provider, begun.Return, err)
		return
	}
	seeOther(w, begun.Return)
}

func (l *Login) finish(w http.ResponseWriter, r *http.Request, begun pending) error {
	if !l.limits.answers.allow(l.address(r)) {
		return refuse(ProblemBusy, "too many callbacks from one address")
	}
	q := r.URL.Query()
	state, ok := one(q, "state")
	if !ok || subtle.ConstantTimeCompare([]byte(state), []byte(begun.State)) != 1 {
		return refuse(ProblemExpired, "the state is not the one this browser began with")
	}
	p := l.provider(begun.Provider)
	if p == nil {
		return refuse(ProblemUnreachable, "the provider is not configured any more")
	}
	d, err := p.discover(r.Context())
	if err != nil {
		return err
	}
	if err := l.sameProvider(r, q, p, d); err != nil {
		return err
	}
	if q.Has("error") {
		code := q.Get("error")
		if code == "access_denied" {
			return refuse(ProblemCancelled, "access_denied")
		}
		return refuse(ProblemFailed, "the provider answered "+oauthCode(code))
	}
	code, ok := one(q, "code")
	if !ok || len(code) > maxCode {
		return refuse(ProblemFailed, "the provider gave no code")
	}
	ctx, cancel := context.WithTimeout(r.Context(), tokenTimeout)
	defer cancel()
	tokens, err := p.oauth(d, l.cfg.URL+l.callbackPath(p, d)).Exchange(p.context(ctx), code, oauth2.VerifierOption(begun.Verifier))
	if err != nil {
		return &refusal{problemOfProvider(err), reason("exchanging the code", err)}
	}
	id, err := l.identify(ctx, p, d, tokens, begun.Nonce)
	if err != nil {
		return err
	}
	owner := l.keys.owner(id.subject())
	if !l.limits.accounts.allow(owner) {
		return refuse(ProblemBusy, "too many logins of one account")
	}
	var batch store.Batch
	l.useOnce(&batch, "state "+begun.State)
	if err := l.begin(ctx, w, r, id, MethodOpenID, &batch); err != nil {
		return err
	}
	l.renewPasskeys(ctx, owner, id)
	return nil
}

// sameProvider stops a mix-up (RFC 9700, 4.4): an answer must come from the provider that was asked. Where it says who it
// is (RFC 9207), that must fit; where it promised to, it must; where it does not, its path says it.
func (l *Login) sameProvider(r *http.Request, q url.Values, p *provider, d *discovered) error {
	if r.URL.Path != l.callbackPath(p, d) {
		return refuse(ProblemFailed, "the answer came to another provider's path")
	}
	iss, ok := one(q, "iss")
	if q.Has("iss") && (!ok || iss != p.Issuer) || !q.Has("iss") && d.names {
		return refuse(ProblemFailed, "the answer is from another provider")
	}
	return nil
}

// one is a parameter that must be there once.
func one(q url.Values, name string) (string, bool) {
	if len(q[name]) != 1 || q[name][0] == "" {
		return "", false
	}
	return q[name][0], true
}

package provider

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// cookieName is of the cookie that ties a request to its browser. Its path is the request's page: cookies know no ports, and
// the hub on the same host is not to see it; nor do two logins in two tabs get into each other's way.
const cookieName = "demo_login"

// authorize checks what the library does not, and lets it check the rest.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	// Until it is known that the client is ours and wants its answer where it may have it, the browser stays here.
	if err := r.ParseForm(); err != nil || !single(r.Form) {
		p.problem(w, r, http.StatusBadRequest, func(t words) string { return t.BadRequest })
		return
	}
	if !p.cfg.mayAnswer(r.Form.Get("client_id"), r.Form.Get("redirect_uri")) {
		p.problem(w, r, http.StatusBadRequest, func(t words) string { return t.BadClient })
		return
	}
	details, err := parseDetails(r.Form.Get(detailsParam))
	switch mode := r.Form.Get("response_mode"); {
	case r.Form.Has("request") || r.Form.Has("request_uri"):
		p.refuse(w, r, oidc.ErrRequestNotSupported())
	case r.Form.Get("response_type") != string(oidc.ResponseTypeCode):
		p.refuse(w, r, &oidc.Error{ErrorType: "unsupported_response_type", Description: "response_type must be code"})
	case mode != "" && mode != string(oidc.ResponseModeQuery):
		p.refuse(w, r, oidc.ErrInvalidRequest().WithDescription("response_mode must be query"))
	case r.Form.Get("code_challenge_method") != string(oidc.CodeChallengeMethodS256) || !isChallenge(r.Form.Get("code_challenge")):
		p.refuse(w, r, oidc.ErrInvalidRequest().WithDescription("PKCE with code_challenge_method S256 is required"))
	case err != nil:
		p.refuse(w, r, &oidc.Error{ErrorType: "invalid_authorization_details", Description: errDetails.Error()})
	default:
		p.begin(w, r, details)
	}
}

// begin ties the request to this browser and leaves it to the library, which answers with a redirect: to the page, or back
// to the client with what it did not like.
func (p *Provider) begin(w http.ResponseWriter, r *http.Request, details []Detail) {
	secret := rand.Text() + rand.Text()
	a := &arrival{id: rand.Text(), browser: sha256.Sum256([]byte(secret)), details: details}
	http.SetCookie(w, p.cookie(a.id, secret, int(requestLife.Seconds())))
	op.Authorize(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, a)), p.op)
}

func (p *Provider) cookie(id, secret string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: secret, Path: choosePath + id, MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(p.cfg.Issuer, "https:"),
	}
}

// refuse sends an error to the client.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, err *oidc.Error) {
	op.AuthRequestError(w, r, &oidc.AuthRequest{RedirectURI: r.Form.Get("redirect_uri"), State: r.Form.Get("state")}, err, p.op)
}

// single reports whether each parameter comes once and is not too long (RFC 6749, 3.1): of two, one reader would check the
// first and the next one use the second.
func single(form url.Values) bool {
	for name, values := range form {
		if len(values) != 1 || len(values[0]) > maxParam && name != detailsParam { // its own error says why
			return false
		}
	}
	return true
}

// isChallenge reports whether s is the unpadded base64url of a SHA-256 digest.
func isChallenge(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

package provider

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	httphelper "github.com/zitadel/oidc/v3/pkg/http"
)

// tokenResponse is the library's, with what RFC 9396, 7 adds.
type tokenResponse struct {
	*oidc.AccessTokenResponse
	Details []Detail `json:"authorization_details,omitempty"`
}

// token changes a code for tokens. It is made of the library's parts and is not its CodeExchange, which would give both
// tokens the same audience, and which goes on after a request that it could not parse.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	answer, err := p.exchange(r)
	if err != nil {
		var e *oidc.Error
		if !errors.As(err, &e) {
			p.cfg.Log.ErrorContext(r.Context(), "demo provider: issuing tokens", "error", err)
			e = oidc.ErrServerError()
		}
		status := http.StatusBadRequest
		switch e.ErrorType {
		case oidc.InvalidClient:
			status = http.StatusUnauthorized
		case oidc.ServerError:
			status = http.StatusInternalServerError
		}
		httphelper.MarshalJSONWithStatus(w, e, status)
		return
	}
	httphelper.MarshalJSON(w, answer)
}

func (p *Provider) exchange(r *http.Request) (*tokenResponse, error) {
	ctx := r.Context()
	if err := r.ParseForm(); err != nil || !single(r.Form) || r.URL.RawQuery != "" { // a code in a query would be in logs
		return nil, oidc.ErrInvalidRequest().WithDescription("the parameters must be in the body, each once")
	}
	if grant := r.Form.Get("grant_type"); grant != string(oidc.GrantTypeCode) {
		return nil, oidc.ErrUnsupportedGrantType().WithDescription("grant_type must be authorization_code")
	}
	asked, err := op.ParseAccessTokenRequest(r, p.op.Decoder())
	if err != nil {
		return nil, err
	}
	checked, client, err := op.ValidateAccessTokenRequest(ctx, asked, p.op)
	if err != nil {
		return nil, err
	}
	req, err := p.answered(checked)
	if err != nil {
		return nil, err
	}
	g := grant{person: req.person, audience: p.cfg.audience(req.asked.ClientID), scopes: req.asked.Scopes, details: req.details}
	access, life, err := p.accessToken(ctx, g)
	if err != nil {
		return nil, err
	}
	id, err := op.CreateIDToken(ctx, p.cfg.Issuer, req, client.IDTokenLifetime(), access, asked.Code, p.store, client)
	if err != nil {
		return nil, err
	}
	return &tokenResponse{
		AccessTokenResponse: &oidc.AccessTokenResponse{
			AccessToken: access, TokenType: oidc.BearerToken, ExpiresIn: uint64(life.Seconds()), IDToken: id, Scope: g.scopes,
		},
		Details: g.details,
	}, nil
}

// answered is the request behind the library's view of it, if a person was chosen.
func (p *Provider) answered(checked op.AuthRequest) (*request, error) {
	if req, ok := checked.(*request); ok && req.Done() {
		return req, nil
	}
	return nil, errNoRequest
}

func (p *Provider) accessToken(ctx context.Context, g grant) (token string, life time.Duration, err error) {
	token, _, life, err = op.CreateAccessToken(ctx, g, op.AccessTokenTypeJWT, p.op, client{&p.cfg}, "")
	return token, life, err
}

// userinfo leaves it to the library, which would also take a token from the query, where logs keep it.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		httphelper.MarshalJSONWithStatus(w, oidc.ErrInvalidRequest().WithDescription("the access token must be in a header or in the body"), http.StatusBadRequest)
		return
	}
	op.Userinfo(w, r, p.op)
}

package provider

import (
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/text/language"

	httphelper "github.com/zitadel/oidc/v3/pkg/http"
)

const discoveryPath = oidc.DiscoveryEndpoint

// metadata is the discovery document: the library's members and what RFC 9396, 10 adds.
type metadata struct {
	oidc.DiscoveryConfiguration
	DetailTypes []string `json:"authorization_details_types_supported"`
}

// discovery says what is served. The library's own document would also promise implicit flow, JWT grants and paths that
// are not there.
func (p *Provider) discovery(w http.ResponseWriter, r *http.Request) {
	at := p.cfg.Issuer
	httphelper.MarshalJSON(w, metadata{
		DiscoveryConfiguration: oidc.DiscoveryConfiguration{
			Issuer:                            at,
			AuthorizationEndpoint:             p.op.AuthorizationEndpoint().Absolute(at),
			TokenEndpoint:                     p.op.TokenEndpoint().Absolute(at),
			UserinfoEndpoint:                  p.op.UserinfoEndpoint().Absolute(at),
			EndSessionEndpoint:                p.op.EndSessionEndpoint().Absolute(at),
			JwksURI:                           p.op.KeysEndpoint().Absolute(at),
			ScopesSupported:                   scopes(),
			ResponseTypesSupported:            []string{string(oidc.ResponseTypeCode)},
			ResponseModesSupported:            []string{string(oidc.ResponseModeQuery)},
			GrantTypesSupported:               []oidc.GrantType{oidc.GrantTypeCode},
			SubjectTypesSupported:             []string{"public"},
			IDTokenSigningAlgValuesSupported:  []string{string(p.store.key.SignatureAlgorithm())},
			TokenEndpointAuthMethodsSupported: []oidc.AuthMethod{oidc.AuthMethodNone},
			ClaimsSupported:                   []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "azp", "at_hash", "c_hash", "name", scopeNames},
			CodeChallengeMethodsSupported:     []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
			UILocalesSupported:                []language.Tag{language.English, language.German},
		},
		DetailTypes: []string{detailType},
	})
}

package login_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tribune/internal/login"
)

const (
	clientID     = "tribune"
	clientSecret = "s3cret-of-the-client"
)

// issuer is a small OpenID provider: codes are bound to redirect URI, client and PKCE, and good once. Its fields are set
// by a test before it is used; claims override what a token would say.
type issuer struct {
	*httptest.Server
	now    func() time.Time
	key    *ecdsa.PrivateKey
	public bool // the client has no secret

	mu       sync.Mutex
	subject  string         // who is logged in there
	idClaims map[string]any // override; nil value = leave out
	info     map[string]any // userinfo; nil = no endpoint
	sign     func(claims map[string]any) string
	names    bool   // RFC 9207
	asIss    string // iss in answers, where not its own
	refuse   string // error instead of a code
	logout   bool
	down     bool
	codes    map[string]url.Values
	count    map[string]int // requests by path
	more     map[string]any // further discovery metadata
}

func newIssuer(t testing.TB, now func() time.Time) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &issuer{now: now, key: key, subject: "248289761001", logout: true, names: true, codes: map[string]url.Values{}, count: map[string]int{}}
	p.info = map[string]any{"name": "Ada Citizen", "tribune_names": []map[string]string{{"type": "plate", "name": "AB12CDE"}}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *issuer) provider(id string) login.Provider {
	secret := clientSecret
	if p.public {
		secret = ""
	}
	return login.Provider{ID: id, Title: "City account", Issuer: p.URL, ClientID: clientID, ClientSecret: secret}
}

// set changes the provider while it serves.
func (p *issuer) set(f func(*issuer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

func (p *issuer) served(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[path]
}

func (p *issuer) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count[r.URL.Path]++
	if p.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		d := map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"}, "token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		}
		if p.info != nil {
			d["userinfo_endpoint"] = p.URL + "/userinfo"
		}
		if p.logout {
			d["end_session_endpoint"] = p.URL + "/logout?x=1"
		}
		if p.names {
			d["authorization_response_iss_parameter_supported"] = true
		}
		maps.Copy(d, p.more)
		send(w, d)
	case "/keys":
		send(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	case "/authorize":
		p.authorize(w, r)
	case "/token":
		p.token(w, r)
	case "/userinfo":
		info := map[string]any{"sub": p.subject}
		maps.Copy(info, p.info)
		send(w, info)
	default:
		http.NotFound(w, r)
	}
}

func (p *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, answer := q.Get("redirect_uri"), url.Values{"state": {q.Get("state")}}
	if q.Get("response_type") != "code" || q.Get("client_id") != clientID || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || len(q.Get("state")) < 40 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	if p.names {
		answer.Set("iss", p.URL)
	}
	if p.asIss != "" {
		answer.Set("iss", p.asIss)
	}
	if p.refuse != "" {
		answer.Set("error", p.refuse)
		answer.Set("error_description", "ada@example.org may not")
	} else {
		code := base64.RawURLEncoding.EncodeToString(randomBytes(16))
		p.codes[code] = q
		answer.Set("code", code)
	}
	http.Redirect(w, r, back+"?"+answer.Encode(), http.StatusFound)
}

func (p *issuer) token(w http.ResponseWriter, r *http.Request) {
	asked, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	id, secret, basic := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case !ok, base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge"), r.PostFormValue("redirect_uri") != asked.Get("redirect_uri"):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"error":"invalid_grant","error_description":"ada@example.org has no such code"}`))
		return
	case !p.public && (!basic || id != clientID || secret != clientSecret), p.public && r.PostFormValue("client_id") != clientID:
		http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
		return
	}
	claims := map[string]any{
		"iss": p.URL, "sub": p.subject, "aud": clientID, "nonce": asked.Get("nonce"),
		"iat": p.now().Unix(), "exp": p.now().Add(5 * time.Minute).Unix(),
	}
	override(claims, p.idClaims)
	sign := p.sign
	if sign == nil {
		sign = p.jwt
	}
	send(w, map[string]any{"access_token": "opaque-access-token", "token_type": "Bearer", "expires_in": 300, "id_token": sign(claims)})
}

// jwt signs claims as the provider does.
func (p *issuer) jwt(claims map[string]any) string { return signed(p.key, jose.ES256, "k1", claims) }

// access is an access token for audience, with claims overridden.
func (p *issuer) access(audience string, change map[string]any) string {
	claims := map[string]any{
		"iss": p.URL, "sub": p.subject, "aud": []string{audience}, "client_id": "cli", "jti": "j1",
		"iat": p.now().Unix(), "exp": p.now().Add(time.Hour).Unix(),
	}
	override(claims, change)
	return p.jwt(claims)
}

func override(claims, with map[string]any) {
	for k, v := range with {
		if v == nil {
			delete(claims, k)
		} else {
			claims[k] = v
		}
	}
}

func signed(key any, alg jose.SignatureAlgorithm, kid string, claims map[string]any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid))
	if err != nil {
		panic(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return text
}

// unsigned is a JWT of algorithm none.
func unsigned(claims map[string]any) string {
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)) + "." + base64.RawURLEncoding.EncodeToString(text) + "."
}

func send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// publicBytes are the key as an attacker would use it for HS256: public bytes as the secret.
func publicBytes(key crypto.PublicKey) []byte {
	text, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "k1"})
	if err != nil {
		panic(err)
	}
	return text
}

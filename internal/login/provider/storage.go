package provider

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"tribune"
)

const scopeNames = "tribune_names"

func scopes() []string { return []string{oidc.ScopeOpenID, oidc.ScopeProfile, scopeNames} }

var (
	errNoRequest = fmt.Errorf("authorization request %w", tribune.ErrNotFound) // or over, answered, another browser's: all one to who asks
	errNoPerson  = fmt.Errorf("person %w", tribune.ErrNotFound)
	errNoClient  = fmt.Errorf("client %w", tribune.ErrNotFound)
	errNoCode    = fmt.Errorf("code %w", tribune.ErrNotFound)
	errNoToken   = fmt.Errorf("token %w", tribune.ErrNotFound)
)

// storage is what the library asks of us. Its methods for grants that are not offered are in refused.go.
type storage struct {
	cfg    Config
	key    *signingKey
	people map[string]Person

	mu       sync.Mutex
	requests *table[*request]
	codes    *table[*request]
	tokens   *table[grant] // by token id, for /userinfo
}

var _ interface {
	op.Storage
	op.CanSetUserinfoFromRequest
	op.CanGetPrivateClaimsFromRequest
} = (*storage)(nil)

func newStorage(cfg Config, key *signingKey) *storage {
	s := &storage{
		cfg: cfg, key: key, people: map[string]Person{},
		requests: newTable[*request](requestLife, mostRequests),
		codes:    newTable[*request](codeLife, mostCodes),
		tokens:   newTable[grant](tokenLife, mostTokens),
	}
	for _, p := range cfg.People {
		s.people[p.Login] = p
	}
	return s
}

// codes makes authorization codes. The library would encrypt the request's id, unauthenticated, and would take an access
// token for such a ciphertext before it takes it for a JWT; a random code says nothing and nothing decrypts.
type codes struct{}

func (codes) Encrypt(string) (string, error) { return rand.Text() + rand.Text(), nil }
func (codes) Decrypt(string) (string, error) {
	return "", errors.New("there are no opaque tokens here")
}

// arrival is what /authorize has checked of a request beyond what the library knows of, on its way to CreateAuthRequest.
type arrival struct {
	id      string
	browser [sha256.Size]byte
	details []Detail
}

type arrivalKey struct{}

// CreateAuthRequest keeps a request that the library has checked.
func (s *storage) CreateAuthRequest(ctx context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	a, ok := ctx.Value(arrivalKey{}).(*arrival)
	if !ok {
		return nil, oidc.ErrServerError().WithDescription("the request did not come through /authorize")
	}
	if slices.Contains(asked.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired() // there is no session that could answer without a page
	}
	if !slices.Contains(asked.Scopes, oidc.ScopeOpenID) {
		return nil, oidc.ErrInvalidScope().WithDescription("scope openid is required")
	}
	// Each scope that we know, once: the token response repeats them, and a token keeps them.
	asked.Scopes = slices.DeleteFunc(scopes(), func(scope string) bool { return !slices.Contains(asked.Scopes, scope) })
	r := &request{id: a.id, asked: asked, details: a.details, browser: a.browser}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests.put(r.id, r)
	return r, nil
}

// pending is the unanswered request of a browser.
func (s *storage) pending(id, secret string) (*request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pendingLocked(id, secret)
}

func (s *storage) pendingLocked(id, secret string) (*request, error) {
	r, ok := s.requests.get(id)
	browser := sha256.Sum256([]byte(secret))
	if !ok || r.Done() || subtle.ConstantTimeCompare(browser[:], r.browser[:]) != 1 {
		return nil, errNoRequest
	}
	return r, nil
}

// answer lets a browser choose a person, once.
func (s *storage) answer(id, secret, person string) (*request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.pendingLocked(id, secret)
	if err != nil {
		return nil, err
	}
	if _, ok := s.people[person]; !ok {
		return nil, errNoPerson
	}
	answered := *r
	answered.person, answered.answered = person, time.Now()
	s.requests.set(id, &answered)
	return &answered, nil
}

// abandon forgets a request whose browser does not want to choose.
func (s *storage) abandon(id, secret string) (*request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.pendingLocked(id, secret)
	if err == nil {
		s.requests.drop(id)
	}
	return r, err
}

// AuthRequestByID is a request, answered or not.
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.requests.get(id); ok {
		return r, nil
	}
	return nil, errNoRequest
}

// SaveAuthCode turns an answered request into its code.
func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests.take(id)
	if !ok || !r.Done() {
		return errNoRequest
	}
	s.codes.put(code, r)
	return nil
}

// AuthRequestByCode gives the request of a code, and the code ends: whoever tries it with a wrong verifier or redirect URI
// has no second try, and of two who come at once one goes away empty.
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.codes.take(code); ok {
		return r, nil
	}
	return nil, errNoCode
}

// DeleteAuthRequest forgets a request.
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests.drop(id)
	return nil
}

// CreateAccessToken notes a token for /userinfo.
func (s *storage) CreateAccessToken(_ context.Context, tr op.TokenRequest) (id string, until time.Time, err error) {
	g, ok := tr.(grant)
	if !ok {
		return "", time.Time{}, fmt.Errorf("access token of a %T: %w", tr, tribune.ErrUnsupported)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id = rand.Text()
	s.tokens.put(id, g)
	return id, time.Now().Add(tokenLife), nil
}

// GetPrivateClaimsFromRequest is what an access token says beyond the registered claims.
func (s *storage) GetPrivateClaimsFromRequest(_ context.Context, tr op.TokenRequest, _ []string) (map[string]any, error) {
	claims := map[string]any{}
	g, ok := tr.(grant)
	if !ok {
		return nil, fmt.Errorf("access token of a %T: %w", tr, tribune.ErrUnsupported)
	}
	if len(g.details) > 0 {
		claims[detailsParam] = g.details
	}
	return claims, nil
}

// SetUserinfoFromRequest fills the ID token.
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	return s.describe(info, r.GetSubject(), scopes)
}

// SetUserinfoFromToken fills the answer of /userinfo. The person is the one the token was made for.
func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, tokenID, _, _ string) error {
	s.mu.Lock()
	g, ok := s.tokens.get(tokenID)
	s.mu.Unlock()
	if !ok {
		return oidc.ErrAccessDenied().WithParent(errNoToken).WithDescription("the token has ended")
	}
	return s.describe(info, g.person, g.scopes)
}

func (s *storage) describe(info *oidc.UserInfo, login string, scopes []string) error {
	person, ok := s.people[login]
	if !ok {
		return errNoPerson
	}
	info.Subject = login
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.Name = person.Name
	}
	if slices.Contains(scopes, scopeNames) && len(person.Names) > 0 {
		info.AppendClaims(scopeNames, person.Names)
	}
	return nil
}

// TerminateSession ends what /userinfo would still say about a person who has logged out.
func (s *storage) TerminateSession(_ context.Context, person, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens.dropIf(func(g grant) bool { return g.person == person })
	return nil
}

// GetClientByClientID is the hub's login, or a program on somebody's own machine.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	switch {
	case id == s.cfg.ClientID:
		return client{&s.cfg}, nil
	case id != "" && id == s.cfg.NativeID:
		return native{client{&s.cfg}}, nil
	}
	return nil, errNoClient
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }
func (s *storage) KeySet(context.Context) ([]op.Key, error)          { return []op.Key{publicKey{s.key}}, nil }
func (s *storage) Health(context.Context) error                      { return nil }
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{s.key.SignatureAlgorithm()}, nil
}

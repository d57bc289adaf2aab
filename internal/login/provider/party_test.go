package provider

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"tribune/internal/web"
)

const (
	hub      = "http://localhost:8080"
	callback = hub + "/login/callback"
	details  = `[{"type":"tribune_act","purpose":"enforce-parking","mandate":"parking-enforcement-2026"}]`
)

func people() []Person {
	return []Person{
		{Login: "citizen", Name: "Ada Citizen", Role: "citizen", Names: []web.PersonName{{Type: "plate", Name: "AB12CDE"}}},
		{Login: "inspector", Name: "Ines Inspector", Role: "inspector"},
		{Login: "steward", Name: "Stan Steward", Role: "steward"},
		{Login: "auditor", Name: "Aude Auditor", Role: "auditor"},
		{Login: "journalist", Name: "Jo Journalist", Role: "journalist"},
	}
}

func config(t testing.TB, issuer string) Config {
	return Config{
		Issuer: issuer, Audience: hub, ClientID: "tribune", RedirectURIs: []string{callback},
		LogoutURIs: []string{hub + "/"}, People: people(), Dir: t.TempDir(),
	}
}

// party is a relying party made of other people's code, with the browser of one of its users.
type party struct {
	*testing.T
	*Provider
	issuer   string
	browser  *http.Client
	oidc     *oidc.Provider
	oauth    oauth2.Config
	verifier string // PKCE
}

// start runs a provider on a port of its own; changes to its configuration first.
func start(t *testing.T, change ...func(*Config)) *party {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	cfg := config(t, "http://localhost:"+port)
	for _, c := range change {
		c(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = p
	server.Start()
	t.Cleanup(server.Close)
	rp := &party{T: t, Provider: p, issuer: cfg.Issuer, browser: newBrowser(t), verifier: oauth2.GenerateVerifier()}
	if rp.oidc, err = oidc.NewProvider(t.Context(), cfg.Issuer); err != nil {
		t.Fatal(err)
	}
	rp.oauth = oauth2.Config{ClientID: "tribune", RedirectURL: callback, Endpoint: rp.oidc.Endpoint(), Scopes: []string{"openid", "profile", "tribune_names"}}
	return rp
}

// in is the same party for a subtest.
func (rp *party) in(t *testing.T) *party {
	sub := *rp
	sub.T = t
	return &sub
}

func newBrowser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 60 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type answer struct {
	status   int
	location string
	header   http.Header
	body     string
}

// query is of the URL that the browser is sent to.
func (a answer) query(name string) string {
	u, err := url.Parse(a.location)
	if err != nil {
		return ""
	}
	return u.Query().Get(name)
}

func (rp *party) send(method, address string, form url.Values, header ...string) answer {
	rp.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(rp.Context(), method, address, body)
	if err != nil {
		rp.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		if req.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := rp.browser.Do(req)
	if err != nil {
		rp.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		rp.Fatal(err)
	}
	return answer{status: resp.StatusCode, location: resp.Header.Get("Location"), header: resp.Header, body: string(text)}
}

// authorizeURL is what the client sends the browser to; params replace or ("" value) remove parameters.
func (rp *party) authorizeURL(params ...string) string {
	u, err := url.Parse(rp.oauth.AuthCodeURL("state-1", oidc.Nonce("nonce-1"), oauth2.S256ChallengeOption(rp.verifier)))
	if err != nil {
		rp.Fatal(err)
	}
	q := u.Query()
	for i := 0; i < len(params); i += 2 {
		if q.Set(params[i], params[i+1]); params[i+1] == "" {
			q.Del(params[i])
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// begin gets as far as the page, and returns its address.
func (rp *party) begin(params ...string) string {
	rp.Helper()
	a := rp.send("GET", rp.authorizeURL(params...), nil)
	if a.status != http.StatusFound || !strings.HasPrefix(a.location, choosePath) {
		rp.Fatalf("/authorize: %d to %q: %s", a.status, a.location, a.body)
	}
	return rp.issuer + a.location
}

func (rp *party) press(page, person string, header ...string) answer {
	rp.Helper()
	return rp.send("POST", page, url.Values{"person": {person}}, header...)
}

// code logs in as person as far as the code.
func (rp *party) code(person string, params ...string) string {
	rp.Helper()
	a := rp.press(rp.begin(params...), person)
	if a.status != http.StatusFound || !strings.HasPrefix(a.location, callback+"?") || a.query("state") != "state-1" || a.query("code") == "" {
		rp.Fatalf("choosing %s: %d to %q: %s", person, a.status, a.location, a.body)
	}
	return a.query("code")
}

// verify is what a hub does with an access token that it is shown.
func (rp *party) verify(token string) (*oidc.IDToken, error) {
	return rp.oidc.Verifier(&oidc.Config{ClientID: hub}).Verify(rp.Context(), token)
}

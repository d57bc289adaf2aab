package provider

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"tribune"
	"tribune/internal/web"
)

func TestNewRefusesWhatWouldBeUnsafe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"http on the network":        {func(c *Config) { c.Issuer = "http://login.example" }, "neither https nor on loopback"},
		"http to a lookalike":        {func(c *Config) { c.Issuer = "http://localhost.evil.example" }, "neither https nor on loopback"},
		"http on a private network":  {func(c *Config) { c.Issuer = "http://192.168.0.2:8081" }, "neither https nor on loopback"},
		"an issuer with a path":      {func(c *Config) { c.Issuer += "/x" }, "more than an origin"},
		"an issuer with a slash":     {func(c *Config) { c.Issuer += "/" }, "more than an origin"},
		"no issuer":                  {func(c *Config) { c.Issuer = "" }, "Issuer"},
		"no audience":                {func(c *Config) { c.Audience = "" }, "Audience"},
		"no client":                  {func(c *Config) { c.ClientID = "" }, "ClientID"},
		"no redirect":                {func(c *Config) { c.RedirectURIs = nil }, "no redirect URI"},
		"a relative redirect":        {func(c *Config) { c.RedirectURIs = []string{"/login/callback"} }, "redirect URI"},
		"a redirect by http":         {func(c *Config) { c.RedirectURIs = []string{"http://hub.example/login/callback"} }, "redirect URI"},
		"a redirect to a script":     {func(c *Config) { c.RedirectURIs = []string{"javascript:alert(1)"} }, "redirect URI"},
		"a redirect with a fragment": {func(c *Config) { c.RedirectURIs = []string{callback + "#"} }, "redirect URI"},
		"a logout by http":           {func(c *Config) { c.LogoutURIs = []string{"http://hub.example/"} }, "logout URI"},
		"nobody":                     {func(c *Config) { c.People = nil }, "no person"},
		"the same twice":             {func(c *Config) { c.People = append(c.People, c.People[0]) }, "two people"},
		"a login with a quote":       {func(c *Config) { c.People[0].Login = `a"b` }, "login"},
		"a person without name":      {func(c *Config) { c.People[0].Name = "" }, "has no name"},
		"an unheard-of role":         {func(c *Config) { c.People[0].Role = "mayor" }, "no sentence"},
		"half a verified name":       {func(c *Config) { c.People[0].Names = []web.PersonName{{Type: "plate"}} }, "lacks"},
		"no folder":                  {func(c *Config) { c.Dir = "" }, "Dir"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, "http://localhost:1")
			c.change(&cfg)
			if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	for _, issuer := range []string{"http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "https://login.example"} {
		if _, err := New(config(t, issuer)); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

func TestBothLanguagesSayEverything(t *testing.T) {
	en, de := english(), german()
	for role, sentence := range en.Roles {
		if de.Roles[role] == "" || de.Roles[role] == sentence {
			t.Errorf("role %s in German: %q", role, de.Roles[role])
		}
	}
	for kind := range en.Types {
		if de.Types[kind] == "" {
			t.Errorf("type %s has no German word", kind)
		}
	}
	if len(en.Roles) != len(de.Roles) || len(en.Types) != len(de.Types) {
		t.Error("German has words that English has not")
	}
}

func TestTokensVerifyAfterARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "login", "provider")
	var token string
	first := start(t, func(c *Config) { c.Dir = dir })
	token, err := first.Token(t.Context(), "citizen", "")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{filepath.Join(dir, keyFile): 0o600, dir: 0o700} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", path, got, want)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files are kept: %v", len(files), files)
	}
	second := start(t, func(c *Config) { c.Dir = dir })
	// The port is another one, so the issuer is: what must hold is the signature under the key that /keys shows now.
	verifier := second.oidc.Verifier(&oidc.Config{ClientID: hub, SkipIssuerCheck: true})
	if _, err := verifier.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	other := start(t)
	if _, err := other.oidc.Verifier(&oidc.Config{ClientID: hub, SkipIssuerCheck: true}).Verify(t.Context(), token); err == nil {
		t.Error("a provider with another key verifies the token")
	}
}

func TestBadKeyFileIsRefusedAndKept(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		mode fs.FileMode
	}{
		"empty":           {nil, 0o600},
		"not PEM":         {[]byte("hello"), 0o600},
		"another kind":    {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600},
		"huge":            {bytes.Repeat([]byte("x"), maxKeyFile+1), 0o600},
		"open to a group": {[]byte("hello"), 0o640},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, "http://localhost:1")
			path := filepath.Join(cfg.Dir, keyFile)
			if err := os.WriteFile(path, c.data, c.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := New(cfg); err == nil {
				t.Error("accepted")
			} else if name != "huge" && tribune.HintOf(err) == "" {
				t.Errorf("%v comes without a hint", err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, c.data) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

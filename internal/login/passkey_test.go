package login_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tribune/internal/login"
	"tribune/internal/store"
	"tribune/internal/web"
)

// authenticator is a software authenticator with one credential, as a browser would speak for it.
// create answers creation options with toJSON() of a new credential.
// get answers request options with toJSON() of an assertion.
// addPasskey makes a passkey for whoever is logged in.
// passkeyLogin logs in with a passkey; change bends the answer before it is sent.
func TestPasskeyAddedThenUsed(t *testing.T) {
	h := newHub(t, nil)
	if h.PasskeysOff() != "" {
		t.Fatal(h.PasskeysOff())
	}
	owner := h.browser(t)
	owner.login("/")
	key := owner.authenticator()
	if res := owner.addPasskey(key, "  my\nphone "); res.StatusCode != http.StatusOK || !strings.Contains(res.body, `"label":"my phone"`) {
		t.Fatalf("got %d %s", res.StatusCode, res.body)
	}
	subject := owner.account().Session.Subject
	list, err := h.Passkeys(t.Context(), subject)
	if err != nil || len(list) != 1 || list[0].ID != b64(key.id) || list[0].Label != "my phone" || !list[0].Used.IsZero() || !list[0].Lapses.Equal(h.now().Add(30*24*time.Hour)) {
		t.Fatalf("got %+v, %v", list, err)
	}
	h.pass(24 * time.Hour)
	b := h.browser(t)
	if res := b.passkeyLogin(key, nil); res.StatusCode != http.StatusOK || res.body != `{"to":"/account"}` {
		t.Fatalf("got %d %s", res.StatusCode, res.body)
	}
	s := b.account().Session
	if s.Subject != subject || s.Name != "Ada Citizen" || s.Method != "passkey" || len(s.Names) != 1 || s.Names[0] != (web.PersonName{Type: "plate", Name: "AB12CDE"}) {
		t.Errorf("got %+v", s)
	}
	if res := b.form("/logout", url.Values{"csrf": {s.CSRF}}); res.location() != "/login?done=logged-out" {
		t.Errorf("after a passkey there is nothing to log out of at the provider: %q", res.location())
	}
	if list, _ := h.Passkeys(t.Context(), subject); !list[0].Used.Equal(h.now()) {
		t.Errorf("got %+v", list)
	}
}

// The store has neither the user handle nor the session's id, and so nothing that opens a name.
func TestPasskeysInTheStoreNameNobody(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	b.login("/")
	key := b.authenticator()
	b.addPasskey(key, "phone")
	b.passkeyLogin(key, nil)
	for pair, err := range h.store.Scan(context.Background(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"248289761001", "Ada", "AB12CDE", h.op.URL, string(key.handle), b64(key.handle), base64.StdEncoding.EncodeToString(key.handle)} {
			if strings.Contains(string(pair.Value), secret) {
				t.Errorf("a row holds %q", secret)
			}
		}
	}
}

// What is answered to a wrong passkey must not tell whether there is such an account, or whether it is locked.
func TestPasskeyLapsesWithoutTheProvidersWord(t *testing.T) {
	h := newHub(t, nil)
	owner := h.browser(t)
	owner.login("/")
	key := owner.authenticator()
	owner.addPasskey(key, "")
	h.pass(20 * 24 * time.Hour)
	// The car was sold; the provider says so at the next login, far from the passkey.
	h.op.set(func(p *issuer) {
		p.info = map[string]any{"name": "Ada Byron", "tribune_names": []map[string]string{}}
	})
	h.browser(t).login("/")
	h.pass(20 * 24 * time.Hour)
	b := h.browser(t)
	if res := b.passkeyLogin(key, nil); res.StatusCode != http.StatusOK {
		t.Fatalf("got %s", res.body)
	}
	if s := b.account().Session; s.Name != "Ada Byron" || len(s.Names) != 0 {
		t.Errorf("the passkey still stands for %+v", s)
	}
	h.pass(10 * 24 * time.Hour)
	b = h.browser(t)
	if res := b.passkeyLogin(key, nil); res.StatusCode != http.StatusUnauthorized || res.problem() != "renew" || b.account() != nil {
		t.Errorf("thirty days after: got %d %s", res.StatusCode, res.body)
	}
	b.login("/")
	if res := h.browser(t).passkeyLogin(key, nil); res.StatusCode != http.StatusOK {
		t.Errorf("renewed: got %s", res.body)
	}
}

func TestAddingAPasskeyNeedsAFreshLoginOfOnesOwn(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	if res := b.json("/account/passkeys/begin", "", nil); res.StatusCode != http.StatusForbidden || res.problem() != "session" {
		t.Errorf("nobody: got %d %s", res.StatusCode, res.body)
	}
	b.login("/")
	csrf := b.account().Session.CSRF
	if res := b.json("/account/passkeys/begin", "", nil); res.problem() != "csrf" {
		t.Errorf("without CSRF: got %s", res.body)
	}
	key := b.authenticator()
	begun := b.json("/account/passkeys/begin", csrf, nil)
	cookie := b.cookie("tribune-login")
	made := key.create(begun.body)
	if strings.Contains(begun.body, "248289761001") {
		t.Error("the options name the subject")
	}
	// Eve gets ada's browser to finish what eve began, or the other way round.
	eve := h.browser(t)
	h.op.set(func(p *issuer) { p.subject = "eve" })
	eve.login("/")
	eve.setCookie("tribune-login", cookie)
	if res := eve.json("/account/passkeys/finish", eve.account().Session.CSRF, made); res.problem() != "expired" {
		t.Errorf("begun by another: got %s", res.body)
	}
	if res := b.json("/account/passkeys/finish", csrf, made); res.StatusCode != http.StatusOK {
		t.Fatalf("got %s", res.body)
	}
	b.setCookie("tribune-login", cookie)
	if res := b.json("/account/passkeys/finish", csrf, made); res.problem() != "passkey" {
		t.Errorf("twice: got %s", res.body)
	}
	for what, bend := range map[string]func(*authenticator){
		"user not verified": func(a *authenticator) { a.noUser = true }, "another site": func(a *authenticator) { a.origin = "https://evil.example" },
		"another relying party": func(a *authenticator) { a.rp = "evil.example" },
	} {
		bent := b.authenticator()
		bend(bent)
		if res := b.addPasskey(bent, ""); res.problem() != "passkey" {
			t.Errorf("%s: got %d %s", what, res.StatusCode, res.body)
		}
	}
	h.pass(15 * time.Minute)
	if res := b.json("/account/passkeys/begin", csrf, nil); res.problem() != "again" {
		t.Errorf("after a quarter of an hour: got %s", res.body)
	}
	p := h.browser(t)
	p.passkeyLogin(key, nil)
	if res := p.json("/account/passkeys/begin", p.account().Session.CSRF, nil); res.problem() != "again" {
		t.Errorf("with a passkey only: got %s", res.body)
	}
}

func TestPasskeysOfOnePersonAreBoundedAndDeleted(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	b.login("/")
	var keys []*authenticator
	for range 10 {
		keys = append(keys, b.authenticator())
		if res := b.addPasskey(keys[len(keys)-1], ""); res.StatusCode != http.StatusOK {
			t.Fatalf("got %s", res.body)
		}
	}
	if res := b.addPasskey(b.authenticator(), ""); res.StatusCode != http.StatusConflict || res.problem() != "many" {
		t.Errorf("the eleventh: got %d %s", res.StatusCode, res.body)
	}
	csrf := b.account().Session.CSRF
	if res := b.json("/account/passkeys/delete", csrf, map[string]string{"id": b64(keys[0].id)}); res.StatusCode != http.StatusNoContent {
		t.Errorf("by script: got %d", res.StatusCode)
	}
	if res := b.form("/account/passkeys/delete", url.Values{"csrf": {csrf}, "id": {b64(keys[1].id)}}); res.location() != "/account?done=passkey-deleted" {
		t.Errorf("by form: got %q", res.location())
	}
	for _, key := range keys[:2] {
		if res := h.browser(t).passkeyLogin(key, nil); res.problem() != "passkey" {
			t.Errorf("a deleted passkey: got %s", res.body)
		}
	}
	if list, err := h.Passkeys(t.Context(), b.account().Session.Subject); err != nil || len(list) != 8 {
		t.Errorf("got %d, %v", len(list), err)
	}
	if res := h.browser(t).form("/account/passkeys/delete", url.Values{"id": {b64(keys[2].id)}}); res.StatusCode != http.StatusForbidden {
		t.Errorf("nobody deletes: got %d", res.StatusCode)
	}
}

func TestPasskeysAreOffUnderAnAddress(t *testing.T) {
	h := newHub(t, func(_ *hub, cfg *login.Config) { cfg.URL = strings.Replace(cfg.URL, "localhost", "127.0.0.1", 1) })
	if off := h.PasskeysOff(); !strings.Contains(off, "127.0.0.1") {
		t.Errorf("got %q", off)
	}
	b := h.browser(t)
	for _, path := range []string{"/login/passkey/begin", "/login/passkey/finish", "/account/passkeys/begin", "/account/passkeys/finish"} {
		if res := b.do("POST", path, nil, ""); res.StatusCode != http.StatusNotFound || res.problem() != "off" {
			t.Errorf("%s: got %d %s", path, res.StatusCode, res.body)
		}
	}
}

// A page elsewhere must not make a visitor's browser log in with a passkey of its own choosing.

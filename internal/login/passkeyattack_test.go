package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPasskeyOfAnotherAccount(t *testing.T) {
	h := newHub(t, nil)
	ada, eve := h.browser(t), h.browser(t)
	ada.login("/")
	adas := ada.authenticator()
	ada.addPasskey(adas, "ada's")
	h.op.set(func(p *issuer) { p.subject = "eve"; p.info = map[string]any{"name": "Eve"} })
	eve.login("/")
	eves := eve.authenticator()
	eve.addPasskey(eves, "eve's")

	if res := h.browser(t).passkeyLogin(eves, func(a map[string]any) { respond(a)["userHandle"] = b64(adas.handle) }); res.problem() != "passkey" {
		t.Errorf("her key with ada's handle: got %s", res.body)
	}
	if res := h.browser(t).passkeyLogin(eves, func(a map[string]any) { a["id"], a["rawId"] = b64(adas.id), b64(adas.id) }); res.problem() != "passkey" {
		t.Errorf("her key with ada's id: got %s", res.body)
	}
	if res := h.browser(t).passkeyLogin(eves, func(a map[string]any) {
		a["id"], a["rawId"] = b64(adas.id), b64(adas.id)
		respond(a)["userHandle"] = b64(adas.handle)
	}); res.problem() != "passkey" {
		t.Errorf("her signature with ada's id and handle: got %s", res.body)
	}
	if res := h.browser(t).passkeyLogin(eves, func(a map[string]any) { delete(respond(a), "userHandle") }); res.problem() != "passkey" {
		t.Errorf("no handle: got %s", res.body)
	}
	csrf := eve.account().Session.CSRF
	if res := eve.json("/account/passkeys/delete", csrf, map[string]string{"id": b64(adas.id)}); res.StatusCode != http.StatusNotFound {
		t.Errorf("eve deletes ada's: got %d", res.StatusCode)
	}
	// Registering ada's credential id again would take it over.
	copied := eve.authenticator()
	copied.id = adas.id
	if res := eve.addPasskey(copied, "stolen"); res.problem() != "passkey" {
		t.Errorf("eve registers ada's id: got %d %s", res.StatusCode, res.body)
	}
	if b := h.browser(t); b.passkeyLogin(adas, nil).StatusCode != http.StatusOK || b.account().Session.Subject != h.op.URL+"#248289761001" {
		t.Error("ada cannot log in any more")
	}
}

func TestForgedAssertions(t *testing.T) {
	h := newHub(t, nil)
	owner := h.browser(t)
	owner.login("/")
	key := owner.authenticator()
	owner.addPasskey(key, "")
	for what, bend := range map[string]func(*authenticator){
		"another site":            func(a *authenticator) { a.origin = "https://evil.example" },
		"our host, another port":  func(a *authenticator) { a.origin = "http://localhost:1" },
		"another relying party":   func(a *authenticator) { a.rp = "evil.example" },
		"user not verified":       func(a *authenticator) { a.noUser = true },
		"in another site's frame": func(a *authenticator) { a.foreign = true },
		"another private key":     func(a *authenticator) { a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
	} {
		h.pass(time.Hour)
		bent := *key
		bend(&bent)
		bent.count += 100 // a refused one must not move the count
		b := h.browser(t)
		if res := b.passkeyLogin(&bent, nil); res.StatusCode != http.StatusUnauthorized || res.problem() != "passkey" || b.account() != nil {
			t.Errorf("%s: got %d %s", what, res.StatusCode, res.body)
		}
	}
	for what, body := range map[string]any{"empty": nil, "a list": []int{1}, "nothing in it": map[string]any{}, "deep": json.RawMessage(strings.Repeat("[", 50) + strings.Repeat("]", 50))} {
		b := h.browser(t)
		b.json("/login/passkey/begin", "", nil)
		if res := b.json("/login/passkey/finish", "", body); res.StatusCode < 400 || res.StatusCode >= 500 {
			t.Errorf("%s: got %d %s", what, res.StatusCode, res.body)
		}
	}
	h.pass(time.Hour)
	if res := h.browser(t).passkeyLogin(key, nil); res.StatusCode != http.StatusOK {
		t.Errorf("the real one: got %s", res.body)
	}
}

func TestPasskeyAnswerIsGoodOnceAndInOneBrowser(t *testing.T) {
	h := newHub(t, nil)
	owner := h.browser(t)
	owner.login("/")
	key := owner.authenticator()
	key.count = 0 // an authenticator that does not count: the count cannot tell
	owner.addPasskey(key, "")
	b := h.browser(t)
	begun := b.json("/login/passkey/begin", "", nil)
	cookie := b.cookie("tribune-login")
	answer := key.get(begun.body)
	if res := h.browser(t).json("/login/passkey/finish", "", answer); res.problem() != "expired" {
		t.Errorf("another browser: got %s", res.body)
	}
	other := h.browser(t)
	other.json("/login/passkey/begin", "", nil)
	if res := other.json("/login/passkey/finish", "", answer); res.problem() != "passkey" {
		t.Errorf("another browser's challenge: got %s", res.body)
	}
	if res := b.json("/login/passkey/finish", "", answer); res.StatusCode != http.StatusOK {
		t.Fatalf("got %s", res.body)
	}
	thief := h.browser(t)
	thief.setCookie("tribune-login", cookie)
	if res := thief.json("/login/passkey/finish", "", answer); res.problem() != "expired" || thief.account() != nil {
		t.Errorf("again: got %s", res.body)
	}
	// A cookie of one kind is none of another.
	back := thief.toProvider("/login/start")
	if res := thief.json("/login/passkey/finish", "", answer); res.problem() != "expired" {
		t.Errorf("the cookie of a provider's login: got %s", res.body)
	}
	thief.setCookie("tribune-login", cookie)
	if res := thief.get(back); res.problem() != "expired" {
		t.Errorf("the cookie of a passkey's login: got %q", res.location())
	}
	late := h.browser(t)
	answer = key.get(late.json("/login/passkey/begin", "", nil).body)
	h.pass(10 * time.Minute)
	if res := late.json("/login/passkey/finish", "", answer); res.problem() != "expired" {
		t.Errorf("late: got %s", res.body)
	}
}

func TestClonedAuthenticator(t *testing.T) {
	h := newHub(t, nil)
	owner := h.browser(t)
	owner.login("/")
	key := owner.authenticator()
	owner.addPasskey(key, "")
	clone := *key
	h.browser(t).passkeyLogin(key, nil)
	h.browser(t).passkeyLogin(key, nil)
	b := h.browser(t)
	if res := b.passkeyLogin(&clone, nil); res.problem() != "passkey" || b.account() != nil {
		t.Fatalf("the clone: got %d %s", res.StatusCode, res.body)
	}
	if res := h.browser(t).passkeyLogin(key, nil); res.problem() != "passkey" {
		t.Errorf("nobody knows which is the copy, and one of them works: %s", res.body)
	}
	list, err := h.Passkeys(t.Context(), owner.account().Session.Subject)
	if err != nil || len(list) != 1 || !list[0].Stopped {
		t.Errorf("its owner is not told: %+v, %v", list, err)
	}
	h.browser(t).login("/") // the provider's word does not start it again
	if res := h.browser(t).passkeyLogin(key, nil); res.problem() != "passkey" {
		t.Errorf("got %s", res.body)
	}
}

func TestTwoCopiesAtOnceWithOneCount(t *testing.T) {
	h := newHub(t, nil)
	owner := h.browser(t)
	owner.login("/")
	key := owner.authenticator()
	owner.addPasskey(key, "")
	var wg sync.WaitGroup
	var in [4]bool
	for i := range in {
		wg.Go(func() {
			clone := *key
			in[i] = h.browser(t).passkeyLogin(&clone, nil).StatusCode == http.StatusOK
		})
	}
	wg.Wait()
	n := 0
	for _, ok := range in {
		if ok {
			n++
		}
	}
	if n > 1 {
		t.Errorf("%d copies logged in with one count", n)
	}
}

func TestLockOutTellsNothing(t *testing.T) {
	h := newHub(t, nil)
	owner := h.browser(t)
	owner.login("/")
	key := owner.authenticator()
	owner.addPasskey(key, "")
	wrong := *key
	wrong.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	nobody := wrong
	nobody.id, nobody.handle = randomBytes(32), randomBytes(64)
	shape := func(r response) string {
		var p map[string]any
		json.Unmarshal([]byte(r.body), &p)
		delete(p, "request")
		text, _ := json.Marshal(p)
		return r.Status + string(text) + r.Header.Get("Retry-After") + r.Header.Get("Content-Type") + r.Header.Get("WWW-Authenticate")
	}
	want := shape(h.browser(t).passkeyLogin(&nobody, nil))
	for i := range 8 {
		if got := shape(h.browser(t).passkeyLogin(&wrong, nil)); got != want {
			t.Errorf("try %d: got %s, want %s", i, got, want)
		}
	}
	if got := shape(h.browser(t).passkeyLogin(key, nil)); got != want {
		t.Errorf("the right one while locked: got %s, want %s", got, want)
	}
	if owner.account() == nil {
		t.Error("a lock-out ended a session")
	}
	if owner.login("/"); owner.account() == nil {
		t.Error("a lock-out of passkeys locks the provider out")
	}
	h.pass(16 * time.Minute)
	if res := h.browser(t).passkeyLogin(key, nil); res.StatusCode != http.StatusOK {
		t.Errorf("after the lock: got %s", res.body)
	}
}

func TestPasskeyCallsFromAnotherOrigin(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	for _, path := range []string{"/login/passkey/begin", "/login/passkey/finish"} {
		for _, header := range []map[string]string{{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}} {
			if res := b.do("POST", path, header, ""); res.problem() != "csrf" {
				t.Errorf("%s %v: got %s", path, header, res.body)
			}
		}
	}
	if res := b.do("POST", "/login/passkey/begin", map[string]string{"Content-Type": "text/plain"}, "{}"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("JSON as text: got %d", res.StatusCode)
	}
}

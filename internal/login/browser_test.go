package login_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"tribune/internal/login"
	"tribune/internal/need"
)

const browserLife = 2 * time.Minute // a browser that starts on a busy machine

// passkeyScript is what the portal's script does, in its shortest form.
const passkeyScript = `
async function call(path, csrf, body) {
	const r = await fetch(path, {method: "POST", headers: {"Content-Type": "application/json", ...(csrf && {"Tribune-CSRF": csrf})}, body: JSON.stringify(body)});
	const text = await r.text();
	if (!r.ok) throw new Error(path + " " + r.status + " " + text);
	return JSON.parse(text);
}
async function add(csrf) {
	const o = await call("/account/passkeys/begin", csrf, {});
	const c = await navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(o.publicKey)});
	return (await call("/account/passkeys/finish", csrf, {...c.toJSON(), label: "virtual"})).label;
}
async function enter() {
	const o = await call("/login/passkey/begin", "", {return: "/account"});
	const c = await navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(o.publicKey)});
	return (await call("/login/passkey/finish", "", c.toJSON())).to;
}`

// Only a browser knows whether its cookies come back from another site, whether our options are options, and what its
// toJSON() says.
func TestLoginAndPasskeyInARealBrowser(t *testing.T) {
	path := need.Chromium(t)
	h := newHub(t, func(h *hub, cfg *login.Config) { h.clock, cfg.Now = nil, nil })
	h.op.set(func(p *issuer) { p.now = time.Now })

	ctx, cancel := context.WithTimeout(t.Context(), browserLife)
	defer cancel()
	ctx, stop := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-component-update", true))...)
	defer stop()
	ctx, end := chromedp.NewContext(ctx)
	defer end()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\n%s", err, h.log)
		}
	}
	run := func(expression string) string {
		t.Helper()
		v, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
		must(err)
		return v
	}
	_, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{})
	must(err)
	_, err = chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	must(err)

	const method = `JSON.parse(document.body.innerText).session.Method`
	must(chromedp.Do(ctx, chromedp.Navigate(h.url+"/login/start?return=/account"))) // over 127.0.0.1, another site than localhost
	if got := run(method); got != "openid" {
		t.Fatalf("logged in by %q", got)
	}
	if got := run(passkeyScript + `; add(JSON.parse(document.body.innerText).session.CSRF)`); got != "virtual" {
		t.Errorf("the passkey is called %q", got)
	}
	if got := run(`fetch("/logout", {method: "POST", redirect: "manual", headers: {"Tribune-CSRF": JSON.parse(document.body.innerText).session.CSRF}}).then(r => r.type)`); got != "opaqueredirect" {
		t.Errorf("logout: %q", got)
	}
	must(chromedp.Do(ctx, chromedp.Navigate(h.url+"/")))
	if got := run(`fetch("/account").then(r => "" + r.status)`); got != "401" {
		t.Fatalf("after logout: %s", got)
	}
	to := run(passkeyScript + `; enter()`)
	must(chromedp.Do(ctx, chromedp.Navigate(h.url+to)))
	if got := run(method); got != "passkey" {
		t.Errorf("logged in by %q", got)
	}
}

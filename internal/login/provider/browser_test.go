package provider

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"golang.org/x/oauth2"

	"tribune/internal/need"
)

const browserLife = 2 * time.Minute // a browser that starts on a busy machine

// TestButtonWorksInARealBrowser: only a browser knows whether its own rules (cookie path, form-action over a redirect to
// another origin, style from our file only) let the form through, without a script.
func TestButtonWorksInARealBrowser(t *testing.T) {
	path := need.Chromium(t)
	client := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<title>client</title><p id="code">%s</p><p id="state">%s</p>`, r.FormValue("code"), r.FormValue("state"))
	}))
	defer client.Close()
	_, port, err := net.SplitHostPort(client.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	back := "http://localhost:" + port + "/login/callback"
	rp := start(t, func(c *Config) { c.RedirectURIs = []string{back} })
	rp.oauth.RedirectURL = back

	ctx, cancel := context.WithTimeout(t.Context(), browserLife)
	defer cancel()
	ctx, stop := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	defer stop()
	ctx, end := chromedp.NewContext(ctx)
	defer end()

	var mu sync.Mutex
	var complaints []string
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*log.EventEntryAdded); ok && !strings.HasSuffix(e.Entry.URL, "/favicon.ico") {
			mu.Lock()
			defer mu.Unlock()
			complaints = append(complaints, e.Entry.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
	do(t, call(ctx, log.Enable, cdp.Empty{}))
	do(t, call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	do(t, chromedp.Do(ctx, chromedp.EmulateViewport(360, 740), chromedp.Navigate(rp.authorizeURL("authorization_details", details)), chromedp.WaitVisible(chromedp.CSS(`button[value="citizen"]`))))
	if border := ask[string](t, ctx, `getComputedStyle(document.querySelector(".people li")).borderTopStyle`); border != "solid" {
		t.Errorf("the style is not applied: border %q", border)
	}
	if width := ask[int](t, ctx, `document.documentElement.scrollWidth`); width > 360 {
		t.Errorf("on a phone of 360 the page is %d wide", width)
	}
	if small := ask[int](t, ctx, `[...document.querySelectorAll("button")].filter(b => b.getBoundingClientRect().height < 44).length`); small != 0 {
		t.Errorf("%d buttons are too small for a finger", small)
	}
	do(t, chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`button[value="citizen"]`)), chromedp.WaitVisible(chromedp.CSS(`#code`))))
	if state := ask[string](t, ctx, `document.querySelector("#state").textContent`); state != "state-1" {
		t.Errorf("state %q", state)
	}
	code := ask[string](t, ctx, `document.querySelector("#code").textContent`)
	if _, err := rp.oauth.Exchange(t.Context(), code, oauth2.VerifierOption(rp.verifier)); err != nil {
		t.Errorf("the code that the browser brought: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(complaints) > 0 {
		t.Errorf("the browser says %q", complaints)
	}
}

func call[P, R any](ctx context.Context, command cdp.Command[P, R], params P) error {
	_, err := chromedp.Call(ctx, command, params)
	return err
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ask[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	do(t, err)
	return v
}

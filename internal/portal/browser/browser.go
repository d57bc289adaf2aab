// Package browser drives Chromium over pages in tests: it opens a page as a reader with their own language, scheme and width
// would, and tells what went wrong there. Only tests import it. Where there is no Chromium the test is skipped and says why
// (package need).
//
//	b := browser.Start(t)
//	page := b.Open(t, server.URL+"/", browser.Options{Lang: "de", Dark: true, Width: 390})
//	page.Axe(t)          // fails with every violation of WCAG 2.2 AA that axe-core finds
//	page.Walk(t)         // Tab through everything: what has focus is visible and shows it
//	page.Clean(t)        // no error on the console, no refused script or style, no request to anybody else
//	page.Screenshot(t, "city.png")
//
// Every page has a context of its own: no cookie of one is seen by another.
package browser

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tribune/internal/need"
)

// patience bounds one step: two cores shared with a whole test run make a browser slow.
const patience = 60 * time.Second

// Browser is one running Chromium.
type Browser struct {
	ctx context.Context
}

// Options is who reads.
type Options struct {
	Lang     string // Accept-Language; "" = "en"
	Dark     bool
	Width    int // CSS pixels; 0 = 1280, under 600 is a phone
	Height   int // 0 = 900
	Print    bool
	NoScript bool
	Calm     bool // prefers-reduced-motion
}

// Start starts Chromium; it ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(need.Chromium(t)), chromedp.NoSandbox, chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("no-proxy-server", true), chromedp.WSURLReadTimeout(patience))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	quiet := func(string, ...any) {}
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithLogf(quiet), chromedp.WithErrorf(quiet))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return &Browser{ctx: ctx}
}

// Page is one open page.
type Page struct {
	ctx  context.Context
	host string

	mu       sync.Mutex // guards what follows
	problems []string
	requests []string
	refused  []string // addresses of pages whose status was 400 or more: the console says so, as it should
}

// Open opens a page and waits until it has loaded. A status of 400 or more fails the test.
func (b *Browser) Open(t testing.TB, address string, o Options) *Page {
	t.Helper()
	p := b.tab(t, address, o)
	p.Go(t, address)
	return p
}

// OpenAny opens a page that may well be an error.
func (b *Browser) OpenAny(t testing.TB, address string, o Options) *Page {
	t.Helper()
	p := b.tab(t, address, o)
	p.visit(t, address)
	return p
}

func (b *Browser) tab(t testing.TB, address string, o Options) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("address %q: %v", address, err)
	}
	p := &Page{ctx: ctx, host: u.Host}
	// The tab lives as long as the context of the first action, so that one has no time limit.
	if err := chromedp.Do(ctx, chromedp.Func(func(context.Context, *chromedp.Target) error { return nil })); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	p.do(t, "setting up a page", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error { return o.apply(ctx, target) }))
	p.listen()
	return p
}

// Open starts a browser for one page.
func Open(t testing.TB, address string, o Options) *Page {
	t.Helper()
	return Start(t).Open(t, address, o)
}

func (o Options) apply(ctx context.Context, s cdp.Session) error {
	if o.Lang == "" {
		o.Lang = "en"
	}
	if o.Width == 0 {
		o.Width = 1280
	}
	if o.Height == 0 {
		o.Height = 900
	}
	scheme, motion, media := "light", "no-preference", ""
	if o.Dark {
		scheme = "dark"
	}
	if o.Calm {
		motion = "reduce"
	}
	if o.Print {
		media = "print"
	}
	_, err := cdp.Call(ctx, s, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
	}})
	if err == nil {
		_, err = cdp.Call(ctx, s, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: int64(o.Width), Height: int64(o.Height), DeviceScaleFactor: 1, Mobile: o.Width < 600,
		})
	}
	if err == nil {
		_, err = cdp.Call(ctx, s, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": o.Lang}})
	}
	if err == nil && o.NoScript {
		_, err = cdp.Call(ctx, s, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	}
	return err
}

// listen collects what a reader's console would show, and whom the page asks.
func (p *Page) listen() {
	note := func(list *[]string, format string, args ...any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		*list = append(*list, fmt.Sprintf(format, args...))
	}
	entries := chromedp.Events(p.ctx, log.EntryAdded)
	thrown := chromedp.Events(p.ctx, runtime.ExceptionThrown)
	sent := chromedp.Events(p.ctx, network.RequestWillBeSent)
	go func() {
		for e, err := range entries {
			if err != nil {
				return
			}
			if e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity {
				note(&p.problems, "%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
			}
		}
	}()
	go func() {
		for e, err := range thrown {
			if err != nil {
				return
			}
			what := e.ExceptionDetails.Text
			if e.ExceptionDetails.Exception != nil {
				what += " " + e.ExceptionDetails.Exception.Description
			}
			note(&p.problems, "script: %s", what)
		}
	}()
	go func() {
		for e, err := range sent {
			if err != nil {
				return
			}
			note(&p.requests, "%s", e.Request.URL)
		}
	}()
}

// Go leads the page to another address.
func (p *Page) Go(t testing.TB, address string) {
	t.Helper()
	if status := p.visit(t, address); status >= 400 {
		t.Fatalf("opening %s: status %d", address, status)
	}
}

func (p *Page) visit(t testing.TB, address string) (status int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.NavigateResponse(address))
	if err != nil {
		t.Fatalf("opening %s: %v", address, err)
	}
	if answer != nil {
		status = answer.Status
	}
	if status >= 400 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refused = append(p.refused, fmt.Sprintf("(%s)", address))
	}
	return status
}

func (p *Page) do(t testing.TB, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for _, a := range actions {
		if _, err := chromedp.Run(ctx, a); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// Eval is the value of a JavaScript expression; a promise is waited for.
func Eval[T any](t testing.TB, p *Page, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("evaluating %.200s: %v", expression, err)
	}
	return v
}

// Wait waits until a JavaScript expression is true.
func (p *Page) Wait(t testing.TB, expression string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if Eval[bool](t, p, "Boolean("+expression+")") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it never came true: %s\nthe page says:\n%.3000s", expression, p.Text(t))
		}
	}
}

// Text is what the page shows.
func (p *Page) Text(t testing.TB) string {
	t.Helper()
	return Eval[string](t, p, "document.body.innerText")
}

// Click clicks the first element that a CSS selector finds, as script would: it need not be in view.
func (p *Page) Click(t testing.TB, selector string) {
	t.Helper()
	if !Eval[bool](t, p, fmt.Sprintf("(() => { const e = document.querySelector(%q); e?.click(); return e !== null })()", selector)) {
		t.Fatalf("there is no %s on the page:\n%.3000s", selector, p.Text(t))
	}
}

// Follow clicks what leads to another page and waits until that has loaded.
func (p *Page) Follow(t testing.TB, selector string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	click := chromedp.Func(func(context.Context, *chromedp.Target) error { p.Click(t, selector); return nil })
	if _, err := chromedp.RunResponse(ctx, click); err != nil {
		t.Fatalf("following %s: %v", selector, err)
	}
}

// Press presses keys, one after another: kb.Tab, kb.Enter, or text.
func (p *Page) Press(t testing.TB, keys string) {
	t.Helper()
	p.do(t, "pressing keys", chromedp.KeyEvent(keys))
}

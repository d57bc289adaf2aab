package browser

import (
	"context"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// One tab that visits many pages, as a reader's does: it changes hands, forgets what it saw of the last page, and says what
// a page weighs.

// As hands the open page to another reader: their scheme, width and language. What is loaded stays.
func (p *Page) As(t testing.TB, o Options) {
	t.Helper()
	p.do(t, "handing the page over", chromedp.Func(func(ctx context.Context, s *chromedp.Target) error { return o.apply(ctx, s) }))
}

// Any leads the page to an address that may well answer with an error, and gives its status.
func (p *Page) Any(t testing.TB, address string) (status int64) {
	t.Helper()
	return p.visit(t, address)
}

// Fresh makes every page load as on the first visit, nothing from the browser's cache.
func (p *Page) Fresh(t testing.TB) {
	t.Helper()
	p.do(t, "switching the cache off", chromedp.Func(func(ctx context.Context, s *chromedp.Target) error {
		_, err := cdp.Call(ctx, s, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
		return err
	}))
}

// Forget drops what earlier pages complained of and asked for: Clean then speaks of what comes from now on.
func (p *Page) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems, p.requests = nil, nil
}

// Cookies are those that the page's address would be sent.
func (p *Page) Cookies(t testing.TB) (all []*http.Cookie) {
	t.Helper()
	p.do(t, "reading cookies", chromedp.Func(func(ctx context.Context, s *chromedp.Target) error {
		found, err := cdp.Call(ctx, s, network.GetCookies, network.GetCookiesParams{})
		for _, c := range found.Cookies {
			all = append(all, &http.Cookie{Name: c.Name, Value: c.Value})
		}
		return err
	}))
	return all
}

// Weight is what a page made its reader fetch, in bytes as unpacked.
type Weight struct {
	HTML     int `json:"html"`
	CSS      int `json:"css"`
	Script   int `json:"script"`
	Image    int `json:"image"`
	Data     int `json:"data"` // fetched by scripts
	Requests int `json:"requests"`
}

// Weigh weighs what has been fetched so far.
func (p *Page) Weigh(t testing.TB) Weight {
	t.Helper()
	return Eval[Weight](t, p, `(() => {
		const all = performance.getEntriesByType("resource"), sum = pick => all.filter(pick).reduce((n, r) => n + r.decodedBodySize, 0);
		const name = r => new URL(r.name).pathname, css = r => name(r).endsWith(".css"), script = r => name(r).endsWith(".js"), image = r => /\.(svg|png|jpg|webp)$/.test(name(r));
		return {
			html: performance.getEntriesByType("navigation")[0].decodedBodySize, css: sum(css), script: sum(script), image: sum(image),
			data: sum(r => !css(r) && !script(r) && !image(r)), requests: all.length + 1,
		};
	})()`)
}

// Picture is what the reader has in view, as PNG.
func (p *Page) Picture(t testing.TB) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatalf("taking a picture: %v", err)
	}
	return png
}

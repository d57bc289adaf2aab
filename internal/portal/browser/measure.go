package browser

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Clean fails where the page complained on the console, was refused something by its own policy, or asked anybody else.
func (p *Page) Clean(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		if strings.HasPrefix(problem, "network: ") && slices.ContainsFunc(p.refused, func(end string) bool { return strings.HasSuffix(problem, end) }) {
			continue
		}
		t.Errorf("the browser complains: %s", problem)
	}
	for _, address := range p.requests {
		if u, err := url.Parse(address); err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Host != p.host && address != "about:blank" {
			t.Errorf("the page asks somebody else: %s", address)
		}
	}
}

// FirstPaint is how long after the navigation began the reader saw something.
func (p *Page) FirstPaint(t testing.TB) time.Duration {
	t.Helper()
	p.Wait(t, `performance.getEntriesByName("first-contentful-paint").length > 0`)
	ms := Eval[float64](t, p, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
	return time.Duration(ms * float64(time.Millisecond))
}

// ScriptBytes is the size of the page's scripts, unpacked.
func (p *Page) ScriptBytes(t testing.TB) int {
	t.Helper()
	return Eval[int](t, p, `performance.getEntriesByType("resource").filter(r => new URL(r.name).pathname.endsWith(".js")).reduce((n, r) => n + r.decodedBodySize, 0)`)
}

// Screenshot writes the whole page as PNG to a file, whose folder is made.
func (p *Page) Screenshot(t testing.TB, file string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatalf("taking a picture: %v", err)
	}
	write(t, file, png)
}

func write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// root is the repository's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	t.Fatalf("there is no go.mod above the test: %v", err)
	return ""
}

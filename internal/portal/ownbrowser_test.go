package portal

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/need"
	"tribune/internal/portal/browser"
	"tribune/internal/web"
	"tribune/protocol"
)

// watchedCity is ownCity with a real log behind it, served to a real browser. The cookie "who" stands for the login room.
type watchedCity struct {
	*ownCity
	server *httptest.Server
	mu     sync.Mutex // guards the log: the browser asks for several things at once
	hide   int        // so many of the newest uses are kept from the person
	lie    map[int][]byte
}

func newWatchedCity(t *testing.T) *watchedCity {
	t.Helper()
	c := &watchedCity{ownCity: newOwnCity(t)}
	if !c.assets.built("me.js") {
		need.Missing(t, "the pages' scripts are not built: run scripts/assets")
	}
	c.wit = newWitnessed(t, witnessedOrigin)
	c.wit.grow(20)
	c.own.uses[aPlate] = nil
	c.cfg.Now, c.hub.now = time.Now, time.Now // the browser has a clock of its own
	for _, tags := range [][]tribune.Tag{{protocol.UseTag(traceKey(1), 1)}, {protocol.UseTag(traceKey(2), 1), protocol.UseTag(traceKey(1), 2)}} {
		c.wit.use(tags...)
		c.wit.grow(len(c.wit.leaves) + 5)
	}
	c.wit.grow(300)
	c.hub.opened = func(a protocol.Act) uint64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		data, err := protocol.Leaf{Version: protocol.Version, Act: a, Tags: []tribune.Tag{protocol.UseTag(traceKey(1), 3)}, Signature: make([]byte, 64),
			Decision: tribune.Decision{Permit: true, Policies: []string{"person-reads-own-data"}, Missing: []string{}, Set: c.cfg.Law.Set().Hash()}}.Encode()
		if err != nil {
			t.Error(err)
		}
		return uint64(c.wit.append(data))
	}
	c.cfg.Own = (*watchedOwn)(c)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /trust", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(c.wit.trust)) })
	mux.HandleFunc("GET /record/receipts/{i}", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		i, _ := strconv.Atoi(r.PathValue("i"))
		p := c.wit.receipt(i, len(c.wit.leaves), 0, 1, 2)
		if lie := c.lie[i]; lie != nil {
			p.Extra = lie
		}
		w.Write(p.Marshal())
	})
	mux.HandleFunc("GET /log/", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		data, ok := c.wit.files(len(c.wit.leaves), c.lie)[strings.TrimPrefix(r.URL.Path, "/log/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		raw, _ := base64.StdEncoding.DecodeString(data)
		w.Write(raw)
	})
	mux.HandleFunc("GET /as/{who}", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "who", Value: r.PathValue("who"), Path: "/"})
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<link rel="icon" href="data:,">`)
	})
	pages := c.Handler()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if who, err := r.Cookie("who"); err == nil && who.Value != "nobody" {
			s := map[string]web.Session{"ada": ada, "ward": ward}[who.Value]
			s.Until = time.Now().Add(time.Hour)
			r = r.WithContext(web.WithSession(r.Context(), &s))
		}
		pages.ServeHTTP(w, r)
	})
	c.server = httptest.NewServer(mux)
	t.Cleanup(c.server.Close)
	return c
}

// watchedOwn finds a person's uses in the log itself.
type watchedOwn watchedCity

func (l *watchedOwn) Holdings(ctx context.Context, n web.PersonName) ([]Holding, error) {
	return l.own.Holdings(ctx, n)
}
func (l *watchedOwn) TraceKey(ctx context.Context, n web.PersonName) ([]byte, error) {
	return l.own.TraceKey(ctx, n)
}
func (l *watchedOwn) Disclosed(context.Context, web.PersonName) ([]Use, error) { return nil, nil }
func (l *watchedOwn) Uses(_ context.Context, n web.PersonName) (uses []Use, err error) {
	c := (*watchedCity)(l)
	c.mu.Lock()
	defer c.mu.Unlock()
	number := map[tribune.Tag]uint64{}
	for i := uint64(1); i < 100; i++ {
		number[protocol.UseTag(c.own.keys[n.Name], i)] = i
	}
	for i, raw := range c.wit.leaves {
		leaf, err := protocol.DecodeLeaf(raw)
		if err != nil {
			return nil, err
		}
		for _, tag := range leaf.Tags {
			if number[tag] > 0 {
				uses = append([]Use{{Index: uint64(i), N: number[tag], Tag: tag, Leaf: leaf}}, uses...)
			}
		}
	}
	return uses[min(c.hide, len(uses)):], nil
}

// tab opens a page of a browser that has logged in as somebody.
func (c *watchedCity) tab(t *testing.T, b *browser.Browser, who string, o browser.Options) *browser.Page {
	t.Helper()
	return b.Open(t, c.server.URL+"/as/"+who, o)
}

// says waits until an element shows a text.
func says(t *testing.T, p *browser.Page, selector, text string) {
	t.Helper()
	p.Wait(t, fmt.Sprintf("[...document.querySelectorAll(%q)].some(e => e.innerText.includes(%q))", selector, text))
}

// shot keeps a picture where TRIBUNE_PICTURES names a folder.
func shot(t *testing.T, p *browser.Page, name string) {
	t.Helper()
	if dir := os.Getenv("TRIBUNE_PICTURES"); dir != "" {
		p.Screenshot(t, filepath.Join(dir, "own-"+name+".png"))
	}
}

// TestPersonChecksAndExportsInTheBrowser walks a citizen's way in a real browser: make a key, open one's own values, see that
// use, check it, and check that the list is complete.
func TestPersonChecksAndExportsInTheBrowser(t *testing.T) {
	c := newWatchedCity(t)
	p := c.tab(t, browser.Start(t), "ada", browser.Options{})
	p.Go(t, c.server.URL+"/account")
	p.Follow(t, "#make-key")
	says(t, p, ".keys", "in this browser")
	says(t, p, ".keys", "It may sign until")
	if n := browser.Eval[int](t, p, `indexedDB.open("tribune-keys") && 1`); n != 1 {
		t.Error("no key store")
	}
	shot(t, p, "account")

	p.Go(t, c.server.URL+"/me/export")
	p.Click(t, ".opening button[data-class]")
	says(t, p, ".act", "GDPR article 15")
	shot(t, p, "export-act")
	p.Click(t, ".act button")
	says(t, p, ".result", "Entries opened: 1.")
	says(t, p, ".result", "entry 300")
	for _, kind := range []string{"csv", "json"} {
		if !browser.Eval[bool](t, p, `document.querySelector('.result a[download="parking-session-1.`+kind+`"]').href.startsWith("blob:")`) {
			t.Errorf("no %s to save", kind)
		}
	}
	shot(t, p, "export-open")

	p.Go(t, c.server.URL+"/me")
	says(t, p, ".timeline", "You looked at your own data.")
	p.Click(t, `[data-check][data-n="3"]`)
	says(t, p, ".verdict", "Everything holds.")
	says(t, p, ".steps", "ombudsman.example")
	says(t, p, ".steps", "your mark number 3")
	p.Click(t, "#complete button[data-of]")
	says(t, p, "#size", "The record has 301 entries.")
	p.Click(t, "#go")
	says(t, p, "#complete-result", "Every use in the list is on record, numbered 1 to 3, and number 4 is nowhere")
	shot(t, p, "me-complete")
	p.Axe(t)
	p.Clean(t)
}

// TestBrowserCatchesServerThatHidesAUse: the page's own check finds a use that the server leaves out, an entry that it shows
// otherwise than it was signed, and a log that is not the one the person's own trust file names.
func TestBrowserCatchesServerThatHidesAUse(t *testing.T) {
	c := newWatchedCity(t)
	c.hide = 1
	p := c.tab(t, browser.Start(t), "ada", browser.Options{})
	p.Go(t, c.server.URL+"/me")
	whole := func() {
		p.Click(t, "#complete button[data-of]")
		says(t, p, "#size", "300")
		p.Wait(t, "!document.querySelector('#go').hidden")
		p.Click(t, "#go")
	}
	whole()
	says(t, p, "#complete-result", "On record and not in the list: 1 (entries 26).")
	says(t, p, "#complete-result", "not complete")
	shot(t, p, "me-hidden")
	c.mu.Lock()
	c.lie = map[int][]byte{20: []byte(strings.Replace(string(c.wit.leaves[20]), "parking-inspector", "parking-inspectoR", 1))}
	c.mu.Unlock()
	p.Click(t, `[data-check][data-n="1"]`)
	says(t, p, ".verdict", "do not lead to what was signed")
	whole()
	says(t, p, "#complete-result", "do not lead to what was signed")
	other := newWitnessed(t, witnessedOrigin).trust
	browser.Eval[bool](t, p, fmt.Sprintf(`(() => { const d = new DataTransfer(); d.items.add(new File([%q], "trust.txt")); document.querySelector("#trust-file").files = d.files; return true })()`, other))
	p.Click(t, `[data-check][data-n="1"]`)
	says(t, p, ".verdict", "a signature by a key that the trust file does not know")
}

// TestOfficerAsksInTheBrowser: the desk in a real browser, from key to answer; a browser without the key signs nothing.
func TestOfficerAsksInTheBrowser(t *testing.T) {
	c := newWatchedCity(t)
	b := browser.Start(t)
	ask := func(p *browser.Page) {
		p.Go(t, c.server.URL+"/desk")
		browser.Eval[string](t, p, `document.querySelector("#name").value = "`+aPlate+`"`)
		p.Follow(t, "#question button")
		says(t, p, "#sign-panel", "This is what you sign")
	}
	p := c.tab(t, b, "ward", browser.Options{})
	p.Go(t, c.server.URL+"/account")
	p.Follow(t, "#make-key")
	says(t, p, ".keys", "in this browser")
	ask(p)
	shot(t, p, "desk-act")
	p.Follow(t, "#sign-now")
	says(t, p, "table", aPlate)
	says(t, p, "main", "1 entry found")
	shot(t, p, "desk-answer")
	p.Clean(t)
	other := c.tab(t, b, "ward", browser.Options{})
	ask(other)
	other.Click(t, "#sign-now")
	says(t, other, "#sign-says", "does not hold the key")
}

// TestOwnPagesCanBeReadByEveryone: every page of one's own, light, dark, on a phone and without scripts.
func TestOwnPagesCanBeReadByEveryone(t *testing.T) {
	c := newWatchedCity(t)
	b := browser.Start(t)
	c.key(t, &ada, 1)
	c.key(t, &ward, 3)
	tag := protocol.UseTag(traceKey(1), 1).String()
	for _, who := range []struct {
		name string
		browser.Options
	}{
		{"light", browser.Options{}}, {"dark", browser.Options{Dark: true}}, {"phone", browser.Options{Width: 390, Height: 844, Lang: "de"}},
		{"narrow", browser.Options{Width: 320, Height: 640}}, {"plain", browser.Options{NoScript: true}},
	} {
		for _, at := range []struct{ name, as, path string }{
			{"login", "nobody", "/login?problem=expired"}, {"account", "ada", "/account"}, {"account-officer", "ward", "/account"}, {"me", "ada", "/me"},
			{"use", "ada", "/me/uses/" + tag}, {"export", "ada", "/me/export"}, {"desk", "ward", "/desk"},
		} {
			t.Run(at.name+"-"+who.name, func(t *testing.T) {
				p := c.tab(t, b, at.as, who.Options)
				p.Go(t, c.server.URL+at.path)
				p.Fits(t)
				if !who.NoScript {
					p.Axe(t)
				}
				if who.name == "light" {
					p.Walk(t)
				}
				if n := p.ScriptBytes(t); n > maxScripts {
					t.Errorf("scripts of %d bytes, at most %d", n, maxScripts)
				}
				p.Clean(t)
				shot(t, p, at.name+"-"+who.name)
			})
		}
	}
}

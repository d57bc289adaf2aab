package login_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune/internal/login"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/web"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// journal is a log that tests read.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// hub is a hub's front: the room between web.Wrap and a few pages.
type hub struct {
	*login.Login
	*clock
	url      string
	op       *issuer
	store    store.Store
	log      *journal
	mu       sync.Mutex
	accounts map[string]login.Account // by subject
	acted    int                      // POST /act that reached the page
}

func openStore(t testing.TB) store.Store {
	t.Helper()
	s, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// newHub starts a hub under http://localhost:PORT with one provider, or those that change adds.
func newHub(t testing.TB, change func(*hub, *login.Config)) *hub {
	t.Helper()
	h := &hub{clock: newClock(), store: openStore(t), log: &journal{}, accounts: map[string]login.Account{}}
	h.op = newIssuer(t, h.now)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	h.url = "http://localhost:" + port
	cfg := login.Config{URL: h.url, Store: h.store, Now: h.now, Log: slog.New(slog.NewTextHandler(h.log, nil)), Accounts: func(issuer, subject string) (login.Account, bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		a, ok := h.accounts[subject]
		return a, ok
	}}
	if change != nil {
		change(h, &cfg)
	}
	if cfg.Providers == nil {
		cfg.Providers = []login.Provider{h.op.provider("city")}
	}
	if h.Login, err = login.New(cfg); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.Routes(mux)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("the city")) })
	mux.HandleFunc("GET /account", func(w http.ResponseWriter, r *http.Request) {
		s := web.SessionOf(r.Context())
		if s == nil {
			http.Error(w, "nobody", http.StatusUnauthorized)
			return
		}
		list, err := h.Sessions(r.Context(), s.Subject)
		if err != nil {
			t.Error(err)
		}
		send(w, map[string]any{"session": s, "sessions": list, "caller": web.CallerOf(r.Context())})
	})
	mux.HandleFunc("/act", func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.acted++
		h.mu.Unlock()
		w.Write([]byte("acted " + r.FormValue("what")))
	})
	srv := httptest.NewUnstartedServer(web.Wrap(web.Config{Log: slog.New(slog.DiscardHandler), Callers: h.Login}, h.Wrap(mux)))
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return h
}

func (h *hub) list(subject string, a login.Account) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.accounts[subject] = a
}

func (h *hub) unlist(subject string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.accounts, subject)
}

// browser keeps cookies and stops at each redirect.
type browser struct {
	t      testing.TB
	hub    *hub
	client *http.Client
}

func (h *hub) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, h, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type response struct {
	*http.Response
	body string
}

func (r response) location() string { return r.Header.Get("Location") }

// problem is the code of a failure, in an address or in problem details.
func (r response) problem() string {
	if u, err := url.Parse(r.location()); err == nil && r.location() != "" {
		return u.Query().Get("problem")
	}
	var p struct{ Problem string }
	json.Unmarshal([]byte(r.body), &p)
	return p.Problem
}

func (b *browser) do(method, path string, header map[string]string, body string) response {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.hub.url + path
	}
	r, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response{res, string(text)}
}

func (b *browser) get(path string) response { b.t.Helper(); return b.do("GET", path, nil, "") }

func (b *browser) form(path string, values url.Values) response {
	b.t.Helper()
	return b.do("POST", path, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, values.Encode())
}

// toProvider begins a login and goes as far as the provider's answer: the callback's address.
func (b *browser) toProvider(start string) string {
	b.t.Helper()
	res := b.get(start)
	if res.StatusCode != http.StatusSeeOther || !strings.Contains(res.location(), "/authorize?") {
		b.t.Fatalf("start: got %d to %q", res.StatusCode, res.location())
	}
	res = b.get(res.location())
	if res.StatusCode != http.StatusFound {
		b.t.Fatalf("provider: got %d %q", res.StatusCode, res.body)
	}
	return res.location()
}

// login logs in and returns the answer of the callback.
func (b *browser) login(back string) response {
	b.t.Helper()
	return b.get(b.toProvider("/login/start?provider=city&return=" + url.QueryEscape(back)))
}

type accountPage struct {
	Session  web.Session
	Sessions []login.OpenSession
}

// account is the account page, nil where nobody is logged in.
func (b *browser) account() *accountPage {
	b.t.Helper()
	res := b.get("/account")
	if res.StatusCode == http.StatusUnauthorized {
		return nil
	}
	var p accountPage
	if err := json.Unmarshal([]byte(res.body), &p); err != nil {
		b.t.Fatalf("account page: %d %q: %v", res.StatusCode, res.body, err)
	}
	return &p
}

// cookie is the value of one of the hub's cookies, "" where there is none.
func (b *browser) cookie(name string) string {
	u, _ := url.Parse(b.hub.url)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setCookie(name, value string) {
	u, _ := url.Parse(b.hub.url)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// farAway is an end that no test reaches.
var farAway = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)

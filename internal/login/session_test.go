package login_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/login"
	"tribune/internal/store"
)

func TestSessionEndsWhenIdleAndAbsolutely(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	b.login("/")
	h.pass(30*time.Minute - time.Second)
	if b.account() == nil {
		t.Fatal("ended before half an hour")
	}
	h.pass(30*time.Minute - time.Second)
	if b.account() == nil {
		t.Fatal("use did not keep it")
	}
	stolen := b.cookie("tribune")
	h.pass(30 * time.Minute)
	if b.account() != nil || b.cookie("tribune") != "" {
		t.Error("idle for half an hour and still there")
	}
	b.setCookie("tribune", stolen)
	if b.account() != nil {
		t.Error("it came back")
	}

	b.login("/")
	for range 7*60 + 59 {
		h.pass(time.Minute)
		if b.account() == nil {
			t.Fatal("ended though in use")
		}
	}
	h.pass(time.Minute)
	if b.account() != nil {
		t.Error("over eight hours")
	}
}

func TestSessionFollowsItsAccount(t *testing.T) {
	const sub = "248289761001"
	officer := func(h *hub, until time.Duration) login.Account {
		return login.Account{Role: "officer", Actor: "inspector-ward", Office: "parking-inspector", Until: h.now().Add(until)}
	}
	t.Run("ends with it", func(t *testing.T) {
		h := newHub(t, nil)
		h.list(sub, officer(h, 20*time.Minute))
		b := h.browser(t)
		b.login("/")
		s := b.account().Session
		if s.Role != "officer" || s.Actor != "inspector-ward" || s.Office != "parking-inspector" || !s.Until.Equal(h.now().Add(20*time.Minute)) {
			t.Errorf("got %+v", s)
		}
		h.pass(20 * time.Minute)
		if b.account() != nil {
			t.Error("the account has ended and the session has not")
		}
		b.login("/")
		if s := b.account().Session; s.Role != "citizen" || s.Actor != "" || s.Office != "" {
			t.Errorf("a former officer is %+v", s)
		}
	})
	for what, change := range map[string]func(*hub){
		"removed":        func(h *hub) { h.unlist(sub) },
		"another office": func(h *hub) { a := officer(h, time.Hour); a.Office = "planner"; h.list(sub, a) },
		"another actor":  func(h *hub) { a := officer(h, time.Hour); a.Actor = "inspector-hale"; h.list(sub, a) },
	} {
		t.Run(what, func(t *testing.T) {
			h := newHub(t, nil)
			h.list(sub, officer(h, time.Hour))
			b := h.browser(t)
			b.login("/")
			change(h)
			if b.account() != nil {
				t.Error("the session goes on")
			}
		})
	}
	t.Run("listed while logged in", func(t *testing.T) {
		h := newHub(t, nil)
		b := h.browser(t)
		b.login("/")
		h.list(sub, officer(h, time.Hour))
		if b.account() != nil {
			t.Error("a citizen's session became an officer's")
		}
	})
	t.Run("brought forward", func(t *testing.T) {
		h := newHub(t, nil)
		h.list(sub, officer(h, 3*time.Hour))
		b := h.browser(t)
		b.login("/")
		h.list(sub, officer(h, 10*time.Minute))
		if s := b.account(); s == nil || !s.Session.Until.Equal(h.now().Add(10*time.Minute)) {
			t.Errorf("got %+v", s)
		}
	})
}

func TestRefusedPagesAreThePortals(t *testing.T) {
	h := newHub(t, func(_ *hub, cfg *login.Config) {
		cfg.Refuse = func(w http.ResponseWriter, _ *http.Request, status int, p login.Problem) {
			w.WriteHeader(status)
			w.Write([]byte("page " + string(p)))
		}
	})
	b := h.browser(t)
	b.login("/")
	if res := b.do("POST", "/act", nil, ""); res.StatusCode != http.StatusForbidden || res.body != "page csrf" {
		t.Errorf("got %d %q", res.StatusCode, res.body)
	}
}

func TestOthersSessionsListedAndEnded(t *testing.T) {
	h := newHub(t, nil)
	a, b, c := h.browser(t), h.browser(t), h.browser(t)
	for _, each := range []*browser{a, b, c} {
		each.login("/")
		h.pass(time.Second)
	}
	stranger := h.browser(t)
	h.op.set(func(p *issuer) { p.subject = "stranger" })
	stranger.login("/")

	page := a.account()
	if len(page.Sessions) != 3 || !page.Sessions[0].Current || page.Sessions[1].Current || page.Sessions[1].Method != "openid" {
		t.Fatalf("got %+v", page.Sessions)
	}
	csrf := page.Session.CSRF
	theirs := stranger.account().Sessions[0].ID
	if res := a.form("/account/sessions/end", url.Values{"csrf": {csrf}, "id": {theirs}}); res.location() != "/account?done=session-ended" || stranger.account() == nil {
		t.Error("somebody else's session was ended")
	}
	if err := h.EndSession(t.Context(), page.Session.Subject, theirs); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if a.form("/account/sessions/end", url.Values{"csrf": {csrf}, "id": {page.Sessions[1].ID}}); b.account() != nil || c.account() == nil {
		t.Error("the wrong session was ended")
	}
	if a.form("/account/sessions/end", url.Values{"csrf": {csrf}, "others": {"1"}}); c.account() != nil || a.account() == nil {
		t.Error("others were not ended, or one's own was")
	}
	if res := h.browser(t).form("/account/sessions/end", url.Values{"id": {theirs}}); res.StatusCode != http.StatusForbidden {
		t.Errorf("without a session: got %d", res.StatusCode)
	}
	thief := h.browser(t)
	thief.setCookie("tribune", page.Sessions[0].ID)
	if thief.account() != nil {
		t.Error("the id of the list is a cookie")
	}
}

func TestSessionsOfOnePersonAreBounded(t *testing.T) {
	h := newHub(t, nil)
	first := h.browser(t)
	first.login("/")
	var last *browser
	for range 16 {
		h.pass(time.Minute)
		last = h.browser(t)
		last.login("/")
	}
	if n := len(last.account().Sessions); n != 16 {
		t.Errorf("got %d sessions", n)
	}
	if first.account() != nil {
		t.Error("the oldest is still there")
	}
}

func TestEndedRowsAreSwept(t *testing.T) {
	h := newHub(t, nil)
	rows := func() (n int) {
		for _, err := range h.store.Scan(context.Background(), store.Range{KeysOnly: true}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	for range 10 {
		h.browser(t).login("/")
		h.pass(3 * time.Minute)
	}
	full := rows()
	h.pass(9 * time.Hour)
	b := h.browser(t)
	b.login("/")
	if left := rows(); left >= full || left > 6+2 { // key, session, owner, end, state, its end
		t.Errorf("%d rows became %d", full, left)
	}
	if b.account() == nil {
		t.Error("the sweep took a session that goes on")
	}
	for range 10 {
		h.browser(t).login("/")
		h.pass(3 * time.Minute)
	}
	h.pass(9 * time.Hour)
	if n, err := h.Sweep(context.Background(), 4); err != nil || n != 4 {
		t.Errorf("a bounded sweep: got %d, %v", n, err)
	}
}

func TestLogoutWhileInUseDoesNotBringTheSessionBack(t *testing.T) {
	h := newHub(t, nil)
	for range 8 {
		b := h.browser(t)
		b.login("/")
		csrf, id := b.account().Session.CSRF, b.cookie("tribune")
		h.pass(2 * time.Minute) // each request now wants to note its time
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { b.get("/account") })
		}
		wg.Go(func() { b.form("/logout", url.Values{"csrf": {csrf}}) })
		wg.Wait()
		thief := h.browser(t)
		thief.setCookie("tribune", id)
		if thief.account() != nil {
			t.Fatal("the session is back")
		}
	}
}

func TestRestartKeepsSessions(t *testing.T) {
	h := newHub(t, nil)
	b := h.browser(t)
	b.login("/")
	subject := b.account().Session.Subject
	again, err := login.New(login.Config{URL: h.url, Store: h.store, Now: h.now, Providers: []login.Provider{h.op.provider("city")}})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := again.Sessions(t.Context(), subject); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
}

// An account whose provider is no longer configured has nobody to vouch for it.

package login_test

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/login"
	"tribune/internal/store"
)

// between is a store that lets something happen right after a row was read: what a race would do, every time.
type between struct {
	store.Store
	mu   sync.Mutex
	part string
	do   func()
}

func (s *between) Get(ctx context.Context, key []byte) ([]byte, error) {
	v, err := s.Store.Get(ctx, key)
	s.mu.Lock()
	do := s.do
	if do != nil && err == nil && bytes.HasPrefix(key, store.Key("login", tribune.Place{}, s.part)) {
		s.do = nil
	} else {
		do = nil
	}
	s.mu.Unlock()
	if do != nil {
		do()
	}
	return v, err
}

// after arms it for the next read of a kind of row.
func (s *between) after(part string, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.part, s.do = part, do
}

func racyHub(t *testing.T) (*hub, *between) {
	t.Helper()
	var s *between
	h := newHub(t, func(_ *hub, cfg *login.Config) {
		s = &between{Store: cfg.Store}
		cfg.Store = s
	})
	return h, s
}

func TestRequestUnderWayDoesNotBringAnEndedSessionBack(t *testing.T) {
	h, s := racyHub(t)
	b := h.browser(t)
	b.login("/")
	page := b.account()
	h.pass(2 * time.Minute) // the next request wants to note its time
	id := b.cookie("tribune")
	s.after("s", func() {
		if err := h.EndSession(context.Background(), page.Session.Subject, page.Sessions[0].ID); err != nil {
			t.Error(err)
		}
	})
	if b.account() != nil {
		t.Error("the request under way went on under an ended session")
	}
	thief := h.browser(t)
	thief.setCookie("tribune", id)
	if thief.account() != nil {
		t.Error("it wrote the session back")
	}
}

func TestCopyWithTheSameCountAtTheSameMoment(t *testing.T) {
	h, s := racyHub(t)
	owner := h.browser(t)
	owner.login("/")
	key := owner.authenticator()
	owner.addPasskey(key, "")
	clone := *key
	first := 0
	s.after("p", func() { first = h.browser(t).passkeyLogin(key, nil).StatusCode })
	b := h.browser(t)
	if res := b.passkeyLogin(&clone, nil); res.StatusCode == http.StatusOK || b.account() != nil {
		t.Error("both copies logged in with one count")
	}
	if first != http.StatusOK {
		t.Errorf("the first got %d", first)
	}
}

func TestRenewalDoesNotTurnAPasskeysCountBack(t *testing.T) {
	h, s := racyHub(t)
	owner := h.browser(t)
	owner.login("/")
	key := owner.authenticator()
	owner.addPasskey(key, "")
	clone := *key
	h.pass(time.Hour)
	s.after("p", func() { h.browser(t).passkeyLogin(key, nil) })
	owner.login("/") // renews what it has read before
	if list, err := h.Passkeys(t.Context(), owner.account().Session.Subject); err != nil || !list[0].Lapses.Equal(h.now().Add(30*24*time.Hour)) {
		t.Errorf("not renewed: %+v, %v", list, err)
	}
	if res := h.browser(t).passkeyLogin(&clone, nil); res.StatusCode == http.StatusOK {
		t.Error("a copy with an old count logged in")
	}
}

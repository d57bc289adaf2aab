package city

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"tribune"
	"tribune/internal/gate"
	"tribune/internal/login"
	"tribune/internal/web"
)

// accounts says what the people of the providers are to this city: hub/law/accounts.toml. Whoever is not listed is a citizen.
func (d Dir) Accounts() string { return d.path("hub", "law", "accounts.toml") }

type accounts struct {
	list atomic.Pointer[login.Accounts]
}

func (a *accounts) read(path string) error {
	list, err := login.ReadAccounts(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading accounts: %w", err)
	}
	a.list.Store(&list)
	return nil
}

func (a *accounts) find(issuer, subject string) (login.Account, bool) {
	return a.list.Load().Find(issuer, subject)
}

func (h *Hub) openLogin() error {
	if err := h.accounts.read(h.cfg.Dir.Accounts()); err != nil {
		return err
	}
	if len(h.cfg.Providers) == 0 {
		return nil
	}
	cfg := login.Config{URL: h.Public(), Title: h.cfg.City, Accounts: h.accounts.find, Store: h.store, Now: h.now, Log: h.log, Demo: h.cfg.Demo != ""}
	for _, p := range h.cfg.Providers {
		secret := ""
		if p.SecretFile != "" {
			data, err := os.ReadFile(p.SecretFile)
			if err != nil {
				return fmt.Errorf("reading the client secret for %s: %w", p.ID, err)
			}
			secret = strings.TrimSpace(string(data))
		}
		cfg.Providers = append(cfg.Providers, login.Provider{ID: p.ID, Title: p.Title, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: secret})
	}
	var err error
	if h.login, err = login.New(cfg); err != nil {
		return fmt.Errorf("opening the login: %w", err)
	}
	return nil
}

// callers knows bearer tokens of both kinds: access tokens of a provider are JWTs and have two dots, the hub's own have none.
type callers struct {
	gate  *gate.Gate
	login *login.Login
}

func (h *Hub) callers() web.Callers { return callers{h.gate, h.login} }

func (c callers) Caller(token string) (tribune.Caller, error) {
	if c.login != nil && login.IsAccessToken(token) {
		return c.login.Caller(token)
	}
	return c.gate.Caller(token)
}

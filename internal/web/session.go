package web

import (
	"context"
	"time"

	"tribune"
)

// The roles of people who log in. What an officer may do comes from an office and an appointment, never from a role: a role
// chooses which pages are offered.
const (
	RoleCitizen    = "citizen"
	RoleOfficer    = "officer"
	RoleSteward    = "steward"
	RoleAuditor    = "auditor"
	RoleJournalist = "journalist"
)

// Session is a person who has logged in with a browser, as the login room has verified them. It is no Caller: pages use
// it; acts need a Caller and the signature of that caller's own key.
type Session struct {
	Subject string           // issuer and subject of the provider, in one stable string; never shown
	Name    string           // to greet with
	Role    string           // one of the roles above
	Actor   tribune.ActorID  // of an officer, else ""
	Office  tribune.OfficeID // of an officer, else ""
	Names   []PersonName     // names of theirs that the provider has verified: what data about them are filed under
	Method  string           // "openid" or "passkey"
	Began   time.Time        // when they logged in
	Until   time.Time        // the session ends by itself
	CSRF    string           // what every form of theirs must carry
}

// PersonName is one verified name, for example {"plate", "AB12CDE"}.
type PersonName struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type sessionKey struct{}

// WithSession is ctx with the session of whoever asks.
func WithSession(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// SessionOf is the session of whoever asks, nil where nobody has logged in.
func SessionOf(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

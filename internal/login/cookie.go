package login

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// Names of the two cookies. Under https they begin with __Host-, which browsers accept only with Secure, Path=/ and no
// Domain: no other host and no plain http can plant one.
const (
	sessionCookie = "tribune"
	pendingCookie = "tribune-login"
	maxCookie     = 4 << 10
)

func (l *Login) cookieName(name string) string {
	if l.secure {
		return "__Host-" + name
	}
	return name
}

func (l *Login) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: l.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: l.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (l *Login) clearCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: l.cookieName(name), Path: "/", MaxAge: -1, Secure: l.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// sessionID is the id in the request's session cookie; there reports whether it carries such a cookie at all, usable or not.
func (l *Login) sessionID(r *http.Request) (id []byte, there bool) {
	c, err := r.Cookie(l.cookieName(sessionCookie))
	if err != nil {
		return nil, false
	}
	id, err = base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(id) != idSize || base64.RawURLEncoding.EncodeToString(id) != c.Value {
		return nil, true
	}
	return id, true
}

// pending is a login, or a passkey's ceremony, that has begun. It rests in the browser that began it, sealed.
type pending struct {
	Ends     int64  `json:"e"` // Unix seconds
	Provider string `json:"p,omitempty"`
	State    string `json:"s,omitempty"`
	Nonce    string `json:"n,omitempty"`
	Verifier string `json:"v,omitempty"`
	Return   string `json:"r,omitempty"`

	Ceremony json.RawMessage `json:"c,omitempty"` // webauthn.SessionData
	Session  string          `json:"h,omitempty"` // hash of the session that adds a passkey
}

// The kinds of pending login; one is never taken for another.
const (
	pendingOpenID = "openid"
	pendingLogin  = "passkey"
	pendingAdd    = "passkey add"
)

func (l *Login) setPending(w http.ResponseWriter, kind string, p pending) error {
	p.Ends = l.cfg.Now().Add(pendingFor).Unix()
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	l.setCookie(w, pendingCookie, base64.RawURLEncoding.EncodeToString(l.keys.pending.Seal(nil, nil, text, []byte(kind))), pendingFor)
	return nil
}

// takePending reads what this browser has begun, and takes it away from it.
func (l *Login) takePending(w http.ResponseWriter, r *http.Request, kind string) (pending, error) {
	var p pending
	c, err := r.Cookie(l.cookieName(pendingCookie))
	if err != nil {
		return p, refuse(ProblemExpired, "no login has begun in this browser")
	}
	l.clearCookie(w, pendingCookie)
	if len(c.Value) > maxCookie {
		return p, refuse(ProblemExpired, "the cookie of the begun login is too long")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return p, refuse(ProblemExpired, "the cookie of the begun login is broken")
	}
	text, err := l.keys.pending.Open(nil, nil, sealed, []byte(kind))
	if err != nil {
		return p, refuse(ProblemExpired, "the cookie of the begun login is not ours, or of another kind")
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, refuse(ProblemExpired, "the cookie of the begun login cannot be read")
	}
	if l.cfg.Now().Unix() >= p.Ends {
		return p, refuse(ProblemExpired, "the login took too long")
	}
	return p, nil
}

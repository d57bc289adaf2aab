package login

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"tribune"
	"tribune/internal/store"
)

// OpenSession is one session of a person, for the list on their account page.
type OpenSession struct {
	ID      string // to end it with; of no use as a cookie
	Method  string
	Created time.Time
	Seen    time.Time // to the minute
	Until   time.Time
	Current bool // the one that asks
}

// Sessions lists the open sessions of a subject (web.Session.Subject), oldest first.
func (l *Login) Sessions(ctx context.Context, subject string) ([]OpenSession, error) {
	all, err := l.sessionsOf(ctx, l.keys.owner(subject))
	if err != nil {
		return nil, err
	}
	now, current := l.cfg.Now(), liveOf(ctx)
	var out []OpenSession
	for _, h := range all {
		if !now.Before(h.row.Until) || now.Sub(h.row.Seen) >= idle {
			continue
		}
		out = append(out, OpenSession{h.hash, h.row.Method, h.row.Created, h.row.Seen, h.row.Until, current != nil && current.hash == h.hash})
	}
	return out, nil
}

// EndSession ends one session of a subject at once. It fails with ErrNotFound where that session is not theirs.
func (l *Login) EndSession(ctx context.Context, subject, id string) error {
	if len(id) != 2*sha256.Size {
		return fmt.Errorf("ending session: %w", tribune.ErrNotFound)
	}
	s, _, err := row[sessionRow](ctx, l.cfg.Store, key("s", id))
	if err == nil && s.Owner != l.keys.owner(subject) {
		err = tribune.ErrNotFound
	}
	if err == nil {
		err = l.end(ctx, id, s)
	}
	if err != nil && !errors.Is(err, errNoSession) {
		return fmt.Errorf("ending session: %w", err)
	}
	return nil
}

// EndOthers ends every session of a subject but the one that asks.
func (l *Login) EndOthers(ctx context.Context, subject string) error {
	all, err := l.sessionsOf(ctx, l.keys.owner(subject))
	if err != nil {
		return err
	}
	var b store.Batch
	current := liveOf(ctx)
	for _, h := range all {
		if current == nil || current.hash != h.hash {
			dropSession(&b, h.hash, h.row)
		}
	}
	if err := l.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	return nil
}

// endSessions is the form behind the list.
func (l *Login) endSessions(w http.ResponseWriter, r *http.Request) {
	s := liveOf(r.Context())
	if s == nil {
		l.refuse(w, r, ProblemSession)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	var err error
	if id := r.PostFormValue("id"); id != "" {
		err = l.EndSession(r.Context(), s.Subject, id)
	} else if r.PostFormValue("others") != "" {
		err = l.EndOthers(r.Context(), s.Subject)
	}
	if err != nil && !errors.Is(err, tribune.ErrNotFound) { // ended already: as wished
		l.problems.Write(w, r, err)
		return
	}
	seeOther(w, "/account?done=session-ended")
}

// logout ends the session. Without one there is nothing to end, and the answer is the same.
func (l *Login) logout(w http.ResponseWriter, r *http.Request) {
	to := "/login?done=logged-out"
	if s := liveOf(r.Context()); s != nil {
		if err := l.end(r.Context(), s.hash, s.row); !errors.Is(err, errNoSession) {
			l.problems.Write(w, r, err)
			return
		}
		if p := l.providerOf(s.who.Issuer); p != nil && s.Method == MethodOpenID {
			if d := p.found.Load(); d != nil && d.endSession != "" {
				to += "&provider=" + url.QueryEscape(p.ID)
			}
		}
	}
	l.clearCookie(w, sessionCookie)
	l.clearCookie(w, pendingCookie)
	seeOther(w, to)
}

// logoutProvider goes on to the provider's logout. Without id_token_hint, which would put the person's claims into an
// address: the provider asks them instead.
func (l *Login) logoutProvider(w http.ResponseWriter, r *http.Request) {
	p := l.provider(r.URL.Query().Get("provider"))
	if p == nil {
		seeOther(w, "/login")
		return
	}
	d, err := p.discover(r.Context())
	if err != nil {
		l.fail(w, r, p.ID, "", err)
		return
	}
	to, err := url.Parse(d.endSession)
	if err != nil || d.endSession == "" {
		seeOther(w, "/login")
		return
	}
	q := to.Query()
	q.Set("client_id", p.ClientID)
	q.Set("post_logout_redirect_uri", l.cfg.URL+"/login")
	to.RawQuery = q.Encode()
	seeOther(w, to.String())
}

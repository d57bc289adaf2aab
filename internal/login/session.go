package login

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/web"
)

// The methods of a login, as web.Session.Method has them.
const (
	MethodOpenID  = "openid"
	MethodPasskey = "passkey"
)

const idSize = 32 // bytes of a session id

var (
	errNoSession = errors.New("no such session")
	errEnded     = fmt.Errorf("%w any more", errNoSession) // the id was right
)

// live is the session of a request.
type live struct {
	web.Session
	hash    string
	owner   string
	created time.Time
	row     sessionRow
	who     identity
}

type liveKey struct{}

func liveOf(ctx context.Context) *live {
	s, _ := ctx.Value(liveKey{}).(*live)
	return s
}

// begin makes a session, ends the one this browser had, and sets the cookie. The batch may carry conditions: where they do
// not hold, the login was used before.
func (l *Login) begin(ctx context.Context, w http.ResponseWriter, r *http.Request, who identity, method string, batch *store.Batch) error {
	now := l.cfg.Now().UTC()
	account := l.account(who.Issuer, who.Subject)
	id, until := random(idSize), now.Add(absolute)
	if account.Until.After(now) && account.Until.Before(until) {
		until = account.Until
	}
	hash, owner := hashOf(id), l.keys.owner(who.subject())
	text, err := json.Marshal(sessionSecret{identity: who, Role: account.Role, Actor: account.Actor, Office: account.Office})
	if err != nil {
		return fmt.Errorf("beginning session: %w", err)
	}
	s := sessionRow{Owner: owner, Method: method, Created: now, Seen: now, Until: until, Sealed: sessionSeal(id).Seal(nil, nil, text, []byte(hash))}
	if err := put(batch, key("s", hash), s); err != nil {
		return err
	}
	batch.Put(key("o", owner, "s", hash), present)
	batch.Put(endKey(until, "s", hash), present)
	if old := liveOf(r.Context()); old != nil {
		dropSession(batch, old.hash, old.row)
	}
	if err := l.makeRoom(ctx, owner, batch); err != nil {
		return err
	}
	switch err := l.cfg.Store.Commit(ctx, batch); {
	case errors.Is(err, tribune.ErrConflict):
		return refuse(ProblemExpired, "this login was used already")
	case err != nil:
		return fmt.Errorf("beginning session: %w", err)
	}
	l.setCookie(w, sessionCookie, base64.RawURLEncoding.EncodeToString(id), absolute)
	if _, err := l.Sweep(ctx, sweepEach); err != nil {
		l.cfg.Log.WarnContext(ctx, "ended sessions could not be swept", "err", err) // the next login will
	}
	return nil
}

// makeRoom ends the oldest sessions of somebody who has too many.
func (l *Login) makeRoom(ctx context.Context, owner string, batch *store.Batch) error {
	all, err := l.sessionsOf(ctx, owner)
	if err != nil {
		return err
	}
	for len(all) >= maxSessions {
		dropSession(batch, all[0].hash, all[0].row)
		all = all[1:]
	}
	return nil
}

// find is the session with an id as it stands now, touched.
func (l *Login) find(ctx context.Context, id []byte) (*live, error) {
	hash := hashOf(id)
	s, raw, err := row[sessionRow](ctx, l.cfg.Store, key("s", hash))
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, errNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("reading session: %w", err)
	}
	now := l.cfg.Now().UTC()
	var secret sessionSecret
	text, err := sessionSeal(id).Open(nil, nil, s.Sealed, []byte(hash))
	if err == nil {
		err = json.Unmarshal(text, &secret)
	}
	if err != nil {
		return nil, &tribune.IntegrityError{What: "a session", Err: err}
	}
	account := l.account(secret.Issuer, secret.Subject)
	changed := account.Role != secret.Role || account.Actor != secret.Actor || account.Office != secret.Office
	if !now.Before(s.Until) || now.Sub(s.Seen) >= idle || changed || l.providerOf(secret.Issuer) == nil {
		return nil, l.end(ctx, hash, s)
	}
	if now.Sub(s.Seen) >= touchEvery {
		if err := l.touch(ctx, hash, s, raw, now); err != nil {
			return nil, err
		}
	}
	until := s.Until
	if account.Until.After(now) && account.Until.Before(until) {
		until = account.Until // brought forward since
	}
	return &live{
		hash: hash, owner: s.Owner, created: s.Created, row: s, who: secret.identity,
		Session: web.Session{
			Subject: secret.subject(), Name: secret.Name, Role: account.Role, Actor: account.Actor, Office: account.Office,
			Names: secret.Names, Method: s.Method, Began: s.Created, Until: until, CSRF: csrfOf(id),
		},
	}, nil
}

// touch notes that the session is in use. It must not bring back one that has ended meanwhile.
func (l *Login) touch(ctx context.Context, hash string, s sessionRow, raw []byte, now time.Time) error {
	s.Seen = now
	var b store.Batch
	b.ExpectPrefix(key("s", hash), raw)
	if err := put(&b, key("s", hash), s); err != nil {
		return err
	}
	err := l.cfg.Store.Commit(ctx, &b)
	if errors.Is(err, tribune.ErrConflict) {
		if _, err := l.cfg.Store.Get(ctx, key("s", hash)); errors.Is(err, tribune.ErrNotFound) {
			return errEnded
		}
		return nil // another request has touched it
	}
	if err != nil {
		return fmt.Errorf("touching session: %w", err)
	}
	return nil
}

// end deletes a session that is over; the answer is always errEnded, or why it could not be deleted.
func (l *Login) end(ctx context.Context, hash string, s sessionRow) error {
	var b store.Batch
	dropSession(&b, hash, s)
	if err := l.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("ending session: %w", err)
	}
	return errEnded
}

// held is one session row of somebody.
type held struct {
	hash string
	row  sessionRow
}

// sessionsOf lists somebody's sessions, oldest first.
func (l *Login) sessionsOf(ctx context.Context, owner string) ([]held, error) {
	hashes, err := l.owned(ctx, owner, "s", 4*maxSessions)
	if err != nil {
		return nil, err
	}
	var out []held
	for _, h := range hashes {
		s, _, err := row[sessionRow](ctx, l.cfg.Store, key("s", h))
		if errors.Is(err, tribune.ErrNotFound) {
			continue // ended between the two reads
		}
		if err != nil {
			return nil, fmt.Errorf("listing sessions: %w", err)
		}
		out = append(out, held{h, s})
	}
	slices.SortFunc(out, func(a, b held) int { return a.row.Created.Compare(b.row.Created) })
	return out, nil
}

// csrfOf is the token of a session's forms: whoever knows it does not know the id.
func csrfOf(id []byte) string {
	m := hmac.New(sha256.New, id)
	m.Write([]byte("tribune/v1/login/csrf"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

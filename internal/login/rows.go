package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/web"
)

// present is the value of keys that say it all.
var present = []byte{1}

// sweepEach is how many ended rows each login deletes: more than the two it adds, so that they never grow.
const sweepEach = 64

// sessionRow is a session as it rests. Sealed is a sessionSecret, under a key that is in the browser only.
type sessionRow struct {
	Owner   string    `json:"owner"`
	Method  string    `json:"method"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Until   time.Time `json:"until"`
	Sealed  []byte    `json:"sealed"`
}

// sessionSecret is who the session belongs to, and the account as it was at login.
type sessionSecret struct {
	identity
	Role   string           `json:"role"`
	Actor  tribune.ActorID  `json:"actor,omitempty"`
	Office tribune.OfficeID `json:"office,omitempty"`
}

// useOnce makes the batch conditional on what has not been used before.
func (l *Login) useOnce(b *store.Batch, what string) {
	h := hashOf([]byte(what))
	k := key("u", h)
	b.ExpectAbsent(k)
	b.Put(k, present)
	b.Put(endKey(l.cfg.Now().Add(pendingFor+time.Minute), "u", h), present)
}

// put adds a row in JSON.
func put(b *store.Batch, k []byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing row: %w", err)
	}
	b.Put(k, text)
	return nil
}

// row reads one, and its bytes to make a change conditional on.
func row[T any](ctx context.Context, r store.Reader, k []byte) (v T, raw []byte, err error) {
	if raw, err = r.Get(ctx, k); err != nil {
		return v, nil, err
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, nil, &tribune.IntegrityError{What: "a row of the login room", Err: err}
	}
	return v, raw, nil
}

// owned lists the hashes of one kind that belong to an owner, at most limit.
func (l *Login) owned(ctx context.Context, owner, kind string, limit int) ([]string, error) {
	prefix := key("o", owner, kind)
	r := store.Prefix(prefix)
	r.KeysOnly, r.Limit = true, limit
	var out []string
	for pair, err := range l.cfg.Store.Scan(ctx, r) {
		if err != nil {
			return nil, fmt.Errorf("listing: %w", err)
		}
		if hash, _, ok := store.CutPart(pair.Key[len(prefix):]); ok {
			out = append(out, hash)
		}
	}
	return out, nil
}

// dropSession adds the end of a session to the batch.
func dropSession(b *store.Batch, hash string, s sessionRow) {
	b.Delete(key("s", hash))
	b.Delete(key("o", s.Owner, "s", hash))
	b.Delete(endKey(s.Until, "s", hash))
}

// Sweep deletes what has ended, at most limit rows, and says how many. Every login sweeps a few; nobody else needs to.
func (l *Login) Sweep(ctx context.Context, limit int) (int, error) {
	prefix := key("x")
	r := store.Range{From: prefix, To: store.Uint(key("x"), uint64(max(l.cfg.Now().Unix(), 0))), KeysOnly: true, Limit: limit}
	type ended struct {
		end        []byte
		kind, hash string
	}
	var all []ended
	for pair, err := range l.cfg.Store.Scan(ctx, r) {
		if err != nil {
			return 0, fmt.Errorf("sweeping: %w", err)
		}
		rest := pair.Key[len(prefix)+8:]
		kind, rest, _ := store.CutPart(rest)
		hash, _, _ := store.CutPart(rest)
		all = append(all, ended{append([]byte(nil), pair.Key...), kind, hash})
	}
	if len(all) == 0 {
		return 0, nil
	}
	var b store.Batch
	for _, e := range all {
		b.Delete(e.end)
		if e.kind == "u" {
			b.Delete(key("u", e.hash))
			continue
		}
		s, _, err := row[sessionRow](ctx, l.cfg.Store, key("s", e.hash))
		switch {
		case err == nil:
			dropSession(&b, e.hash, s)
		case !errors.Is(err, tribune.ErrNotFound):
			return 0, fmt.Errorf("sweeping: %w", err)
		}
	}
	if err := l.cfg.Store.Commit(ctx, &b); err != nil {
		return 0, fmt.Errorf("sweeping: %w", err)
	}
	return len(all), nil
}

// account is what the city says of a person now. One whose time has passed is listed no more: a former officer is a citizen.
func (l *Login) account(issuer, subject string) Account {
	a, ok := l.cfg.Accounts(issuer, subject)
	if !ok || !l.cfg.Now().Before(a.Until) {
		return Account{Role: web.RoleCitizen}
	}
	return a
}

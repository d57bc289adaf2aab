package city

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tribune"
	"tribune/internal/client"
	"tribune/internal/portal"
	"tribune/internal/web"
)

// maxAsked bounds what a page may get of the API in one answer.
const maxAsked = 16 << 20

// asker lets pages ask the API on behalf of whoever has logged in, through the same handler that answers programs: there is
// one way, and pages take it, too.
type asker struct {
	api    http.Handler
	hub    *Hub
	people *askers
}

// The hourly limits of an office are all its holders' together, and everybody holds that of data subjects: without a limit of
// their own one person could use it up for all. A copy of everything takes two questions a class and thousand entities.
const (
	askBurst  = 120
	askEvery  = 30 * time.Second
	maxAskers = 10_000 // people remembered; beyond it everyone's burst starts anew
)

// askers are the people who ask for their own data.
type askers struct {
	mu  sync.Mutex
	all map[tribune.Hash]*rate.Limiter
}

func (a *askers) admit(s *web.Session, now time.Time) error {
	if s == nil || s.Office != "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.all[owner(s)]
	if l == nil {
		if a.all == nil || len(a.all) >= maxAskers {
			a.all = map[tribune.Hash]*rate.Limiter{}
		}
		l = rate.NewLimiter(rate.Every(askEvery), askBurst)
		a.all[owner(s)] = l
	}
	if !l.AllowN(now, 1) {
		return tribune.Hint(fmt.Errorf("%w: too many questions by one person", tribune.ErrBusy), "Ask again in some minutes.")
	}
	return nil
}

func (a asker) ask(ctx context.Context, caller tribune.Caller, path string, body []byte, actID string, signature []byte) (*portal.Answer, error) {
	if !a.hub.ending.begin() {
		return nil, errEnding
	}
	defer a.hub.ending.done()
	if err := a.people.admit(web.SessionOf(ctx), a.hub.now()); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(web.WithCaller(ctx, caller), http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: the question's path", tribune.ErrInvalid)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if actID != "" {
		r.Header.Set(web.ActHeader, actID)
		r.Header.Set(web.SignatureHeader, base64.StdEncoding.EncodeToString(signature))
	}
	w := &kept{header: http.Header{}}
	a.api.ServeHTTP(w, r)
	if w.size > maxAsked {
		return nil, tribune.Hint(fmt.Errorf("%w: the answer has more than %d bytes", tribune.ErrTooLarge, maxAsked), "Ask for less at a time.")
	}
	out := &portal.Answer{Status: w.status, Body: w.body.Bytes()}
	if index, err := strconv.ParseUint(strings.TrimPrefix(client.ReceiptPath(w.header), "/record/receipts/"), 10, 64); err == nil {
		out.Receipt, out.OnLeaf = index, true
	}
	if w.status == http.StatusPreconditionRequired {
		var wanted struct {
			Act     struct{ ID string } `json:"act"`
			ActText string              `json:"actText"`
			Digest  tribune.Hash        `json:"digest"`
		}
		if err := json.Unmarshal(out.Body, &wanted); err != nil {
			return nil, fmt.Errorf("reading which act is to be signed: %w", err)
		}
		out.ActID, out.ActText, out.Digest = wanted.Act.ID, wanted.ActText, wanted.Digest[:]
	}
	return out, nil
}

// kept is an answer held in memory, cut off once it is too large.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
	size   int
}

func (k *kept) Header() http.Header { return k.header }

func (k *kept) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

func (k *kept) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	if k.size += len(b); k.size <= maxAsked {
		k.body.Write(b)
	}
	return len(b), nil
}

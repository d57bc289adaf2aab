// Package client asks guardians, for a hub: releases, blind evaluations, ceremony packets, status. The way and the vault
// use it.
//
// It asks as many guardians as are needed, the fastest first, and one more whenever one fails, refuses or is slow. What
// it promises: every answer it returns is of another guardian, speaks of the leaf and the identities asked about, and
// carries that guardian's own signature, as does every refusal it reports. Shares inside are still to be verified by
// pairing: ibe.Combine does, and names culprits, whom Suspect moves to the end of the line.
package client

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// Time-outs, with their reasons.
const (
	releaseTimeout = 10 * time.Second // 16,384 identities take a guardian 3 s, and it may wait 3 s for its mirror
	nameTimeout    = 10 * time.Second // 1,024 points take 0.2 s; a busy guardian queues for 5 s
	askTimeout     = 3 * time.Second  // status, outbox: no work at all
	connectTimeout = 2 * time.Second  // a host that is away should not cost a request more
	// hedgeMin is how long the guardians asked first have, before another one is asked besides; it grows with what
	// they usually take.
	hedgeMin = 150 * time.Millisecond
	hedgeMax = 3 * time.Second
	// itemTime is what a guardian takes for one identity or point on a loaded machine: hedging allows for it.
	itemTime = 2 * time.Millisecond
	// idleFor keeps connections through a quiet night's pauses between acts.
	idleFor = 5 * time.Minute
)

// Bounds of answers.
const (
	maxAnswer = 4 << 20 // MaxIDs shares of 48 bytes in base64 and JSON
	maxSmall  = 1 << 20
	maxIdle   = 64 // connections kept a guardian: as many as the hub opens acts at once
)

// Config says whom to ask.
type Config struct {
	Group protocol.Group     // members with their URLs; before the ceremony its keys are empty
	Key   ed25519.PrivateKey // the log's key, which authenticates the hub
	HTTP  *http.Client       // nil = one of our own
	Now   func() time.Time   // nil = time.Now
	Log   *slog.Logger       // nil = slog.Default(); why a guardian cannot be reached, at level Debug
}

// Client is safe for concurrent use.
type Client struct {
	cfg    Config
	roster atomic.Pointer[roster]

	mu sync.Mutex // guards the members' pace
}

// member is one guardian and how it has been doing.
type member struct {
	protocol.Member
	key   ed25519.PublicKey
	epoch uint32        // of the group it is asked as a member of
	pace  time.Duration // moving average of its answers; failures count as slow
}

// New makes a client. A member whose key does not parse is never asked; Group.Validate would have said so.
func New(cfg Config) *Client {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	c := &Client{cfg: cfg}
	c.Adopt(cfg.Group)
	return c
}

// Suspect moves the guardian with that index to the end of the line: what it gave did not verify.
func (c *Client) Suspect(index int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.now().members {
		if m.Index == index {
			m.pace = time.Hour
		}
	}
}

// line is all guardians, the fastest first, and how long to wait before asking one more than need: hedging too early
// would have every guardian do every large release.
func (c *Client) line(need, items int) ([]*member, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.now().members)
	pace := map[*member]time.Duration{}
	for _, m := range all {
		pace[m] = m.pace
	}
	slices.SortStableFunc(all, func(a, b *member) int { return int(pace[a] - pace[b]) })
	wait := hedgeMin
	if need > 0 && need <= len(all) {
		wait = min(max(hedgeMin, 3*pace[all[need-1]]), hedgeMax)
	}
	return all, wait + time.Duration(items)*itemTime
}

// took notes how a guardian did: its answer's time beyond what so many items take, or twice its pace where it failed.
func (c *Client) took(m *member, d time.Duration, items int, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d = max(d-time.Duration(items)*itemTime, 0)
	if failed {
		d = max(2*m.pace, time.Second)
	}
	m.pace = min((3*m.pace+d)/4, time.Minute)
}

// outlasted notes that a guardian had not answered after d: without it one that is always overtaken would stay first in line.
func (c *Client) outlasted(m *member, d time.Duration, items int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d = max(d-time.Duration(items)*itemTime, 0); d > m.pace {
		m.pace = min((3*m.pace+d)/4, time.Minute)
	}
}

// gather asks guardians until need of them have answered, and stops then. items is how many points or identities each
// works on.
func gather[T any](ctx context.Context, c *Client, need, items int, ask func(context.Context, *member) (T, error)) (answers []T, failures []error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		answer T
		err    error
	}
	line, wait := c.line(need, items)
	done := make(chan outcome, len(line))
	open := 0
	next := func() {
		if len(line) == 0 {
			return
		}
		m := line[0]
		line = line[1:]
		open++
		go func() {
			start := time.Now()
			a, err := ask(ctx, m)
			if err != nil {
				err = fmt.Errorf("%s: %w", m.Name, err)
			}
			if ctx.Err() == nil {
				c.took(m, time.Since(start), items, err != nil && !refused(err))
			} else { // called off, because others were faster or nobody waits any more
				c.outlasted(m, time.Since(start), items)
			}
			done <- outcome{a, err}
		}()
	}
	for range need {
		next()
	}
	hedge := time.NewTicker(wait)
	defer hedge.Stop()
	for open > 0 {
		select {
		case o := <-done:
			open--
			if o.err != nil {
				failures = append(failures, o.err)
				next()
				continue
			}
			if answers = append(answers, o.answer); len(answers) == need {
				return answers, failures
			}
		case <-hedge.C:
			next()
		case <-ctx.Done():
			return answers, append(failures, ctx.Err())
		}
	}
	return answers, failures
}

// Status asks one guardian, by name.
func (c *Client) Status(ctx context.Context, name string) (wire.Status, error) {
	var s wire.Status
	err := c.get(ctx, name, "/status", &s)
	return s, err
}

// Outbox asks one guardian for its ceremony messages with numbers above after.
func (c *Client) Outbox(ctx context.Context, name string, after int64) (wire.Outbox, error) {
	var o wire.Outbox
	err := c.get(ctx, name, "/outbox?after="+strconv.FormatInt(after, 10), &o)
	return o, err
}

func (c *Client) get(ctx context.Context, name, path string, into any) error {
	for _, m := range c.now().members {
		if m.Name != name {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		if err := c.call(ctx, m, http.MethodGet, path, nil, maxSmall, into); err != nil {
			return fmt.Errorf("asking %s: %w", name, err)
		}
		return nil
	}
	return fmt.Errorf("%w: no guardian is named %q", tribune.ErrNotFound, name)
}

// errUnreachable says no more than that: the reason holds addresses, and this error reaches citizens.
var errUnreachable = errors.New("cannot be reached")

// call does one request. A POST carries the hub's signature.
func (c *Client) call(ctx context.Context, m *member, method, path string, body []byte, maxBody int64, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(m.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if method == http.MethodPost {
		now := c.cfg.Now().Unix()
		sig := ed25519.Sign(c.cfg.Key, protocol.HubMessage(method, path, now, body))
		req.Header.Set(protocol.HubHeader, strconv.FormatInt(now, 10)+" "+base64.StdEncoding.EncodeToString(sig))
		req.Header.Set(protocol.DigestHeader, protocol.ContentDigest(body))
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.now().http.Do(req)
	if err != nil {
		c.cfg.Log.Debug("a guardian cannot be reached", "guardian", m.Name, "err", err)
		return errUnreachable
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the answer: %w", err)
	case int64(len(answer)) > maxBody:
		return fmt.Errorf("the answer: %w", tribune.ErrTooLarge)
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
		return fmt.Errorf("%w: %s", tribune.ErrBusy, words(answer))
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: %s: %s", tribune.ErrInvalid, resp.Status, words(answer))
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%w: the answer cannot be read: %w", tribune.ErrInvalid, err)
	}
	return nil
}

// words is an error text from outside, cut to a line.
func words(b []byte) string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if len(s) > 300 {
		s = s[:300]
	}
	return strings.ToValidUTF8(s, "?")
}

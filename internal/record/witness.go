package record

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

const (
	// catchUp is how long one request to a guardian may go on after its checkpoint was published without it: a guardian
	// that was away fetches what it missed before it answers.
	catchUp = 5 * time.Second
	// A guardian that fails is left alone for a while, doubling up to maxPause.
	minPause = 200 * time.Millisecond
	maxPause = 5 * time.Second
	// maxAnswer bounds a guardian's answer: a few signature lines, or a size.
	maxAnswer = 16 << 10
)

// policy is the guardians' policy in the format that Tessera and package verify read.
func (c Config) policy() ([]byte, error) {
	if c.Quorum < 1 || c.Quorum > len(c.Witnesses) {
		return nil, fmt.Errorf("%w: quorum of %d among %d guardians", tribune.ErrInvalid, c.Quorum, len(c.Witnesses))
	}
	key, err := protocol.SeedOf(c.Key)
	if err != nil {
		return nil, fmt.Errorf("the log's key: %w", err)
	}
	logKey, err := note.NewEd25519VerifierKey(c.Origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("%w: the log's name %q", tribune.ErrInvalid, c.Origin)
	}
	text, names, urls := "log "+logKey+"\n", "", map[string]bool{}
	for i, w := range c.Witnesses {
		key := w.Key
		if cosigner, err := fnote.VKeyToCosignatureV1(key); err == nil { // a plain key; the same key co-signs
			key = cosigner
		}
		if err := checkURL(w.URL); err != nil {
			return nil, err
		}
		if urls[w.URL] {
			return nil, fmt.Errorf("%w: two guardians at %s", tribune.ErrInvalid, w.URL)
		}
		urls[w.URL] = true
		text += fmt.Sprintf("witness g%d %s %s\n", i+1, key, w.URL)
		names += fmt.Sprintf(" g%d", i+1)
	}
	return fmt.Appendf(nil, "%sgroup guardians %d%s\nquorum guardians\n", text, c.Quorum, names), nil
}

// checkURL refuses what would lead elsewhere than meant, and credentials, which would end in logs.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.ContainsAny(s, " \t\r\n#") {
		return fmt.Errorf("%w: guardian's URL: want http(s)://host[:port][/path]", tribune.ErrInvalid)
	}
	return nil
}

var errBusyWitness = errors.New("the guardian is still at an earlier checkpoint")

// courier carries checkpoints to guardians for Tessera, one at a time to each. Tessera calls off the slower requests as
// soon as it has a quorum, which would abort the same guardian each time and keep it from ever catching up; so a request, once
// begun, goes on to its end. A guardian that fails is asked again after a pause.
type courier struct {
	next  http.RoundTripper
	life  context.Context
	log   *slog.Logger
	trust *verify.Trust
	shown *atomic.Pointer[[]byte] // the newest checkpoint carried

	mu    sync.Mutex
	state map[string]*contact // by URL
}

type contact struct {
	busy  bool
	until time.Time // pause after a failure
	pause time.Duration
	ahead bool // it was logged that it holds a longer log than we
}

func newCourier(life context.Context, cfg Config, trust *verify.Trust, shown *atomic.Pointer[[]byte]) *courier {
	next := cfg.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	return &courier{next: next, life: life, log: cfg.Log.With("room", "record"), trust: trust, shown: shown, state: map[string]*contact{}}
}

func (c *courier) RoundTrip(req *http.Request) (*http.Response, error) {
	to := req.URL.String()
	c.show(req)
	if err := c.begin(to); err != nil {
		return nil, err
	}
	type answer struct {
		res *http.Response
		err error
	}
	done := make(chan answer, 1)
	go func() {
		res, err := c.carry(req)
		if err == nil && res.StatusCode == http.StatusConflict {
			c.checkAhead(to, req, res)
		}
		c.end(to, err == nil && res.StatusCode < 500)
		done <- answer{res, err}
	}()
	for ended := req.Context().Done(); ; {
		select {
		case a := <-done:
			return a.res, a.err
		case <-ended:
			if errors.Is(req.Context().Err(), context.DeadlineExceeded) {
				return nil, req.Context().Err() // without this guardian there is no quorum: try the next checkpoint
			}
			ended = nil // called off: nobody waits for the answer, but it may say from where to go on
		}
	}
}

// show keeps the checkpoint that a request carries for those who are not asked.
func (c *courier) show(req *http.Request) {
	if req.GetBody == nil {
		return
	}
	sent, err := req.GetBody()
	if err != nil {
		return
	}
	body, err := io.ReadAll(sent)
	if err != nil {
		return
	}
	if _, checkpoint, ok := bytes.Cut(body, []byte("\n\n")); ok && c.life.Err() == nil {
		c.shown.Store(&checkpoint)
	}
}

// carry does one request and reads its whole answer.
func (c *courier) carry(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(c.life, catchUp)
	defer cancel()
	res, err := c.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode/100 == 3 { // it would send us about the city's inner network
		return nil, fmt.Errorf("%w: a guardian answers with a redirect", tribune.ErrInvalid)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("answer of guardian: %w", tribune.ErrTooLarge)
	}
	if res.StatusCode == http.StatusOK {
		if err := c.checkLine(req, body); err != nil {
			return nil, err
		}
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// checkLine takes one co-signature, in the one spelling that our verifier accepts, and nothing besides. Tessera is more
// lenient, and would publish a checkpoint that nobody's receipt verifies under: one dishonest guardian could stop the log.
func (c *courier) checkLine(req *http.Request, line []byte) error {
	if req.GetBody == nil {
		return fmt.Errorf("%w: the request cannot be read again", tribune.ErrUnsupported)
	}
	sent, err := req.GetBody()
	if err != nil {
		return err
	}
	body, err := io.ReadAll(sent)
	if err != nil {
		return err
	}
	_, checkpoint, _ := bytes.Cut(body, []byte("\n\n"))
	signed, err := c.trust.OpenCheckpoint(append(bytes.Clone(checkpoint), line...))
	if err != nil {
		return fmt.Errorf("answer of guardian: %w", err)
	}
	if len(signed.Cosignatures) != 1 {
		return fmt.Errorf("%w: answer of guardian: %d co-signatures, want one", tribune.ErrInvalid, len(signed.Cosignatures))
	}
	return nil
}

// checkAhead tells the operator once of a guardian that has signed more than this log holds. Tessera only ever says that
// the guardian did not sign; yet the likely cause is a directory restored from an old copy, and no waiting helps.
func (c *courier) checkAhead(to string, req *http.Request, res *http.Response) {
	answer, _ := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(answer))
	holds, err := strconv.ParseUint(strings.TrimSpace(string(answer)), 10, 64)
	if err != nil || req.GetBody == nil {
		return
	}
	sent, err := req.GetBody()
	if err != nil {
		return
	}
	body, _ := io.ReadAll(sent)
	_, checkpoint, _ := strings.Cut(string(body), "\n\n")
	lines := strings.SplitN(checkpoint, "\n", 3)
	if len(lines) < 3 {
		return
	}
	ours, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || holds <= ours {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.state[to]; !s.ahead {
		s.ahead = true
		c.log.Error("a guardian has co-signed a longer log than this one: was the log's directory restored from an old copy? Nothing more will be published from it",
			"guardian", to, "guardian holds", holds, "this log", ours)
	}
}

func (c *courier) begin(to string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state[to]
	if s == nil {
		s = &contact{}
		c.state[to] = s
	}
	switch {
	case s.busy:
		return errBusyWitness
	case time.Now().Before(s.until):
		return fmt.Errorf("the guardian failed; asked again in %v", time.Until(s.until).Round(time.Millisecond))
	}
	s.busy = true
	return nil
}

func (c *courier) end(to string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state[to]
	s.busy = false
	if ok {
		s.pause, s.until = 0, time.Time{}
		return
	}
	s.pause = min(max(2*s.pause, minPause), maxPause)
	s.until = time.Now().Add(s.pause)
}

package guardian

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

const (
	// maxSkew is how far our clock may be from the peers' median (protocol 20).
	maxSkew = 60 * time.Second
	// pollEvery keeps the offsets fresh at no cost worth naming.
	pollEvery = 5 * time.Second
	// offsetLife is how long a peer's answer counts: some polls may fail.
	offsetLife = 60 * time.Second
	maxStatus  = 64 << 10
)

// clock compares our clock with the peers'. Their answers are signed over a fresh nonce: who sits between, or tells us a
// wrong address (the hub may), can silence a peer but not speak for it.
type clock struct {
	cfg  Config
	self string

	mu      sync.Mutex // guards what follows
	peers   []peer
	offsets map[string]offset
}

type peer struct {
	name string
	url  string // "" = ask the hub
	key  ed25519.PublicKey
}

// offset is how far a peer's clock was ahead of ours, and when.
type offset struct {
	ahead time.Duration
	at    time.Time
}

func newClock(cfg Config, roster protocol.Group, self string) *clock {
	c := &clock{cfg: cfg, self: self, offsets: map[string]offset{}}
	c.adopt(roster)
	return c
}

// adopt goes by the guardians of another group from now on; where they are the configuration says, or the hub.
func (c *clock) adopt(roster protocol.Group) {
	var peers []peer
	for _, m := range roster.Guardians {
		_, key, err := protocol.PublicOf(m.Key)
		if err != nil || m.Name == c.self {
			continue
		}
		p := peer{m.Name, m.URL, key}
		for _, known := range c.cfg.Members {
			if known.Key == m.Key {
				p.url = known.URL
			}
		}
		peers = append(peers, p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peers = peers
	for name := range c.offsets {
		if !slices.ContainsFunc(peers, func(p peer) bool { return p.name == name }) {
			delete(c.offsets, name)
		}
	}
}

func (c *clock) all() []peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.peers)
}

func (c *clock) run(ctx context.Context) error {
	for {
		c.poll(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollEvery):
		}
	}
}

// poll asks every peer once.
func (c *clock) poll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pollEvery)
	defer cancel()
	peers := c.all()
	urls := c.urls(ctx, peers)
	var wg sync.WaitGroup
	for _, p := range peers {
		if urls[p.name] == "" {
			continue
		}
		wg.Go(func() {
			if ahead, err := c.ask(ctx, p, urls[p.name]); err == nil {
				c.note(p.name, ahead)
			}
		})
	}
	wg.Wait()
}

func (c *clock) note(name string, ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offsets[name] = offset{ahead, c.cfg.Now()}
}

// urls are where the peers are; the hub knows those that the configuration does not.
func (c *clock) urls(ctx context.Context, peers []peer) map[string]string {
	urls, unknown := map[string]string{}, false
	for _, p := range peers {
		urls[p.name] = p.url
		unknown = unknown || p.url == ""
	}
	if !unknown {
		return urls
	}
	var g protocol.Group
	if err := c.get(ctx, strings.TrimSuffix(c.cfg.Hub, "/")+"/group", &g); err != nil {
		return urls
	}
	for _, m := range g.Guardians {
		if at, known := urls[m.Name]; known && at == "" && plainURL(m.URL, c.cfg.Plain) {
			urls[m.Name] = m.URL
		}
	}
	return urls
}

// plainURL: of what the hub tells us to call, only the host is believed, and outside of demos only by https, where nobody but a member
// gets through the handshake. So all it can make us call is the /status of a guardian, and nothing of the institution's inner network.
func plainURL(s string, demo bool) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || demo && u.Scheme == "http") && u.Host != "" && u.User == nil && (u.Path == "" || u.Path == "/") && !strings.ContainsAny(s, "?#")
}

func (c *clock) ask(ctx context.Context, p peer, base string) (time.Duration, error) {
	var nonce [16]byte
	rand.Read(nonce[:])
	text := base64.RawURLEncoding.EncodeToString(nonce[:])
	before := c.cfg.Now()
	var s wire.Status
	if err := c.get(ctx, strings.TrimSuffix(base, "/")+"/status?nonce="+text, &s); err != nil {
		return 0, err
	}
	middle := before.Add(c.cfg.Now().Sub(before) / 2)
	if !ed25519.Verify(p.key, wire.ClockMessage(p.name, s.Time, text), s.Signature) {
		return 0, fmt.Errorf("%s has not signed its time", p.name)
	}
	return time.UnixMilli(s.Time).Sub(middle), nil
}

func (c *clock) get(ctx context.Context, at string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", at, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(into)
}

// seen is by peer how many milliseconds its clock was ahead of ours at the last poll, where that is fresh.
func (c *clock) seen(now time.Time) map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]int64{}
	for name, o := range c.offsets {
		if now.Sub(o.at).Abs() <= offsetLife {
			all[name] = o.ahead.Milliseconds()
		}
	}
	return all
}

// check refuses where our clock is off. Where no peer could be reached, the receipt's co-signature times stand for them:
// they are at most as old as an act may be.
func (c *clock) check(now time.Time, cosigned []time.Time) error {
	if ahead, ok := c.median(now); ok {
		if ahead.Abs() > maxSkew {
			return fmt.Errorf("this guardian's clock is %s from the other guardians'", ahead.Abs().Round(time.Second))
		}
		return nil
	}
	var ages []time.Duration
	for _, t := range cosigned {
		ages = append(ages, now.Sub(t))
	}
	if len(ages) == 0 {
		return fmt.Errorf("no other guardian's clock can be seen")
	}
	slices.Sort(ages)
	if age := ages[len(ages)/2]; age < -maxSkew || age > releaseWindow+maxSkew {
		return fmt.Errorf("this guardian's clock is %s from the times in the checkpoint, and no other guardian answers", age.Abs().Round(time.Second))
	}
	return nil
}

// median of the peers' fresh offsets; of an even number the one farther off.
func (c *clock) median(now time.Time) (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var fresh []time.Duration
	for _, o := range c.offsets {
		if now.Sub(o.at).Abs() <= offsetLife {
			fresh = append(fresh, o.ahead)
		}
	}
	if len(fresh) == 0 {
		return 0, false
	}
	slices.Sort(fresh)
	low, high := fresh[(len(fresh)-1)/2], fresh[len(fresh)/2]
	if low.Abs() > high.Abs() {
		return low, true
	}
	return high, true
}

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// foundEvery is how often outboxes are looked at during a ceremony: well below the time a leaf takes to be published.
const foundEvery = 40 * time.Millisecond

// maxCarried bounds what is put on record for one guardian in one ceremony: some dozens where much goes wrong. It is four times what the
// guardians listen to.
const maxCarried = 512

// Found relays a ceremony: it has every message that the guardians have to say put on record, and in the end the group
// with all their signatures. publish puts one leaf of kind ceremony with that public part on record; it is called
// concurrently, and it is called again where it failed. Found returns once the closing leaf is published and every
// guardian holds its shares, with the members' URLs filled in. A hub that was stopped midway calls it again.
func (c *Client) Found(ctx context.Context, publish func(ctx context.Context, public json.RawMessage) error) (protocol.Group, error) {
	r := newRelay(c, publish)
	defer r.wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(foundEvery)
	defer tick.Stop()
	closed := false
	for {
		reports := r.round(ctx)
		if !closed && len(reports) == c.now().group.N {
			closing, err := closingOf(reports)
			if err != nil {
				return protocol.Group{}, fmt.Errorf("founding: %w", err)
			}
			if closed = r.founded(ctx); !closed { // else it was closed before we were stopped
				if err := r.put(ctx, closing); err != nil {
					return protocol.Group{}, fmt.Errorf("founding: putting the group on record: %w", err)
				}
				closed = true
			}
		}
		if closed && r.founded(ctx) {
			return c.withURLs(reports)
		}
		select {
		case <-ctx.Done():
			return protocol.Group{}, fmt.Errorf("founding: %d of %d guardians are done: %w", len(reports), c.now().group.N, r.why(ctx))
		case <-tick.C:
		}
	}
}

// relay is one ceremony's messages on their way.
type relay struct {
	c       *Client
	publish func(ctx context.Context, public json.RawMessage) error
	wg      sync.WaitGroup

	mu   sync.Mutex // guards what follows
	on   map[string]bool
	of   map[string]int // carried, by guardian
	fail error          // the last one
	said time.Time      // when somebody last had something to say
}

func newRelay(c *Client, publish func(ctx context.Context, public json.RawMessage) error) *relay {
	return &relay{c: c, publish: publish, on: map[string]bool{}, of: map[string]int{}}
}

// round looks at every outbox and returns the reports of those who are done.
func (r *relay) round(ctx context.Context) map[string]wire.Report {
	reports := map[string]wire.Report{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, m := range r.c.now().members {
		wg.Go(func() {
			box, err := r.c.Outbox(ctx, m.Name, 0)
			if err != nil {
				r.note(err)
				return
			}
			if a := box.Accept; a != nil && a.From == m.Name {
				r.carry(ctx, m.Name, *a, "accept\x00"+a.From+"\x00"+a.Accept.String())
			}
			for _, msg := range box.Messages {
				if msg.From == m.Name { // each speaks for itself; the packet's signature says so too
					r.carry(ctx, m.Name, msg.Message, msg.Run+"\x00"+msg.From+"\x00"+string(msg.Packet))
				}
			}
			if box.Report != nil {
				mu.Lock()
				reports[m.Name] = *box.Report
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return reports
}

// carry puts what somebody says on record, once; of one who talks without end no more than that.
func (r *relay) carry(ctx context.Context, from string, msg any, key string) {
	r.mu.Lock()
	known := r.on[key] || r.of[from] >= maxCarried
	if !known {
		r.on[key] = true
		r.of[from]++
	}
	if !known || r.of[from] < maxCarried {
		r.said = time.Now()
	}
	r.mu.Unlock()
	if known {
		return
	}
	r.wg.Go(func() {
		if err := r.put(ctx, msg); err != nil {
			r.note(err)
			r.mu.Lock()
			delete(r.on, key)
			r.of[from]--
			r.mu.Unlock()
		}
	})
}

func (r *relay) put(ctx context.Context, v any) error {
	public, err := protocol.JCS(v)
	if err != nil {
		return err
	}
	return r.publish(ctx, public)
}

func (r *relay) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

func (r *relay) why(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return fmt.Errorf("%w (last: %w)", ctx.Err(), r.fail)
	}
	return ctx.Err()
}

// founded reports whether every guardian has found the group on record.
func (r *relay) founded(ctx context.Context) bool {
	for _, m := range r.c.now().members {
		if s, err := r.c.Status(ctx, m.Name); err != nil || s.Group == nil {
			return false
		}
	}
	return true
}

// closingOf makes the closing leaf of everyone's reports, or says who reports another group.
func closingOf(reports map[string]wire.Report) (wire.Closing, error) {
	closing := wire.Closing{Signatures: map[string][]byte{}}
	var first tribune.Hash
	for name, report := range reports {
		digest, err := wire.Digest(report.Group)
		if err != nil {
			return closing, err
		}
		if len(closing.Signatures) == 0 {
			first, closing.Group, closing.Change, closing.Accepts = digest, report.Group, report.Change, report.Accepts
		}
		if digest != first {
			return closing, &tribune.IntegrityError{What: "the guardians' group", Err: fmt.Errorf("%w: %s has founded another one", tribune.ErrInvalid, name)}
		}
		closing.Signatures[name] = report.Signature
	}
	return closing, closing.Check()
}

func (c *Client) withURLs(reports map[string]wire.Report) (protocol.Group, error) {
	for _, report := range reports {
		g := report.Group
		g.Guardians = append([]protocol.Member(nil), g.Guardians...)
		for i := range g.Guardians {
			g.Guardians[i].URL = c.now().group.Guardians[i].URL
		}
		return g, g.Validate()
	}
	return protocol.Group{}, fmt.Errorf("%w: no guardian reports a group", tribune.ErrNotFound)
}

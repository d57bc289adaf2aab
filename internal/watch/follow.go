package watch

import (
	"context"
	"fmt"
	"time"

	"tribune/verify"
)

// sources are those to follow the record from: the hub first, then whoever has mirrored it.
func (c *Copy) sources() []*source { return append([]*source{c.hub}, c.peers()...) }

// Follow asks everybody once and makes the copy hold the furthest tree under the quorum. It is what `tribune mirror` does; a
// Watcher looks closer. moved reports whether the copy has grown.
func (c *Copy) Follow(ctx context.Context) (moved bool, err error) {
	c.followMembers(ctx, chainEvery)
	var seen []sighting
	for _, s := range c.sources() {
		raw, aerr := s.checkpoint(ctx)
		var cp *verify.Checkpoint
		if aerr == nil {
			cp, aerr = c.open(ctx, raw)
		}
		if aerr != nil {
			if err == nil { // the hub's comes first and says most
				err = fmt.Errorf("%s: %w", s.name, aerr)
			}
			continue
		}
		seen = append(seen, sighting{from: s.name, src: s, cp: cp})
	}
	c.note(seen, c.cfg.Now())
	best, ok := c.best(seen)
	if !ok {
		if len(seen) > 0 {
			err = c.quorum(ctx, seen[0].cp)
		}
		if err == nil { // the guardians have changed just now
			best, ok = c.best(seen)
		}
	}
	if !ok {
		c.settled(nil, err)
		return false, err
	}
	before := c.mirror.Head().Size
	if err = c.follow(ctx, best, c.sources()); err == nil {
		err = c.keepLaws(ctx)
	}
	c.settled(best, err)
	return c.mirror.Head().Size > before, err
}

// note remembers what others have shown.
func (c *Copy) note(seen []sighting, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Looked = at.UTC()
	for _, s := range seen {
		c.state.Furthest = max(c.state.Furthest, s.cp.Size)
	}
}

// settled remembers how far the copy is, and why no further.
func (c *Copy) settled(best *verify.Checkpoint, err error) {
	h := c.mirror.Head()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Size, c.state.Root, c.state.Problem = h.Size, h.Root.String(), ""
	if err != nil {
		c.state.Problem = clean(err.Error())
	}
	if best != nil && best.Size == h.Size && best.Root == h.Root {
		c.state.Cosigned = cosigned(best)
	}
}

// Status says how far the copy is.
func (c *Copy) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	s.Behind = s.Furthest - min(s.Furthest, s.Size)
	if !s.Cosigned.IsZero() {
		s.BehindFor = max(c.cfg.Now().Sub(s.Cosigned).Round(time.Second).Seconds(), 0)
	}
	return s
}

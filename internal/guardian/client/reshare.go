package client

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

const (
	// quietEvery is how often outboxes are looked at while nobody says anything: operators take hours to accept a change.
	quietEvery = time.Second
	busyFor    = 5 * time.Second
)

// Reshare relays a change as Found relays a founding: it has on record whatever the members of both groups have to say, and
// returns the closing once every member of the successor has signed it. The client's group must hold all of them. It returns
// with ctx, and may be called again: what is on record stays.
func (c *Client) Reshare(ctx context.Context, old protocol.Group, change protocol.Change, council string, publish func(ctx context.Context, public json.RawMessage) error) (protocol.Closing, error) {
	r := newRelay(c, publish)
	defer r.wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		reports := reportsFor(change, r.round(ctx))
		if len(reports) == len(change.Members) {
			closing, err := closingOf(reports)
			for _, report := range reports { // one of them may say wrongly who has accepted
				if err != nil {
					break
				}
				closing.Change, closing.Accepts = report.Change, report.Accepts
				if _, err = closing.Follows(old, council); err == nil {
					return closing, nil
				}
				err = nil
			}
			if err != nil {
				return closing, fmt.Errorf("resharing: %w", err)
			}
		}
		wait := quietEvery
		r.mu.Lock()
		if time.Since(r.said) < busyFor {
			wait = foundEvery
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return protocol.Closing{}, fmt.Errorf("resharing: %d of %d guardians are done: %w", len(reports), len(change.Members), r.why(ctx))
		case <-time.After(wait):
		}
	}
}

// reportsFor are those of the successor's members about it: who leaves has no word there.
func reportsFor(change protocol.Change, reports map[string]wire.Report) map[string]wire.Report {
	ours := map[string]wire.Report{}
	for _, m := range change.Members {
		if report, ok := reports[m.Name]; ok && report.Group.Epoch == change.Epoch {
			ours[m.Name] = report
		}
	}
	return ours
}

// Reached returns once every guardian of the client's group reports that share epoch, or how many do when ctx ends.
func (c *Client) Reached(ctx context.Context, epoch uint32) (n int) {
	tick := time.NewTicker(quietEvery / 4)
	defer tick.Stop()
	for {
		n = 0
		for _, m := range c.now().members {
			if s, err := c.Status(ctx, m.Name); err == nil && s.Epoch == epoch {
				n++
			}
		}
		if n == len(c.now().members) {
			return n
		}
		select {
		case <-ctx.Done():
			return n
		case <-tick.C:
		}
	}
}

// States is what each guardian says of itself, by name; the error's words where it cannot be reached.
func (c *Client) States(ctx context.Context) map[string]string {
	states := map[string]string{}
	for _, m := range c.now().members {
		s, err := c.Status(ctx, m.Name)
		if err != nil {
			states[m.Name] = err.Error()
			continue
		}
		states[m.Name] = fmt.Sprintf("share epoch %d, %s", s.Epoch, s.Ceremony)
	}
	return states
}

// Union is everyone of both rosters, with the addresses of the first that knows one.
func Union(a, b []protocol.Member) []protocol.Member {
	all := append([]protocol.Member(nil), a...)
	for _, m := range b {
		known := false
		for _, k := range all {
			known = known || k.Key == m.Key
		}
		if !known {
			all = append(all, m)
		}
	}
	return all
}

package rights

import (
	"context"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// hold takes an answer into memory, and forget out of it. r.mu is held, or nobody else knows the room yet.
func (r *Room) hold(c *ConsentRecord) {
	r.consents[c.ID] = c
	if c.Signed != nil && !slices.Contains(r.given[c.Subject], c.ID) {
		r.given[c.Subject] = append(r.given[c.Subject], c.ID)
	}
}

func (r *Room) forget(c *ConsentRecord) {
	delete(r.consents, c.ID)
	rest := slices.DeleteFunc(r.given[c.Subject], func(id string) bool { return id == c.ID })
	if r.given[c.Subject] = rest; len(rest) == 0 {
		delete(r.given, c.Subject)
	}
}

// Consents are the signed consents in force that an act's subjects have given for its office, purpose and class: evidence. At most
// protocol.MaxConsents: whose consent is not among them has given none, as far as this act goes.
func (r *Room) Consents(a tribune.Act) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.given) == 0 || a.Scope.Class == "" {
		return nil
	}
	var ids []string
	for _, p := range a.Scope.Subjects {
		for _, id := range r.given[p] {
			c := r.consents[id]
			if c.Class == a.Scope.Class && c.Purpose == a.Caller.Purpose && c.Recipient == a.Caller.Office && c.State(a.At) == ConsentGiven && !a.At.Before(c.From) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids) // one order: the leaf commits to the evidence
	ids = slices.Compact(ids)
	var all [][]byte
	for _, id := range ids[:min(len(ids), protocol.MaxConsents)] {
		all = append(all, r.consents[id].Signed)
	}
	return all
}

// sweepConsents deletes answers that have ended longer ago than they are kept. r.mu is held.
func (r *Room) sweepConsents(ctx context.Context, now time.Time) (n int, err error) {
	for id, c := range r.consents {
		end := c.Until
		switch c.State(now) {
		case ConsentGiven:
			continue
		case ConsentWithdrawn:
			end = c.Withdrawn
		case ConsentRefused:
			end = c.Asked
		}
		if now.Sub(end) < r.cfg.Rules.Keep {
			continue
		}
		if err := r.drop(ctx, rowConsent, id); err != nil {
			return n, err
		}
		r.forget(c)
		n++
	}
	return n, nil
}

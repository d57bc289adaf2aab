package rights

import (
	"context"
	"fmt"

	"tribune"
	"tribune/internal/store"
)

// Answer is what an office says to a case.
type Answer struct {
	State State  // Extended | Answered | Refused | Lifted
	Text  string // the answer, or the reason
}

// Take notes that somebody in the office works on it.
func (r *Room) Take(ctx context.Context, office tribune.OfficeID, id string) error {
	return r.change(ctx, office, id, func(c *Case) error {
		if c.State() != Received {
			return fmt.Errorf("%w: somebody works on it already", tribune.ErrConflict)
		}
		return c.add(Event{At: r.cfg.Now().UTC(), State: InWork, Office: office})
	})
}

// May checks an answer before its act is put on record: what Put would refuse must not be on record first.
func (r *Room) May(ctx context.Context, office tribune.OfficeID, id string, a Answer) (*Case, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, err := r.load(ctx, id, func(h *head) bool { return office != "" && h.office == office })
	if err != nil {
		return nil, err
	}
	return c, r.mayAnswer(c, a)
}

// Put gives an answer whose act stands on record in that entry. When it returns the answer is durable and the person can see it.
func (r *Room) Put(ctx context.Context, office tribune.OfficeID, id string, a Answer, leaf uint64) error {
	return r.change(ctx, office, id, func(c *Case) error {
		if err := r.mayAnswer(c, a); err != nil {
			return err
		}
		switch a.State {
		case Extended:
			p, _ := r.cfg.Rules.Period(c.Kind)
			c.Due = r.cfg.Rules.Due(c.Filed(), p.Months+p.Extend).UTC()
		case Answered:
			c.InForce = c.Kind == Restriction || c.Kind == Objection
		case Lifted:
			c.InForce = false
		}
		return c.add(Event{At: r.cfg.Now().UTC(), State: a.State, Office: office, Text: a.Text, Leaf: leaf, OnLeaf: true})
	})
}

func (r *Room) mayAnswer(c *Case, a Answer) error {
	if err := sound("the answer, or its reason", a.Text, true); err != nil {
		return err
	}
	now := r.cfg.Now()
	switch a.State {
	case Answered, Refused:
		if c.State().Closed() {
			return fmt.Errorf("%w: it is answered already", tribune.ErrConflict)
		}
	case Extended:
		p, _ := r.cfg.Rules.Period(c.Kind)
		if p.Extend == 0 || !c.Extendable(now) {
			return tribune.Hint(fmt.Errorf("%w: more time can be taken once, and before the first time has ended", tribune.ErrInvalid), "Answer it, or refuse it with a reason.")
		}
	case Lifted:
		if !c.InForce {
			return fmt.Errorf("%w: nothing is in force that could be lifted", tribune.ErrConflict)
		}
	default:
		return fmt.Errorf("%w: an office extends, answers, refuses or lifts", tribune.ErrInvalid)
	}
	return nil
}

func (c *Case) add(e Event) error {
	if len(c.Events) >= maxEvents {
		return fmt.Errorf("%w: too much has happened to this case", tribune.ErrTooLarge)
	}
	c.Events = append(c.Events, e)
	return nil
}

// change is read, change, write, as one.
func (r *Room) change(ctx context.Context, office tribune.OfficeID, id string, do func(*Case) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, err := r.load(ctx, id, func(h *head) bool { return office != "" && h.office == office })
	if err != nil {
		return err
	}
	if err := do(c); err != nil {
		return err
	}
	if err := r.write(ctx, rowCase, id, c, false); err != nil {
		return err
	}
	r.index(c)
	return nil
}

func (r *Room) drop(ctx context.Context, kind, id string) error {
	var b store.Batch
	b.Delete(rowKey(kind, id))
	if err := r.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("deleting a %s: %w", kind, err)
	}
	return nil
}

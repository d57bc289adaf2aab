package rights

import (
	"context"
	"time"

	"tribune"
)

// Decided is a correction or restriction that an office has granted, or a restriction that it has ended: recipients of the data must be told.
type Decided struct {
	Case    string
	Kind    Kind  // Rectification | Restriction
	State   State // Answered | Lifted
	Subject tribune.Pseudonym
	Class   tribune.ClassID
	At      time.Time
}

// Cause names the decision: the same each time.
func (d Decided) Cause() string { return "case " + d.Case + " " + string(d.State) }

// Decided is every such decision that is not known yet.
func (r *Room) Decided(ctx context.Context, known func(cause string) bool) (all []Decided, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, h := range r.cases {
		granted := h.kind == Rectification && h.state == Answered || h.kind == Restriction && (h.state == Answered || h.state == Lifted)
		d := Decided{Case: id, Kind: h.kind, State: h.state, Subject: h.subject, Class: h.class}
		if !granted || known(d.Cause()) {
			continue
		}
		c, err := r.load(ctx, id, func(*head) bool { return true })
		if err != nil {
			return nil, err
		}
		d.At = c.Events[len(c.Events)-1].At
		all = append(all, d)
	}
	return all, nil
}

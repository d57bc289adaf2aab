package rights

import (
	"context"
	"slices"
	"time"

	"tribune"
)

// What a person writes to an office is read there by an act on record, like other data of theirs: its leaf carries their mark.

// maxReadings bounds what is kept of who has read a case; the record has all of them.
const maxReadings = 64

// Reading is one act by which an office has read a case.
type Reading struct {
	At   time.Time `json:"at"`
	Leaf uint64    `json:"leaf"` // entry of the act on record
}

// Read is what the note of such an act says instead of an answer's state.
const Read State = "read"

// NoteRead keeps that an office has read a case by the act in that entry. When it returns the person can see it.
func (r *Room) NoteRead(ctx context.Context, office tribune.OfficeID, id string, leaf uint64) error {
	return r.change(ctx, office, id, func(c *Case) error {
		c.Readings = append(c.Readings, Reading{At: r.cfg.Now().UTC(), Leaf: leaf})
		c.Readings = c.Readings[max(0, len(c.Readings)-maxReadings):]
		return nil
	})
}

// Outside is the case as its office sees it before it reads it: what kind it is and by when it must be answered, and nothing of who asks, about what,
// in which words.
func (c *Case) Outside() *Case {
	out := *c
	out.Owner, out.Subject, out.NameType, out.Name, out.Class, out.Purpose, out.Leaf, out.Readings, out.By = tribune.Hash{}, tribune.Pseudonym{}, "", "", "", "", 0, nil, nil
	out.Events = slices.Clone(c.Events)
	for i := range out.Events {
		out.Events[i].Text, out.Events[i].Leaf, out.Events[i].OnLeaf = "", 0, false
	}
	return &out
}

package rights

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// Filing is what a person files.
type Filing struct {
	Person
	Kind     Kind
	NameType string
	Name     string
	Office   tribune.OfficeID // by Rules.OfficeFor
	Class    tribune.ClassID
	Purpose  tribune.PurposeID
	Leaf     uint64
	Text     string
	By       *By // who acts for the person; Owner is then theirs
}

// errNoCase is the same for somebody else's case and for one that never was.
var errNoCase = fmt.Errorf("%w: there is no such case of yours", tribune.ErrNotFound)

func (r *Room) readCases(ctx context.Context) error {
	return r.scan(ctx, rowCase, func(id string, wrapped []byte) error {
		var c Case
		if err := r.unwrap(rowCase, id, wrapped, &c); err != nil {
			return err
		}
		if c.ID != id || len(c.Events) == 0 {
			return &tribune.IntegrityError{What: "a case", Err: tribune.ErrInvalid}
		}
		r.index(&c)
		return nil
	})
}

// index takes a case as it now rests into memory. r.mu is held, or nobody else knows the room yet.
func (r *Room) index(c *Case) {
	r.cases[c.ID] = headOf(c)
	r.stop(c)
}

// File takes a case. When it returns the case is durable and its clock runs. It fails with ErrConflict where the same is waiting already.
func (r *Room) File(ctx context.Context, f Filing) (*Case, error) {
	period, ok := r.cfg.Rules.Period(f.Kind)
	if !ok {
		return nil, fmt.Errorf("%w: there is no such kind of case", tribune.ErrInvalid)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.room(f); err != nil {
		return nil, err
	}
	now := r.cfg.Now().UTC()
	due := r.cfg.Rules.Due(now, period.Months)
	c := &Case{
		ID: protocol.NewID(), Kind: f.Kind, Owner: f.Owner, Subject: f.Subject, NameType: f.NameType, Name: f.Name, Office: f.Office,
		Class: f.Class, Purpose: f.Purpose, Leaf: f.Leaf, Events: []Event{{At: now, State: Received, Text: f.Text}}, Due: due.UTC(), First: due.UTC(), By: f.By,
	}
	if err := r.write(ctx, rowCase, c.ID, c, true); err != nil {
		return nil, err
	}
	r.index(c)
	return c, nil
}

// check is whether it says enough to be answered.
func (f Filing) check() error {
	if f.Office == "" || f.Name == "" || len(f.Name) > 256 {
		return fmt.Errorf("%w: a case is about one name of yours, and somebody must answer it", tribune.ErrInvalid)
	}
	needsText := f.Kind == Rectification || f.Kind == Objection || f.Kind == Restriction
	if err := sound("what you ask for, in your own words", f.Text, needsText); err != nil {
		return err
	}
	if (f.Kind == Restriction || f.Kind == Objection || f.Kind == Rectification) && f.Class == "" {
		return fmt.Errorf("%w: say which data it is about", tribune.ErrInvalid)
	}
	if f.Kind == Objection && f.Purpose == "" {
		return fmt.Errorf("%w: say to which purpose you object", tribune.ErrInvalid)
	}
	return nil
}

// room refuses what is there already or would be too much. r.mu is held.
func (r *Room) room(f Filing) error {
	open, all := 0, 0
	for _, h := range r.cases {
		if h.owner != f.Owner {
			continue
		}
		all++
		if !h.closed.IsZero() {
			continue
		}
		open++
		if h.kind == f.Kind && h.subject == f.Subject && h.class == f.Class && h.purpose == f.Purpose && h.leaf == f.Leaf {
			return tribune.Hint(fmt.Errorf("%w: you have asked this already, and its clock runs", tribune.ErrConflict), "See it among your cases.")
		}
	}
	switch {
	case open >= maxOpen || all >= maxOfPerson:
		return tribune.Hint(fmt.Errorf("%w: %d cases of yours wait for an answer, at most %d can", tribune.ErrBusy, open, maxOpen), "Wait for an answer, or complain to the authority: %s.", r.cfg.Rules.Authority.URL)
	case len(r.cases) >= maxCases:
		return tribune.Hint(fmt.Errorf("%w: the city cannot take any more cases here", tribune.ErrBusy), "Write to the city; the authority is %s.", r.cfg.Rules.Authority.Name)
	}
	return nil
}

// load reads a case for whom it may be shown. r.mu is held.
func (r *Room) load(ctx context.Context, id string, may func(*head) bool) (*Case, error) {
	h := r.cases[id]
	if h == nil || !may(h) {
		return nil, errNoCase
	}
	wrapped, err := r.cfg.Store.Get(ctx, rowKey(rowCase, id))
	if err != nil {
		return nil, fmt.Errorf("reading a case: %w", err)
	}
	var c Case
	if err := r.unwrap(rowCase, id, wrapped, &c); err != nil {
		return nil, err
	}
	r.index(&c) // a write that was said to have failed may have been made
	return &c, nil
}

// Of is a person's own case.
func (r *Room) Of(ctx context.Context, owner tribune.Hash, id string) (*Case, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.load(ctx, id, func(h *head) bool { return r.theirs(h, owner) })
}

// For is a case that an office must answer, or has.
func (r *Room) For(ctx context.Context, office tribune.OfficeID, id string) (*Case, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.load(ctx, id, func(h *head) bool { return office != "" && h.office == office })
}

// Line is a case in a list.
type Line struct {
	ID     string
	Kind   Kind
	State  State
	Office tribune.OfficeID
	Class  tribune.ClassID
	Leaf   uint64
	Filed  time.Time
	Due    time.Time
	Open   bool
	Soon   bool // due soon
	Late   bool // overdue now, or answered too late
	By     bool // a representative filed it
}

func (r *Room) line(id string, h *head, now time.Time) Line {
	open := h.closed.IsZero()
	return Line{
		ID: id, Kind: h.kind, State: h.state, Office: h.office, Class: h.class, Leaf: h.leaf, Filed: h.filed, Due: h.due, Open: open,
		Soon: open && now.Before(h.due) && r.cfg.Rules.DaysLeft(h.due, now) <= r.cfg.Rules.RemindDays, Late: h.late(now), By: h.by != nil,
	}
}

func (h *head) late(now time.Time) bool {
	if h.closed.IsZero() {
		return !now.Before(h.due)
	}
	return !h.closed.Before(h.due)
}

// List is every case of a person: what waits first, by when it is due, then the closed ones, the newest first.
func (r *Room) List(owner tribune.Hash) []Line {
	return r.list(func(h *head) bool { return r.theirs(h, owner) })
}

// Desk is every case of an office, in the same order.
func (r *Room) Desk(office tribune.OfficeID) []Line {
	return r.list(func(h *head) bool { return office != "" && h.office == office })
}

func (r *Room) list(mine func(*head) bool) (all []Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	for id, h := range r.cases {
		if mine(h) {
			all = append(all, r.line(id, h, now))
		}
	}
	slices.SortFunc(all, func(a, b Line) int {
		switch {
		case a.Open != b.Open && a.Open:
			return -1
		case a.Open != b.Open:
			return 1
		case a.Open:
			return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
		}
		return cmp.Or(b.Filed.Compare(a.Filed), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Asked finds a person's question why about an entry of the record: the open one, else the newest.
func (r *Room) Asked(owner tribune.Hash, leaf uint64) (Line, bool) {
	all := r.list(func(h *head) bool { return h.owner == owner && h.kind == Why && h.leaf == leaf })
	if len(all) == 0 {
		return Line{}, false
	}
	return all[0], true
}

// Sweep deletes cases that were closed longer ago than they are kept, and says how many. What is still in force stays.
func (r *Room) Sweep(ctx context.Context) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	for id, h := range r.cases {
		if h.closed.IsZero() || h.inForce || now.Sub(h.closed) < r.cfg.Rules.Keep {
			continue
		}
		if err := r.drop(ctx, rowCase, id); err != nil {
			return n, err
		}
		delete(r.cases, id)
		n++
	}
	m, err := r.sweepConsents(ctx, now)
	if err != nil {
		return n + m, err
	}
	over, err := r.sweepRepresentations(ctx, now)
	return n + m + over, err
}

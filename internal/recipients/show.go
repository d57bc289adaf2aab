package recipients

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// Line is one notice as it is shown.
type Line struct {
	ID       string
	Kind     protocol.NoticeKind
	Office   tribune.OfficeID
	Purpose  tribune.PurposeID
	Class    tribune.ClassID
	Standing bool // the office was told as data arrived, at an endpoint of its own
	State    State
	Failed   bool // the endpoint never took it
	Event    time.Time
	Since    time.Time // of the state
	Tries    int
	Named    int                     // things of the person's that it names; 0 = none, or it was told
	About    []protocol.NoticeEntity // none once it was told
	From     string
	Until    string
	Read     time.Time // when somebody of the office last read it at their desk, by the act in that Entry; zero = nobody has
	Entry    uint64
	Quarter  uint32 // it was given under a warrant, and the person does not see it before this is over, or longer; 0 = it was not
}

// Of is who must be told, or was, what became of a person's data, the newest first. hiddenUntil says when what was given under a warrant may be
// shown to its person.
func (r *Room) Of(ctx context.Context, p tribune.Pseudonym, hiddenUntil func(quarter uint32) time.Time) ([]Line, error) {
	now := r.cfg.Now()
	return r.lines(ctx, func(_ string, h *head) bool { return h.subject == p }, func(j *job) bool {
		return j.Quarter == 0 || !now.Before(hiddenUntil(j.Quarter))
	})
}

// Desk is what waits at the desk of an office, maxDesk at a time, in an order that stays: what is taken note of makes room for the next. It is what a
// notice is like from outside: its number, what has happened to how many things of which class, and since which day it waits. Which things, and when
// they were given, is in AtDesk, which takes an act.
func (r *Room) Desk(ctx context.Context, office tribune.OfficeID) ([]Line, error) {
	var ids []string
	r.mu.Lock()
	for id, h := range r.jobs {
		if office != "" && h.office == office && h.state == AtDesk {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(r.jobs[a].changed.Compare(r.jobs[b].changed), cmp.Compare(a, b))
	})
	r.mu.Unlock()
	ids = ids[:min(len(ids), maxDesk)]
	all, err := r.lines(ctx, func(id string, _ *head) bool { return slices.Contains(ids, id) }, func(*job) bool { return true })
	for i := range all {
		all[i] = all[i].Outside()
	}
	// By event, those of one person would lie side by side.
	slices.SortFunc(all, func(a, b Line) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return all, err
}

// Outside is a notice as its office sees it before it reads it.
func (l Line) Outside() Line {
	l.Event, l.Since, l.About, l.From, l.Until, l.Quarter = time.Time{}, dayOf(l.Since), nil, "", "", 0
	return l
}

// AtDesk is one of them, whole, and whom it is about: for whoever reads it by an act on record. It says days and not times, as the notice does.
func (r *Room) AtDesk(ctx context.Context, office tribune.OfficeID, id string) (Line, tribune.Pseudonym, error) {
	j, err := r.atDesk(ctx, office, id)
	if err != nil {
		return Line{}, tribune.Pseudonym{}, err
	}
	l := j.line()
	l.Event, l.Since = dayOf(l.Event), dayOf(l.Since)
	return l, j.Subject, nil
}

// ReadNote is what the act says by which an office reads a notice.
func ReadNote(id string) (string, error) {
	note, err := protocol.JCS(struct {
		Notice string `json:"notice"`
		State  string `json:"state"`
	}{id, "read"})
	return string(note), err
}

// NoteRead keeps that an office has read a notice by the act in that entry. When it returns the person can see it.
func (r *Room) NoteRead(ctx context.Context, office tribune.OfficeID, id string, leaf uint64) error {
	j, err := r.atDesk(ctx, office, id)
	if err != nil {
		return err
	}
	j.Read, j.Entry = r.cfg.Now().UTC(), leaf
	return r.keep(ctx, j)
}

func (r *Room) lines(ctx context.Context, mine func(string, *head) bool, shown func(*job) bool) (all []Line, err error) {
	r.mu.Lock()
	var ids []string
	for id, h := range r.jobs {
		if mine(id, h) {
			ids = append(ids, id)
		}
	}
	r.mu.Unlock()
	for _, id := range ids {
		j, err := r.load(ctx, id)
		if errors.Is(err, tribune.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		if shown(j) {
			all = append(all, j.line())
		}
	}
	slices.SortFunc(all, func(a, b Line) int { return cmp.Or(b.Event.Compare(a.Event), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

func (j *job) line() Line {
	n := j.Notice
	at := j.At
	if at.IsZero() {
		at, _ = protocol.ParseTime(n.Time) // it was valid when it was queued
	}
	return Line{
		ID: j.ID, Kind: n.Kind, Office: n.Office, Purpose: n.Purpose, Class: n.Class, Standing: n.Standing != "", State: j.State, Failed: j.Failed, Event: at,
		Since: j.Changed, Tries: j.Tries, Named: len(n.About), About: n.About, From: n.From, Until: n.Until, Read: j.Read, Entry: j.Entry, Quarter: j.Quarter,
	}
}

// errNoNotice is the same for another office's notice and for one that never was.
var errNoNotice = fmt.Errorf("%w: no such notice waits for your office", tribune.ErrNotFound)

// Document is a notice that waits at an office's desk, as it would be sent: signed by the log's key.
func (r *Room) Document(ctx context.Context, office tribune.OfficeID, id string) ([]byte, error) {
	j, err := r.atDesk(ctx, office, id)
	if err != nil {
		return nil, err
	}
	return j.Notice.Sign(r.cfg.Key)
}

// Take notes that an office has taken note of what waits at its desk.
func (r *Room) Take(ctx context.Context, office tribune.OfficeID, id string) error {
	j, err := r.atDesk(ctx, office, id)
	if err != nil {
		return err
	}
	j.told(r.cfg.Now().UTC())
	return r.keep(ctx, j)
}

func (r *Room) atDesk(ctx context.Context, office tribune.OfficeID, id string) (*job, error) {
	r.mu.Lock()
	h := r.jobs[id]
	mine := h != nil && office != "" && h.office == office && h.state == AtDesk
	r.mu.Unlock()
	if !mine {
		return nil, errNoNotice
	}
	return r.load(ctx, id)
}

// Counts are how many notices are on their way to endpoints, wait at desks, and have been told.
func (r *Room) Counts() (sending, desk, told int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.jobs {
		switch h.state {
		case Sending:
			sending++
		case AtDesk:
			desk++
		case Told:
			told++
		}
	}
	return sending, desk, told
}

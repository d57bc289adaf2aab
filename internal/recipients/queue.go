package recipients

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/vault"
	"tribune/protocol"
)

// Given is what one act on record gave to one office of one person, as the one way knows it.
type Given struct {
	Office   tribune.OfficeID
	Purpose  tribune.PurposeID
	Class    tribune.ClassID
	Day      uint32
	Entities []tribune.EntityID
	Standing string
	Quarter  uint32
}

// Event is what has become of a person's data.
type Event struct {
	Cause   string // the same each time it is queued
	Kind    protocol.NoticeKind
	Subject tribune.Pseudonym
	Class   tribune.ClassID // "" = all that is held of them
	At      time.Time
}

// Known reports whether an event is queued already.
func (r *Room) Known(cause string) bool {
	r.queue.Lock()
	defer r.queue.Unlock()
	return r.known(cause)
}

// number is what a text is called outside of its row: by a notice at a desk, by a key on the disk. It is the same after a crash, and says nothing to
// who has the text, or can guess it, and not the log's key.
func (r *Room) number(text string) string {
	mac := hmac.New(sha256.New, r.cfg.Key.Seed())
	mac.Write(protocol.Label("noticeid"))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// known also finds causes of the time before they were numbered under a key. r.queue is held.
func (r *Room) known(cause string) bool {
	plain := sha256.Sum256([]byte(cause))
	return r.causes[r.number(cause)] || r.causes[hex.EncodeToString(plain[:16])]
}

// Queue has everybody told who was given what an event concerns. When it returns all of it is durable, in one commit with the note that the event is
// queued; queued again, it adds what endpoints were told since, and nothing else. An erasure takes what is known of endpoints with it.
func (r *Room) Queue(ctx context.Context, e Event, given []Given) error {
	r.queue.Lock()
	defer r.queue.Unlock()
	again := r.known(e.Cause)
	if again && e.Kind != protocol.NoticeErased {
		return nil
	}
	told, keys, err := r.handedOf(ctx, e.Subject)
	if err != nil {
		return err
	}
	if again {
		given = nil
		if len(told) == 0 {
			return nil
		}
	}
	jobs, err := r.jobsOf(e, told, given)
	if err != nil {
		return err
	}
	if sending, desk, _ := r.Counts(); sending+desk+len(jobs) > maxJobs {
		return fmt.Errorf("%w: too many notices wait for their recipients", tribune.ErrBusy)
	}
	var rows []vault.Row
	if e.Kind == protocol.NoticeErased {
		for _, key := range keys {
			rows = append(rows, vault.Row{Key: key})
		}
	}
	for _, j := range jobs {
		row, err := rowOf(rowKey(rowNotice, j.ID), j)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if !again {
		mark, err := rowOf(rowKey(rowCause, r.number(e.Cause)), r.cfg.Now().UTC())
		if err != nil {
			return err
		}
		rows = append(rows, mark)
	}
	if err := r.cfg.Shelf.KeepAll(ctx, rows); err != nil {
		return fmt.Errorf("queueing notices: %w", err)
	}
	r.causes[r.number(e.Cause)] = true
	if e.Kind == protocol.NoticeErased {
		r.forget(e.Subject)
	}
	r.mu.Lock()
	for _, j := range jobs {
		r.jobs[j.ID] = headOf(j)
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

// recipient is who is told by one notice, or by several where it would be too long.
type recipient struct {
	office   tribune.OfficeID
	purpose  tribune.PurposeID
	class    tribune.ClassID
	standing string
	quarter  uint32
}

func (a recipient) compare(b recipient) int { return strings.Compare(a.text(), b.text()) }

func (a recipient) text() string {
	return strings.Join([]string{string(a.office), string(a.purpose), string(a.class), a.standing, strconv.FormatUint(uint64(a.quarter), 10)}, " ")
}

// bundle is what one recipient has.
type bundle struct {
	route       *route
	about       map[tribune.EntityID]protocol.NoticeEntity
	from, until string
}

func (b *bundle) add(id tribune.EntityID, from, until string) {
	if b.from == "" {
		b.from, b.until = from, until
	}
	b.from, b.until = min(b.from, from), max(b.until, until)
	if id == "" {
		return
	}
	one, known := b.about[id]
	if !known {
		one = protocol.NoticeEntity{ID: id, From: from, Until: until}
	}
	one.From, one.Until = min(one.From, from), max(one.Until, until)
	b.about[id] = one
}

// jobsOf are the notices of an event, in an order that is always the same.
func (r *Room) jobsOf(e Event, told []handed, given []Given) (jobs []*job, err error) {
	all := map[recipient]*bundle{}
	of := func(to recipient) *bundle {
		if all[to] == nil {
			all[to] = &bundle{about: map[tribune.EntityID]protocol.NoticeEntity{}}
		}
		return all[to]
	}
	for _, h := range told {
		if e.Class != "" && h.Class != e.Class {
			continue
		}
		b := of(recipient{h.Office, h.Purpose, h.Class, h.Act, 0})
		b.route = &h.Route
		b.add(h.Entity, h.From, h.Until)
	}
	for _, g := range given {
		if e.Class != "" && g.Class != e.Class {
			continue
		}
		to := recipient{g.Office, g.Purpose, g.Class, g.Standing, g.Quarter}
		if g.Standing != "" && all[to] != nil && all[to].route != nil {
			continue // the endpoint itself is told, and with what it was sent
		}
		b, day := of(to), dayText(g.Day)
		b.add("", day, day)
		for _, id := range g.Entities {
			b.add(id, day, day)
		}
	}
	order := make([]recipient, 0, len(all))
	for to := range all {
		order = append(order, to)
	}
	slices.SortFunc(order, recipient.compare)
	for _, to := range order {
		some, err := r.jobsFor(e, to, all[to])
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, some...)
	}
	return jobs, nil
}

func (r *Room) jobsFor(e Event, to recipient, b *bundle) (jobs []*job, err error) {
	about := make([]protocol.NoticeEntity, 0, len(b.about))
	for _, one := range b.about {
		about = append(about, one)
	}
	slices.SortFunc(about, func(x, y protocol.NoticeEntity) int { return strings.Compare(string(x.ID), string(y.ID)) })
	chunks := slices.Collect(slices.Chunk(about, protocol.MaxAbout))
	if len(chunks) == 0 {
		chunks = [][]protocol.NoticeEntity{{}}
	}
	now := r.cfg.Now().UTC()
	for _, some := range chunks {
		id := e.Cause + " " + string(e.Kind) + " " + to.text()
		for _, one := range some {
			id += " " + string(one.ID) + " " + one.Until
		}
		j := &job{
			ID: r.number(id), Subject: e.Subject, At: e.At.UTC(), Quarter: to.quarter, Route: b.route, State: AtDesk, Queued: now, Changed: now,
			Notice: protocol.Notice{
				About: some, City: r.cfg.City, Class: to.class, From: b.from, ID: r.number(id), Kind: e.Kind, Office: to.office, Purpose: to.purpose,
				Standing: to.standing, Time: protocol.Time(dayOf(e.At)), Until: b.until, Version: protocol.NoticeVersion,
			},
		}
		if b.route != nil {
			j.State, j.Next = Sending, now
		}
		if err := j.Notice.Validate(); err != nil {
			return nil, fmt.Errorf("writing a notice: %w", err)
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// dayOf is when a day (UTC) begins. A notice says no more: the record is public, and whoever knew the millisecond of an act would know its entry.
func dayOf(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

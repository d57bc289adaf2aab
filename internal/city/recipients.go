package city

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/portal"
	"tribune/internal/recipients"
	"tribune/internal/rights"
	"tribune/internal/twin/notify"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/protocol"
)

// told is the room of those who were given people's data, once the vault is open: what rests there is wrapped.
type told struct {
	hub  *Hub
	room atomic.Pointer[recipients.Room]
}

// lookDecided is how often it is looked whether an office has granted a correction or a restriction.
const lookDecided = 5 * time.Second

// openRecipients opens the room, before the one way: an erasure must not delete what says who has to be told of it.
func (h *Hub) openRecipients(ctx context.Context) error {
	if h.told.room.Load() != nil {
		return nil
	}
	room, err := recipients.Open(ctx, recipients.Config{City: h.cfg.City, Key: h.logSeed, Store: h.store, Shelf: h.vault.vault.Load(), Sender: h.sender, Now: h.now, Log: h.log})
	if err != nil {
		return fmt.Errorf("opening the recipients room: %w", err)
	}
	h.told.room.Store(room)
	return nil
}

// tellRecipients has recipients told, from the moment on at which the one way is open, until ctx ends.
func (h *Hub) tellRecipients(ctx context.Context) error {
	tick := time.NewTicker(lookDecided)
	defer tick.Stop()
	for h.told.room.Load() == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.told.room.Load().Run(ctx) })
	group.Go(func() error {
		for {
			if err := h.told.decided(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("recipients of corrected or restricted data are not told yet; trying again", "err", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
	return group.Wait()
}

// decided queues what offices have granted and nobody has been told of. What a crash has left between the two is found here.
func (t *told) decided(ctx context.Context) error {
	room, w, cases := t.room.Load(), t.hub.way.Load(), t.hub.citizens.room.Load()
	if room == nil || w == nil || cases == nil {
		return nil
	}
	all, err := cases.Decided(ctx, room.Known)
	if err != nil {
		return err
	}
	var failed []error
	for _, d := range all { // one that cannot be queued keeps no other from being
		given, err := w.Given(ctx, d.Subject)
		if err == nil {
			err = room.Queue(ctx, recipients.Event{Cause: d.Cause(), Kind: noticeOf(d), Subject: d.Subject, Class: d.Class, At: d.At}, givenAs(given))
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func noticeOf(d rights.Decided) protocol.NoticeKind {
	switch {
	case d.State == rights.Lifted:
		return protocol.NoticeLifted
	case d.Kind == rights.Restriction:
		return protocol.NoticeRestricted
	}
	return protocol.NoticeRectified
}

func givenAs(all []way.Given) (out []recipients.Given) {
	for _, g := range all {
		out = append(out, recipients.Given(g))
	}
	return out
}

// Erased queues who must be told of an erasure.
func (t *told) Erased(ctx context.Context, cause string, p tribune.Pseudonym, at time.Time, given []way.Given) error {
	room := t.room.Load()
	if room == nil {
		return errNoKeys
	}
	return room.Queue(ctx, recipients.Event{Cause: cause, Kind: protocol.NoticeErased, Subject: p, At: at}, givenAs(given))
}

// Handed keeps what a subscription is about to be told.
func (t *told) Handed(ctx context.Context, s tribune.Standing, to notify.Route, all []notify.Handing) error {
	room := t.room.Load()
	if room == nil {
		return errNoKeys
	}
	return room.Handed(ctx, s, to, all)
}

// open is the room, and the one way that says what is hidden from whom.
func (t *told) open() (*recipients.Room, *way.Way, error) {
	room, w := t.room.Load(), t.hub.way.Load()
	if room == nil || w == nil {
		return nil, nil, errNoKeys
	}
	return room, w, nil
}

// Of is who was told, or must be, what has become of a person's data.
func (t *told) Of(ctx context.Context, name web.PersonName) ([]recipients.Line, error) {
	room, w, err := t.open()
	if err != nil {
		return nil, err
	}
	p, err := own{t.hub}.pseudonym(ctx, name)
	if err != nil {
		return nil, err
	}
	return room.Of(ctx, p, func(quarter uint32) time.Time { return w.HiddenUntil(p, quarter) })
}

// Desk, AtDesk, PrepareRead, Read, Document and Take are an office's.
func (t *told) Desk(ctx context.Context, office tribune.OfficeID) ([]recipients.Line, error) {
	room, _, err := t.open()
	if err != nil {
		return nil, err
	}
	return room.Desk(ctx, office)
}

func (t *told) AtDesk(ctx context.Context, office tribune.OfficeID, id string) (recipients.Line, error) {
	room, _, err := t.open()
	if err != nil {
		return recipients.Line{}, err
	}
	l, _, err := room.AtDesk(ctx, office, id)
	return l, err
}

// PrepareRead is the act by which an office reads what a notice names, for its officer to sign.
func (t *told) PrepareRead(ctx context.Context, caller tribune.Caller, id string) (*portal.Answer, error) {
	room, w, err := t.open()
	if err != nil {
		return nil, err
	}
	l, p, err := room.AtDesk(ctx, caller.Office, id)
	if err != nil {
		return nil, err
	}
	note, err := recipients.ReadNote(id)
	if err != nil {
		return nil, err
	}
	act, err := w.PrepareNotice(ctx, caller, p, l.Quarter, note)
	if err != nil {
		return nil, err
	}
	return answerOf(act)
}

// Read puts that act on record, and notes for the person that it was read.
func (t *told) Read(ctx context.Context, caller tribune.Caller, id, actID string, signature []byte) error {
	room, w, err := t.open()
	if err != nil {
		return err
	}
	note, err := recipients.ReadNote(id)
	if err != nil {
		return err
	}
	leaf, err := w.Decide(ctx, caller, note, actID, signature)
	if err != nil {
		return err
	}
	if err := room.NoteRead(ctx, caller.Office, id, leaf); err != nil {
		return fmt.Errorf("keeping that a notice was read, in entry %d: %w", leaf, err)
	}
	return nil
}

func (t *told) Document(ctx context.Context, office tribune.OfficeID, id string) ([]byte, error) {
	room, _, err := t.open()
	if err != nil {
		return nil, err
	}
	return room.Document(ctx, office, id)
}

func (t *told) Take(ctx context.Context, office tribune.OfficeID, id string) error {
	room, _, err := t.open()
	if err != nil {
		return err
	}
	return room.Take(ctx, office, id)
}

var (
	_ way.Recipients    = (*told)(nil)
	_ notify.Handings   = (*told)(nil)
	_ portal.Recipients = (*told)(nil)
)

package city

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/metrics"
	"tribune/internal/portal"
	"tribune/internal/rights"
	"tribune/internal/twin/notify"
	"tribune/internal/web"
	"tribune/protocol"
)

// RightsRules are the clocks of people's rights, where the city has its own: hub/law/rights.toml.
func (d Dir) RightsRules() string { return d.path("hub", "law", "rights.toml") }

// citizens is the rights room as pages see it. Nothing can be filed before the guardians' keys exist: what rests is wrapped.
type citizens struct {
	hub   *Hub
	rules *rights.Rules
	room  atomic.Pointer[rights.Room]
}

// sweepRights is how often closed cases past their keeping time are deleted, and offices reminded.
const sweepRights = time.Hour

func (h *Hub) readRights() error {
	rules, err := rights.ReadRules(h.cfg.Dir.RightsRules())
	if err != nil {
		return err
	}
	h.citizens = &citizens{hub: h, rules: rules}
	h.acting = &representatives{hub: h}
	return nil
}

// openRights opens the room, before the one way: no act may be decided without what people have said about their data.
func (h *Hub) openRights(ctx context.Context) error {
	if h.citizens.room.Load() != nil {
		return nil
	}
	room, err := rights.Open(ctx, rights.Config{City: h.cfg.City, Store: h.store, Wrap: h.vault.vault.Load(), Rules: h.citizens.rules, Now: h.now})
	if err != nil {
		return fmt.Errorf("opening the rights room: %w", err)
	}
	h.gate.SetCitizens(room)
	h.citizens.room.Store(room)
	return nil
}

// keepRights deletes what has been kept long enough and reminds in the log, every hour until ctx ends.
func (h *Hub) keepRights(ctx context.Context) error {
	tick := time.NewTicker(sweepRights)
	defer tick.Stop()
	for {
		if room := h.citizens.room.Load(); room != nil {
			if _, err := room.Sweep(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("closed cases past their keeping time were not all deleted; trying again in an hour", "err", err)
			}
			for _, c := range room.Counts() {
				if c.Soon > 0 || c.Overdue > 0 {
					h.log.Warn("people wait for an answer about their data", "office", c.Office, "kind", c.Kind, "dueSoon", c.Soon, "overdue", c.Overdue)
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// rightsReadings are the room's numbers for metrics.
func (h *Hub) rightsReadings() (out metrics.Rights) {
	if h.citizens == nil {
		return out
	}
	room := h.citizens.room.Load()
	if room == nil {
		return out
	}
	out.Overdue = map[string]int{}
	for _, c := range room.Counts() {
		out.Open += c.Open
		out.Soon += c.Soon
		out.Overdue[string(c.Office)] += c.Overdue
		out.Late += c.Late
	}
	out.Consents, _, _ = room.Permissions()
	return out
}

// Spares keeps what people have stopped from being told as it arrives, and what still waits of who was erased today.
func (g gated) Spares(s tribune.Standing, p tribune.Pseudonym) bool {
	if v := g.hub.vault.vault.Load(); v != nil && v.Barred(p) {
		return true
	}
	room := g.hub.citizens.room.Load()
	return room != nil && room.Stopped(tribune.Act{Kind: tribune.ActDelivery, Caller: s.Caller, Scope: tribune.Scope{Class: s.Class, Subjects: []tribune.Pseudonym{p}}}) != ""
}

var _ notify.Sparer = gated{}

func (c *citizens) Rules() *rights.Rules { return c.rules }

func (c *citizens) Room() (*rights.Room, error) {
	if room := c.room.Load(); room != nil {
		return room, nil
	}
	return nil, errNoKeys
}

// Owner names a login. It rests wrapped, and stands in no key of a row.
func (c *citizens) Owner(s *web.Session) tribune.Hash {
	return sha256.Sum256([]byte("rights of " + s.Subject))
}

func (c *citizens) Person(ctx context.Context, s *web.Session, name web.PersonName) (rights.Person, error) {
	p, err := own{c.hub}.pseudonym(ctx, name)
	return rights.Person{Owner: c.Owner(s), Subject: p}, err
}

// Signer is an actor's key with its appointment, which must be on record and in force.
func (c *citizens) Signer(actor tribune.ActorID) (rights.Signer, error) {
	now := c.hub.now()
	for _, a := range c.hub.gate.Appointments() {
		if a.Actor == actor && a.Recorded && !now.Before(a.From) && now.Before(a.Until) {
			return rights.Signer{Subject: a.Subject, Key: a.Key, Appointment: a.Document, Salt: a.Salt, Index: a.Index}, nil
		}
	}
	return rights.Signer{}, fmt.Errorf("%w: the key's appointment is not on record", tribune.ErrDenied)
}

// Sign signs a receipt with the hub's registered key.
func (c *citizens) Sign(message []byte) (signature, key []byte) {
	return ed25519.Sign(c.hub.hubKey, message), c.hub.hubKey.Public().(ed25519.PublicKey)
}

// PrepareDecision is an answer's act for its officer to sign.
func (c *citizens) PrepareDecision(ctx context.Context, caller tribune.Caller, p tribune.Pseudonym, note string) (*portal.Answer, error) {
	w := c.hub.way.Load()
	if w == nil {
		return nil, errNoKeys
	}
	act, err := w.PrepareDecision(ctx, caller, p, note)
	if err != nil {
		return nil, fmt.Errorf("preparing an answer: %w", err)
	}
	return answerOf(act)
}

// answerOf is a prepared act as pages show it.
func answerOf(act protocol.Act) (*portal.Answer, error) {
	text, err := protocol.JCS(act)
	if err != nil {
		return nil, err
	}
	digest, err := act.Digest()
	if err != nil {
		return nil, err
	}
	return &portal.Answer{ActID: act.ID, ActText: string(text), Digest: digest[:]}, nil
}

// Decide puts an answer's act on record.
func (c *citizens) Decide(ctx context.Context, caller tribune.Caller, note, actID string, signature []byte) (uint64, error) {
	w := c.hub.way.Load()
	if w == nil {
		return 0, errNoKeys
	}
	return w.Decide(ctx, caller, note, actID, signature)
}

var _ portal.Citizens = (*citizens)(nil)

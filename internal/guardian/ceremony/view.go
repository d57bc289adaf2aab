package ceremony

import (
	"crypto/ed25519"
	"fmt"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// Outbox is what this guardian has to say and has not yet seen on record.
func (c *Ceremony) Outbox() []wire.Outgoing {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []wire.Outgoing
	if c.act != nil && c.act.done == nil {
		for _, name := range []string{Seal, Name} {
			out = append(out, c.act.runs[name].outbox...)
		}
	}
	return out
}

// Acceptance is our word for a change that is on record without it; nil = nothing to say.
func (c *Ceremony) Acceptance() *wire.Acceptance {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accept == nil {
		return nil
	}
	return &wire.Acceptance{Accept: *c.accept, From: c.cfg.Self, Signature: ed25519.Sign(c.cfg.Key, protocol.AcceptMessage(c.cfg.Self, *c.accept))}
}

// Report is our word for the group that our key generation came to; nil until it has, and after it is in force, but for
// the founding's, which a hub that was stopped midway asks for again.
func (c *Ceremony) Report() (*wire.Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.act != nil {
		return c.act.report()
	}
	if c.held != nil && c.held.Group.Epoch == Epoch {
		return (&table{c: c, done: c.held}).report()
	}
	return nil, nil
}

// State says in one word or sentence how far the ceremony is.
func (c *Ceremony) State() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.pending != nil:
		return "a new group is on record, waiting for its publication"
	case c.forgotten:
		return "this folder is an old copy: the record holds our word for another change"
	case c.act != nil:
		return c.act.state()
	case len(c.groups) == 0:
		return "no group is on record yet"
	case c.accept != nil:
		return "a change is accepted, waiting for it to be on record"
	case c.acceptSaid != (tribune.Hash{}) && c.proposals[c.acceptSaid] != nil:
		return fmt.Sprintf("a change is accepted by %d of the present guardians, waiting for more", len(c.proposals[c.acceptSaid].accepts))
	}
	present := c.groups[len(c.groups)-1]
	switch {
	case position(present.Guardians, c.cfg.Self) < 0 && position(c.cfg.Group.Guardians, c.cfg.Self) >= 0:
		return "retired"
	case position(present.Guardians, c.cfg.Self) < 0:
		return "not yet a guardian"
	case c.held == nil:
		return "has lost its shares"
	}
	return "founded"
}

// Keys are this guardian's secrets and the group they belong to.
type Keys struct {
	Group protocol.Group
	Index int
	Seal  []byte // s_i of SEAL: releases only
	Name  []byte // s_i of NAME: blind evaluation only
}

// Shares gives out the shares of the group in force.
func (c *Ceremony) Shares() (Keys, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil || len(c.groups) == 0 || !sameGroup(c.held.Group, c.groups[len(c.groups)-1]) {
		return Keys{}, false
	}
	return Keys{Group: c.held.Group, Index: position(c.held.Group.Guardians, c.cfg.Self) + 1, Seal: c.held.SealShare, Name: c.held.NameShare}, true
}

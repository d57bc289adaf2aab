package guardian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// The checks of protocol 20 to 22, one function each, in the order in which decide makes them. Each either returns a
// refusal, or an error where this guardian itself cannot tell (then nothing is signed), or nil.

// onRecord: the receipt verifies under w co-signatures, its checkpoint is a tree we hold, and its leaf is in our mirror.
func (g *Guardian) onRecord(ctx context.Context, h *hearing) error {
	var err error
	if h.v, err = g.now().receipt(h.req.Receipt); err != nil {
		return refuse("the receipt does not verify: %v", err)
	}
	wait, cancel := context.WithTimeout(ctx, mirrorWait)
	defer cancel()
	if err := g.mirror.Await(wait, h.v.Checkpoint.Size); err != nil {
		return refuse("this guardian holds %d leaves of the record, the receipt speaks of %d", g.mirror.Head().Size, h.v.Checkpoint.Size)
	}
	root, err := g.mirror.RootAt(h.v.Checkpoint.Size)
	if err != nil {
		return fmt.Errorf("reading the mirror: %w", err)
	}
	if root != h.v.Checkpoint.Root {
		return refuse("the receipt's checkpoint is of another tree than this guardian holds: the log shows two faces")
	}
	leaf, err := g.mirror.LeafHash(h.v.Index)
	if err != nil {
		return fmt.Errorf("reading the mirror: %w", err)
	}
	if leaf != h.v.LeafHash {
		return refuse("the leaf is not the one this guardian holds at its place")
	}
	return nil
}

// inTime: our clock is right, and the act is of these minutes.
func (g *Guardian) inTime(_ context.Context, h *hearing) error {
	var cosigned []time.Time
	for _, c := range h.v.Checkpoint.Cosignatures {
		cosigned = append(cosigned, c.Time)
	}
	if err := g.clock.check(h.now, cosigned); err != nil {
		return refuse("%v", err)
	}
	var err error
	if h.at, err = h.v.Leaf.Act.When(); err != nil {
		return refuse("the act's time cannot be read")
	}
	h.onLog = verify.LeafTime(h.v, g.now().roster.T)
	if seen := g.index.seen(h.v.Index); !seen.IsZero() && seen.Before(h.onLog) {
		h.onLog = seen // an old leaf under a fresh checkpoint is still old
	}
	switch {
	case h.at.After(h.now.Add(maxSkew)) || h.onLog.After(h.now.Add(maxSkew)):
		return refuse("the act is of the future")
	case h.at.After(h.onLog.Add(maxSkew)):
		return refuse("the act is dated later than its leaf")
	case h.now.Sub(h.at) > releaseWindow || h.now.Sub(h.onLog) > releaseWindow:
		return refuse("the act is older than %s; keys are released once, when the act happens", releaseWindow)
	}
	return nil
}

// openedAsCommitted: the private part and the evidence are what the leaf commits to.
func (g *Guardian) openedAsCommitted(_ context.Context, h *hearing) error {
	a := h.v.Leaf.Act
	switch {
	case a.Kind != tribune.ActRead && a.Kind != tribune.ActEnrol && a.Kind != tribune.ActRepresent && a.Kind != tribune.ActPublish:
		return refuse("an act of this kind opens nothing")
	case !h.v.Leaf.Decision.Permit:
		return refuse("the leaf says that the act was denied")
	case len(a.Recipient) == 0 && a.Kind != tribune.ActPublish:
		return refuse("the act names no recipient")
	case len(a.Recipient) != 0 && a.Kind == tribune.ActPublish:
		return refuse("an explanation that is published opens nothing, and the act names a recipient")
	}
	var err error
	if h.priv, err = h.v.Opening(h.req.Private, h.req.Salt); err != nil {
		if _, unreadable := protocol.DecodePrivate(h.req.Private); unreadable != nil {
			return refuse("the private part cannot be read") // without the error: it quotes, and a refusal is public
		}
		return refuse("%v", err)
	}
	if err := h.v.Evidence(h.req.Salt, h.req.Evidence); err != nil {
		return refuse("%v", err)
	}
	return nil
}

// lawInForce: the leaf was decided under the set in force at its place.
func (g *Guardian) lawInForce(ctx context.Context, h *hearing) error {
	var err error
	if h.set, err = g.law.inForce(ctx, h.v.Index, h.onLog); err != nil {
		if errors.Is(err, tribune.ErrNotFound) {
			return refuse("no law is in force at this place of the record")
		}
		return refuse("the law in force cannot be read")
	}
	if h.v.Leaf.Decision.Set != h.set.Hash() {
		return refuse("the act was decided under policy set %s, in force is %s", h.v.Leaf.Decision.Set, h.set.Hash())
	}
	return nil
}

// appointed: the actor's appointment is on record before the act, in force, and its key signed the act.
func (g *Guardian) appointed(_ context.Context, h *hearing) error {
	e := h.req.Evidence
	a, err := h.set.Appointment(e.Appointment)
	if err != nil {
		return refuse("%v", err)
	}
	if e.AppointmentIndex >= h.v.Index {
		return refuse("the appointment is not on record before the act")
	}
	raw, err := g.mirror.Leaf(e.AppointmentIndex)
	if err != nil {
		return fmt.Errorf("reading the mirror: %w", err)
	}
	leaf, err := protocol.DecodeLeaf(raw)
	if err != nil || leaf.Act.Kind != tribune.ActAppoint || !leaf.Decision.Permit {
		return refuse("the leaf named for the appointment is none")
	}
	com, err := protocol.Commitment(e.AppointmentSalt, e.Appointment)
	if err != nil || com != leaf.Act.Com {
		return refuse("the appointment shown is not the one on record")
	}
	switch {
	case a.Actor != h.priv.Actor:
		return refuse("the appointment is somebody else's")
	case a.Office != h.v.Leaf.Act.Office:
		return refuse("the appointment is to another office")
	case h.onLog.Before(a.From) || !h.onLog.Before(a.Until):
		return refuse("the appointment is not in force")
	}
	if err := h.v.Leaf.Act.Verify(a.Key, h.v.Leaf.Signature); err != nil {
		return refuse("the act is not signed with the key of its actor's appointment")
	}
	return nil
}

// mandated: the mandate carries its issuer's signature, and was in force when the leaf was put on record: policy looks at
// the act's own time, which its actor chose.
func (g *Guardian) mandated(_ context.Context, h *hearing) error {
	m, err := h.set.Mandate(h.req.Evidence.Mandate)
	if err != nil {
		return refuse("%v", err)
	}
	switch {
	case m.ID != h.v.Leaf.Act.Mandate:
		return refuse("the mandate shown is not the one the act names")
	case h.onLog.Before(m.From):
		return refuse("the mandate %s has not begun", m.ID)
	case !h.onLog.Before(m.Until):
		return refuse("the mandate %s has ended", m.ID)
	}
	return nil
}

// withinCaps: the office has not used up its hour.
func (g *Guardian) withinCaps(_ context.Context, h *hearing) error {
	a := h.v.Leaf.Act
	if err := g.index.within(h.v.Index, a, h.at, h.set.Limits(a.Office)); err != nil {
		return refuse("%v", err)
	}
	return nil
}

// decidedAlike: the same set decides the same act on the same evidence, and comes to the decision in the leaf.
func (g *Guardian) decidedAlike(_ context.Context, h *hearing) error {
	act, err := actOf(h.v.Leaf.Act, h.priv)
	if err != nil {
		return refuse("the act's window of arrival times cannot be read")
	}
	if act.Publication, err = publication(h); err != nil {
		return err
	}
	ours := h.set.Decide(act, h.req.Evidence)
	if !ours.Permit {
		if len(ours.Missing) > 0 {
			return refuse("the law does not permit this act: %s", ours.Missing[0])
		}
		return refuse("the law does not permit this act")
	}
	a, err := protocol.JCS(ours)
	if err != nil {
		return err
	}
	b, err := protocol.JCS(h.v.Leaf.Decision)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return refuse("this guardian comes to another decision than the leaf: by %q, not by %q", ours.Policies, h.v.Leaf.Decision.Policies)
	}
	return nil
}

// actOf rebuilds the act that was decided from its leaf and private part.
func actOf(a protocol.Act, priv protocol.Private) (tribune.Act, error) {
	at, err := a.When()
	if err != nil {
		return tribune.Act{}, err
	}
	window, err := windowOf(priv.Inputs)
	if err != nil {
		return tribune.Act{}, err
	}
	act := tribune.Act{
		ID: a.ID, Kind: a.Kind, Count: a.Count, At: at,
		Caller: tribune.Caller{Actor: priv.Actor, Office: a.Office, Purpose: a.Purpose, Mandate: a.Mandate},
		Scope:  tribune.Scope{Class: priv.Inputs.Class, Attrs: priv.Inputs.Attrs, LookUp: priv.Inputs.LookUp, Window: window},
	}
	for _, s := range priv.Subjects {
		act.Scope.Subjects = append(act.Scope.Subjects, s.P)
	}
	return act, nil
}

func windowOf(in protocol.Inputs) (w tribune.Window, err error) {
	if in.From == "" && in.Until == "" {
		return w, nil
	}
	if w.From, err = protocol.ParseTime(in.From); err != nil {
		return w, err
	}
	w.Until, err = protocol.ParseTime(in.Until)
	return w, err
}

// notVetoed: nobody here has said no.
func (g *Guardian) notVetoed(_ context.Context, h *hearing) error {
	v, err := g.vetoes.veto(h.v.Leaf.Act)
	if err != nil {
		return refuse("%v", err)
	}
	if v == nil {
		return nil
	}
	reason := v.Reason
	if reason == "" {
		reason = "no reason given"
	}
	return &refusal{reason: "veto by " + g.self.name + ": " + reason, veto: true}
}

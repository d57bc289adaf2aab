package guardian

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// Vital interest (protocol, "Vital interest"): data were opened without us. We were not asked then; we check afterwards what we would have
// checked before, release nothing, and sign that it was so, or why it was not. The use stands on record whatever we say.

// checkVital answers POST /vital.
func (g *Guardian) checkVital(w http.ResponseWriter, r *http.Request, body []byte) {
	req, err := decodeRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	checked, err := g.vital(r.Context(), req)
	var no *refusal
	switch {
	case err == nil:
		writeJSON(w, protocol.VitalAnswer{Checked: checked})
	case errors.As(err, &no):
		writeJSON(w, protocol.VitalAnswer{Refusal: g.signRefusal(req, no)})
	default:
		http.Error(w, "this guardian cannot decide now", http.StatusServiceUnavailable)
	}
}

func (g *Guardian) vital(ctx context.Context, req protocol.Request) (*protocol.VitalChecked, error) {
	h := &hearing{req: req, now: g.cfg.Now()}
	var ok bool
	if h.keys, ok = g.ceremony.Shares(); !ok {
		return nil, refuse("this guardian holds no share yet: %s", g.ceremony.State())
	}
	for _, check := range []func(context.Context, *hearing) error{g.onRecord, g.toldInTime, g.vitalOrder, g.everyUseMarked} {
		if err := check(ctx, h); err != nil {
			return nil, err
		}
	}
	c := &protocol.VitalChecked{Guardian: g.self.name, Leaf: h.v.LeafHash, Time: h.now.Unix()}
	c.Sign(g.self.key)
	return c, nil
}

// toldInTime: when the disclosure was on record, as its receipt or our own first sight shows. It may be shown to us later, since it stands and we
// release nothing for it: a hub that was killed in between goes on where it was.
func (g *Guardian) toldInTime(_ context.Context, h *hearing) error {
	var err error
	if h.at, err = h.v.Leaf.Act.When(); err != nil {
		return refuse("the act's time cannot be read")
	}
	h.onLog = verify.LeafTime(h.v, g.now().roster.T)
	if seen := g.index.seen(h.v.Index); !seen.IsZero() && seen.Before(h.onLog) {
		h.onLog = seen
	}
	switch {
	case h.at.After(h.now.Add(maxSkew)) || h.onLog.After(h.now.Add(maxSkew)):
		return refuse("the act is of the future")
	case h.at.After(h.onLog.Add(maxSkew)):
		return refuse("the act is dated later than its leaf")
	}
	return nil
}

// vitalOrder checks the order that the leaf commits to: its public part, both people, the law of then, and the clock.
func (g *Guardian) vitalOrder(ctx context.Context, h *hearing) error {
	leaf := h.v.Leaf
	use, opened, back, err := protocol.VitalUseOf(leaf)
	if err != nil {
		return refuse("the leaf is no disclosure of an opening without guardians")
	}
	if max(h.at.Sub(back), h.onLog.Sub(back)) > protocol.VitalWithin { // whatever time the hub has given it
		return refuse("it was put on record more than %s after reconnection", protocol.VitalWithin)
	}
	if h.priv, err = h.v.Opening(h.req.Private, h.req.Salt); err != nil {
		return refuse("the private part is not what the leaf commits to")
	}
	if err := h.v.Evidence(h.req.Salt, h.req.Evidence); err != nil {
		return refuse("the evidence is not what the leaf commits to")
	}
	v, err := protocol.DecodeVitalPrivate(h.priv.Inputs.Note)
	if err != nil {
		return refuse("the order cannot be read, or two people have not signed it")
	}
	o := v.Order
	if o.ID != leaf.Act.ID || o.Office != leaf.Act.Office || o.Purpose != leaf.Act.Purpose || o.Mandate != leaf.Act.Mandate || o.City != g.cfg.City ||
		o.Class != use.Class || h.priv.Inputs.Class != use.Class || !slices.Equal(o.Keys, use.Keys) || len(h.priv.Subjects) != 1 || len(h.priv.Subjects[0].IDs) != 0 || h.priv.Actor != v.Signers[0].Actor {
		return refuse("the order that was signed is another one than the leaf tells of")
	}
	if at, err := protocol.ParseTime(o.At); err != nil || opened.Before(at) || opened.Sub(at) > protocol.VitalAskFor {
		return refuse("the order was not of the minutes before it was opened")
	}
	if h.set, err = g.law.inForce(ctx, h.v.Index, opened); err != nil {
		return refuse("the law in force when it was opened cannot be read")
	}
	if h.set.Hash() != use.Set {
		return refuse("it was decided under policy set %s, in force then was %s", use.Set, h.set.Hash())
	}
	if class, ok := h.set.Class(use.Class); !ok || class.Vital == "" || class.Vital != o.Office {
		return refuse("the law of then does not let this office open this class without guardians")
	}
	var keys []ed25519.PublicKey
	for i, s := range v.Signers {
		key, err := g.vitalSigner(h, o, s)
		if err != nil {
			return err
		}
		if i > 0 && keys[0].Equal(key) {
			return refuse("both signatures are by one key: it takes two people")
		}
		keys = append(keys, key)
		e := h.req.Evidence
		e.Appointment, e.AppointmentIndex, e.AppointmentSalt = s.Appointment, s.AppointmentIndex, s.AppointmentSalt
		d := h.set.Decide(tribune.Act{
			ID: o.ID, Kind: tribune.ActVital, Count: 1, At: opened, Caller: tribune.Caller{Actor: s.Actor, Office: o.Office, Purpose: o.Purpose, Mandate: o.Mandate},
			Scope: tribune.Scope{Class: o.Class, Subjects: []tribune.Pseudonym{h.priv.Subjects[0].P}},
		}, e)
		if !d.Permit || i == 0 && !slices.Equal(d.Policies, use.Policies) {
			return refuse("the law of then did not permit it, or not by the policies named")
		}
	}
	return nil
}

// vitalSigner is the key of one of the two, by an appointment that stood on record before and was in force when they signed.
func (g *Guardian) vitalSigner(h *hearing, o protocol.VitalOrder, s protocol.VitalSigner) (ed25519.PublicKey, error) {
	a, err := h.set.Appointment(s.Appointment)
	if err != nil {
		return nil, refuse("%v", err)
	}
	if s.AppointmentIndex >= h.v.Index {
		return nil, refuse("an appointment is not on record before the act")
	}
	raw, err := g.mirror.Leaf(s.AppointmentIndex)
	if err != nil {
		return nil, fmt.Errorf("reading the mirror: %w", err)
	}
	leaf, err := protocol.DecodeLeaf(raw)
	if err != nil || leaf.Act.Kind != tribune.ActAppoint || !leaf.Decision.Permit {
		return nil, refuse("the leaf named for an appointment is none")
	}
	if com, err := protocol.Commitment(s.AppointmentSalt, s.Appointment); err != nil || com != leaf.Act.Com {
		return nil, refuse("an appointment shown is not the one on record")
	}
	at, err := protocol.ParseTime(o.At)
	if err != nil || a.Actor != s.Actor || a.Office != o.Office || a.Subject != nil || at.Before(a.From) || !at.Before(a.Until) {
		return nil, refuse("an appointment is somebody else's, to another office, or not in force")
	}
	if since, err := leaf.Act.When(); err != nil || since.After(at.Add(maxSkew)) { // nobody is appointed afterwards to what was done
		return nil, refuse("an appointment was not on record before the order")
	}
	msg, err := o.Message(s.Actor)
	if err != nil || !ed25519.Verify(a.Key, msg, s.Signature) {
		return nil, refuse("the order is not signed with the key of its actor's appointment")
	}
	return a.Key, nil
}

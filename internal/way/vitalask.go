package way

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// vitalOrder waits for two people.
type vitalOrder struct {
	order     protocol.VitalOrder
	recipient *protocol.Recipient
	packages  []protocol.VitalPackage
	until     time.Time
	first     tribune.ActorID // who asked
	approved  []vitalApproval
}

type vitalApproval struct {
	caller    tribune.Caller
	key       ed25519.PublicKey
	evidence  tribune.Evidence
	signature []byte
	shares    [][]byte // by package
}

func (o *vitalOrder) wipe() {
	for _, a := range o.approved {
		for _, s := range a.shares {
			clear(s)
		}
	}
}

// VitalShare is what one holder needs to do their part: their share of one key, sealed to them.
type VitalShare struct {
	Head protocol.VitalHead `json:"head"` // which the box is bound to, and which the holder holds against the order
	Box  []byte             `json:"box"`
}

// VitalAsked is an order that waits, as one of its office's holders sees it.
type VitalAsked struct {
	Order    protocol.VitalOrder `json:"order"`
	By       tribune.ActorID     `json:"by"`
	Approved []tribune.ActorID   `json:"approved"`
	Until    time.Time           `json:"until"`
	Shares   []VitalShare        `json:"shares"` // the caller's
}

// vitalAct is the act that is decided, by whoever does it.
func vitalAct(caller tribune.Caller, class tribune.ClassID, id string, now time.Time, subjects ...tribune.Pseudonym) tribune.Act {
	return tribune.Act{ID: id, Kind: tribune.ActVital, Caller: caller, Count: 1, At: now.UTC(), Scope: tribune.Scope{Class: class, Subjects: subjects}}
}

// PrepareVital begins an opening without guardians. It refuses while they can be reached; where the law does not permit it the denial goes on
// record. Nothing is opened, and nothing used up, before two people have approved the order.
func (w *Way) PrepareVital(ctx context.Context, caller tribune.Caller, class tribune.ClassID, entity tribune.EntityID, reason string) (VitalAsked, error) {
	leave, err := w.enter()
	if err != nil {
		return VitalAsked{}, err
	}
	defer leave()
	v := w.vital
	if v.cfg == nil {
		return VitalAsked{}, errNoVital()
	}
	if !caller.Known() {
		return VitalAsked{}, tribune.Hint(fmt.Errorf("%w: this needs a known caller", tribune.ErrUnknown), "Send Authorization: Bearer with a token of yours.")
	}
	now, id := w.cfg.Now(), protocol.NewID()
	decision, _, err := w.cfg.Gate.Weigh(ctx, vitalAct(caller, class, id, now))
	if err != nil {
		return VitalAsked{}, fmt.Errorf("deciding: %w", err)
	}
	if !decision.Permit {
		return VitalAsked{}, w.denials.record(ctx, vitalAct(caller, class, id, now), protocol.Inputs{Class: class}, decision)
	}
	if err := v.unreachable(ctx); err != nil {
		return VitalAsked{}, err
	}
	packages, p, err := v.current(ctx, class, entity)
	if err != nil {
		return VitalAsked{}, err
	}
	if decision, _, err = w.cfg.Gate.Weigh(ctx, vitalAct(caller, class, id, now, p)); err != nil || !decision.Permit {
		return VitalAsked{}, errorOr(err, &tribune.Denial{Decision: decision})
	}
	o := &vitalOrder{packages: packages, first: caller.Actor, until: now.Add(protocol.VitalAskFor)}
	if o.recipient, err = protocol.NewRecipient(); err != nil {
		return VitalAsked{}, err
	}
	o.order = protocol.VitalOrder{
		At: protocol.Time(now), City: w.cfg.Group.City, Class: class, Entity: entity, ID: id, Mandate: caller.Mandate, Office: caller.Office,
		Purpose: caller.Purpose, Reason: reason, Recipient: o.recipient.Public(), Version: protocol.VitalVersion,
	}
	for _, pkg := range packages {
		o.order.Keys = append(o.order.Keys, pkg.Head.Number)
	}
	if err := o.order.Validate(); err != nil {
		return VitalAsked{}, err
	}
	asked, err := o.asked(caller.Actor)
	if err != nil {
		return VitalAsked{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if mine := v.ordersOf(caller.Actor); len(v.pending) >= maxVitalOrders || mine >= maxVitalOfOne {
		return VitalAsked{}, fmt.Errorf("%w: %d orders wait, %d of them yours", tribune.ErrBusy, len(v.pending), mine)
	}
	v.pending[id] = o
	return asked, nil
}

// ordersOf counts those that one person has begun. v.mu is held.
func (v *vital) ordersOf(actor tribune.ActorID) (n int) {
	for _, o := range v.pending {
		if o.first == actor {
			n++
		}
	}
	return n
}

func errorOr(err, or error) error {
	if err != nil {
		return fmt.Errorf("deciding: %w", err)
	}
	return or
}

// current are the packages of what an entity's class holds now, of one person.
func (v *vital) current(ctx context.Context, class tribune.ClassID, entity tribune.EntityID) (all []protocol.VitalPackage, p tribune.Pseudonym, err error) {
	sealed, err := v.cfg.Current(ctx, class, entity)
	if err != nil {
		return nil, p, fmt.Errorf("looking for what rests: %w", err)
	}
	if all, err = v.cfg.Vault.VitalOf(ctx, sealed); err != nil {
		return nil, p, err
	}
	if len(all) == 0 {
		return nil, p, tribune.Hint(fmt.Errorf("%w: there is no single-use key for a current value of class %s of this entity", tribune.ErrNotFound, class),
			"Keys are made for values that arrive while the law names the class and two holders have joined. What arrived before waits for the guardians.")
	}
	p = all[0].Head.P
	if slices.ContainsFunc(all, func(o protocol.VitalPackage) bool { return o.Head.P != p }) || len(all) > protocol.MaxVitalKeys {
		return nil, p, fmt.Errorf("%w: the entity holds data of several people, or too many values", tribune.ErrUnsupported)
	}
	return all, p, nil
}

// asked is the order for one of its holders.
func (o *vitalOrder) asked(actor tribune.ActorID) (VitalAsked, error) {
	a := VitalAsked{Order: o.order, By: o.first, Until: o.until, Approved: []tribune.ActorID{}}
	for _, done := range o.approved {
		a.Approved = append(a.Approved, done.caller.Actor)
	}
	for _, p := range o.packages {
		box, _, err := p.Box(actor)
		if err != nil {
			return a, tribune.Hint(err, "Join with: tribune vital join. Values that arrive after that have a share of yours.")
		}
		a.Shares = append(a.Shares, VitalShare{Head: p.Head, Box: box.Box})
	}
	return a, nil
}

// VitalPending are the orders that wait for the caller's office, those that the caller can do their part in.
func (w *Way) VitalPending(caller tribune.Caller) (all []VitalAsked) {
	v, now := w.vital, w.cfg.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, o := range v.pending {
		if !caller.Known() || o.order.Office != caller.Office || !now.Before(o.until) {
			continue
		}
		if a, err := o.asked(caller.Actor); err == nil {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b VitalAsked) int { return a.Until.Compare(b.Until) })
	return all
}

// ApproveVital takes one person's part. Where it is the second's, the values are opened, and returned with how long they are shown; before, values
// is nil.
func (w *Way) ApproveVital(ctx context.Context, caller tribune.Caller, id string, a protocol.VitalApproval) (*VitalOpened, error) {
	leave, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	v := w.vital
	v.mu.Lock()
	o := v.pending[id]
	v.mu.Unlock()
	if o == nil || !caller.Known() || o.order.Office != caller.Office || !w.cfg.Now().Before(o.until) {
		return nil, tribune.Hint(fmt.Errorf("%w: no order waits under this id", tribune.ErrNotFound), "An order waits %d minutes and is used once.", protocol.VitalAskFor/time.Minute)
	}
	part, err := v.part(ctx, o, caller, a)
	if err != nil {
		return nil, err
	}
	both, err := v.join(o, part)
	if err != nil || !both {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer cancel()
	defer o.wipe()
	return v.open(ctx, o)
}

// part checks one person's approval: their own appointment, the law, their signature under exactly this order, and their shares, which are
// recognised without opening anything.
func (v *vital) part(ctx context.Context, o *vitalOrder, caller tribune.Caller, a protocol.VitalApproval) (part vitalApproval, err error) {
	caller.Purpose, caller.Mandate = o.order.Purpose, o.order.Mandate
	gate := v.way.cfg.Gate
	decision, evidence, err := gate.Weigh(ctx, vitalAct(caller, o.order.Class, o.order.ID, v.way.cfg.Now(), o.packages[0].Head.P))
	if err != nil || !decision.Permit {
		return part, errorOr(err, &tribune.Denial{Decision: decision})
	}
	part = vitalApproval{caller: caller, evidence: evidence, signature: a.Signature}
	if part.key, err = gate.ActorKey(caller.Actor); err != nil {
		return part, fmt.Errorf("finding the approver's key: %w", err)
	}
	msg, err := o.order.Message(caller.Actor)
	if err != nil {
		return part, err
	}
	if !ed25519.Verify(part.key, msg, a.Signature) {
		return part, fmt.Errorf("%w: the approval is not signed, for this order, by the key of your appointment", tribune.ErrInvalid)
	}
	if part.shares, err = o.recipient.OpenVital(o.order, caller.Actor, a.Box); err != nil {
		return part, err
	}
	for i, p := range o.packages {
		if err := p.Check(caller.Actor, part.shares[i]); err != nil {
			return part, err
		}
	}
	return part, nil
}

// join adds a part; both reports whether there are two now, of two people with two keys. The order is taken then: nobody opens it twice.
func (v *vital) join(o *vitalOrder, part vitalApproval) (both bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pending[o.order.ID] != o {
		return false, fmt.Errorf("%w: the order was used", tribune.ErrConflict)
	}
	for _, before := range o.approved {
		if before.caller.Actor == part.caller.Actor || before.key.Equal(part.key) {
			return false, tribune.Hint(fmt.Errorf("%w: you have approved it: it takes two people", tribune.ErrConflict), "Ask a colleague of your office: tribune vital approve --as NAME.")
		}
	}
	o.approved = append(o.approved, part)
	if len(o.approved) < 2 {
		return false, nil
	}
	delete(v.pending, o.order.ID)
	return true, nil
}

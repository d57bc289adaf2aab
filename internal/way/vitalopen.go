package way

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// vitalNote is what must be disclosed, as it rests until the record has it.
type vitalNote struct {
	Order    protocol.VitalOrder    `json:"order"`
	Signers  []protocol.VitalSigner `json:"signers"`
	P        tribune.Pseudonym      `json:"p"`
	Opened   string                 `json:"opened"`
	Back     string                 `json:"back,omitempty"`
	Set      tribune.Hash           `json:"set"`
	Policies []string               `json:"policies"`
	Evidence tribune.Evidence       `json:"evidence"`
	Salt     []byte                 `json:"salt"`
}

// VitalValue is one value that was opened.
type VitalValue struct {
	Attr  string          `json:"attr"`
	Time  string          `json:"time"`
	Value json.RawMessage `json:"value"` // the attribute instance
}

// VitalOpened is an answer, for as long as it is shown.
type VitalOpened struct {
	Order  string           `json:"order"`
	Entity tribune.EntityID `json:"entity"`
	Until  time.Time        `json:"until"`
	Values []VitalValue     `json:"values"`
}

// vitalAnswer is one that is shown to the two.
type vitalAnswer struct {
	to    []tribune.ActorID
	until time.Time
	heads []protocol.VitalHead
	clear [][]byte
}

func (a *vitalAnswer) wipe() {
	for _, c := range a.clear {
		clear(c)
	}
	a.clear = nil
}

// shown copies the answer: what is kept is wiped.
func (a *vitalAnswer) shown(id string) *VitalOpened {
	o := &VitalOpened{Order: id, Until: a.until, Values: []VitalValue{}}
	for i, h := range a.heads {
		o.Entity = h.Entity
		o.Values = append(o.Values, VitalValue{Attr: h.Attr, Time: h.Time, Value: slices.Clone(a.clear[i])})
	}
	return o
}

// open opens an order that two people have approved. The use is on the disk, and its keys gone from it, before anything is opened.
func (v *vital) open(ctx context.Context, o *vitalOrder) (*VitalOpened, error) {
	if err := v.unreachable(ctx); err != nil { // they may be back
		return nil, err
	}
	now := v.way.cfg.Now()
	if !now.Before(o.until) { // guardians would find the order too old for what was opened by it
		return nil, tribune.Hint(fmt.Errorf("%w: the order's time is over", tribune.ErrExpired), "Begin again: an order waits %d minutes.", protocol.VitalAskFor/time.Minute)
	}
	p := o.packages[0].Head.P
	decision, evidence, err := v.way.cfg.Gate.Decide(ctx, vitalAct(o.approved[0].caller, o.order.Class, o.order.ID, now, p))
	if err != nil || !decision.Permit {
		return nil, errorOr(err, &tribune.Denial{Decision: decision})
	}
	note := vitalNote{Order: o.order, P: p, Opened: protocol.Time(now), Set: decision.Set, Policies: decision.Policies, Evidence: evidence, Salt: protocol.NewSalt()}
	for _, a := range o.approved {
		note.Signers = append(note.Signers, protocol.VitalSigner{
			Actor: a.caller.Actor, Appointment: a.evidence.Appointment, AppointmentIndex: a.evidence.AppointmentIndex, AppointmentSalt: a.evidence.AppointmentSalt, Signature: a.signature,
		})
	}
	data, err := json.Marshal(note)
	if err != nil {
		return nil, err
	}
	// The state counts it before it can be durable: a page never says that nothing waits while something does.
	v.mu.Lock()
	v.waiting++
	v.mu.Unlock()
	packages, err := v.cfg.Vault.TakeVital(ctx, o.order.Keys, o.order.ID, data)
	if err != nil {
		return nil, fmt.Errorf("taking single-use keys: %w", err)
	}
	v.way.cfg.Log.Warn("personal data are opened without the guardians; the record will say so", "order", o.order.ID, "office", o.order.Office, "class", o.order.Class, "keys", o.order.Keys)
	answer := &vitalAnswer{until: now.Add(protocol.VitalFor), to: []tribune.ActorID{o.approved[0].caller.Actor, o.approved[1].caller.Actor}}
	for i, pkg := range packages {
		value, err := pkg.Open(answer.to[0], o.approved[0].shares[i], answer.to[1], o.approved[1].shares[i])
		if err != nil {
			answer.wipe()
			return nil, &tribune.IntegrityError{What: "a single-use key that two people's shares fit", Err: err}
		}
		answer.heads, answer.clear = append(answer.heads, pkg.Head), append(answer.clear, value)
		if err := v.cfg.Vault.AgainVital(ctx, o.order.Office, pkg.Head, value); err != nil {
			v.way.cfg.Log.Warn("no new single-use key was made for a value whose key was used", "err", err)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answers[o.order.ID] = answer
	return answer.shown(o.order.ID), nil
}

// VitalAnswer shows an answer again, to one of the two and while it is shown at all.
func (w *Way) VitalAnswer(caller tribune.Caller, id string) (*VitalOpened, error) {
	v := w.vital
	v.forget()
	v.mu.Lock()
	defer v.mu.Unlock()
	if o := v.pending[id]; o != nil && caller.Known() && o.order.Office == caller.Office {
		return nil, tribune.Hint(fmt.Errorf("%w: the order waits for a second person", tribune.ErrBusy), "tribune vital approve --as NAME %s", id)
	}
	a := v.answers[id]
	if a == nil || !caller.Known() || !slices.Contains(a.to, caller.Actor) {
		return nil, tribune.Hint(fmt.Errorf("%w: nothing is shown to you under this id", tribune.ErrNotFound), "An answer is shown for %d minutes, and to the two who opened it.", protocol.VitalFor/time.Minute)
	}
	return a.shown(id), nil
}

// forget wipes what is past its time.
func (v *vital) forget() {
	now := v.way.cfg.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, o := range v.pending {
		if !now.Before(o.until) {
			o.wipe()
			delete(v.pending, id)
		}
	}
	for id, a := range v.answers {
		if !now.Before(a.until) {
			a.wipe()
			delete(v.answers, id)
		}
	}
}

// errWaits: an inventory before a disclosure would tell of a key that is gone and not say why.
var errWaits = errors.New("a use waits to be disclosed")

// VitalReason is why data were opened without guardians, as the two said who did it: for the person concerned. ErrNotFound where the opening of
// that leaf is not here, or no longer.
func (w *Way) VitalReason(ctx context.Context, raw []byte) (string, error) {
	o, err := w.opening(ctx, protocol.LeafHash(raw))
	if err != nil {
		return "", fmt.Errorf("reading why data were opened: %w", err)
	}
	private, err := protocol.DecodePrivate(o.Private)
	if err != nil {
		return "", fmt.Errorf("reading why data were opened: %w", err)
	}
	v, err := protocol.DecodeVitalPrivate(private.Inputs.Note)
	return v.Order.Reason, err
}

func vitalChecksKey(index uint64) []byte {
	return store.Uint(store.Key("way", tribune.Place{}, "vitalchecks"), index)
}

// KeepVitalChecks keeps guardians' public word on the disclosure at index.
func (w *Way) KeepVitalChecks(ctx context.Context, index uint64, checks []protocol.VitalChecked) error {
	return keepWords(ctx, w.cfg.Store, vitalChecksKey(index), checks)
}

// VitalChecks are those that were kept; none where nobody has checked it.
func (w *Way) VitalChecks(ctx context.Context, index uint64) (checks []protocol.VitalChecked, err error) {
	return keptWords[protocol.VitalChecked](ctx, w.cfg.Store, vitalChecksKey(index))
}

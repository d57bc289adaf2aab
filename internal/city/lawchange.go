package city

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/portal"
	"tribune/policy"
	"tribune/protocol"
)

// lawEvery is how often guardians are asked while a change waits for them: approvals are given by people.
const lawEvery = 5 * time.Second

// followLaw looks after changes of law until ctx ends: approvals that guardians give, waits that end. It begins when the one way is
// open; the first law is put on record by then.
func (h *Hub) followLaw(ctx context.Context) error {
	tick := time.NewTicker(lawEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if h.way.Load() == nil || h.lawbook.chain.Next() == 0 {
			continue
		}
		h.reading.Lock()
		err := h.publishLaw(ctx)
		h.reading.Unlock()
		if err != nil && ctx.Err() == nil {
			h.lawbook.say(h, "a change of law goes on when this has ended: "+err.Error())
		}
	}
}

// publishLaw takes the next step in the life of a change, if there is one: it publishes the first law, puts in force what has waited,
// announces or withdraws what lies in the folder. h.reading is held: the folder is not read anew meanwhile.
func (h *Hub) publishLaw(ctx context.Context) error {
	if err := h.lawbook.read(ctx); err != nil {
		return err
	}
	current, err := h.lawbook.chain.InForce(ctx, h.lawbook.chain.Next(), h.now())
	if errors.Is(err, tribune.ErrNotFound) {
		if err := h.announce(ctx, h.gate.Set(), protocol.LawPublic{}); err != nil {
			return err
		}
		current, err = h.lawbook.chain.InForce(ctx, h.lawbook.chain.Next(), h.now())
	}
	if err != nil {
		return fmt.Errorf("finding the law in force: %w", err)
	}
	if current.Hash() != h.gate.Set().Hash() {
		if ready, err := h.effect(ctx, current); err != nil {
			return err
		} else if !ready {
			return h.weighStuck(ctx, current)
		}
	}
	h.lawbook.stick(nil)
	if err := h.lawbook.follow(ctx); err != nil {
		return err
	}
	return h.weighFolder(ctx, current)
}

// effect puts a set in force that counts by the record and our clock. One that permits more than ours waits until t guardians say that it
// decides for them: earlier they would refuse whatever we decide by it.
func (h *Hub) effect(ctx context.Context, set *policy.Set) (ready bool, err error) {
	if tightens, _ := policy.Tightens(h.gate.Set(), set); !tightens {
		yes, need := 0, h.threshold()
		if group := h.group.Load(); group != nil {
			need = group.T
		}
		for _, state := range h.guardians.Laws(ctx) {
			if state.InForce == set.Hash() {
				yes++
			}
		}
		if yes < need {
			h.lawbook.say(h, fmt.Sprintf("policy set %s has waited its time, and %d of %d guardians say so yet", set.Hash(), yes, need))
			return false, nil
		}
	}
	clear, err := h.staysClear(ctx, h.gate.Set(), set)
	if err != nil {
		return false, err
	}
	if err := h.gate.SetSet(set); err != nil {
		return false, err
	}
	if clear != "" { // it has come since the change was announced
		h.log.Error("a law is in force, and not for what lies in the open: " + clear)
	}
	h.log.Warn("a changed law is in force", "set", set.Hash().String())
	return true, h.lawbook.follow(ctx)
}

// weighFolder compares what lies in the folder with what is in force and announced.
func (h *Hub) weighFolder(ctx context.Context, current *policy.Set) error {
	pending, err := h.lawbook.chain.Pending(ctx, h.now())
	if err != nil {
		return err
	}
	for i, r := range pending { // whatever lies in the folder by now
		if h.withdrawal(r.Set) != nil {
			return h.withdraw(ctx, current, pending[i:])
		}
	}
	set, broken := h.gate.Proposed()
	switch {
	case broken != nil:
		h.lawbook.propose(nil)
		return nil // reload has said so
	case set == nil:
		h.lawbook.propose(nil)
		if len(pending) > 0 { // the steward has put the old files back
			return h.withdraw(ctx, current, pending)
		}
		return nil
	}
	if slices.ContainsFunc(pending, func(r policy.Ruling) bool { return r.Set == set.Hash() }) {
		h.lawbook.propose(nil)
		return nil // it waits
	}
	return h.advance(ctx, current, set)
}

// advance brings a proposal as far as it goes.
func (h *Hub) advance(ctx context.Context, current, set *policy.Set) error {
	p := &portal.LawProposal{Set: set, Since: h.now(), Loosens: policy.Loosens(current, set)}
	if before := h.lawbook.proposed(); before != nil && before.Set.Hash() == set.Hash() {
		p.Since = before.Since
	}
	defer func() { h.lawbook.propose(p) }()
	if by := h.withdrawal(set.Hash()); by != nil {
		p.Refused = "It was withdrawn by " + by.By + "."
		return nil
	}
	if clear, err := h.staysClear(ctx, current, set); err != nil || clear != "" {
		p.Refused = clear
		h.lawbook.say(h, clear)
		return err
	}
	if len(p.Loosens) == 0 {
		if err := h.announce(ctx, set, protocol.LawPublic{}); err != nil {
			return err
		}
		_, err := h.effect(ctx, set)
		p = nil
		return err
	}
	if spent, err := h.lawbook.chain.Spent(ctx, set.Hash()); err != nil || spent {
		p.Refused = "It was announced before, and approvals count once. Change its words (a comment will do), have it signed and approved again."
		h.lawbook.say(h, fmt.Sprintf("policy set %s goes no further: %s", set.Hash(), p.Refused))
		return err
	}
	keys, need := h.lawbook.approvers(h.record.Published())
	for _, list := range h.guardians.Approvals(ctx) {
		for _, a := range list {
			if a.Set == set.Hash() && policy.Approved(set.Hash(), current.Hash(), []protocol.Approval{a.Approval}, keys, h.now()) == 1 {
				p.Approvals = append(p.Approvals, a.Approval)
			}
		}
	}
	slices.SortFunc(p.Approvals, func(a, b protocol.Approval) int { return strings.Compare(a.Guardian, b.Guardian) })
	p.Approvals = slices.CompactFunc(p.Approvals, func(a, b protocol.Approval) bool { return a.Guardian == b.Guardian })
	if len(p.Approvals) < need {
		h.lawbook.say(h, fmt.Sprintf("policy set %s lies in the law's folder and permits more (%s); %d of %d approvals are given. A guardian's operator gives one with: guardian approve --config FILE %s", set.Hash(), p.Loosens[0], len(p.Approvals), need, set.Hash()))
		return nil
	}
	if err := h.announce(ctx, set, protocol.LawPublic{Approvals: p.Approvals}); err != nil {
		return err
	}
	h.lawbook.say(h, fmt.Sprintf("policy set %s is announced and takes effect in 72 hours", set.Hash()))
	p = nil
	return h.lawbook.follow(ctx)
}

// withdraw names the set in force once more, which ends what was announced.
func (h *Hub) withdraw(ctx context.Context, current *policy.Set, pending []policy.Ruling) error {
	if err := h.announce(ctx, current, protocol.LawPublic{Withdraws: pending[0].Set}); err != nil {
		return err
	}
	h.log.Warn("a change of law was withdrawn before it took effect", "set", pending[0].Set.String())
	return h.lawbook.follow(ctx)
}

// announce puts the hash of a set on record, and feeds the chain. The set is served from now on.
func (h *Hub) announce(ctx context.Context, set *policy.Set, public protocol.LawPublic) error {
	if err := h.gate.Keep(set); err != nil {
		return err
	}
	public.Set = set.Hash()
	act := h.own(tribune.ActLaw)
	decision, evidence, err := h.gate.Decide(ctx, act)
	if err == nil && !decision.Permit {
		err = &tribune.Denial{Decision: decision}
	}
	if err != nil {
		return fmt.Errorf("deciding the law's publication: %w", err)
	}
	text, err := protocol.JCS(public)
	if err != nil {
		return err
	}
	index, _, err := h.seal(ctx, act, text, nil, decision, evidence)
	if err != nil {
		return err
	}
	if err := h.keepLawReceipt(ctx, index); err != nil { // what it is for can be done without
		h.log.Warn("the receipt of a law's leaf is not kept: a guardian that joins later waits for that law anew", "err", err)
	}
	return h.lawbook.read(ctx)
}

// say tells the log what stands with a change, once.
func (l *lawBook) say(h *Hub, what string) {
	l.mu.Lock()
	again := l.told == what
	l.told = what
	l.mu.Unlock()
	if !again && what != "" {
		h.log.Warn(what)
	}
}

func (l *lawBook) propose(p *portal.LawProposal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proposal = p
}

func (l *lawBook) proposed() *portal.LawProposal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.proposal
}

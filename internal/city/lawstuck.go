package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/portal"
	"tribune/policy"
	"tribune/protocol"
)

// A change can be in force by the record and the hub's clock, and not for t guardians: because they cannot be asked, or because they
// passed it over and never will have it. Nothing stands still for it: acts are decided by the law that guardians go by, pages and
// `tribune law status` say what lacks, and the steward or the council may withdraw it as any change that is not in force. The hub then
// passes that leaf over, too.

// passedFile is beside the law's files: the leaves that this hub passes over.
const passedFile = "laws-passed.json"

func (l *lawBook) readPassed() error {
	raw, err := os.ReadFile(filepath.Join(l.hub.cfg.Dir.Law(), passedFile))
	if err == nil {
		err = json.Unmarshal(raw, &l.passed)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading which laws were passed over: %w", err)
	}
	return nil
}

// pass passes a leaf over for good.
func (l *lawBook) pass(index uint64) error {
	l.mu.Lock()
	l.passed = append(l.passed, index)
	raw, err := json.Marshal(l.passed)
	l.mu.Unlock()
	if err == nil {
		err = writeFile(filepath.Join(l.hub.cfg.Dir.Law(), passedFile), raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping which laws were passed over: %w", err)
	}
	l.chain.Pass(index)
	return nil
}

func (l *lawBook) stick(s *portal.LawStuck) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stuck = s
}

// weighStuck looks after a set that counts by the record and that too few guardians go by.
func (h *Hub) weighStuck(ctx context.Context, set *policy.Set) error {
	rulings, err := h.lawbook.chain.Rulings(ctx)
	if err != nil {
		return err
	}
	var leaf *policy.Ruling
	for i, r := range rulings {
		if r.Set == set.Hash() && !r.Never {
			leaf = &rulings[i]
		}
	}
	if leaf == nil {
		return nil
	}
	s := &portal.LawStuck{Set: set, Leaf: leaf.Index, Since: leaf.From, Needed: h.threshold()}
	word := saidOf(set.Hash(), h.guardians.Laws(ctx))
	n := len(h.group.Load().Guardians)
	s.Guardians, s.Never = word.with, word.never >= n-s.Needed+1 // without so many there are no t for it
	h.lawbook.stick(s)
	proposed, broken := h.gate.Proposed()
	back := proposed == nil && broken == nil // the steward has put the old files back
	if !back && h.withdrawal(set.Hash()) == nil {
		if proposed != nil && proposed.Hash() != set.Hash() {
			h.lawbook.propose(&portal.LawProposal{Set: proposed, Since: h.now(), Loosens: policy.Loosens(h.gate.Set(), proposed), Refused: "Another change is on record and not in force. Withdraw that first: " + s.Hint()})
		}
		return nil
	}
	if tightens, _ := policy.Tightens(set, h.gate.Set()); !tightens && !word.leaves(n, s.Needed) {
		h.lawbook.say(h, "a withdrawal waits: guardians must say that they go by another law than the one withdrawn, or it might be in force for them")
		return nil
	}
	if err := h.announce(ctx, h.gate.Set(), protocol.LawPublic{Withdraws: set.Hash()}); err != nil {
		return err
	}
	if err := h.lawbook.pass(leaf.Index); err != nil {
		return err
	}
	h.lawbook.stick(nil)
	h.log.Warn("a change of law that guardians did not take was withdrawn", "set", set.Hash().String())
	return h.lawbook.follow(ctx)
}

// stayFor is how long a guardian must still go by another law, by its own clock, to count as one that does: it has to see the withdrawal.
const stayFor = 10 * time.Minute

// said is what guardians say of a set that counts by the record.
type said struct {
	with   []string // who go by it
	others int      // go by another law and will for a while
	never  int      // of them, for whom it does not even wait
}

func saidOf(set tribune.Hash, states []protocol.LawState) (s said) {
	for _, state := range states {
		i := slices.IndexFunc(state.Pending, func(a protocol.LawAnnounce) bool { return a.Set == set })
		switch {
		case state.InForce == set:
			s.with = append(s.with, state.Guardian)
		case state.InForce == (tribune.Hash{}): // goes by none yet, and may come to that one
		case i < 0:
			s.others, s.never = s.others+1, s.never+1
		case time.Unix(state.Pending[i].From, 0).Sub(time.Unix(state.Now, 0)) >= stayFor:
			s.others++
		}
	}
	return s
}

// leaves reports whether a law that permits in part more than the one withdrawn can take its place: a guardian for whom that one is in
// force would not take it back. Up to t-1 of those who answer may lie, so 2t-1 must go by the other law for t to stay who open, and
// n-t+1 for there to be no t who honestly go by the one withdrawn.
func (s said) leaves(n, t int) bool { return s.others >= max(2*t-1, n-t+1) }

// settleLaw makes sure, before anything is decided, that the set by which the gate decides is one that the record has put in force: a hub
// whose file of that was lost or altered begins with what lies in its folder. Where it is not, t guardians say which one is.
func (h *Hub) settleLaw(ctx context.Context) error {
	h.reading.Lock()
	defer h.reading.Unlock()
	if err := h.lawbook.read(ctx); err != nil {
		return err
	}
	if h.lawbook.chain.Next() == 0 {
		return h.noLawYet(ctx)
	}
	ours, onRecord := h.gate.Set().Hash(), map[tribune.Hash]bool{}
	rulings, err := h.lawbook.chain.Rulings(ctx)
	if err != nil && ctx.Err() != nil {
		return err
	}
	for _, r := range rulings {
		if onRecord[r.Set] = onRecord[r.Set] || !r.Never && !(r.Wait && r.From.After(h.now())); r.Set == ours && onRecord[ours] {
			return h.settleReplaced(ctx)
		}
	}
	says := map[tribune.Hash]int{}
	for _, state := range h.guardians.Laws(ctx) {
		if says[state.InForce]++; says[state.InForce] < h.threshold() || !onRecord[state.InForce] {
			continue
		}
		set, err := h.lawbook.load(ctx, state.InForce)
		if err != nil || set == nil {
			return fmt.Errorf("reading the law in force: %w", errors.Join(tribune.ErrBusy, err))
		}
		if err := h.gate.SetSet(set); err != nil {
			return err
		}
		h.log.Error("this hub began with another law than the one in force on record; it goes by that now", "had", ours.String(), "set", set.Hash().String())
		return nil
	}
	return tribune.Hint(fmt.Errorf("%w: the law that this hub begins with was never in force on record, and too few guardians say which one is", tribune.ErrBusy),
		"Start the guardians. Keep what lies in %s: it is read again by itself.", h.cfg.Dir.Law())
}

// settleReplaced goes by the law in force on record where ours was in force before it: what tightens at once, and any other where t
// guardians go by it.
func (h *Hub) settleReplaced(ctx context.Context) error {
	current, err := h.lawbook.chain.InForce(ctx, h.lawbook.chain.Next(), h.now())
	if err != nil || current.Hash() == h.gate.Set().Hash() {
		return err
	}
	_, err = h.effect(ctx, current)
	return err
}

// noLawYet: no law is published. One that stands on record and is not yet published counts all the same: another must not be put before it.
func (h *Hub) noLawYet(ctx context.Context) error {
	for entry, err := range h.record.Range(ctx, h.record.Published()) {
		if err != nil {
			return fmt.Errorf("looking for the law on record: %w", err)
		}
		if strings.Contains(string(entry.Leaf), string(lawMark)) {
			return fmt.Errorf("%w: the law on record waits for its co-signatures", tribune.ErrBusy)
		}
	}
	return nil
}

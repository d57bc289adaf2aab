package way

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// Enrolment bounds.
const (
	enrolQueue = 1 << 16                // subjects waiting; beyond it they are enrolled when first used
	enrolEvery = 500 * time.Millisecond // gathers newcomers into one leaf
	enrolRetry = 30 * time.Second       // without quorum there is no enrolment; arrival goes on, and a reading enrols whom it needs
)

// enrolment gives the hub subjects' trace keys, by recorded acts of the hub itself (protocol 25): newcomers in the
// background, in batches, so that the first reading of a person costs one round and not two.
type enrolment struct {
	way   *Way
	queue chan tribune.Pseudonym
	stop  context.CancelFunc
	done  chan struct{}

	turn chan struct{} // held by one enrolment at a time: two would put the same subject on record twice
}

func newEnrolment(w *Way) *enrolment {
	ctx, cancel := context.WithCancel(context.Background())
	e := &enrolment{way: w, queue: make(chan tribune.Pseudonym, enrolQueue), stop: cancel, done: make(chan struct{}), turn: make(chan struct{}, 1)}
	go e.run(ctx)
	return e
}

func (e *enrolment) close() {
	e.stop()
	<-e.done
}

// Enrol queues a new subject. It never blocks: one that finds the queue full is enrolled at its first use.
func (w *Way) Enrol(p tribune.Pseudonym) {
	select {
	case w.enrolment.queue <- p:
	default:
	}
}

func (e *enrolment) run(ctx context.Context) {
	defer close(e.done)
	tick := time.NewTicker(enrolEvery)
	defer tick.Stop()
	var batch []protocol.Subject
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if batch = e.gather(batch); len(batch) == 0 {
			continue
		}
		if err := e.ensure(ctx, batch); err != nil {
			if ctx.Err() != nil {
				return
			}
			e.way.cfg.Log.Warn("enrolment waits", "subjects", len(batch), "err", err)
			tick.Reset(enrolRetry)
			continue
		}
		tick.Reset(enrolEvery)
		batch = nil
	}
}

// gather adds who is new to who waits still, without those who were erased since.
func (e *enrolment) gather(batch []protocol.Subject) []protocol.Subject {
	batch = slices.DeleteFunc(batch, func(s protocol.Subject) bool { return e.way.cfg.Vault.Barred(s.P) })
	for len(batch) < protocol.MaxTags {
		select {
		case p := <-e.queue:
			if e.way.cfg.Vault.Barred(p) { // erased since
				continue
			}
			batch = append(batch, protocol.Subject{P: p})
		default:
			return batch
		}
	}
	return batch
}

// ensure returns when every subject has a trace key.
func (e *enrolment) ensure(ctx context.Context, subjects []protocol.Subject) error {
	return e.have(ctx, subjects, 0)
}

// ensureHidden returns when the hub has the key of every subject's hidden chain of a quarter. On record it looks like any enrolment,
// and tells nobody whom a warrant is about.
func (e *enrolment) ensureHidden(ctx context.Context, subjects []protocol.Subject, quarter uint32) error {
	return e.have(ctx, subjects, quarter)
}

// have enrols whom the hub has no key of, of their trace (quarter 0) or a hidden chain. Whoever waits for another's enrolment waits
// openFor at most.
func (e *enrolment) have(ctx context.Context, subjects []protocol.Subject, quarter uint32) error {
	if missing, err := e.missing(ctx, subjects, quarter); err != nil || len(missing) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, openFor)
	defer cancel()
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return tribune.Hint(fmt.Errorf("%w: other enrolments go first: %w", tribune.ErrBusy, ctx.Err()), "Try again in a few seconds.")
	}
	missing, err := e.missing(ctx, subjects, quarter) // another enrolment may just have ended
	if err != nil || len(missing) == 0 {
		return err
	}
	// Once its leaf may be on record the enrolment is finished, whoever hangs up: else the next one enrols them again.
	walk, end := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer end()
	return e.enrol(walk, missing)
}

func (e *enrolment) missing(ctx context.Context, subjects []protocol.Subject, quarter uint32) (missing []protocol.Subject, err error) {
	seen := map[tribune.Pseudonym]bool{}
	for _, s := range subjects {
		if seen[s.P] {
			continue
		}
		seen[s.P] = true
		id := tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: s.P}
		_, err := e.way.cfg.Vault.TraceKey(ctx, s.P)
		if quarter != 0 {
			id.Kind, id.Quarter = tribune.IdentityHidden, quarter
			_, err = e.way.cfg.Vault.HiddenKey(ctx, s.P, quarter)
		}
		switch {
		case errors.Is(err, tribune.ErrNotFound):
			missing = append(missing, protocol.Subject{P: s.P, IDs: []tribune.Identity{id}})
		case err != nil:
			return nil, fmt.Errorf("looking for a trace key: %w", err)
		}
	}
	return missing, nil
}

func (e *enrolment) enrol(ctx context.Context, subjects []protocol.Subject) error {
	w := e.way
	act := tribune.Act{ID: protocol.NewID(), Kind: tribune.ActEnrol, Caller: w.cfg.Hub, Count: len(subjects), At: w.cfg.Now().UTC()}
	s := &sheet{caller: w.cfg.Hub, subjects: subjects, salt: protocol.NewSalt()}
	var err error
	if s.decision, s.evidence, err = w.cfg.Gate.Decide(ctx, act); err != nil {
		return fmt.Errorf("deciding enrolment: %w", err)
	}
	if !s.decision.Permit {
		return fmt.Errorf("enrolling subjects: %w", &tribune.Denial{Decision: s.decision})
	}
	if s.recipient, err = protocol.NewRecipient(); err != nil {
		return err
	}
	if err := s.draw(act, protocol.Inputs{}, s.recipient.Public()); err != nil {
		return err
	}
	signature, err := s.act.Sign(w.cfg.HubKey)
	if err != nil {
		return err
	}
	keys, _, err := w.walk(ctx, s, signature)
	if err != nil {
		return fmt.Errorf("enrolling %d subjects: %w", len(subjects), err)
	}
	defer wipe(keys)
	for id, d := range keys {
		if err := w.keepKey(ctx, id, d); err != nil {
			return fmt.Errorf("keeping a trace key: %w", err)
		}
	}
	return nil
}

// keepKey keeps what an enrolment has opened.
func (w *Way) keepKey(ctx context.Context, id tribune.Identity, d []byte) error {
	if id.Kind == tribune.IdentityHidden {
		return w.cfg.Vault.PutHidden(ctx, id.Pseudonym, id.Quarter, d)
	}
	return w.cfg.Vault.PutTrace(ctx, id.Pseudonym, d)
}

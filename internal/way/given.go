package way

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// Given is what one act gave to one office of one person: a reading, or that they were told of under a standing act.
type Given struct {
	Office   tribune.OfficeID
	Purpose  tribune.PurposeID
	Class    tribune.ClassID
	Day      uint32             // of the act
	Entities []tribune.EntityID // as the answer named them; none of a delivery, and of readings that were made before they were kept
	Standing string             // the standing act of a delivery; "" = a reading
	Quarter  uint32             // it is hidden from the person until this is over, or longer (HiddenUntil); 0 = it is not
}

// Recipients tells whoever was given a person's data that they were erased (GDPR, articles 17(2) and 19). Erased is called before anything is
// deleted, once more when all is, and again after a crash: cause is the same then, and what is queued under it already stays as it is. When it
// returns, what must be told is durable.
type Recipients interface {
	Erased(ctx context.Context, cause string, p tribune.Pseudonym, at time.Time, given []Given) error
}

// tellRecipients has it queued who must be told of the i-th erasure of a plan, while openings and trace key still say who was given what. What cannot be
// queued in time keeps nobody's data for ever.
func (e *erasing) tellRecipients(ctx context.Context, plan *erasurePlan, i int, at time.Time) error {
	err := e.queueRecipients(ctx, plan, i, at)
	if err != nil && ctx.Err() == nil && !e.waits(plan, at) {
		e.way.cfg.Log.Error("recipients of erased data are not told; it is deleted here all the same", "index", plan.index, "err", err)
		return nil
	}
	return err
}

func (e *erasing) queueRecipients(ctx context.Context, plan *erasurePlan, i int, at time.Time) error {
	if e.way.cfg.Told == nil {
		return nil
	}
	p := plan.Subjects[i]
	given, err := e.way.given(ctx, p)
	if err != nil {
		return fmt.Errorf("finding who was given what is to be erased: %w", err)
	}
	if err := e.way.cfg.Told.Erased(ctx, fmt.Sprintf("erasure %s %s", plan.leaf, p), p, at, given); err != nil {
		return fmt.Errorf("queueing who must be told of an erasure: %w", err)
	}
	return nil
}

// Given is who was given data of a person by acts on record, and what, as far as openings say: oldest first, hidden chains after the others. What a
// person was given of themselves, and acts that gave nothing, are not in it. Nobody of that pseudonym: nothing.
func (w *Way) Given(ctx context.Context, p tribune.Pseudonym) ([]Given, error) {
	leave, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	return w.given(ctx, p)
}

func (w *Way) given(ctx context.Context, p tribune.Pseudonym) (all []Given, err error) {
	quarters, err := w.cfg.Vault.HiddenQuarters(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("finding hidden chains: %w", err)
	}
	for _, quarter := range append([]uint32{0}, quarters...) {
		d, err := w.chainKey(ctx, p, quarter)
		if errors.Is(err, tribune.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		k, err := protocol.TraceKey(d)
		clear(d)
		if err != nil {
			return nil, err
		}
		uses := w.uses.of(k)
		clear(k)
		for _, u := range uses {
			one, err := w.givenBy(ctx, p, u.Index)
			if err != nil {
				return nil, err
			}
			if one != nil {
				one.Quarter = quarter
				all = append(all, *one)
			}
		}
	}
	return all, nil
}

func (w *Way) chainKey(ctx context.Context, p tribune.Pseudonym, quarter uint32) ([]byte, error) {
	if quarter == 0 {
		return w.cfg.Vault.TraceKey(ctx, p)
	}
	return w.cfg.Vault.HiddenKey(ctx, p, quarter)
}

// givenBy is what the act of a leaf gave of a person; nil where it gave nothing.
func (w *Way) givenBy(ctx context.Context, p tribune.Pseudonym, index uint64) (*Given, error) {
	raw, err := w.leafAt(ctx, index)
	if err != nil {
		return nil, err
	}
	leaf, err := protocol.DecodeLeaf(raw)
	if err != nil || !leaf.Decision.Permit {
		return nil, nil // it opened nothing
	}
	at, err := leaf.Act.When()
	if err != nil {
		return nil, nil
	}
	g := &Given{Office: leaf.Act.Office, Purpose: leaf.Act.Purpose, Day: tribune.DayOf(at)}
	data, err := w.cfg.Store.Get(ctx, openingKey(protocol.LeafHash(raw)))
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, nil // of before an earlier erasure: told then
	}
	if err != nil {
		return nil, fmt.Errorf("reading an opening: %w", err)
	}
	if data, err = w.cfg.Vault.Unwrap(string(openingKey(protocol.LeafHash(raw))), data); err != nil {
		w.cfg.Log.Error("an opening that no key opens tells of no recipient", "index", index, "err", err)
		return nil, nil
	}
	var o Opening
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, &tribune.IntegrityError{What: "an opening", Err: err}
	}
	private, err := protocol.DecodePrivate(o.Private)
	if err != nil {
		return nil, &tribune.IntegrityError{What: "an opening", Err: err}
	}
	i := slices.IndexFunc(private.Subjects, func(s protocol.Subject) bool { return s.P == p })
	if i < 0 || bytes.Contains(o.Evidence.Appointment, []byte(p.String())) { // with a key for one's own data
		return nil, nil
	}
	g.Class, g.Entities = private.Inputs.Class, o.Entities[p]
	switch leaf.Act.Kind {
	case tribune.ActDelivery:
		var public struct{ Standing string }
		if json.Unmarshal(leaf.Public, &public) != nil {
			return nil, nil
		}
		g.Standing = public.Standing
	case tribune.ActRead:
		if len(private.Subjects[i].IDs) == 0 {
			return nil, nil // asked for, and nothing of theirs was opened
		}
	case tribune.ActVital: // two people of that office saw it, without the guardians
		use, _, _, err := protocol.VitalUseOf(leaf)
		if err != nil {
			return nil, nil
		}
		g.Class = use.Class
	default:
		return nil, nil
	}
	return g, nil
}

func (w *Way) leafAt(ctx context.Context, index uint64) ([]byte, error) {
	for entry, err := range w.cfg.Record.Range(ctx, index) {
		if err != nil {
			return nil, fmt.Errorf("reading the record: %w", err)
		}
		return entry.Leaf, nil
	}
	return nil, fmt.Errorf("%w: the record has no entry %d", tribune.ErrNotFound, index)
}

// HiddenUntil is when a hidden chain opens to its person, as extensions on record say.
func (w *Way) HiddenUntil(p tribune.Pseudonym, quarter uint32) time.Time {
	return w.hidden.Until(w.cfg.Group.City, tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: quarter})
}

// entities are what a reading's answer names each subject's data by.
func (s *sheet) entities() map[tribune.Pseudonym][]tribune.EntityID {
	type named struct {
		p  tribune.Pseudonym
		id tribune.EntityID
	}
	out, seen := map[tribune.Pseudonym][]tribune.EntityID{}, map[named]bool{}
	for _, v := range s.sealed {
		if one := (named{v.Pseudonym, v.Entity}); v.Entity != "" && !seen[one] {
			seen[one] = true
			out[v.Pseudonym] = append(out[v.Pseudonym], v.Entity)
		}
	}
	return out
}

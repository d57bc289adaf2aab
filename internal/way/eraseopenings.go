package way

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// openingsAtOnce is how many openings are rewritten in one commit.
const openingsAtOnce = 256

// openings deletes the openings that name a plan's subjects and nobody else. Of an act about several people, and of the erasure itself, the
// subject is taken out and the rest stays: who acted, why, and for the others what. Such an opening does not open its leaf any more, and has
// lost its salt, by which a guess about the missing part could be tried. It reads every opening once.
func (e *erasing) openings(ctx context.Context, plan *erasurePlan) (n int, err error) {
	w := e.way
	prefix := store.Key("way", tribune.Place{}, "opening")
	var b store.Batch
	flush := func() error {
		if len(b.Ops) == 0 {
			return nil
		}
		err := w.cfg.Store.Commit(ctx, &b)
		b = store.Batch{}
		return err
	}
	for pair, err := range w.cfg.Store.Scan(ctx, store.Prefix(prefix)) {
		if err != nil {
			return n, err
		}
		data, err := w.cfg.Vault.Unwrap(string(pair.Key), pair.Value)
		if err != nil {
			w.cfg.Log.Error("an opening that no key opens stays as it is", "err", err)
			continue
		}
		if !slices.ContainsFunc(plan.Subjects, func(p tribune.Pseudonym) bool { return bytes.Contains(data, []byte(p.String())) }) {
			continue
		}
		own := bytes.Equal(pair.Key, openingKey(plan.leaf))
		left, err := redact(data, plan.Subjects, own)
		if err != nil {
			return n, err
		}
		n++
		if left == nil {
			b.Delete(slices.Clone(pair.Key))
		} else if err := w.cfg.Vault.Keep(ctx, slices.Clone(pair.Key), left); err != nil {
			return n, err
		}
		if len(b.Ops) >= openingsAtOnce {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	return n, flush()
}

// redact takes subjects out of an opening; nil where nobody else is in it and it is not to be kept for its own sake.
func redact(data []byte, gone []tribune.Pseudonym, keep bool) ([]byte, error) {
	var o Opening
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, &tribune.IntegrityError{What: "an opening", Err: err}
	}
	private, err := protocol.DecodePrivate(o.Private)
	if err != nil {
		return nil, &tribune.IntegrityError{What: "an opening", Err: errors.Join(err, tribune.ErrInvalid)}
	}
	before := len(private.Subjects)
	private.Subjects = slices.DeleteFunc(private.Subjects, func(s protocol.Subject) bool { return slices.Contains(gone, s.P) })
	if len(private.Subjects) == 0 && !keep {
		return nil, nil
	}
	if private.Subjects == nil {
		private.Subjects = []protocol.Subject{}
	}
	if o.Private, err = protocol.JCS(private); err != nil {
		return nil, err
	}
	o.Redacted += before - len(private.Subjects)
	o.Salt = nil
	for _, p := range gone { // a key for one's own data names its holder
		delete(o.Entities, p)
		if bytes.Contains(o.Evidence.Appointment, []byte(p.String())) {
			o.Evidence.Appointment, o.Evidence.AppointmentSalt = nil, nil
		}
	}
	o.Evidence.Consents = slices.DeleteFunc(o.Evidence.Consents, func(text []byte) bool {
		c, err := protocol.DecodeConsent(text)
		return err != nil || slices.Contains(gone, c.Consent.Subject)
	})
	out, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("redacting an opening: %w", err)
	}
	return out, nil
}

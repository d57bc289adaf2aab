package guardian

import (
	"context"
	"fmt"
	"slices"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// permittedThen: what was sealed under an earlier law is opened only where that law, too, permits the act, or each of its subjects
// has consented (protocol 22).
func (g *Guardian) permittedThen(ctx context.Context, h *hearing) error {
	reigns, told, err := g.law.chain.Reigns(ctx, h.v.Index, h.onLog)
	if err != nil {
		return refuse("the laws of before cannot be read")
	}
	if err := g.permittedUnder(ctx, h, reigns); err != nil || slices.Equal(reigns, told) {
		return err
	}
	return g.permittedUnder(ctx, h, told)
}

// permittedUnder asks the laws of one course of reigns.
func (g *Guardian) permittedUnder(ctx context.Context, h *hearing, reigns []policy.Reign) error {
	if len(reigns) < 2 {
		return nil
	}
	act, err := actOf(h.v.Leaf.Act, h.priv)
	if err != nil {
		return refuse("the act's window of arrival times cannot be read")
	}
	for _, s := range h.priv.Subjects {
		act.Scope.Identities = append(act.Scope.Identities, s.IDs...)
	}
	missing, rests, err := h.set.Earlier(act, h.req.Evidence, reigns, func(hash tribune.Hash) (*policy.Set, error) {
		set, err := g.law.get(ctx, hash)
		if err == nil && set == nil {
			err = fmt.Errorf("%w: policy set %s", tribune.ErrInvalid, hash)
		}
		return set, err
	})
	if err != nil {
		return refuse("the laws of before cannot be read")
	}
	if len(missing) > 0 {
		return refuse("%s", missing[0])
	}
	for _, c := range rests {
		if err := g.onRecordBefore(h.v.Index, c); err != nil {
			return err
		}
	}
	return nil
}

// onRecordBefore: the appointment of the key that signed a consent stands in our mirror before the act.
func (g *Guardian) onRecordBefore(index uint64, c protocol.SignedConsent) error {
	if c.AppointmentIndex >= index {
		return refuse("the key of a consent is not on record before the act")
	}
	raw, err := g.mirror.Leaf(c.AppointmentIndex)
	if err != nil {
		return fmt.Errorf("reading the mirror: %w", err)
	}
	leaf, err := protocol.DecodeLeaf(raw)
	if err != nil || leaf.Act.Kind != tribune.ActAppoint || !leaf.Decision.Permit {
		return refuse("the leaf named for the key of a consent is none of an appointment")
	}
	if com, err := protocol.Commitment(c.AppointmentSalt, c.Appointment); err != nil || com != leaf.Act.Com {
		return refuse("the appointment of a consent's key is not the one on record")
	}
	return nil
}

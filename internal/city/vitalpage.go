package city

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/portal"
	"tribune/internal/way"
	"tribune/protocol"
	"tribune/verify"
)

// vitalPages is vital interest, for its page and for the people concerned.
type vitalPages struct{ hub *Hub }

var _ portal.VitalSource = vitalPages{}

func (v vitalPages) State(ctx context.Context) (out portal.Vital, err error) {
	one := v.hub.way.Load()
	if one == nil {
		return out, errNoKeys
	}
	s, err := one.Vital(ctx)
	if err != nil {
		return out, err
	}
	out = portal.Vital{Counted: s.Counted, Unwritten: s.Unwritten, Uses: s.Uses, Reachable: s.Reachable}
	for _, c := range s.Classes {
		out.Classes = append(out.Classes, portal.VitalClass{Class: c.Class, Holders: c.Holders, Keys: c.Keys})
	}
	return out, nil
}

func (v vitalPages) Checks(ctx context.Context, index uint64) ([]protocol.VitalChecked, error) {
	one := v.hub.way.Load()
	if one == nil {
		return nil, errNoKeys
	}
	return one.VitalChecks(ctx, index)
}

func (v vitalPages) Reason(ctx context.Context, index uint64) (string, error) {
	one := v.hub.way.Load()
	if one == nil {
		return "", errNoKeys
	}
	raw, err := v.hub.record.Leaf(ctx, index)
	if err != nil {
		return "", fmt.Errorf("reading why data were opened: %w", err)
	}
	return one.VitalReason(ctx, raw)
}

// vitalChecked has guardians check a disclosure and keeps their word; fewer than t is an error, which goes to the log: the entry stands.
func (h *Hub) vitalChecked(ctx context.Context, index uint64, req protocol.Request) error {
	one := h.way.Load()
	proof, err := verify.ParseProof(req.Receipt)
	if one == nil || err != nil {
		return errors.Join(errNoKeys, err)
	}
	checks, failures := h.guardians.CheckVital(ctx, protocol.LeafHash(proof.Extra), req)
	before, err := one.VitalChecks(ctx, index) // of an earlier try: who found it right then may be away now
	if err != nil {
		return err
	}
	for _, c := range before {
		if !slices.ContainsFunc(checks, func(d protocol.VitalChecked) bool { return d.Guardian == c.Guardian }) {
			checks = append(checks, c)
		}
	}
	slices.SortFunc(checks, func(a, b protocol.VitalChecked) int { return strings.Compare(a.Guardian, b.Guardian) })
	if err := one.KeepVitalChecks(ctx, index, checks); err != nil {
		return err
	}
	if len(checks) < h.group.Load().T {
		return fmt.Errorf("%w: %d guardians found the disclosure as it should be: %w", tribune.ErrRefused, len(checks), errors.Join(failures...))
	}
	return nil
}

// vitalChecks serves guardians' word on the disclosure at an index.
func (h *Hub) vitalChecks(w http.ResponseWriter, r *http.Request, one *way.Way) error {
	i, err := h.index(r)
	if err != nil {
		return err
	}
	checks, err := one.VitalChecks(r.Context(), i)
	if err != nil {
		return err
	}
	writeJSON(w, append([]protocol.VitalChecked{}, checks...))
	return nil
}

package rights

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"tribune"
)

// By says who has filed a case for its person.
type By struct {
	Mark   tribune.Hash `json:"mark"`
	Called string       `json:"called"`
	Basis  string       `json:"basis"`
}

// OfWard is a case that a representative has filed for a person, for that person.
func (r *Room) OfWard(ctx context.Context, ward tribune.Pseudonym, id string) (*Case, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.load(ctx, id, func(h *head) bool { return h.by != nil && h.subject == ward })
}

// ListWard is every case that representatives have filed for these people.
func (r *Room) ListWard(wards ...tribune.Pseudonym) []Line {
	return r.list(func(h *head) bool { return h.by != nil && slices.Contains(wards, h.subject) })
}

// ListBy is every case filed under one representation.
func (r *Room) ListBy(mark tribune.Hash) []Line {
	return r.list(func(h *head) bool { return h.by != nil && *h.by == mark })
}

// theirs reports whether whoever filed a case may see it: a representative for as long as the representation is in force. r.mu is held.
func (r *Room) theirs(h *head, owner tribune.Hash) bool {
	if h.owner != owner {
		return false
	}
	if h.by == nil {
		return true
	}
	p := r.representations[*h.by]
	return p != nil && p.InForce(r.cfg.Now())
}

// ConsentsOf are the consents of one person, whoever's login gave them.
func (r *Room) ConsentsOf(p tribune.Pseudonym) (all []*ConsentRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.consents {
		if c.Subject == p {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *ConsentRecord) int { return cmp.Or(b.Asked.Compare(a.Asked), cmp.Compare(a.ID, b.ID)) })
	return all
}

// WithdrawFor ends a consent of this person for whom somebody acts.
func (r *Room) WithdrawFor(ctx context.Context, p tribune.Pseudonym, id string) (*ConsentRecord, error) {
	for _, c := range r.ConsentsOf(p) {
		if c.ID == id {
			return r.Withdraw(ctx, c.Owner, id)
		}
	}
	return nil, fmt.Errorf("%w: there is no such consent of theirs", tribune.ErrNotFound)
}

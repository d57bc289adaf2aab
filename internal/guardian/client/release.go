package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tribune"
	"tribune/ibe"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
	"tribune/verify"
)

// Refused is the error of a release that guardians refused: what each said, signed. It matches tribune.ErrRefused, and
// tribune.ErrVetoed where one of them vetoed.
type Refused struct{ Refusals []protocol.Refusal }

func (r *Refused) Error() string {
	var says []string
	for _, no := range r.Refusals {
		says = append(says, no.Guardian+": "+no.Reason)
	}
	return "guardians refuse: " + strings.Join(says, "; ")
}

// Is matches the platform's sentinels.
func (r *Refused) Is(target error) bool {
	if target == tribune.ErrVetoed {
		for _, no := range r.Refusals {
			if no.Veto {
				return true
			}
		}
	}
	return target == tribune.ErrRefused
}

// refusedOne is one guardian's signed no.
type refusedOne struct{ protocol.Refusal }

func (r *refusedOne) Error() string { return r.Reason }

func refused(err error) bool {
	var no *refusedOne
	return errors.As(err, &no)
}

// Release asks for the keys of an act whose receipt carries its leaf, until need guardians have released. It fails with
// *Refused where so many refused that need cannot be reached, else with ErrNoQuorum.
func (c *Client) Release(ctx context.Context, req protocol.Request, need int) ([]protocol.Answer, error) {
	proof, err := verify.ParseProof(req.Receipt)
	if err != nil || proof.Extra == nil {
		return nil, fmt.Errorf("asking for release: %w: the receipt does not carry its leaf", tribune.ErrInvalid)
	}
	leaf, unreadable := protocol.DecodeLeaf(proof.Extra) // guardians refuse such a leaf, and say so
	private, err := protocol.DecodePrivate(req.Private)
	if err != nil {
		return nil, fmt.Errorf("asking for release: %w", err)
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("asking for release: %w", err)
	}
	want := expected{leaf: protocol.LeafHash(proof.Extra), ids: protocol.HashIDs(c.now().group.City, private.Subjects), boxed: unreadable != nil || len(leaf.Act.Recipient) > 0}
	answers, failures := gather(ctx, c, need, identities(private), func(ctx context.Context, m *member) (protocol.Answer, error) {
		ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
		defer cancel()
		var a protocol.Answer
		if err := c.call(ctx, m, http.MethodPost, "/release", body, maxAnswer, &a); err != nil {
			return a, err
		}
		return a, want.check(m, a)
	})
	if len(answers) >= need {
		return answers, nil
	}
	return nil, c.why(need, len(answers), failures)
}

func identities(p protocol.Private) (n int) {
	for _, s := range p.Subjects {
		n += len(s.IDs)
	}
	return n
}

// expected is what an answer must speak of.
type expected struct {
	leaf, ids tribune.Hash
	boxed     bool // shares are sealed to somebody; else the guardian's word is all
}

// check makes a signed refusal an error and holds a release against what was asked.
func (e expected) check(m *member, a protocol.Answer) error {
	switch {
	case (a.Statement == nil) == (a.Refusal == nil):
		return fmt.Errorf("%w: the answer is neither a release nor a refusal", tribune.ErrInvalid)
	case a.Refusal != nil:
		if a.Refusal.Guardian != m.Name || a.Refusal.Leaf != e.leaf {
			return fmt.Errorf("%w: the refusal is of another guardian or for another leaf", tribune.ErrInvalid)
		}
		if err := a.Refusal.Verify(m.key); err != nil {
			return err
		}
		return &refusedOne{*a.Refusal}
	case a.Statement.Guardian != m.Name || a.Statement.Leaf != e.leaf || a.Statement.IDs != e.ids || a.Statement.Epoch != m.epoch:
		return fmt.Errorf("%w: the release is of another guardian, leaf, epoch or for other identities", tribune.ErrInvalid)
	case (len(a.Box) > 0) != e.boxed:
		return fmt.Errorf("%w: the release holds no shares, or holds some that nobody asked for", tribune.ErrInvalid)
	}
	return a.Statement.Verify(m.key)
}

// why is the error of a request that did not get enough answers.
func (c *Client) why(need, got int, failures []error) error {
	no := &Refused{}
	busy := false
	for _, err := range failures {
		var one *refusedOne
		if errors.As(err, &one) {
			no.Refusals = append(no.Refusals, one.Refusal)
		}
		busy = busy || errors.Is(err, tribune.ErrBusy)
	}
	switch {
	case len(no.Refusals) > len(c.now().members)-need, errors.Is(no, tribune.ErrVetoed):
		return no
	case busy && len(no.Refusals) == 0:
		return tribune.Hint(fmt.Errorf("%w: %d of %d guardians answered: %s", tribune.ErrBusy, got, need, list(failures)), "Try again in a few seconds.")
	}
	return tribune.Hint(fmt.Errorf("%w: %d of %d guardians answered: %s", tribune.ErrNoQuorum, got, need, list(failures)),
		"Public data go on; personal data open again when guardians can be reached.")
}

// list writes failures in one line.
func list(failures []error) string {
	all := make([]string, len(failures))
	for i, err := range failures {
		all[i] = err.Error()
	}
	return strings.Join(all, "; ")
}

// Evaluate has blinded points evaluated by t guardians under NAME. Who is asked for more than wire.MaxPoints gets them in
// several requests.
func (c *Client) Evaluate(ctx context.Context, points [][]byte) ([]ibe.Partial, error) {
	if len(points) == 0 {
		return nil, nil
	}
	parts, failures := gather(ctx, c, c.now().group.T, len(points), func(ctx context.Context, m *member) (ibe.Partial, error) {
		part := ibe.Partial{Index: m.Index}
		for from := 0; from < len(points); from += wire.MaxPoints {
			got, err := c.evaluate(ctx, m, points[from:min(from+wire.MaxPoints, len(points))])
			if err != nil {
				return part, err
			}
			part.Points = append(part.Points, got...)
		}
		return part, nil
	})
	if len(parts) >= c.now().group.T {
		return parts, nil
	}
	return nil, fmt.Errorf("evaluating names: %w", c.why(c.now().group.T, len(parts), failures))
}

func (c *Client) evaluate(ctx context.Context, m *member, points [][]byte) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	body, err := json.Marshal(wire.NameRequest{Points: points})
	if err != nil {
		return nil, err
	}
	var a wire.NameAnswer
	if err := c.call(ctx, m, http.MethodPost, "/name", body, maxSmall, &a); err != nil {
		return nil, err
	}
	if len(a.Points) != len(points) || a.Epoch != m.epoch {
		return nil, fmt.Errorf("%w: %d points of epoch %d, want %d of %d", tribune.ErrInvalid, len(a.Points), a.Epoch, len(points), m.epoch)
	}
	return a.Points, nil
}

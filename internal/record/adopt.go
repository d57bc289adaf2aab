package record

import (
	"context"
	"fmt"
	"net/http"

	"tribune/verify"
)

// Adopt puts other guardians into the place of those whose co-signatures publish the log. Leaves that are on their way
// are integrated first (transport reaches the new ones; nil = http.DefaultTransport); what is published stays so, and who holds receipts under the earlier guardians keeps them. ctx
// bounds the change only. Where it fails the record takes no more leaves until it is opened again.
func (r *Record) Adopt(ctx context.Context, witnesses []Witness, quorum int, transport http.RoundTripper) error {
	cfg := r.cfg
	cfg.Witnesses, cfg.Quorum = witnesses, quorum
	policy, err := cfg.policy()
	if err != nil {
		return fmt.Errorf("adopting guardians: %w", err)
	}
	trust, err := verify.ParseTrust(policy)
	if err != nil {
		return fmt.Errorf("adopting guardians: %w", err)
	}
	r.swap.Lock()
	defer r.swap.Unlock()
	if r.life.Err() != nil {
		return fmt.Errorf("adopting guardians: %w", errClosed)
	}
	r.halt() // nothing is under way: integrate holds swap while there is
	r.before, r.trust = r.trust, trust
	r.cfg.Witnesses, r.cfg.Quorum, r.cfg.Transport = witnesses, quorum, transport
	if err := r.start(ctx); err != nil {
		return r.fail("change of guardians", err)
	}
	r.log.Info("other guardians co-sign from now on", "guardians", len(witnesses), "quorum", quorum)
	return nil
}

// judge verifies a checkpoint by the present guardians. ours is false for one that the guardians before them published:
// Tessera may write its last one late.
func (r *Record) judge(msg []byte) (c *verify.Checkpoint, ours bool, err error) {
	r.swap.RLock()
	defer r.swap.RUnlock()
	if c, err = r.trust.Checkpoint(msg); err == nil {
		return c, true, nil
	}
	if r.before != nil {
		if _, earlier := r.before.Checkpoint(msg); earlier == nil {
			return nil, false, nil
		}
	}
	return nil, true, err
}

// guardians are how many co-sign at present and how many must.
func (r *Record) guardians() (n, quorum int) {
	r.swap.RLock()
	defer r.swap.RUnlock()
	return len(r.cfg.Witnesses), r.cfg.Quorum
}

// AppendUnwitnessed is Append without asking whether enough guardians are there: for the leaves by which guardians change,
// which must come to be on record just when too few are left. It returns once the leaf is integrated and can be read.
func (r *Record) AppendUnwitnessed(ctx context.Context, leaf []byte) (uint64, error) {
	p, err := r.enqueue(leaf)
	if err != nil {
		return 0, err
	}
	return p.Wait(ctx)
}

// Shown is the newest checkpoint that the log has signed and shown to any guardian, without co-signatures; nil where there
// is none since the start. Who mirrors the log without being asked to co-sign goes by it. It is not published.
func (r *Record) Shown() []byte {
	if p := r.shown.Load(); p != nil {
		return *p
	}
	return nil
}

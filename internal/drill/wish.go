package drill

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
	"tribune/verify"
)

// wish is one act that the attacker puts on record and asks keys for.
type wish struct {
	private    protocol.Private
	act        protocol.Act
	evidence   tribune.Evidence
	decision   tribune.Decision
	key        ed25519.PrivateKey // signs the act
	traces     [][]byte
	hidden     [][]byte // D(hidden), under a warrant
	tags       []tribune.Tag
	salt       []byte
	recipient  *protocol.Recipient
	signatures int // co-signatures in the receipt

	sealed func(*protocol.Leaf)    // alters the leaf after its act was signed
	sent   func(*protocol.Request) // alters the request
}

// plain is an honest wish: one segment of each subject.
func (w *wide) plain(subjects ...tribune.Pseudonym) (*wish, error) {
	now := time.Now().UTC()
	x := &wish{evidence: w.evidence, decision: w.decision, key: w.officer, salt: protocol.NewSalt(), signatures: w.hub.group.W}
	x.private = protocol.Private{Actor: "inspector-ward", Inputs: w.inspectorsReading.Inputs}
	x.private.Inputs.From, x.private.Inputs.Until = protocol.Time(now.Add(-24*time.Hour)), protocol.Time(now.Add(time.Second))
	for _, p := range subjects {
		h, _ := w.segment(p)
		if err := w.mark(x, p, 0); err != nil {
			return nil, err
		}
		s := &x.private.Subjects[len(x.private.Subjects)-1]
		s.IDs = []tribune.Identity{h.id}
	}
	var err error
	if x.recipient, err = protocol.NewRecipient(); err != nil {
		return nil, err
	}
	x.act = protocol.Act{
		ID: protocol.NewID(), Kind: tribune.ActRead, Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "parking-enforcement-2026",
		Count: len(subjects), Recipient: x.recipient.Public(), Time: protocol.Time(now),
	}
	return x, nil
}

// mark adds a subject with its next use number, or another one that is so many off.
func (w *wide) mark(x *wish, p tribune.Pseudonym, off int64) error {
	d := w.loot.traces[p]
	k, err := protocol.TraceKey(d)
	if err != nil {
		return err
	}
	n := uint64(int64(w.hub.use(k)) + off)
	x.private.Subjects = append(x.private.Subjects, protocol.Subject{P: p, N: n, IDs: []tribune.Identity{}})
	x.traces, x.tags = append(x.traces, d), append(x.tags, protocol.UseTag(k, n))
	return nil
}

// record puts a wish on record and asks all guardians. The hash is that of the leaf they were shown.
func (w *wide) record(ctx context.Context, x *wish) (shown tribune.Hash, answers []protocol.Answer, err error) {
	raw, req, err := w.sealed(x)
	if err != nil {
		return shown, nil, err
	}
	if err := w.hub.append(raw); err != nil {
		return shown, nil, err
	}
	if req.Receipt, err = w.hub.publish(ctx, x.signatures); err != nil {
		return shown, nil, err
	}
	if x.sent != nil {
		x.sent(&req)
	}
	proof, err := verify.ParseProof(req.Receipt)
	if err != nil {
		return shown, nil, err
	}
	answers, err = w.hub.release(ctx, req)
	return protocol.LeafHash(proof.Extra), answers, err
}

// sealed is the leaf of a wish, and the request for it, as yet without a receipt.
func (w *wide) sealed(x *wish) (raw []byte, req protocol.Request, err error) {
	private, err := protocol.JCS(x.private)
	if err != nil {
		return nil, req, err
	}
	if x.act.Com, err = protocol.Commitment(x.salt, private); err != nil {
		return nil, req, err
	}
	leaf := protocol.Leaf{Version: protocol.Version, Act: x.act, Decision: x.decision, Tags: x.tags}
	if leaf.Tags == nil {
		leaf.Tags = []tribune.Tag{}
	}
	if leaf.Input, err = protocol.InputHash(x.salt, x.evidence); err != nil {
		return nil, req, err
	}
	if leaf.Signature, err = x.act.Sign(x.key); err != nil {
		return nil, req, err
	}
	if x.sealed != nil {
		x.sealed(&leaf)
	}
	raw, err = leaf.Encode()
	return raw, protocol.Request{Private: private, Salt: x.salt, Evidence: x.evidence, Traces: x.traces, Hidden: x.hidden}, err
}

// combine opens the boxes of two guardians, and with the key the segment's header and the values under it.
func (w *wide) combine(x *wish, leaf tribune.Hash, answers []protocol.Answer, h header) (opened int, err error) {
	var parts []ibe.Partial
	for i, a := range answers {
		if a.Refusal != nil {
			return 0, fmt.Errorf("%w: %s refuses: %s", errDrill, a.Refusal.Guardian, a.Refusal.Reason)
		}
		_, key, err := protocol.PublicOf(w.hub.group.Guardians[i].Key)
		if err != nil || a.Statement == nil || a.Statement.Leaf != leaf || a.Statement.Verify(key) != nil {
			return 0, fmt.Errorf("%w: guardian %d's statement does not hold", errDrill, i+1)
		}
		shares, err := x.recipient.OpenShares(a.Box, leaf, w.hub.group.Epoch)
		if err != nil {
			return 0, err
		}
		parts = append(parts, ibe.Partial{Index: i + 1, Points: [][]byte{shares}})
	}
	id := h.id.Bytes(w.hub.group.City)
	keys, _, err := ibe.Combine(w.hub.group.Seal.Key, w.hub.group.Seal.Shares, w.hub.group.T, [][]byte{id}, parts[:w.hub.group.T])
	if err != nil {
		return 0, err
	}
	master, err := ibe.NewMaster(w.hub.group.Seal.Key)
	if err != nil {
		return 0, err
	}
	dek, err := master.OpenHeader(keys[0], id, h.box)
	if err != nil {
		return 0, err
	}
	var values []sealedValue
	for _, pair := range w.theft.pairs {
		values = append(values, sealedIn(pair.Value, sealedClasses)...)
	}
	found, err := tryAll([]secret{{[32]byte(dek), "a release"}}, values)
	return len(found), err
}

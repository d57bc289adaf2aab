package way

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// Publish puts on record that an explanation of a model is shown to everybody; only then may it be. x is built and signed by its actor, public is
// JCS of protocol.Publication, to which the private part's note binds the signature, and file is what is shown. put keeps the file, durably, once it is
// permitted and before it can be on record: a leaf whose file nobody has shows nothing, a file without a leaf is not shown. Guardians decide the act again, and
// t of them have to state that it is right. It fails as Do does, and with ErrNoQuorum or a refusal where too few state it: then the act is on record at index, and
// the file must not be shown.
func (w *Way) Publish(ctx context.Context, x Exercise, public, file []byte, put func(protocol.Publication) error) (index uint64, receipt tribune.Receipt, err error) {
	leave, err := w.enter()
	if err != nil {
		return 0, nil, err
	}
	defer leave()
	p, err := protocol.DecodePublication(public)
	if err != nil {
		return 0, nil, err
	}
	if len(file) != p.Size || tribune.Hash(sha256.Sum256(file)) != p.File {
		return 0, nil, fmt.Errorf("%w: the file is not the one that the act names", tribune.ErrInvalid)
	}
	act, inputs, err := w.read(x, tribune.ActPublish)
	if err != nil {
		return 0, nil, err
	}
	if inputs.Note != protocol.PublicationNote(public) || inputs.Class != "" || len(inputs.Attrs) > 0 {
		return 0, nil, fmt.Errorf("%w: the private part is not of this publication", tribune.ErrInvalid)
	}
	act.Publication = p.Of()
	done, err := w.exercise(ctx, x, act, inputs, public, func() error { return put(p) })
	if err == nil {
		err = w.foundRight(ctx, done)
	}
	if err != nil && done.leaf != nil {
		again := "when guardians can be reached"
		if errors.Is(err, tribune.ErrRefused) {
			again = "once what guardians miss is there"
		}
		err = tribune.Hint(err, "Its act is entry %d of the record, and nothing is shown by it, now or later. Publish again %s.", done.index, again)
	}
	return done.index, done.receipt, err
}

// foundRight has t guardians check an act that opens nothing, and keeps what they state of it.
func (w *Way) foundRight(ctx context.Context, done exercised) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer cancel()
	proof, err := verify.ParseProof(done.receipt)
	if err != nil {
		return &tribune.IntegrityError{What: "the record's own receipt", Err: err}
	}
	proof.Extra = done.leaf
	answers, err := w.cfg.Guardians.Release(ctx, protocol.Request{Receipt: proof.Marshal(), Private: done.sheet.private, Salt: done.sheet.salt, Evidence: done.sheet.evidence}, w.cfg.Group.T)
	if err != nil {
		return fmt.Errorf("asking guardians to check what is published: %w", err)
	}
	said := map[string]protocol.Statement{}
	for _, a := range answers {
		if a.Statement != nil && a.Statement.Leaf == protocol.LeafHash(done.leaf) && slices.ContainsFunc(w.cfg.Group.Guardians, func(m protocol.Member) bool { return m.Name == a.Statement.Guardian }) {
			said[a.Statement.Guardian] = *a.Statement
		}
	}
	if len(said) < w.cfg.Group.T {
		return fmt.Errorf("%w: %d guardians state that the publication is right, want %d", tribune.ErrNoQuorum, len(said), w.cfg.Group.T)
	}
	return w.keepStatements(ctx, done.index, slices.SortedFunc(maps.Values(said), func(a, b protocol.Statement) int { return strings.Compare(a.Guardian, b.Guardian) }))
}

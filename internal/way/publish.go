package way

import (
	"context"
	"crypto/sha256"
	"fmt"

	"tribune"
	"tribune/protocol"
)

// Publish puts on record that an explanation of a model is shown to everybody; only then may it be. x is built and signed by its actor, public is
// JCS of protocol.Publication, to which the private part's note binds the signature, and file is what is shown. put keeps the file, durably, once it is
// permitted and before it can be on record: a leaf whose file nobody has shows nothing, a file without a leaf is not shown. It fails as Do does.
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
	return w.exercise(ctx, x, act, inputs, public, func() error { return put(p) })
}

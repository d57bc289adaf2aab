package guardian

import (
	"bytes"

	"tribune"
	"tribune/protocol"
)

// Explanations of models (protocol, "Published explanations"). Whoever has the leaf sees by which verdict something was published, and nobody outside sees who
// published it: actor, appointment and signature are in the private part. A hub that was taken over could publish in an officer's name what no officer
// wanted. So we are shown the act, decide it again and state that it is right; without t such statements nothing is shown.

// publication is what the leaf publishes, held against what its actor signed; nil for every other kind of act.
func publication(h *hearing) (*tribune.Publication, error) {
	if h.v.Leaf.Act.Kind != tribune.ActPublish {
		return nil, nil
	}
	p, err := protocol.DecodePublication(h.v.Leaf.Public)
	if err != nil {
		return nil, refuse("the leaf does not say in the one form what is published")
	}
	in := h.priv.Inputs
	switch {
	case in.Note != protocol.PublicationNote(h.v.Leaf.Public):
		return nil, refuse("the actor signed another publication than the leaf's")
	case in.Class != "" || len(in.Attrs) > 0 || len(h.priv.Subjects) > 0:
		return nil, refuse("an explanation that is published touches nobody and no class of data")
	case !bytes.Equal(p.Verdict, h.req.Evidence.Verdict):
		return nil, refuse("the verdict in evidence is not the leaf's")
	}
	return p.Of(), nil
}

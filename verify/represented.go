package verify

import "tribune/protocol"

// RepresentedWords says of a leaf of kind represent what a representative did, as a part of a sentence. The leaf does not say which of the two
// its reader is. What is taken from it is quoted where it could be mistaken for ours.
func RepresentedWords(l protocol.Leaf) string {
	public, err := protocol.RepresentedOf(l)
	if err != nil {
		return "somebody wanted to act for you, or you for somebody"
	}
	switch public.Deed {
	case protocol.DeedGrant:
		return "somebody may act for you, or you for somebody, by the word of " + id(public.By)
	case protocol.DeedEnd:
		return "by the word of " + id(public.By) + " somebody acts for you no more, or you for somebody"
	case protocol.DeedLook:
		return "a representative looked at who used the data, or at consents"
	case protocol.DeedKey:
		return "a representative asked the guardians for the trace key"
	case protocol.DeedAsk:
		return "a representative made a request"
	}
	return "a representative withdrew a consent"
}

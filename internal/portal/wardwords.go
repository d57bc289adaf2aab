package portal

import (
	"slices"

	"tribune"
	"tribune/internal/rights"
	"tribune/protocol"
)

// The words in which the pages of representatives speak.

func basisTitle(w *words, basis string) string {
	if basis == protocol.BasisParent {
		return w.T("as a parent")
	}
	return w.T("appointed by a court")
}

func isCase(word string) bool { return slices.Contains(rights.Kinds(), rights.Kind(word)) }

func scopeTitle(w *words, word string) string {
	switch word {
	case protocol.ScopeLook:
		return w.T("see who used the data")
	case protocol.ScopeKey:
		return w.T("be given the trace key by the guardians")
	case protocol.ScopeWithdraw:
		return w.T("withdraw consents")
	}
	return w.T("request: %s", caseFor(w, rights.Kind(word)))
}

// caseFor names a kind of request that is made for somebody else.
func caseFor(w *words, k rights.Kind) string {
	switch k {
	case rights.Access:
		return w.T("see what is held")
	case rights.Portability:
		return w.T("take the data along")
	case rights.Rectification:
		return w.T("correct what is wrong")
	case rights.Restriction:
		return w.T("stop using it until it is settled")
	case rights.Objection:
		return w.T("object to a purpose")
	case rights.Erasure:
		return w.T("erase the data")
	}
	return string(k)
}

func deedTitle(w *words, d rights.Deed) string {
	switch d.Deed {
	case protocol.DeedGrant:
		return w.T("The representation was put on record.")
	case protocol.DeedEnd:
		return w.T("The representation was ended.")
	case protocol.DeedLook:
		return w.T("The representative looked at who used the data, or at consents.")
	case protocol.DeedKey:
		return w.T("The representative asked the guardians for the trace key.")
	case protocol.DeedAsk:
		return w.T("The representative made a request: %s.", caseFor(w, rights.Kind(d.What)))
	case protocol.DeedWithdraw:
		return w.T("The representative withdrew a consent.")
	}
	return d.Deed
}

// represented puts an act of kind represent into words, for whichever of the two reads it.
func (p *Portal) represented(w *words, u *meUse) {
	public, err := protocol.RepresentedOf(u.Leaf)
	u.What = w.T("A representative acted: for you, or you for somebody else.")
	u.Outcome = w.T("Both of you find this among your uses. It opened nothing.")
	if err != nil || p.cfg.Representatives == nil {
		return
	}
	if one, d, ok := p.cfg.Representatives.DeedAt(u.Index); ok {
		u.What = w.T("%s (%s) for %s:", one.Doc.Representative.Called, basisTitle(w, one.Doc.Basis), one.Doc.Ward.Called) + " " + deedTitle(w, d)
		return
	}
	u.What += " " + deedTitle(w, rights.Deed{Deed: public.Deed})
}

// forWard says of a use what a representative reads: it is not about them.
func forWard(w *words, u *meUse) {
	switch {
	case u.Leaf.Act.Kind == tribune.ActRepresent:
		return
	case u.Self && u.Leaf.Act.Kind == tribune.ActRead:
		u.What = w.T("%s looked at their own data.", u.For)
	case u.Leaf.Act.Kind == tribune.ActRead:
		u.What = w.T("%s looked up data about %s.", u.Who, u.For)
	case u.Leaf.Act.Kind == tribune.ActErase:
		u.What = w.T("%s had erased what was held about %s.", u.Who, u.For)
	default:
		u.What = w.T("%s did something that concerns %s (“%s”).", u.Who, u.For, string(u.Leaf.Act.Kind))
	}
	if u.Permit {
		u.Outcome = w.T("It was done, as far as there was something to do.")
	}
}

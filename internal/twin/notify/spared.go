package notify

import (
	"slices"

	"tribune"
)

// Sparer knows whose values must not be told though a standing act permits it: who has had their use restricted, or has objected to the
// purpose. Standings may be one. It is asked in every round, so that what is granted at noon stops what would be told at noon, although
// the subject's mark of that day is on record.
type Sparer interface {
	Spares(s tribune.Standing, p tribune.Pseudonym) bool
}

// spare leaves out what must not be told and counts it as missed. Others' values of the same round are told.
func (n *Notifier) spare(s *subscription, all []telling) []telling {
	sparer, ok := n.cfg.Standings.(Sparer)
	if !ok {
		return all
	}
	before := len(all)
	all = slices.DeleteFunc(slices.Clone(all), func(t telling) bool {
		return slices.ContainsFunc(t.arrived, func(a arrival) bool { return sparer.Spares(*s.standing, a.Sealed.Pseudonym) })
	})
	if spared := before - len(all); spared > 0 {
		s.missed(n.cfg.Now(), spared)
	}
	return all
}

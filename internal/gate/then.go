package gate

import (
	"time"

	"tribune/policy"
)

// Then is the set that was in force at a time, as SetReigns has said; nil where that set is not to be had. It is the present one where
// nobody has said.
func (g *Gate) Then(at time.Time) *policy.Set {
	g.mu.RLock()
	reigns, now := g.reigns, g.set
	g.mu.RUnlock()
	for i := len(reigns) - 1; i >= 0; i-- {
		if reigns[i].From.After(at) {
			continue
		}
		set, err := g.Load(reigns[i].Set)
		if err != nil {
			return nil
		}
		return set
	}
	return now
}

package gate

import (
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/policy"
)

// SetReigns says which sets were in force when: what is opened must also be permitted by the law under which it was sealed.
func (g *Gate) SetReigns(reigns []policy.Reign) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reigns = slices.Clone(reigns)
}

// weighEarlier makes the second decision of protocol 22 about an act that the set in force permits: guardians make it, too, and would
// refuse once the act is on record and its uses are spent.
func (g *Gate) weighEarlier(act tribune.Act, set *policy.Set, reigns []policy.Reign, d *tribune.Decision, evidence tribune.Evidence) error {
	if n := len(reigns); n > 0 && reigns[n-1].Set != set.Hash() { // it has changed this moment
		reigns = append(slices.Clone(reigns), policy.Reign{Set: set.Hash(), From: g.cfg.Now().Truncate(time.Second)})
	}
	missing, _, err := set.Earlier(act, evidence, reigns, g.Load)
	if err != nil {
		return fmt.Errorf("deciding by the law of before: %w", err)
	}
	for _, why := range missing {
		deny(d, why)
	}
	return nil
}

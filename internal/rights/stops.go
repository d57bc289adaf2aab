package rights

import (
	"slices"

	"tribune"
)

// stop is a granted restriction or objection: uses of one class of one person's data that must not happen.
type stop struct {
	id      string // of the case
	class   tribune.ClassID
	purpose tribune.PurposeID // "" = every purpose but those that the rules except
}

// stop keeps what is in force in step with a case. r.mu is held.
func (r *Room) stop(c *Case) {
	rest := slices.DeleteFunc(r.stops[c.Subject], func(s stop) bool { return s.id == c.ID })
	if c.InForce {
		rest = append(rest, stop{c.ID, c.Class, c.Purpose})
	}
	if len(rest) == 0 {
		delete(r.stops, c.Subject)
		return
	}
	r.stops[c.Subject] = rest
}

// Why an act is stopped, in words that name no person: they stand in a denial on record.
const (
	stoppedByRestriction = "somebody whom this act touches has had the use of these data restricted (GDPR, article 18)"
	stoppedByObjection   = "somebody whom this act touches has objected to this purpose, and the objection was granted (GDPR, article 21)"
)

// Stopped says why an act must not happen, "" = nothing stops it. What touches nobody, or no class of data, is not stopped.
func (r *Room) Stopped(a tribune.Act) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.stops) == 0 || a.Scope.Class == "" {
		return ""
	}
	for _, p := range a.Scope.Subjects {
		for _, s := range r.stops[p] {
			switch {
			case s.class != a.Scope.Class:
			case s.purpose == "" && !slices.Contains(r.cfg.Rules.Except, a.Caller.Purpose):
				return stoppedByRestriction
			case s.purpose != "" && s.purpose == a.Caller.Purpose:
				return stoppedByObjection
			}
		}
	}
	return ""
}

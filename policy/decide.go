package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"

	"tribune"
)

// Decide answers whether the act may happen on this evidence. It uses of the act only what a leaf and its private part
// carry, at the precision in which they carry it, so that a guardian that reads the leaf decides the same:
// Caller.Until and Scope.Identities do not count.
//
// Permit needs every condition at once: a known kind, office, purpose and class; a mandate and an appointment that
// verify, fit the act and are in force at act.At; a permit that has not lapsed; no forbid; no error. Missing says in
// plain words what was not there. It quotes registers and verified documents only, and names no person.
func (s *Set) Decide(act tribune.Act, evidence tribune.Evidence) tribune.Decision {
	j := judgement{set: s, act: act, at: act.At.UTC().Truncate(time.Millisecond), d: tribune.Decision{Policies: []string{}, Missing: []string{}}}
	j.registers()
	j.mandate(evidence.Mandate, evidence.Names)
	j.appointment(evidence.Appointment)
	j.publish(evidence)
	if j.known {
		j.evaluate()
	}
	j.d.Permit = j.permits && len(j.d.Missing) == 0
	if j.permits && !j.d.Permit {
		j.d.Policies = []string{} // those permit; what decided is missing evidence
	}
	j.d.Set = s.hash
	return j.d
}

// judgement is one decision being made.
type judgement struct {
	set *Set
	act tribune.Act
	at  time.Time
	d   tribune.Decision

	known   bool // kind, office, purpose and class are in the registers: policies can be asked
	permits bool // a policy in force permits, none forbids, none failed
	purpose *purposeFacts
	class   *classFacts // nil where the act concerns no class
	attrs   cedar.Set
	days    int64

	basis     *mandateEntry // a mandate that verifies, in force or not
	inForce   bool
	appointed tribune.OfficeID // by an act of kind appoint
	model     *Model           // whose explanation is published; nil = none, or not in the register
	audited   *verdictEntry    // a verdict that verifies, whatever it says; nil = none
	own       bool             // the appointment is bound to one person, and the act touches nobody else
}

func (j *judgement) missing(format string, args ...any) {
	j.d.Missing = append(j.d.Missing, fmt.Sprintf(format, args...))
}

// publishes reports whether the kind publishes what others have signed, rather than using power over someone: its
// authority is the steward's or council's signature, and no mandate is needed.
func publishes(k tribune.ActKind) bool {
	return k == tribune.ActLaw || k == tribune.ActAppoint || k == tribune.ActDevice
}

// looks reports whether an act of a kind shows its office personal data: at rest, or as they arrive.
func looks(k tribune.ActKind) bool {
	return k == tribune.ActRead || k == tribune.ActStanding || k == tribune.ActDelivery
}

// registers checks what the act names against the registers.
func (j *judgement) registers() {
	s, a := j.set, j.act
	kind := true
	switch a.Kind {
	case tribune.ActRead, tribune.ActDecide, tribune.ActEnrol, tribune.ActLaw, tribune.ActAppoint, tribune.ActDevice, tribune.ActStanding, tribune.ActDelivery, tribune.ActErase, tribune.ActExtension, tribune.ActRepresent, tribune.ActVital, tribune.ActPublish:
	default:
		kind = false
		j.missing("acts of this kind are not decided by policies")
	}
	if a.Caller.Actor == "" {
		j.missing("nobody answers for the act: an anonymous request is never an act")
	}
	office := s.officeByID[a.Caller.Office]
	if office == nil {
		j.missing("the office named is not in the register of offices")
	} else if !j.at.Before(office.Until) {
		j.missing("the office %s ended %s", office.ID, ended(office.Until))
	}
	j.purpose = s.purposes[a.Caller.Purpose]
	switch {
	case j.purpose != nil:
	case a.Caller.Purpose == "" && publishes(a.Kind):
		j.purpose = s.noPurpose
	case a.Caller.Purpose == "":
		j.missing("no purpose was named")
	default:
		j.missing("the purpose named is not in the register of purposes")
	}
	j.scope()
	j.lookUp()
	nobody := a.Count == 0 && a.Scope.LookUp != "" // looked up, and not found
	if a.Count < 0 || (a.Kind == tribune.ActRead || a.Kind == tribune.ActEnrol || a.Kind == tribune.ActDelivery || a.Kind == tribune.ActErase || a.Kind == tribune.ActExtension || a.Kind == tribune.ActRepresent || a.Kind == tribune.ActVital) && a.Count == 0 && !nobody {
		j.missing("the act says of nobody whom it touches")
	}
	j.known = kind && office != nil && j.purpose != nil && (j.class != nil || a.Scope.Class == "" && !looks(a.Kind) && a.Kind != tribune.ActVital)
}

// scope checks class, attributes and window.
func (j *judgement) scope() {
	scope := j.act.Scope
	if scope.Class == "" {
		if looks(j.act.Kind) || j.act.Kind == tribune.ActVital {
			j.missing("no class of data was named")
		}
		if len(scope.Attrs) > 0 {
			j.missing("attributes were named without a class of data")
		}
		return
	}
	j.class = j.set.facts[scope.Class]
	if j.class == nil {
		j.missing("the class of data named is not in the register of classes")
		return
	}
	if !looks(j.act.Kind) && j.act.Kind != tribune.ActDecide && j.act.Kind != tribune.ActErase && j.act.Kind != tribune.ActVital {
		j.missing("an act of this kind concerns no class of data")
		j.class = nil
		return
	}
	j.vital()
	j.attrs = j.class.all
	if len(scope.Attrs) > 0 {
		j.attrs = stringSet(scope.Attrs)
	}
	if outside := j.class.outside(scope.Attrs); outside > 0 {
		j.missing("class %s does not cover %d of the attributes asked for", scope.Class, outside)
	}
	if looks(j.act.Kind) {
		from, until := scope.Window.From.Truncate(time.Millisecond), scope.Window.Until.Truncate(time.Millisecond)
		if !until.After(from) {
			j.missing("the window of arrival times is empty")
			return
		}
		j.days = daysBetween(from, until)
		// A hub may keep copies of what it should have deleted: nobody releases keys for it.
		if keep := j.class.class.Keep; keep > 0 && j.act.Kind == tribune.ActRead && daysBetween(from, j.at) > int64(keep/(24*time.Hour))+1 {
			j.missing("class %s is kept %d days, and the act asks for what arrived before that", scope.Class, keep/(24*time.Hour))
		}
	}
}

// daysBetween counts days begun. The difference of Unix seconds does not overflow where a Duration would.
func daysBetween(from, until time.Time) int64 {
	const day = 24 * 60 * 60
	seconds := until.Unix() - from.Unix()
	if until.Nanosecond() > from.Nanosecond() {
		seconds++
	}
	return (seconds + day - 1) / day
}

// evaluate asks the policies.
func (j *judgement) evaluate() {
	s, a := j.set, j.act
	result, diag := cedar.Authorize(s.rules, nil, j.request())
	if len(diag.Errors) > 0 {
		// Cedar skips a policy that fails. A forbid that fails would not forbid: so nothing is permitted.
		for _, e := range diag.Errors {
			j.d.Policies = append(j.d.Policies, string(e.PolicyID))
			j.missing("the policy %s could not be evaluated, so nothing is permitted", e.PolicyID)
		}
		return
	}
	if result == cedar.Deny {
		for _, r := range diag.Reasons {
			j.d.Policies = append(j.d.Policies, string(r.PolicyID))
			j.missing("the policy %s forbids it: %s", r.PolicyID, s.ruleByID[string(r.PolicyID)].Because)
		}
		slices.Sort(j.d.Policies)
		if len(diag.Reasons) > 0 {
			return
		}
	}
	var lapsed []*Rule
	for _, r := range diag.Reasons {
		rule := s.ruleByID[string(r.PolicyID)]
		if rule.lapsed(j.at) {
			lapsed = append(lapsed, rule)
			continue
		}
		j.permits = true
		j.d.Policies = append(j.d.Policies, rule.ID)
	}
	slices.Sort(j.d.Policies)
	if j.permits {
		return
	}
	for _, r := range lapsed {
		j.missing("the policy %s, which permitted this, ended %s", r.ID, ended(r.Until))
	}
	if len(lapsed) == 0 {
		var b strings.Builder
		fmt.Fprintf(&b, "no policy permits office %s to %s", a.Caller.Office, verb(a.Kind))
		if j.class != nil {
			fmt.Fprintf(&b, " class %s", a.Scope.Class)
		}
		if a.Caller.Purpose != "" {
			fmt.Fprintf(&b, " for purpose %s", a.Caller.Purpose)
		}
		j.missing("%s", b.String())
	}
}

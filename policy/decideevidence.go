package policy

import (
	"slices"

	"tribune"
)

// mandate checks the legal basis.
func (j *judgement) mandate(doc []byte, salts [][]byte) {
	a := j.act
	if len(doc) == 0 {
		if a.Caller.Mandate != "" {
			j.missing("the mandate named is not in the register of mandates")
		} else if !publishes(a.Kind) {
			j.missing("no mandate was named")
		}
		return
	}
	e := j.set.mandate(doc)
	if e.missing != "" {
		j.missing("%s", e.missing)
		return
	}
	m := e.mandate
	if m.ID != a.Caller.Mandate {
		j.missing("the document presented is mandate %s, not the one named", m.ID)
		return
	}
	before := len(j.d.Missing)
	j.basis = e
	if m.Purpose != a.Caller.Purpose && j.purpose != nil && j.purpose != j.set.noPurpose {
		j.missing("the mandate %s is for purpose %s, not for %s", m.ID, m.Purpose, a.Caller.Purpose)
	} else if m.Purpose != a.Caller.Purpose {
		j.missing("the mandate %s is for purpose %s, not for the one named", m.ID, m.Purpose)
	}
	if !e.offices[a.Caller.Office] {
		j.missing("the mandate %s does not name this office", m.ID)
	}
	if a.Scope.Class != "" && !e.classes[a.Scope.Class] {
		j.missing("the mandate %s does not cover this class of data", m.ID)
	}
	if a.Count > m.MaxSubjects {
		j.missing("the mandate %s allows %d people in one act, this one touches %d", m.ID, m.MaxSubjects, a.Count)
	}
	if j.at.Before(m.From) {
		j.missing("the mandate %s begins %s", m.ID, begins(m.From))
	}
	if !j.at.Before(m.Until) {
		j.missing("the mandate %s ended %s", m.ID, ended(m.Until))
	}
	j.warrant(m, salts)
	j.inForce = len(j.d.Missing) == before
}

// appointment checks that the actor holds the office. An act of kind appoint carries the appointment that it puts on
// record, which is somebody else's; the publication of law precedes every appointment.
func (j *judgement) appointment(doc []byte) {
	kind := j.act.Kind
	if len(doc) == 0 {
		if kind != tribune.ActLaw {
			j.missing("no appointment to the office was shown")
		}
		return
	}
	e := j.set.appointment(doc)
	if e.missing != "" {
		j.missing("%s", e.missing)
		return
	}
	ap := e.appointment
	if !j.at.Before(ap.Until) {
		j.missing("the appointment ended %s", ended(ap.Until))
	}
	if kind == tribune.ActAppoint {
		if j.set.officeByID[ap.Office] == nil {
			j.missing("the appointment is to an office that is not in the register")
		}
		j.appointed = ap.Office
		return
	}
	if j.at.Before(ap.From) {
		j.missing("the appointment begins %s", begins(ap.From))
	}
	if ap.Actor != j.act.Caller.Actor {
		j.missing("the appointment is somebody else's")
	}
	if ap.Office != j.act.Caller.Office {
		j.missing("the appointment is to another office")
	}
	if ap.Subject == nil {
		return
	}
	// Before anybody is named the answer is provisional: hub and guardians decide again once the act says whom it touches.
	// An act that touches nobody, a decision for example, is no act about oneself: whom it is about stands in words.
	others := j.act.Count > 1 || slices.ContainsFunc(j.act.Scope.Subjects, func(p tribune.Pseudonym) bool { return p != *ap.Subject })
	j.own = j.act.Count == 1 && !others
	if others {
		j.missing("the appointment is for the data of one person, and the act touches somebody else")
	}
}

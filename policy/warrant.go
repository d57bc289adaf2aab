package policy

import (
	"time"

	"tribune"
	"tribune/protocol"
)

// A warrant is a mandate, issued by a court, whose uses their subjects learn of only when a quarter is over (protocol 15, "Hidden
// investigations"). How often it is used is public at once. It names the quarter in disclose, like "2027-Q1".
//
// A further warrant may put the disclosure off, once more and bounded: it names the first in extends, permits no use itself, and is
// published with the chains that it concerns.

// maxWarrant is how long a warrant may last. Who needs longer asks the court again.
const maxWarrant = 366 * 24 * time.Hour

// maxHidden is how many quarters after the warrant's end its uses may stay hidden, without an extension.
const maxHidden = 4

// warrant reads what makes a mandate a warrant.
func (f mandateFile) warrant(m *tribune.Mandate, bad *Problems, file, text string) {
	m.Extends = tribune.MandateID(f.Extends)
	if f.Disclose == "" {
		if f.Extends != "" {
			bad.add(file, keyLine(text, "extends"), `add disclose = "2027-Q1"`, "mandate %s extends a warrant and names no quarter of disclosure", short(f.ID))
		}
		return
	}
	q, err := protocol.ParseQuarter(f.Disclose)
	if err != nil {
		bad.add(file, keyLine(text, "disclose"), `write the quarter after which its subjects learn of it, like "2027-Q1"`, "warrant %s: %q is no quarter", short(f.ID), short(f.Disclose))
		return
	}
	m.Disclose = q
	last := protocol.QuarterOf(m.Until.Add(-1))
	switch {
	case m.Until.Sub(m.From) > maxWarrant:
		bad.add(file, keyLine(text, "until"), "let it end earlier, and ask the court again", "warrant %s lasts longer than %d days", short(f.ID), maxWarrant/(24*time.Hour))
	case q < last:
		bad.add(file, keyLine(text, "disclose"), "name the quarter of its end, or a later one", "warrant %s is disclosed before it ends", short(f.ID))
	case q > last+maxHidden:
		bad.add(file, keyLine(text, "disclose"), "name an earlier quarter; a court may extend it before that is over", "warrant %s stays hidden more than %d quarters after its end", short(f.ID), maxHidden)
	}
}

// warrant checks what only a warrant, or none, may carry.
func (j *judgement) warrant(m tribune.Mandate) {
	kind := j.act.Kind
	switch {
	case m.Disclose == 0 && kind == tribune.ActExtension:
		j.missing("the mandate %s is no warrant, and discloses nothing later", m.ID)
	case m.Disclose == 0:
	case j.purpose != nil && !j.purpose.Hidden:
		j.missing("uses for purpose %s are never hidden from the people concerned", j.act.Caller.Purpose)
	case kind == tribune.ActExtension && m.Extends == "":
		j.missing("the warrant %s extends no other", m.ID)
	case kind != tribune.ActExtension && m.Extends != "":
		j.missing("the warrant %s only extends %s; it permits no use", m.ID, m.Extends)
	case kind != tribune.ActExtension && kind != tribune.ActRead:
		j.missing("under a warrant data are read, and nothing else is done")
	}
}

// Extends reports whether an extension's own warrant allows it at a time, which warrant that is, and how many people's chains it may
// extend in all.
func (s *Set) Extends(e protocol.Extension, at time.Time) (warrant tribune.MandateID, most int, ok bool) {
	m, err := s.Mandate(e.Warrant)
	if err != nil {
		return "", 0, false
	}
	until, err := time.Parse(time.DateOnly, e.Until)
	purpose := s.purposes[m.Purpose]
	ok = err == nil && m.Disclose != 0 && m.Extends != "" && purpose != nil && purpose.Hidden &&
		!at.Before(m.From) && at.Before(m.Until) && !until.After(protocol.QuarterEnd(m.Disclose))
	return m.ID, m.MaxSubjects, ok
}

package policy

import (
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// A warrant is a mandate, issued by a court, whose uses their subjects learn of only when a quarter is over (protocol 15, "Hidden
// investigations"). How often it is used is public at once. It names the quarter in disclose, like "2027-Q1".
//
// It names whom it is about, by salted commitments (protocol.WarrantName): an act under it must show the salt that opens its name of each
// person whom it touches, and touches nobody else. A warrant that names nobody permits nothing: there are none for a place or a number
// of people.
//
// A further warrant may put the disclosure off, once more and bounded: it names the first in extends, permits no use itself, names the
// chains that it concerns (protocol.WarrantChain), and is published with them.

// maxWarrant is how long a warrant may last. Who needs longer asks the court again.
const maxWarrant = 366 * 24 * time.Hour

// maxHidden is how many quarters after the warrant's end its uses may stay hidden, without an extension.
const maxHidden = 4

// warrant reads what makes a mandate a warrant.
func (f mandateFile) warrant(m *tribune.Mandate, bad *Problems, file, text string) {
	m.Extends = tribune.MandateID(f.Extends)
	f.named(m, bad, file, text)
	if f.Disclose == "" {
		if len(f.Names) > 0 {
			bad.add(file, keyLine(text, "names"), "take the names out: who is concerned learns of its uses at once", "mandate %s is no warrant, and names people", short(f.ID))
		}
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

// named reads a warrant's names. One without any can be read, and permits nothing: it must be denied by name, as every other that does
// not count.
func (f mandateFile) named(m *tribune.Mandate, bad *Problems, file, text string) {
	if len(f.Names) > protocol.MaxNamed {
		bad.add(file, keyLine(text, "names"), "write a warrant for some, and another for the others", "warrant %s names more than %d people", short(f.ID), protocol.MaxNamed)
		return
	}
	for _, s := range f.Names {
		var h tribune.Hash
		if h.UnmarshalText([]byte(s)) != nil || h == (tribune.Hash{}) || slices.Contains(m.Names, h) {
			bad.add(file, keyLine(text, "names"), "let tribune investigate issue write them", "warrant %s: %q is no name, or is there twice", short(f.ID), short(s))
			return
		}
		m.Names = append(m.Names, h)
	}
}

// names checks that a warrant names everybody whom the act touches, by the salts that the evidence shows.
func (j *judgement) names(m tribune.Mandate, salts [][]byte) {
	subjects := j.act.Scope.Subjects
	switch {
	case m.Disclose == 0:
		if len(salts) > 0 {
			j.missing("the mandate %s is no warrant, and names nobody", m.ID)
		}
	case len(m.Names) == 0:
		j.missing("the warrant %s does not name whom it is about", m.ID)
	case j.act.Kind != tribune.ActRead: // an extension's leaf shows which chain it is about
	case j.act.Scope.LookUp != "":
		j.missing("under a warrant people are named, and not looked up by what is held about them")
	case j.act.Count > len(m.Names):
		j.missing("the warrant %s names %d people, and the act touches %d", m.ID, len(m.Names), j.act.Count)
	case len(subjects) == 0: // not named yet: hub and guardians decide again once the act says whom it touches
	case !j.set.allNamed(m, subjects, salts):
		j.missing("the warrant %s does not name everybody whom this act touches", m.ID)
	}
}

func (s *Set) allNamed(m tribune.Mandate, subjects []tribune.Pseudonym, salts [][]byte) bool {
	if len(salts) != len(subjects) {
		return false
	}
	for i, p := range subjects {
		if !slices.Contains(m.Names, protocol.WarrantName(s.city, m.ID, salts[i], p)) { // no name is zero
			return false
		}
	}
	return true
}

// Naming finds the evidence that a warrant names everybody whom an act touches, among a caller's salts; nil where it does not.
func (s *Set) Naming(warrant []byte, salts string, subjects []tribune.Pseudonym) [][]byte {
	m, err := s.Mandate(warrant)
	if err != nil || m.Disclose == 0 {
		return nil
	}
	var names []func([]byte) tribune.Hash
	for _, p := range subjects {
		names = append(names, func(salt []byte) tribune.Hash { return protocol.WarrantName(s.city, m.ID, salt, p) })
	}
	return protocol.Naming(m.Names, salts, names...)
}

// warrant checks what only a warrant, or none, may carry.
func (j *judgement) warrant(m tribune.Mandate, salts [][]byte) {
	j.names(m, salts)
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

// Extends reports whether an extension's own warrant allows it at a time, and names its chain.
func (s *Set) Extends(e protocol.Extension, at time.Time) bool {
	m, err := s.Mandate(e.Warrant)
	if err != nil {
		return false
	}
	until, err := time.Parse(time.DateOnly, e.Until)
	purpose := s.purposes[m.Purpose]
	name := protocol.WarrantChain(s.city, m.ID, e.Salt, e.Chain)
	return err == nil && m.Disclose != 0 && m.Extends != "" && purpose != nil && purpose.Hidden && slices.Contains(m.Names, name) &&
		!at.Before(m.From) && at.Before(m.Until) && !until.After(protocol.QuarterEnd(m.Disclose))
}

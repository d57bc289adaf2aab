package policy

import (
	"fmt"
	"slices"

	"tribune"
)

// A class may let attributes be looked up though they are sealed: by equality, for purposes that are named.
//
//	[[class.equality]]
//	attribute = "city:driver"
//	purposes = ["enforce-parking"]
//
// What it costs is said where it is declared: whoever steals the disk sees which sealed values are equal, though not what they are.

// maxLookUpAttr bounds the attribute's IRI: it is part of what guardians are asked to name (protocol.LookUpType).
const maxLookUpAttr = 512

// lookUp adds one entry to a class.
func (c *ClassEntry) lookUp(attr tribune.Name, purposes []string, say func(do, format string, args ...any)) {
	name := short(tail(attr))
	switch {
	case attr == "":
		return // said already
	case !c.Personal:
		say("remove the entry: what is public can be asked for in every way", "is public but lets attribute %s be looked up", name)
	case !c.covers(attr):
		say("add it to attrs, or remove the entry", "lets attribute %s be looked up, which it does not cover", name)
	case attr == c.Subject:
		say("remove the entry: people are looked up by it anyway", "lets attribute %s be looked up, which names its subject", name)
	case len(attr) > maxLookUpAttr:
		say("", "lets an attribute be looked up whose IRI has %d bytes, at most %d", len(attr), maxLookUpAttr)
	case len(c.LookUps(attr)) > 0:
		say("put all its purposes into one entry", "lets attribute %s be looked up twice", name)
	case len(purposes) == 0:
		say(`add purposes = ["..."]`, "lets attribute %s be looked up for no purpose", name)
	}
	e := tribune.Equality{Attr: attr}
	for _, p := range purposes {
		if slices.Contains(e.Purposes, tribune.PurposeID(p)) {
			say("keep one", "names purpose %q twice for attribute %s", short(p), name)
			continue
		}
		e.Purposes = append(e.Purposes, tribune.PurposeID(p))
	}
	c.Equality = append(c.Equality, e)
}

// checkLookUps holds the purposes of look-ups against the register.
func (s *Set) checkLookUps() (bad Problems) {
	for _, c := range s.classes {
		for _, e := range c.Equality {
			for _, p := range e.Purposes {
				if _, ok := s.purposes[p]; !ok {
					bad.add(FileClasses, c.Line, "correct it, or add the purpose to purposes.toml", "class %s lets attribute %s be looked up for purpose %q, which is not in the register", short(string(c.ID)), short(tail(e.Attr)), short(string(p)))
				}
			}
		}
	}
	return bad
}

// lookUp checks that the law lets people be looked up as the act says.
func (j *judgement) lookUp() {
	scope := j.act.Scope
	switch {
	case scope.LookUp == "":
	case j.act.Kind != tribune.ActRead:
		j.missing("an act of this kind looks nobody up")
	case j.class != nil && !slices.Contains(j.class.class.LookUps(scope.LookUp), j.act.Caller.Purpose):
		j.missing("class %s lets nobody be looked up in this way for this purpose", scope.Class)
	case len(scope.Attrs) > 0 && !slices.Contains(scope.Attrs, scope.LookUp):
		j.missing("the attribute by which people are looked up is not among those asked for")
	}
}

// compareLookUps says what can be looked up by the new class and could not by the old.
func compareLookUps(old, new *ClassEntry) string {
	for _, e := range new.Equality {
		for _, p := range e.Purposes {
			if !slices.Contains(old.LookUps(e.Attr), p) {
				return fmt.Sprintf("class %s lets attribute %s be looked up for purpose %s", new.ID, tail(e.Attr), p)
			}
		}
	}
	return ""
}

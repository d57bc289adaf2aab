package policy

import (
	"slices"
	"strings"

	"tribune"
)

type classesFile struct {
	Prefix map[string]string `toml:"prefix"`
	Class  []struct {
		ID          string   `toml:"id"`
		Title       string   `toml:"title"`
		Types       []string `toml:"types"`
		Attrs       []string `toml:"attrs"`
		Personal    bool     `toml:"personal"`
		Subject     string   `toml:"subject"`
		SubjectType string   `toml:"subject_type"`
		Keep        string   `toml:"keep"`
		Categories  []string `toml:"categories"`
		Vital       string   `toml:"vital"`
		Others      []string `toml:"others"`
		Equality    []struct {
			Attribute string   `toml:"attribute"`
			Purposes  []string `toml:"purposes"`
		} `toml:"equality"`
	} `toml:"class"`
}

// subjectEntity is the idtype where the entity itself is the subject.
const subjectEntity = "entity"

// everyAttr in a class's attrs covers all attributes of its types that no class lists.
const everyAttr tribune.Name = "*"

// unclassified is the class of everything no class describes: sealed, subject = the entity, kept like the most
// sensitive until a steward classifies it.
func unclassified() tribune.Class {
	return tribune.Class{ID: tribune.ClassUnclassified, Title: "Not classified yet", Personal: true, SubjectType: subjectEntity}
}

func readClasses(text string) (list []ClassEntry, bad Problems) {
	var f classesFile
	if bad = decode(FileClasses, text, &f); len(bad) > 0 {
		return nil, bad
	}
	names := prefixes{file: FileClasses, text: text, table: f.Prefix, bad: &bad}
	lines := tableLines(text, "class")
	seen := map[string]bool{string(tribune.ClassUnclassified): true}
	for i, e := range f.Class {
		line := lineAt(lines, i)
		say := func(do, format string, args ...any) {
			bad.add(FileClasses, line, do, "class "+short(e.ID)+" "+format, args...)
		}
		checkID(&bad, FileClasses, line, "class", e.ID, seen)
		c := ClassEntry{Line: line, Class: tribune.Class{
			ID: tribune.ClassID(e.ID), Title: e.Title, Personal: e.Personal, SubjectType: e.SubjectType, Vital: tribune.OfficeID(e.Vital),
		}}
		c.Types = names.expandAll(line, e.Types)
		if len(e.Attrs) == 1 && e.Attrs[0] == string(everyAttr) {
			c.Attrs = []tribune.Name{everyAttr}
		} else {
			c.Attrs = names.expandAll(line, e.Attrs)
		}
		c.Categories = names.expandAll(line, e.Categories)
		if e.Title == "" || len(c.Types) == 0 || len(c.Attrs) == 0 {
			say("give all three", "has no title, no types or no attributes")
		}
		if e.Subject != "" {
			c.Subject = names.expand(line, e.Subject)
		}
		checkSubject(&c, say)
		if c.Others = names.expandAll(line, e.Others); len(c.Others) > 0 && (!e.Personal || slices.Contains(c.Others, c.Subject)) {
			say("remove it from others", "is public, or calls the attribute that names its subject another's")
		}
		if e.Vital != "" && !e.Personal {
			say("remove vital", "is public: nobody needs a key for it")
		}
		for _, q := range e.Equality {
			c.lookUp(names.expand(line, q.Attribute), q.Purposes, say)
		}
		if e.Keep != "" {
			keep, err := parseKeep(e.Keep)
			if err != nil {
				say("", "is kept for %q: %v", short(e.Keep), err)
			}
			c.Keep = keep
		} else if e.Personal {
			say(`add keep = "30d"`, "is personal and kept without an end")
		}
		list = append(list, c)
	}
	if len(list) > maxEntries {
		bad.add(FileClasses, 0, "", "%d classes, at most %d", len(list), maxEntries)
	}
	return list, bad
}

func checkSubject(c *ClassEntry, say func(do, format string, args ...any)) {
	switch {
	case !c.Personal && (c.Subject != "" || c.SubjectType != ""):
		say("add personal = true, or remove the subject", "is public but names a subject")
	case c.Personal && c.Subject == "" && c.SubjectType == "":
		c.SubjectType = subjectEntity
	case c.Personal && c.Subject == "" && c.SubjectType != subjectEntity:
		say("add subject, or remove subject_type", "has a subject_type but no subject")
	case c.Subject != "" && (!idtypeName.MatchString(c.SubjectType) || c.SubjectType == subjectEntity):
		say(`add subject_type, like "plate"`, "does not say what kind of name its subject is")
	case c.Subject != "" && !c.covers(c.Subject):
		say("add it to attrs: who is named is as personal as what is said of them", "does not cover the attribute that names its subject")
	}
}

func (c *ClassEntry) covers(attr tribune.Name) bool {
	for _, a := range c.Attrs {
		if a == attr || a == everyAttr {
			return true
		}
	}
	return false
}

// classIndex answers ClassOf with map look-ups.
type classIndex map[tribune.Name]*typeClasses

// typeClasses are the classes of one entity type.
type typeClasses struct {
	attrs map[tribune.Name]*ClassEntry
	rest  *ClassEntry // the "*" class, nil = what is not listed is unclassified
}

func (t *typeClasses) of(attr tribune.Name) *ClassEntry {
	if t == nil {
		return nil
	}
	if c := t.attrs[attr]; c != nil {
		return c
	}
	return t.rest
}

// indexClasses refuses two classes that claim the same attribute of the same type: which one seals would be chance.
func indexClasses(list []ClassEntry) (classIndex, Problems) {
	var bad Problems
	index := classIndex{}
	for i := range list {
		c := &list[i]
		for _, typ := range c.Types {
			t := index[typ]
			if t == nil {
				t = &typeClasses{attrs: map[tribune.Name]*ClassEntry{}}
				index[typ] = t
			}
			for _, attr := range c.Attrs {
				other := t.attrs[attr]
				if attr == everyAttr {
					other = t.rest
				}
				if other != nil {
					bad.add(FileClasses, c.Line, "leave it to one of the two", "class %s and class %s both claim attribute %s of type %s", short(string(other.ID)), short(string(c.ID)), short(tail(attr)), short(tail(typ)))
					continue
				}
				if attr == everyAttr {
					t.rest = c
				} else {
					t.attrs[attr] = c
				}
			}
		}
	}
	return index, bad
}

// ClassOf is the class of an attribute of an entity of these types. It never fails: what nothing describes is
// ClassUnclassified. Of several types the most protective answer counts: a personal class before any other; then
// unclassified, where a type that the register knows does not cover the attribute; then a public class that lists it.
// A type the register does not know only matters where nothing lists the attribute by name.
func (s *Set) ClassOf(types []tribune.Name, attr tribune.Name) tribune.Class {
	if len(types) == 1 {
		if c := s.index[types[0]].of(attr); c != nil {
			return c.Class
		}
		return s.unclassified
	}
	var personal, listed, rest *ClassEntry
	unknown, uncovered := false, false
	for _, typ := range types {
		t := s.index[typ]
		c := t.of(attr)
		switch {
		case t == nil:
			unknown = true
		case c == nil:
			uncovered = true
		case c.Personal:
			personal = first(personal, c, attr)
		case c == t.attrs[attr]:
			listed = first(listed, c, attr)
		default:
			rest = first(rest, c, attr)
		}
	}
	switch {
	case personal != nil:
		return personal.Class
	case uncovered:
		return s.unclassified
	case listed != nil:
		return listed.Class
	case rest != nil && !unknown:
		return rest.Class
	}
	return s.unclassified
}

// first prefers the class that lists attr by name, then the smaller id: the order of an entity's types means nothing.
func first(a, b *ClassEntry, attr tribune.Name) *ClassEntry {
	if a == nil {
		return b
	}
	al, bl := a.lists(attr), b.lists(attr)
	if al != bl {
		if al {
			return a
		}
		return b
	}
	if a.ID <= b.ID {
		return a
	}
	return b
}

func (c *ClassEntry) lists(attr tribune.Name) bool { return c.Attrs[0] != everyAttr && c.covers(attr) }

// tail is the last part of an IRI, for people.
func tail(n tribune.Name) string {
	s := string(n)
	if i := strings.LastIndexAny(s, "/#"); i >= 0 && i+1 < len(s) {
		return s[i+1:]
	}
	return s
}

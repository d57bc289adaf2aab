package policy

import "tribune"

// ClassTold is the class of an attribute where somebody else says of what types its entity is, and may be wrong or lie: a
// context source. It is ClassOf, but a "*" opens nothing that a personal class names, whatever the type it names it for: who
// calls a parking session a road would otherwise tell its plate as a property of roads. A steward who wants such an attribute of
// a public type from others lists it by name there.
func (s *Set) ClassTold(types []tribune.Name, attr tribune.Name) tribune.Class {
	c := s.ClassOf(types, attr)
	if c.Personal || !s.named[attr] {
		return c
	}
	for _, typ := range types {
		if t := s.index[typ]; t != nil && t.attrs[attr] != nil {
			return c
		}
	}
	return s.unclassified
}

// namedPersonal are the attributes that personal classes list by name, for whatever type.
func namedPersonal(classes []ClassEntry) map[tribune.Name]bool {
	out := map[tribune.Name]bool{}
	for i := range classes {
		if !classes[i].Personal {
			continue
		}
		for _, attr := range classes[i].Attrs {
			if attr != everyAttr {
				out[attr] = true
			}
		}
	}
	return out
}

package twin

import (
	"bytes"
	"fmt"

	"tribune"
	"tribune/internal/twin/model"
)

// What is sealed is padded to a multiple of this: a thief of the disk must not tell true from false, or one plate from
// another, by their lengths.
const sealedBlock = 64

// padded adds white space, which JSON does not see.
func padded(clear []byte) []byte {
	return append(clear, bytes.Repeat([]byte{' '}, -len(clear)&(sealedBlock-1))...)
}

// classOf is the class of an attribute instance: its name's, or, where that is public, that of the first sub-attribute
// which is personal. A plate does not become public by standing below something public.
func (t *Twin) classOf(types []tribune.Name, name tribune.Name, a *model.Attr) tribune.Class {
	class := t.cfg.ClassOf(types, name)
	if class.Personal || class.ID == tribune.ClassUnclassified {
		return class
	}
	if below, found := t.personalBelow(types, a.Sub); found {
		return below
	}
	return class
}

func (t *Twin) personalBelow(types []tribune.Name, subs map[tribune.Name][]model.Attr) (tribune.Class, bool) {
	if len(subs) == 0 {
		return tribune.Class{}, false
	}
	for _, name := range sortedNames(subs) {
		if class := t.cfg.ClassOf(types, name); class.Personal {
			return class, true
		}
		for i := range subs[name] {
			if class, found := t.personalBelow(types, subs[name][i].Sub); found {
				return class, true
			}
		}
	}
	return tribune.Class{}, false
}

func notAName(attr tribune.Name) error {
	return tribune.Hint(fmt.Errorf("%w: attribute %s names a subject and is not a text", tribune.ErrInvalid, attr), "send it as a JSON string, at most 512 bytes")
}

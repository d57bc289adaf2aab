package policy

import "tribune"

// vital holds an act of kind vital against its class: only what the register names may be opened without guardians, by the office it
// names and one person's data at a time. Everything else (mandate, appointment, a policy that permits) is as for any act.
func (j *judgement) vital() {
	if j.act.Kind != tribune.ActVital || j.class == nil {
		return
	}
	switch class := j.class.class; {
	case class.Vital == "":
		j.missing("class %s is not one of those that can be opened without the guardians", class.ID)
	case class.Vital != j.act.Caller.Office:
		j.missing("class %s can be opened without the guardians by the office %s alone", class.ID, class.Vital)
	case j.act.Count > 1:
		j.missing("without the guardians one person's data are opened at a time")
	}
}

// checkVital refuses a register of classes that names an office which does not exist.
func (s *Set) checkVital() (bad Problems) {
	for _, c := range s.classes {
		if c.Vital != "" && s.officeByID[c.Vital] == nil {
			bad.add(FileClasses, c.Line, "correct it, or add the office to offices.toml", "class %s names the office %s for vital interest, which is not in the register", c.ID, short(string(c.Vital)))
		}
	}
	return bad
}

// VitalClasses are the classes that can be opened without the guardians.
func (s *Set) VitalClasses() (all []tribune.Class) {
	for _, c := range s.classes {
		if c.Vital != "" {
			all = append(all, c.Class)
		}
	}
	return all
}

package policy

import (
	"fmt"
	"slices"
)

// Tightens reports whether the new set permits nothing that the old one did not, so that it may take effect at once. It
// is mechanical and errs on the side of no: only listed kinds of change count as tightening (a forbid more, a permit
// less or earlier over, an office or purpose less, lower limits, a signer or a right to sign less, shorter keeping, a look-up less).
// Everything else, however sensible, waits. The string says why not, or what was tightened, in plain words.
func Tightens(old, new *Set) (bool, string) {
	for _, compare := range []func(old, new *Set) string{compareCity, compareClasses, comparePurposes, compareOffices, compareRules} {
		if why := compare(old, new); why != "" {
			return false, why
		}
	}
	if old.hash == new.hash {
		return true, "nothing changes"
	}
	return true, "it forbids more, permits less or ends earlier"
}

func compareCity(old, new *Set) string {
	if old.city != new.city {
		return "the city has another name"
	}
	for _, n := range new.signers {
		o := old.signer(n.Name)
		if o == nil || o.Key != n.Key {
			return fmt.Sprintf("%s is a new signer or has a new key", n.Name)
		}
		for _, what := range n.Signs {
			if !o.may(what) {
				return fmt.Sprintf("%s may now sign %s", n.Name, what)
			}
		}
		if len(o.Purposes) > 0 && (len(n.Purposes) == 0 || !within(n.Purposes, o.Purposes)) {
			return fmt.Sprintf("%s may now issue mandates for more purposes", n.Name)
		}
	}
	return ""
}

func within[T comparable](part, whole []T) bool {
	return !slices.ContainsFunc(part, func(v T) bool { return !slices.Contains(whole, v) })
}

func compareClasses(old, new *Set) string {
	if len(old.classes) != len(new.classes) {
		return "classes of data were added or removed"
	}
	for _, n := range new.classes {
		o := old.classByID[n.ID]
		if o == nil {
			return fmt.Sprintf("class %s is new", n.ID)
		}
		longer := n.Keep > o.Keep && o.Keep != 0 || n.Keep == 0 && o.Keep != 0
		if longer {
			return fmt.Sprintf("class %s is kept longer", n.ID)
		}
		same := n.Title == o.Title && n.Personal == o.Personal && n.Subject == o.Subject && n.SubjectType == o.SubjectType &&
			slices.Equal(n.Types, o.Types) && slices.Equal(n.Attrs, o.Attrs) && slices.Equal(n.Categories, o.Categories)
		if !same {
			return fmt.Sprintf("class %s describes other data", n.ID)
		}
		if why := compareLookUps(o, &n); why != "" {
			return why
		}
		if n.Keep != o.Keep && new.speaksOfKeep() {
			return fmt.Sprintf("class %s is kept for another time, and policies depend on it", n.ID)
		}
	}
	return ""
}

// speaksOfKeep reports whether any policy looks at how long data are kept.
func (s *Set) speaksOfKeep() bool {
	return slices.ContainsFunc(s.rules, func(r *Rule) bool { return r.speaksOf("keepDays") })
}

func comparePurposes(old, new *Set) string {
	for _, n := range new.purposeList {
		o := old.purposes[n.ID]
		if o == nil {
			return fmt.Sprintf("purpose %s is new", n.ID)
		}
		if n.Title != o.Title || n.Description != o.Description || n.DPV != o.DPV || !slices.Equal(n.Practices, o.Practices) {
			return fmt.Sprintf("purpose %s means something else", n.ID)
		}
	}
	return ""
}

func compareOffices(old, new *Set) string {
	for _, n := range new.offices {
		o := old.officeByID[n.ID]
		switch {
		case o == nil:
			return fmt.Sprintf("office %s is new", n.ID)
		case n.Title != o.Title || !slices.Equal(n.Powers, o.Powers):
			return fmt.Sprintf("office %s has other powers", n.ID)
		case n.Until.After(o.Until):
			return fmt.Sprintf("office %s ends later", n.ID)
		case n.Limits.Acts > o.Limits.Acts || n.Limits.Subjects > o.Limits.Subjects:
			return fmt.Sprintf("office %s may do more in an hour", n.ID)
		}
	}
	return ""
}

func compareRules(old, new *Set) string {
	for _, o := range old.rules {
		n := new.ruleByID[o.ID]
		switch {
		case n == nil && !o.Permit:
			return fmt.Sprintf("policy %s no longer forbids", o.ID)
		case n == nil && o.mayErr():
			// While it is there it can fail, and a policy that fails denies.
			return fmt.Sprintf("policy %s is gone, and its errors denied", o.ID)
		case n == nil:
			continue
		case n.Permit != o.Permit || n.Text != o.Text || n.Because != o.Because || n.Floor != o.Floor:
			return fmt.Sprintf("policy %s says something else", o.ID)
		case o.Permit && n.Until.After(o.Until):
			return fmt.Sprintf("policy %s ends later", o.ID)
		}
	}
	for _, n := range new.rules {
		if n.Permit && old.ruleByID[n.ID] == nil {
			return fmt.Sprintf("policy %s permits something new", n.ID)
		}
	}
	return ""
}

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Tightens reports whether the new set permits nothing that the old one did not, so that it may take effect at once. It
// is mechanical and errs on the side of no: only listed kinds of change count as tightening (a forbid more, a permit
// less or earlier over, an office or purpose less, lower limits, a signer or a right to sign less, shorter keeping, a look-up less).
// Everything else, however sensible, waits. The string says why not, or what was tightened, in plain words.
func Tightens(old, new *Set) (bool, string) {
	if all := Loosens(old, new); len(all) > 0 {
		return false, all[0]
	}
	if old.hash == new.hash {
		return true, "nothing changes"
	}
	return true, "it forbids more, permits less or ends earlier"
}

// Loosens lists everything by which the new set may permit what the old one did not, in plain words, in the order of the files;
// nothing where it only tightens.
func Loosens(old, new *Set) []string {
	var found loosening
	for _, compare := range []func(old, new *Set, found *loosening){compareCity, compareClasses, comparePurposes, compareOffices, compareModels, compareRules} {
		compare(old, new, &found)
	}
	return found
}

type loosening []string

// add keeps each to one plain line: titles and reasons are the words of whoever wants the change, and people read them in a terminal.
func (l *loosening) add(format string, args ...any) {
	*l = append(*l, strings.NewReplacer("\n", " ", "\t", " ").Replace(plain(fmt.Sprintf(format, args...))))
}

func compareCity(old, new *Set, found *loosening) {
	if old.city != new.city {
		found.add("the city has another name")
	}
	for _, n := range new.signers {
		o := old.signer(n.Name)
		if o == nil || o.Key != n.Key {
			found.add("%s is a new signer or has a new key", n.Name)
			continue
		}
		for _, what := range n.Signs {
			if !o.may(what) {
				found.add("%s may now sign %s", n.Name, what)
			}
		}
		if len(o.Purposes) > 0 && (len(n.Purposes) == 0 || !within(n.Purposes, o.Purposes)) {
			found.add("%s may now issue mandates for more purposes", n.Name)
		}
	}
}

func within[T comparable](part, whole []T) bool {
	return !slices.ContainsFunc(part, func(v T) bool { return !slices.Contains(whole, v) })
}

func compareClasses(old, new *Set, found *loosening) {
	for _, o := range old.classes {
		if new.classByID[o.ID] == nil {
			found.add("class %s is gone: what it describes counts as something else", o.ID)
		}
	}
	for _, n := range new.classes {
		o := old.classByID[n.ID]
		if o == nil {
			found.add("class %s is new: %s", n.ID, n.Title)
			continue
		}
		if longer := n.Keep > o.Keep && o.Keep != 0 || n.Keep == 0 && o.Keep != 0; longer {
			found.add("class %s is kept longer", n.ID)
		}
		same := n.Title == o.Title && n.Personal == o.Personal && n.Subject == o.Subject && n.SubjectType == o.SubjectType &&
			slices.Equal(n.Types, o.Types) && slices.Equal(n.Attrs, o.Attrs) && slices.Equal(n.Categories, o.Categories)
		if !same {
			found.add("class %s describes other data", n.ID)
		}
		if !within(o.Others, n.Others) {
			found.add("class %s tells who reads their own data which other people they name", n.ID)
		}
		if n.Vital != "" && n.Vital != o.Vital {
			found.add("class %s can be opened without the guardians, by two people of the office %s, while they cannot be reached", n.ID, n.Vital)
		}
		if why := compareLookUps(o, &n); why != "" {
			found.add("%s", why)
		}
		if n.Keep != o.Keep && new.speaksOfKeep() {
			found.add("class %s is kept for another time, and policies depend on it", n.ID)
		}
	}
}

// speaksOfKeep reports whether any policy looks at how long data are kept.
func (s *Set) speaksOfKeep() bool {
	return slices.ContainsFunc(s.rules, func(r *Rule) bool { return r.speaksOf("keepDays") })
}

func comparePurposes(old, new *Set, found *loosening) {
	for _, n := range new.purposeList {
		o := old.purposes[n.ID]
		switch {
		case o == nil:
			found.add("purpose %s is new: %s", n.ID, n.Title)
		case n.Title != o.Title || n.Description != o.Description || n.DPV != o.DPV || n.Hidden && !o.Hidden || !slices.Equal(n.Practices, o.Practices):
			found.add("purpose %s means something else", n.ID)
		}
	}
}

func compareOffices(old, new *Set, found *loosening) {
	for _, n := range new.offices {
		o := old.officeByID[n.ID]
		if o == nil {
			found.add("office %s is new: %s", n.ID, n.Title)
			continue
		}
		if n.Title != o.Title || !slices.Equal(n.Powers, o.Powers) {
			found.add("office %s has other powers", n.ID)
		}
		if n.Until.After(o.Until) {
			found.add("office %s ends later", n.ID)
		}
		if n.Limits.Acts > o.Limits.Acts || n.Limits.Subjects > o.Limits.Subjects {
			found.add("office %s may do more in an hour", n.ID)
		}
	}
}

func compareRules(old, new *Set, found *loosening) {
	for _, o := range old.rules {
		n := new.ruleByID[o.ID]
		switch {
		case n == nil && !o.Permit:
			found.add("policy %s no longer forbids", o.ID)
		case n == nil && o.mayErr():
			// While it is there it can fail, and a policy that fails denies.
			found.add("policy %s is gone, and its errors denied", o.ID)
		case n == nil:
		case n.Permit != o.Permit || n.Text != o.Text || n.Because != o.Because || n.Floor != o.Floor:
			found.add("policy %s says something else", o.ID)
		case o.Permit && n.Until.After(o.Until):
			found.add("policy %s ends later", o.ID)
		}
	}
	for _, n := range new.rules {
		if n.Permit && old.ruleByID[n.ID] == nil {
			found.add("policy %s permits something new: %s", n.ID, n.Because)
		}
	}
}

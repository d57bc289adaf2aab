package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
)

// Check reads the law under dir and explains it to its steward: what each file allows to whom, why and until when, and
// everything that is wrong with it, by file and line. Findings come in the order of the files. It trusts the keys that
// city.toml itself names, since no other is at hand: what it says of signatures is that the files fit together. "Now" is
// the wall clock.
func Check(dir string) []Finding { return CheckAt(dir, time.Now()) }

// CheckAt is Check at a given time.
func CheckAt(dir string, now time.Time) []Finding {
	c := &checker{dir: dir, now: now.UTC(), mandated: map[tribune.OfficeID][]tribune.Mandate{}}
	files, err := ReadFiles(dir)
	if err != nil {
		return []Finding{{File: dir, Level: LevelError, What: err.Error(), Do: "give the folder that holds city.toml"}}
	}
	c.files = files
	c.check()
	return c.findings
}

type checker struct {
	dir      string
	now      time.Time
	files    map[string][]byte
	set      *Set // nil where the texts cannot be understood
	findings []Finding
	mandated map[tribune.OfficeID][]tribune.Mandate // those in force, by the offices they name
}

func (c *checker) say(level Level, file string, line int, do, format string, args ...any) {
	c.findings = append(c.findings, Finding{File: file, Line: line, Level: level, What: fmt.Sprintf(format, args...), Do: do})
}

func (c *checker) check() {
	bad := checkNames(c.files)
	texts := map[string]string{}
	for name, data := range c.files {
		texts[name], _ = protocol.SplitDocument(data)
	}
	set, more := build(c.files, texts)
	c.findings = append(c.findings, append(bad, more...)...)
	c.signatures(set)
	if len(bad)+len(more) > 0 {
		c.evidence(DirMandates, c.mandateText)
		c.evidence(DirAppointments, c.appointmentText)
		return
	}
	c.set = set
	c.city()
	c.classes()
	c.purposes()
	c.offices()
	c.models()
	for _, r := range set.rules {
		c.rule(r)
	}
	c.evidence(DirMandates, c.mandate)
	c.evidence(DirAppointments, c.appointment)
	for _, r := range set.rules {
		c.usable(r)
	}
}

// signatures checks each file against the signers of registers in city.toml.
func (c *checker) signatures(set *Set) {
	var known []protocol.DocumentKey
	var names []string
	for _, g := range set.signers {
		if g.may(signsRegisters) {
			known, names = append(known, g.key), append(names, g.Name)
		}
	}
	if len(known) == 0 {
		c.say(LevelError, FileCity, 0, `give one signer signs = ["registers"]`, "no key may sign the registers")
		return
	}
	by := strings.Join(names, " or ")
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		_, sigs := protocol.SplitDocument(c.files[name])
		_, _, err := protocol.OpenSigned(c.files[name], known...)
		switch {
		case err == nil:
		case sigs == "":
			c.say(LevelError, name, 0, "let "+by+" sign it", "%s", unsigned(c.files[name], "it is not signed"))
		default:
			c.say(LevelError, name, 0, "if the change is meant, let "+by+" sign it again", "it is not as it was signed, or not signed by %s", by)
		}
	}
}

func (c *checker) city() {
	for _, g := range c.set.signers {
		what := strings.Join(g.Signs, " and ")
		if len(g.Purposes) > 0 {
			what += " for purpose " + join(g.Purposes)
		}
		c.say(LevelNote, FileCity, 0, "compare the key with the one you know: "+g.Key, "%s signs %s", g.Name, what)
	}
	if !slices.ContainsFunc(c.set.signers, func(g Signer) bool { return g.may(signsMandates) }) {
		c.say(LevelWarning, FileCity, 0, `give one signer signs = ["mandates"]`, "nobody may sign mandates, so no act can be permitted")
	}
}

func (c *checker) classes() {
	for _, e := range c.set.classes {
		if !e.Personal {
			c.say(LevelNote, FileClasses, e.Line, "", "%s (%s) is public: %s", e.ID, e.Title, covers(e))
			continue
		}
		whose := "the thing itself"
		if e.Subject != "" {
			whose = fmt.Sprintf("whom %s names (a %s)", tail(e.Subject), e.SubjectType)
		}
		c.say(LevelNote, FileClasses, e.Line, "", "%s (%s) is personal and sealed: %s; it is about %s and kept %s", e.ID, e.Title, covers(e), whose, days(e.Keep))
		for _, q := range e.Equality {
			c.say(LevelNote, FileClasses, e.Line, "name no attribute that has few values: who steals the disk sees which are equal", "%s can be looked up by %s, for purpose %s", e.ID, tail(q.Attr), join(q.Purposes))
		}
		if !slices.ContainsFunc(c.set.rules, func(r *Rule) bool { return r.Permit && strings.Contains(r.Text, `"`+string(e.ID)+`"`) }) {
			c.say(LevelNote, FileClasses, e.Line, "", "no policy names class %s", e.ID)
		}
	}
}

func (c *checker) purposes() {
	for _, p := range c.set.purposeList {
		c.say(LevelNote, FilePurposes, p.Line, "", "%s (%s): %s DPV: %s", p.ID, p.Title, p.Description, tail(p.DPV))
		if r := c.set.floorAgainst(p); r != nil {
			c.say(LevelWarning, FilePurposes, p.Line, "remove the purpose", "purpose %s can never be used: %s forbids it (%s)", p.ID, r.ID, r.Because)
		}
	}
}

func (c *checker) offices() {
	for _, o := range c.set.offices {
		c.say(LevelNote, FileOffices, o.Line, "", "%s (%s) may: %s. It ends %s; in an hour at most %d acts about %d people for one purpose", o.ID, o.Title, strings.Join(o.Powers, "; "), ended(o.Until), o.Limits.Acts, o.Limits.Subjects)
		c.end(FileOffices, o.Line, "office "+string(o.ID), o.Until)
	}
}

func (c *checker) rule(r *Rule) {
	if !r.Permit {
		c.say(LevelNote, r.File, r.Line, "", "%s forbids: %s", r.ID, r.Because)
		if !r.Until.IsZero() && !c.now.Before(r.Until) {
			c.say(LevelWarning, r.File, r.Line, "review it and set a new day", "policy %s was to be reviewed %s; it still forbids", r.ID, ended(r.Until))
		}
		return
	}
	c.say(LevelNote, r.File, r.Line, "", "%s permits, until it ends %s: %s", r.ID, ended(r.Until), r.Because)
	c.end(r.File, r.Line, "policy "+r.ID, r.Until)
	if o := c.set.officeByID[r.office()]; o != nil && !c.now.Before(o.Until) {
		c.say(LevelWarning, r.File, r.Line, "renew the office, or remove the policy", "policy %s can never apply: its office ended %s", r.ID, ended(o.Until))
	}
}

// usable says where a permit has no mandate that could carry it.
func (c *checker) usable(r *Rule) {
	office := r.office()
	class := r.class()
	carries := func(m tribune.Mandate) bool { return class == "" || slices.Contains(m.Classes, class) }
	if !r.Permit || office == "" || r.lapsed(c.now) || r.publishesOnly() || slices.ContainsFunc(c.mandated[office], carries) {
		return
	}
	about := ""
	if class != "" {
		about = fmt.Sprintf(" for class %s", class)
	}
	c.say(LevelWarning, r.File, r.Line, "let the council sign a mandate, or remove the policy", "policy %s cannot be used: no mandate in force names office %s%s", r.ID, office, about)
}

// soon is how long before an end a steward hears of it: a council needs a session to renew.
const soon = 45 * 24 * time.Hour

func (c *checker) end(file string, line int, what string, until time.Time) {
	switch {
	case !c.now.Before(until):
		c.say(LevelWarning, file, line, "renew it in public, or remove it", "%s ended %s", what, ended(until))
	case until.Sub(c.now) < soon:
		c.say(LevelWarning, file, line, "renew it in public if it is still needed", "%s ends soon, %s", what, ended(until))
	}
}

func covers(e ClassEntry) string {
	if e.Attrs[0] == everyAttr {
		return fmt.Sprintf("everything not listed elsewhere of %s", some(e.Types))
	}
	return fmt.Sprintf("%s of %s", some(e.Attrs), some(e.Types))
}

// some names a few and counts the rest.
func some(list []tribune.Name) string {
	const most = 8
	var words []string
	for i, n := range list {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		words = append(words, tail(n))
	}
	return strings.Join(words, ", ")
}

func join[S ~string](list []S) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = short(string(s))
	}
	return strings.Join(words, ", ")
}

func orNothing(s string) string {
	if s == "" {
		return "no class of data"
	}
	return s
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}

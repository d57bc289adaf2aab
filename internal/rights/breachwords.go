package rights

import (
	"fmt"
	"slices"
	"time"
)

// Say puts a text into a language, with its arguments in the places of fmt verbs.
type Say func(text string, args ...any) string

// English is the language in which texts are written.
func English(text string, args ...any) string {
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Could is what a thief may have seen, and why.
func (a Assessment) Could(say Say) []string {
	switch a.Kind {
	case BreachOffice:
		return []string{
			say("What this office opened in the window, as listed: each opening was signed with its key and stands on the public record first."),
			say("People’s requests that this office answers, with their names: it reads them without a key and without an entry."),
			say("No other sealed data: an opening that is not on record gets no key from the guardians."),
		}
	case BreachHub:
		return []string{
			say("What anybody opened in the window, as listed: the hub combines the keys of each act and could have kept them, or the answers."),
			say("What arrived in the window: it passes the hub in the clear before it is sealed, for up to 15 minutes by its data key. The record does not count it; the number of people is above the bound given."),
			say("People’s requests to the city and their consents, which the hub shows to the office."),
		}
	case BreachDisk:
		return []string{say("That there are values, of which class, from which days, how large, and under which pseudonyms; of attributes that can be looked up, which values are equal.")}
	}
	return []string{say("The leaves of the record, which are public, and what the guardians lost were shown of single acts: pseudonyms, mandates, and who acted in an office.")}
}

// CouldNot is what a thief cannot have opened, and why.
func (a Assessment) CouldNot(say Say) []string {
	sealed := say("What was sealed before the window and is not listed: its keys come from several guardians, after the act is on the public record.")
	switch a.Kind {
	case BreachOffice:
		return []string{sealed, say("What the law denies this office: guardians decide again, and release nothing. Denied in the window: %d.", a.Denied)}
	case BreachHub:
		return []string{sealed, say("The guardians’ shares and the citizens’ and officers’ keys: they never were on the hub.")}
	case BreachDisk:
		return []string{
			say("Any sealed value: its key is in no file. Each takes an act on the public record and several guardians."),
			say("Pseudonyms’ names: who holds no guardians’ keys cannot try them out. What rests besides is wrapped under the epoch key, which is in no backup; where it was lost with the disk, replace it."),
		}
	}
	return []string{
		say("Anything sealed: fewer guardians than the threshold learn nothing from their shares, together or alone."),
		say("The record: its quorum is such that those who were lost cannot show two versions of it unseen. Have the shares refreshed or the guardians replaced."),
	}
}

// Draft is a text to begin with, for one deadline. What only people know stands in brackets.
func (a Assessment) Draft(say Say, c Clock, rules *Rules, city string) string {
	lines := []string{
		say("Notice of a personal data breach under %s", say(c.Law)), say("To: %s", say(c.To)), say("From: %s, %s", city, rules.Controller.Contact), "",
		say("The city learned of it on %s. It may have been used from %s to %s.", stamp(a.Aware), stamp(a.From), stamp(a.Until)),
		say("What was lost: %s", a.What(say)), "",
		say("What could be seen:"),
	}
	lines = append(lines, bulleted(a.Could(say))...)
	lines = append(lines, say("What could not, and why:"))
	lines = append(lines, bulleted(a.CouldNot(say))...)
	lines = append(lines, a.People(say))
	for _, l := range a.Lines {
		lines = append(lines, "- "+say("%s, %s, %s: %d acts, %d to %d people", l.Office, l.Purpose, l.Kind, l.Acts, l.AtLeast, l.AtMost))
	}
	lines = append(lines, "",
		say("Likely consequences: [what it means for these people]"),
		say("Measures taken or proposed: [keys replaced, appointments ended, shares refreshed]"),
		say("Contact for more: [name, telephone, address]"), "",
		say("These numbers are computed from the public record; anybody can compute them again."))
	out := ""
	for _, l := range lines {
		out += l + "\n"
	}
	return out
}

// What was lost, in words.
func (a Assessment) What(say Say) string { return BreachWhat(say, a.Kind) }

// BreachWhat is a kind of breach in words.
func BreachWhat(say Say, k BreachKind) string {
	switch k {
	case BreachOffice:
		return say("the key or session of somebody in an office")
	case BreachHub:
		return say("the running hub")
	case BreachDisk:
		return say("disks or backups of the hub")
	}
	return say("guardians, fewer than are needed to open anything")
}

// People is how many are affected, with bounds.
func (a Assessment) People(say Say) string {
	if a.More {
		return say("People affected by openings: at least %d, at most %d; and those whose data arrived in the window.", a.AtLeast, a.AtMost)
	}
	return say("People affected: at least %d, at most %d. The record counts people in each act and does not say who they are; the same person may be counted twice.", a.AtLeast, a.AtMost)
}

func bulleted(lines []string) (out []string) {
	for _, l := range lines {
		out = append(out, "- "+l)
	}
	return out
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// BreachTexts are all texts of the breach desk, for who translates them.
func BreachTexts(rules *Rules) (all []string) {
	say := func(text string, args ...any) string {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
		return English(text, args...)
	}
	for _, k := range BreachKinds() {
		a := Assessment{Breach: Breach{Kind: k}, More: k == BreachHub, Lines: []BreachLine{{}}}
		for _, c := range rules.Clocks(time.Time{}) {
			a.Draft(say, c, rules, "")
		}
	}
	return all
}

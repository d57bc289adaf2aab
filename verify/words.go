package verify

import (
	"fmt"
	"strings"
	"unicode"

	"tribune"
)

// Words says in plain words what is on record and who vouches for it, one fact a line. Texts taken from the leaf are
// quoted where they could be mistaken for ours.
func (v *Verified) Words() []string {
	a, d := v.Leaf.Act, v.Leaf.Decision
	who := "Office " + id(string(a.Office))
	if a.Office == "" {
		who = "No office"
	}
	act := who + " " + doing(a.Kind)
	if subjects := counted(a.Count, "subject", "subjects"); a.Count > 0 || opens(a.Kind) {
		act += ", touching " + subjects
	}
	if a.Purpose != "" {
		act += ", for the purpose " + id(string(a.Purpose))
	}
	if a.Mandate != "" {
		act += ", under the mandate " + id(string(a.Mandate))
	}
	lines := []string{
		act + ".",
		"Said time of the act: " + a.Time + "; act " + a.ID + ".",
	}
	if d.Permit {
		lines = append(lines, "Permitted by: "+list(d.Policies, "no named policy")+".")
	} else {
		lines = append(lines, "Denied by: "+list(d.Policies, "no policy permits it")+".")
		for _, m := range d.Missing {
			lines = append(lines, "Missing: "+plain(m)+".")
		}
	}
	lines = append(lines, "Policy set "+d.Set.String()+".")
	lines = append(lines, v.publication()...)
	if len(v.Leaf.Tags) > 0 {
		lines = append(lines, "It carries "+counted(len(v.Leaf.Tags), "tag", "tags")+", by which the subjects can find it.")
	}
	lines = append(lines, fmt.Sprintf("On record as entry %d of %s, leaf %s, in a log of %d entries.", v.Index, v.Checkpoint.Origin, v.LeafHash, v.Checkpoint.Size))
	for _, s := range v.Checkpoint.Cosignatures {
		lines = append(lines, "Co-signed by "+s.Name+" at "+s.Time.Format("2006-01-02T15:04:05Z")+".")
	}
	return lines
}

func doing(k tribune.ActKind) string {
	switch k {
	case tribune.ActRead:
		return "asked to read sealed data"
	case tribune.ActStanding:
		return "subscribed to personal data: it may be told of values as they arrive, until the act's end"
	case tribune.ActDelivery:
		return "was told of personal data as they arrived, under a standing act"
	case tribune.ActDecide:
		return "exercised a power that opens no data"
	case tribune.ActVital:
		return "opened data, two people together and without the guardians, while they could not be reached"
	case tribune.ActVitalKeys:
		return "published which single-use keys there are for when guardians cannot be reached"
	case tribune.ActErase:
		return "had erased what was held of the subjects, up to that day"
	case tribune.ActEnrol:
		return "enrolled subjects, so that they can trace the uses of their data"
	case tribune.ActLaw:
		return "published a set of policies"
	case tribune.ActAppoint:
		return "appointed somebody to an office"
	case tribune.ActDevice:
		return "published the document of a device that senses"
	case tribune.ActCeremony:
		return "passed on a message of the guardians' key ceremony"
	case tribune.ActIndex:
		return "published the index of the record's marks, which guardians have signed"
	case tribune.ActRepresent:
		return "recorded something about a person and whoever may act for them"
	case tribune.ActPublish:
		return "published an explanation of a model"
	case tribune.ActRefusals:
		return "published a count of refused requests"
	}
	return "did an act of kind " + id(string(k))
}

func opens(k tribune.ActKind) bool { return k == tribune.ActRead || k == tribune.ActEnrol }

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func list(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = id(n)
	}
	return strings.Join(out, ", ")
}

// plain quotes text that could break a line or hide in a terminal: a leaf is written by whom we do not trust.
func plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%+q", clip(s))
	}
	return s
}

// id quotes what is no id: a name with words in it could go on in sentences of ours.
func id(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.:/#", r)
	}) {
		return fmt.Sprintf("%+q", clip(s))
	}
	return s
}

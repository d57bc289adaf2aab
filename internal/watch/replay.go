package watch

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// finding is something that is wrong with one leaf by itself.
type finding struct {
	kind Kind
	text string
}

// handling is what the protocol says of a kind's leaf.
type handling struct {
	tagged bool // one tag for each subject
	opens  bool // guardians may release keys for it
	power  bool // uses power over somebody: needs office, purpose and mandate, and counts against the hour
	free   bool // no policy decides it: key ceremonies, counts, what guardians sign themselves
}

var handled = map[tribune.ActKind]handling{
	tribune.ActRead:      {tagged: true, opens: true, power: true},
	tribune.ActDelivery:  {tagged: true, power: true},
	tribune.ActEnrol:     {opens: true, power: true},
	tribune.ActDecide:    {tagged: true, power: true}, // about nobody: count 0 and no tag; an answer to a person: their tag
	tribune.ActStanding:  {power: true},
	tribune.ActLaw:       {},
	tribune.ActAppoint:   {},
	tribune.ActDevice:    {},
	tribune.ActErase:     {tagged: true, opens: true},
	tribune.ActIndex:     {free: true},
	tribune.ActExtension: {tagged: true},
	tribune.ActRepresent: {tagged: true, opens: true, power: true}, // what guardians release for it is their word that its marks are right
	tribune.ActCeremony:  {free: true},
	tribune.ActVital:     {tagged: true, free: true}, // says what was decided before, in its public part
	tribune.ActVitalKeys: {free: true},
	tribune.ActRefusals:  {free: true},
	tribune.ActPublish:   {opens: true, power: true}, // touches nobody; what may be published is decided again from its public part, and guardians state that its owner signed it
}

// judge replays of one leaf what can be replayed from the leaf, the law it names and the mandate it names, alone: no clock, no
// other leaf. A nil set or mandate leaves out what rests on it. The same inputs give the same findings, for a watcher and for a
// court that is handed the evidence.
func judge(l protocol.Leaf, set *policy.Set, mandate []byte) []finding {
	j := judging{leaf: l, how: handled[l.Act.Kind]}
	_, j.known = handled[l.Act.Kind]
	j.marks()
	j.shape()
	if set != nil && set.Hash() == l.Decision.Set {
		j.registers(set)
		if l.Decision.Permit {
			j.permitted(set)
			j.publication(set)
			j.mandate(set, mandate)
		}
	}
	return j.found
}

type judging struct {
	leaf  protocol.Leaf
	how   handling
	known bool
	found []finding
}

func (j *judging) say(k Kind, format string, args ...any) {
	j.found = append(j.found, finding{k, fmt.Sprintf(format, args...)})
}

// marks: tags and count.
func (j *judging) marks() {
	l := j.leaf
	seen := map[tribune.Tag]bool{}
	for _, t := range l.Tags {
		if seen[t] {
			j.say(BadTags, "The tag %s stands twice in the entry.", t)
			break
		}
		seen[t] = true
	}
	switch {
	case !l.Decision.Permit && (len(l.Tags) != 0 || l.Act.Count != 0):
		j.say(BadTags, "The act was denied, and the entry says that it touched %d people and carries %d tags.", l.Act.Count, len(l.Tags))
	case !l.Decision.Permit || !j.known:
	case j.how.tagged && len(l.Tags) != l.Act.Count:
		j.say(BadTags, "The act touched %d people and carries %d tags.", l.Act.Count, len(l.Tags))
	case !j.how.tagged && len(l.Tags) != 0:
		j.say(BadTags, "An entry of kind %s carries %d tags, and should carry none.", l.Act.Kind, len(l.Tags))
	}
}

// shape: the decision does not contradict itself.
func (j *judging) shape() {
	l, d := j.leaf, j.leaf.Decision
	if d.Permit && len(d.Missing) > 0 {
		j.say(BadDecision, "The act was permitted although the entry itself says what was missing.")
	}
	if !j.known {
		return
	}
	zero := d.Set == (tribune.Hash{})
	switch {
	case zero && !j.how.free:
		j.say(BadDecision, "An act of kind %s was decided under no law.", l.Act.Kind)
	case d.Permit && !j.how.free && len(d.Policies) == 0:
		j.say(BadDecision, "The act was permitted by no policy.")
	}
	signed := len(l.Signature) == ed25519.SignatureSize
	switch {
	case d.Permit && !signed && l.Act.Kind != tribune.ActRefusals && l.Act.Kind != tribune.ActCeremony:
		j.say(BadDecision, "The act was permitted and its actor has not signed it.")
	case !d.Permit && len(l.Signature) != 0:
		j.say(BadDecision, "The act was denied and carries its actor's signature.")
	}
}

// registers: what the leaf names is in the registers of the law it was decided under.
func (j *judging) registers(set *policy.Set) {
	a, d := j.leaf.Act, j.leaf.Decision
	for _, id := range d.Policies {
		if ruleOf(set, id) == nil {
			j.say(BadDecision, "The entry names the policy %q, which its law does not have.", id)
		}
	}
	if !d.Permit || !j.known || j.how.free {
		return
	}
	at, err := a.When()
	if err != nil {
		return
	}
	if o, ok := set.Office(a.Office); !ok {
		j.say(BadDecision, "The act was permitted to the office %q, which is not in the register of offices.", string(a.Office))
	} else if !at.Before(o.Until) {
		j.say(BadDecision, "The act was permitted to the office %s, which had ended.", a.Office)
	}
	if _, ok := set.Purpose(a.Purpose); !ok && (a.Purpose != "" || j.how.power) {
		j.say(BadDecision, "The act was permitted for the purpose %q, which is not in the register of purposes.", string(a.Purpose))
	}
	if a.Mandate == "" && j.how.power {
		j.say(BadDecision, "The act was permitted without a mandate.")
	}
}

// permitted: every policy named permits, had not ended, and can be about this office, kind and purpose.
func (j *judging) permitted(set *policy.Set) {
	a := j.leaf.Act
	at, err := a.When()
	if err != nil || !j.known || j.how.free {
		return
	}
	kind := a.Kind
	if kind == tribune.ActDelivery { // the law of both is one
		kind = tribune.ActStanding
	}
	for _, id := range j.leaf.Decision.Policies {
		r := ruleOf(set, id)
		if r == nil {
			continue
		}
		reach := r.Reach()
		switch {
		case !r.Permit:
			j.say(BadDecision, "The act was permitted by the policy %s, which forbids.", id)
		case !at.Before(r.Until):
			j.say(BadDecision, "The act was permitted by the policy %s, which had ended.", id)
		case !policy.Covers(reach.Offices, a.Office), !policy.Covers(reach.Kinds, kind):
			j.say(BadDecision, "The act was permitted by the policy %s, which is not about office %s or acts of kind %s.", id, a.Office, a.Kind)
		case a.Purpose != "" && !policy.Covers(reach.Purposes, a.Purpose):
			j.say(BadDecision, "The act was permitted by the policy %s, which is not about the purpose %s.", id, a.Purpose)
		}
	}
}

// mandate: the signed document carries the act, as far as the public part says.
func (j *judging) mandate(set *policy.Set, doc []byte) {
	a := j.leaf.Act
	if doc == nil || !j.how.power {
		return
	}
	m, err := set.Mandate(doc)
	if err != nil || m.ID != a.Mandate {
		return // not a document of this mandate under this law: nothing can be said
	}
	at, err := a.When()
	if err != nil {
		return
	}
	switch {
	case m.Purpose != a.Purpose:
		j.say(BadMandate, "The mandate %s is for the purpose %s, and the act was permitted for %s.", m.ID, m.Purpose, a.Purpose)
	case !slices.Contains(m.Offices, a.Office):
		j.say(BadMandate, "The mandate %s does not name the office %s.", m.ID, a.Office)
	case at.Before(m.From) || !at.Before(m.Until):
		j.say(BadMandate, "The mandate %s was not in force at the time of the act, %s.", m.ID, a.Time)
	case a.Count > m.MaxSubjects:
		j.say(BadMandate, "The mandate %s allows %d people in one act, and this one touched %d.", m.ID, m.MaxSubjects, a.Count)
	case m.Disclose != 0 && a.Kind == tribune.ActRead && a.Count > len(m.Names):
		j.say(BadMandate, "The warrant %s names %d people, and this act touched %d.", m.ID, len(m.Names), a.Count)
	}
}

// opensNothing says why guardians release no keys for a leaf; "" = they may.
func opensNothing(l protocol.Leaf) string {
	switch {
	case !l.Decision.Permit:
		return "the act was denied"
	case !handled[l.Act.Kind].opens && known(l.Act.Kind):
		return "an act of kind " + string(l.Act.Kind) + " opens nothing"
	case len(l.Act.Recipient) == 0 && l.Act.Kind != tribune.ActPublish:
		return "the act names no recipient"
	}
	return ""
}

func known(k tribune.ActKind) bool { _, ok := handled[k]; return ok }

func ruleOf(set *policy.Set, id string) *policy.Rule {
	for _, r := range set.Rules() {
		if r.ID == id {
			return r
		}
	}
	return nil
}

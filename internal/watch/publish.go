package watch

import (
	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// publication decides again whether an explanation of a model could be published: leaf and law say all that it rests on. A permitted one without
// a verdict that carries it is the worst a hub can do here, and nobody has to ask the city to see it.
func (j *judging) publication(set *policy.Set) {
	a := j.leaf.Act
	if a.Kind != tribune.ActPublish {
		return
	}
	at, err := a.When()
	if err != nil {
		return
	}
	p, err := protocol.DecodePublication(j.leaf.Public)
	if err != nil {
		j.say(BadDecision, "An explanation of a model was published, and the entry does not say in the one form of which, by which method and by whose verdict.")
		return
	}
	for _, missing := range set.Publishable(*p.Of(), at) {
		j.say(BadDecision, "An explanation of model %s was published, and it could not be: %s.", p.Model, missing)
	}
	if m, ok := set.Model(p.Model); ok && m.Owner != a.Office {
		j.say(BadDecision, "An explanation of model %s was published by the office %s; it belongs to the office %s.", p.Model, a.Office, m.Owner)
	}
	if a.Count != 0 {
		j.say(BadDecision, "The publication of an explanation says that it touches %d people.", a.Count)
	}
}

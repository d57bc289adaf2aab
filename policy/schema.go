package policy

import (
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"tribune"
)

// schemaText declares what policies may speak of: this city's offices and classes, the kinds of act and the
// context. Checked at load, so that a misspelled attribute is an error of the file and not of a decision.
const schemaText = `
entity Office enum [%s];
entity Class enum [%s];
entity City enum [%s];
type Mandate = {
	id: String, purpose: String, issuer: String, offices: Set<String>, classes: Set<String>,
	maxSubjects: Long, inForce: Bool, hidden: Bool
};
type Model = { id: String, owner: String, kind: String, hash: String, plan: String, auditor: String };
type Verdict = {
	passed: Bool, covers: Bool, fresh: Bool, model: String, plan: String, auditor: String, until: Long,
	worst: { tpr01?: Long, tpr1?: Long, auc?: Long, beyond?: Long }
};
type Context = {
	purpose: String, dpv: String, practices: Set<String>,
	attrs: Set<String>, personal: Bool, categories: Set<String>, keepDays: Long,
	count: Long, windowDays: Long, own: Bool,
	mandate?: Mandate, appointed?: String,
	model?: Model, verdict?: Verdict
};
action read, standing appliesTo { principal: [Office], resource: [Class], context: Context };
action erase appliesTo { principal: [Office], resource: [City, Class], context: Context };
action vital appliesTo { principal: [Office], resource: [Class], context: Context };
action decide appliesTo { principal: [Office], resource: [City, Class], context: Context };
action enrol, law, appoint, device, extension, represent, publish appliesTo { principal: [Office], resource: [City], context: Context };
`

// validator checks policies against this set's registers.
func (s *Set) validator() (*validate.Validator, error) {
	var offices, classes []string
	for _, o := range s.offices {
		offices = append(offices, string(o.ID))
	}
	for _, c := range s.classes {
		classes = append(classes, string(c.ID))
	}
	classes = append(classes, string(tribune.ClassUnclassified))
	if len(offices) == 0 {
		offices = []string{"none"} // an enumeration must not be empty; no office has this id
	}
	var sc schema.Schema
	if err := sc.UnmarshalCedar(fmt.Appendf(nil, schemaText, quoted(offices), quoted(classes), quoted([]string{s.city}))); err != nil {
		return nil, fmt.Errorf("schema of policies: %w", err)
	}
	resolved, err := sc.Resolve()
	if err != nil {
		return nil, fmt.Errorf("schema of policies: %w", err)
	}
	return validate.New(resolved, validate.WithStrict()), nil
}

// quoted writes ids, whose shape is already checked, as a list of strings.
func quoted(ids []string) string { return `"` + strings.Join(ids, `", "`) + `"` }

// checkRules holds every policy against registers and schema.
func (s *Set) checkRules() (bad Problems) {
	v, err := s.validator()
	if err != nil {
		bad.add(FileCity, 0, "", "%v", err)
		return bad
	}
	seen := map[string]*Rule{}
	for _, r := range s.rules {
		if other := seen[r.ID]; other != nil {
			bad.add(r.File, r.Line, "give it another @id", "policy %s is already in %s:%d", r.ID, other.File, other.Line)
		}
		seen[r.ID] = r
		for _, p := range r.comparedPurposes() {
			if _, ok := s.purposes[p]; !ok {
				bad.add(r.File, r.Line, "correct it, or add the purpose to purposes.toml", "policy %s speaks of purpose %q, which is not in the register", r.ID, short(string(p)))
			}
		}
		for _, e := range r.entities() {
			if !s.knows(e) {
				bad.add(r.File, r.Line, "correct it, or add it to its register", "policy %s speaks of %s, which is not in the registers", r.ID, short(e.String()))
			}
		}
		if err := v.Policy(r.ID, r.ast()); err != nil {
			bad.add(r.File, r.Line, "compare it with the words listed in the documentation of policies", "policy %s does not hold together: %s", r.ID, shortened(err.Error()))
		}
	}
	return bad
}

// knows reports whether the registers have that entity; the validator looks at types only.
func (s *Set) knows(e cedar.EntityUID) bool {
	switch e.Type {
	case "Office":
		return s.officeByID[tribune.OfficeID(e.ID)] != nil
	case "Class":
		_, ok := s.Class(tribune.ClassID(e.ID))
		return ok
	case "City":
		return string(e.ID) == s.city
	case "Action":
		return true // the validator knows them
	}
	return false
}

// shortened makes the validator's message one bounded line.
func shortened(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

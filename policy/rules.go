package policy

import (
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Rule is one Cedar policy with what its annotations say.
type Rule struct {
	ID      string
	Because string    // why, in words for citizens
	Permit  bool      // false: a forbid
	Floor   bool      // from floors.cedar
	Until   time.Time // exclusive; of a forbid the day to review it, zero where none is set
	File    string
	Line    int
	Text    string // the policy as Cedar prints it, without annotations
	policy  *cedar.Policy
}

// lapsed reports whether a permit has ended at that time. A forbid never does.
func (r *Rule) lapsed(at time.Time) bool { return r.Permit && !at.Before(r.Until) }

// ast is the parsed policy.
func (r *Rule) ast() *ast.Policy { return (*ast.Policy)(r.policy.AST()) }

// rules evaluates in file order, which makes diagnostics, and so decisions, the same every time.
type rules []*Rule

// All implements cedar.PolicyIterator.
func (rs rules) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, r := range rs {
			if !yield(cedar.PolicyID(r.ID), r.policy) {
				return
			}
		}
	}
}

var _ cedar.PolicyIterator = rules(nil)

var (
	cedarPlace = regexp.MustCompile(`(\d+):(\d+)`)
	ruleID     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
)

// maxDepth bounds how deep expressions nest: the parser and the evaluator recurse, and a set comes over the network.
const maxDepth = 200

// readRules reads one Cedar file.
func readRules(file, text string) (list rules, bad Problems) {
	if line := tooDeep(text); line > 0 {
		bad.add(file, line, "write it flatter", "brackets nest more than %d deep", maxDepth)
		return nil, bad
	}
	parsed, err := cedar.NewPolicyListFromBytes(file, []byte(text))
	if err != nil {
		line := 0
		if m := cedarPlace.FindStringSubmatch(err.Error()); m != nil {
			line, _ = strconv.Atoi(m[1])
		}
		bad.add(file, line, "correct this line; the language is Cedar, docs.cedarpolicy.com", "cannot be read: %s", short(err.Error()))
		return nil, bad
	}
	for _, p := range parsed {
		notes := p.Annotations()
		r := &Rule{
			ID: string(notes["id"]), Because: string(notes["because"]), Permit: p.Effect() == cedar.Permit,
			Floor: file == FileFloors, File: file, Line: p.Position().Line, Text: bare(p), policy: p,
		}
		if !ruleID.MatchString(r.ID) {
			bad.add(file, r.Line, `add @id("kebab-case-name")`, "a policy has no usable @id")
		}
		if strings.TrimSpace(r.Because) == "" {
			bad.add(file, r.Line, `add @because("why, in words for citizens")`, "policy %s gives no reason", short(r.ID))
		}
		for key := range notes {
			if !slices.Contains([]string{"id", "because", "until"}, string(key)) {
				bad.add(file, r.Line, "use @id, @because and @until only", "policy %s has an annotation @%s, which means nothing here", short(r.ID), short(string(key)))
			}
		}
		if until, ok := notes["until"]; ok {
			w, err := parseWhen(string(until))
			if err != nil || !w.Set() {
				bad.add(file, r.Line, `write @until("2027-12-31")`, "policy %s: its @until is not a day or time", short(r.ID))
			}
			r.Until = w.End()
		} else if r.Permit {
			bad.add(file, r.Line, `add @until("2027-12-31"); no power is without an end`, "policy %s permits without an end", short(r.ID))
		}
		if r.Floor && r.Permit {
			bad.add(file, r.Line, "move it to a file under policies/", "policy %s permits, but floors only forbid", short(r.ID))
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b *Rule) int { return a.Line - b.Line })
	return list, bad
}

// bare is the policy without annotations, in the one spelling Cedar prints.
func bare(p *cedar.Policy) string {
	clone := *p.AST()
	clone.Annotations = nil
	return string(cedar.NewPolicyFromAST(&clone).MarshalCedar())
}

// tooDeep is the line where brackets, or the prefix operators ! and -, nest too deep; 0 = nowhere. It counts inside
// strings as well, which only makes it stricter.
func tooDeep(text string) int {
	depth, run, line := 0, 0, 1
	for _, c := range text {
		switch c {
		case '\n':
			line++
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if c == '!' || c == '-' {
			run++
		} else if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			run = 0
		}
		if depth > maxDepth || run > maxDepth {
			return line
		}
	}
	return 0
}

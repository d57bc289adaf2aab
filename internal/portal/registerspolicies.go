package portal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune/policy"
	"tribune/protocol"
)

// Policies: what is permitted to whom, and what nobody may.

type policiesData struct {
	lawView
	Floors, Permits, Forbids []policyShown
}

type policyShown struct {
	ruleLine
	Uses  uint64
	Since *version // the oldest set on record from which on it has said the same; nil = unknown
	Whom  []string // titles of offices; none = everybody
	What  []string // kinds of act in words; none = every kind
	About []string // titles of classes; none = every class
}

func (p *Portal) policyShown(r *http.Request, v lawView, line ruleLine, history []version) policyShown {
	s := policyShown{ruleLine: line, Uses: p.count(r.Context(), search{Policy: line.ID}), Since: since(history, line.Rule)}
	for _, o := range line.Reach.Offices {
		s.Whom = append(s.Whom, v.Name.office(string(o)))
	}
	for _, k := range line.Reach.Kinds {
		s.What = append(s.What, v.Name.kind(k))
	}
	for _, c := range line.Reach.Classes {
		s.About = append(s.About, v.Name.class(string(c)))
	}
	return s
}

// since looks back from the newest set on record that holds the policy as it is.
func since(history []version, rule *policy.Rule) (out *version) {
	for i := len(history) - 1; i >= 0; i-- {
		if history[i].Set == nil {
			return out
		}
		same := slices.ContainsFunc(history[i].Set.Rules(), func(o *policy.Rule) bool {
			return o.ID == rule.ID && o.Text == rule.Text && o.Because == rule.Because && o.Permit == rule.Permit && o.Until.Equal(rule.Until)
		})
		switch {
		case same:
			out = &history[i]
		case out != nil:
			return out
		}
	}
	return out
}

func (p *Portal) showPolicies(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	history, err := p.versions(r.Context())
	if err != nil {
		return view{}, err
	}
	d := policiesData{lawView: v}
	for _, line := range v.rules(func(*policy.Rule, policy.Reach) bool { return true }) {
		s := p.policyShown(r, v, line, history)
		switch {
		case line.Floor:
			d.Floors = append(d.Floors, s)
		case line.Permit:
			d.Permits = append(d.Permits, s)
		default:
			d.Forbids = append(d.Forbids, s)
		}
	}
	return view{Name: "policies", Title: wordsOf(r).T("What is permitted, and what never"), Data: d}, nil
}

type policyData struct {
	lawView
	policyShown
	Source string // as it stands in its file, annotations and comments included
	Latest []line
}

func (p *Portal) showPolicy(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	lines := v.rules(func(rule *policy.Rule, _ policy.Reach) bool { return rule.ID == r.PathValue("id") })
	if len(lines) == 0 {
		return view{}, noSuch("policy", r.PathValue("id"))
	}
	history, err := p.versions(r.Context())
	if err != nil {
		return view{}, err
	}
	d := policyData{lawView: v, policyShown: p.policyShown(r, v, lines[0], history)}
	d.Source = sourceOf(v.Set, lines[0].Rule)
	if d.Latest, err = p.latestOf(r, search{Policy: d.ID}); err != nil {
		return view{}, err
	}
	return view{Name: "policy", Title: wordsOf(r).T("Policy %s", d.ID), Data: d}, nil
}

// sourceOf is a policy as it stands in its file: from its line to where the next one begins.
func sourceOf(set *policy.Set, rule *policy.Rule) string {
	text, _ := protocol.SplitDocument(set.Files()[rule.File])
	end := strings.Count(text, "\n") + 2
	for _, o := range set.Rules() {
		if o.File == rule.File && o.Line > rule.Line {
			end = min(end, o.Line)
		}
	}
	all := strings.Split(text, "\n")
	if rule.Line < 1 || rule.Line > len(all) {
		return rule.Text
	}
	return strings.TrimSpace(strings.Join(all[rule.Line-1:min(end-1, len(all))], "\n"))
}

func (p *Portal) policyTable(r *http.Request) (any, [][]string, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return nil, nil, err
	}
	type row struct {
		ID      string     `json:"id"`
		Effect  string     `json:"effect"` // permit | forbid
		Floor   bool       `json:"floor"`
		Because string     `json:"because"`
		Until   *time.Time `json:"until,omitempty"` // exclusive; of a forbid the day to review it
		File    string     `json:"file"`
		Line    int        `json:"line"`
		Cedar   string     `json:"cedar"`
	}
	all, table := []row{}, [][]string{{"id", "effect", "floor", "because", "until (exclusive)", "file", "line", "cedar"}}
	for _, line := range v.rules(func(*policy.Rule, policy.Reach) bool { return true }) {
		x := row{ID: line.ID, Effect: "forbid", Floor: line.Floor, Because: line.Because, File: line.File, Line: line.Line, Cedar: line.Text}
		until := ""
		if line.Permit {
			x.Effect = "permit"
		}
		if !line.Until.IsZero() {
			x.Until, until = &line.Until, line.Until.UTC().Format(time.RFC3339)
		}
		all = append(all, x)
		table = append(table, []string{x.ID, x.Effect, strconv.FormatBool(x.Floor), x.Because, until, x.File, strconv.Itoa(x.Line), strings.TrimSpace(x.Cedar)})
	}
	return setData{v.Hash, all}, table, nil
}

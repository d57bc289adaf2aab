// Package audit measures what a model's explanations give away about the people it was trained on, group by group, and judges it by limits that
// were fixed before.
//
// tribune explain calls it. An audit is a Plan (what is measured, and what is too much), a run that turns it into Figures, and a Verdict, which is
// a pure function of both: whoever has the figures can judge again, and whoever has model, data and plan can run again and get the same bytes.
// A group for which a limit is broken, or that is too small to be measured, fails the whole: what cannot be measured is not known to be safe.
package audit

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/internal/explain/recipe"
	"tribune/protocol"
)

// MaxPlan bounds a plan in bytes.
const MaxPlan = 64 << 10

const (
	maxList       = 64
	maxReferences = 1024
	maxQueries    = 10_000
	maxPoints     = 10_000_000
	maxSamples    = 100_000
	maxBackground = 10_000
	maxSeed       = 1<<53 - 1 // JSON's numbers are exact up to there
)

// Plan is fixed before anything is measured; its hash stands in the verdict.
type Plan struct {
	Version      int           `toml:"version" json:"version"` // 1
	Explanations []Explanation `toml:"explanation" json:"explanations"`
	Points       int           `toml:"points" json:"points"` // records attacked, half of them members; 0 = all
	Attacks      []string      `toml:"attacks" json:"attacks"`
	Groups       []string      `toml:"groups" json:"groups"`         // names of groupings: each of their values is judged
	References   int           `toml:"references" json:"references"` // reference models trained beside the target
	Reference    recipe.Recipe `toml:"reference" json:"reference"`   // how they are trained; kind "" = as the target was
	Queries      int           `toml:"queries" json:"queries"`       // explanations one attacker sees of a point: repeated ones add up
	Seed         uint64        `toml:"seed" json:"seed"`
	Confidence   float64       `toml:"confidence" json:"confidence"`    // of the intervals, all at once: 0.95
	Resamples    int           `toml:"resamples" json:"resamples"`      // of a bootstrap that narrows the intervals of areas; 0 = none
	Limits       Limits        `toml:"limit" json:"limits"`             // for everybody
	GroupLimits  Limits        `toml:"group_limit" json:"group_limits"` // for each group
	Days         int           `toml:"days" json:"days"`                // how long the verdict is fresh
	Unclean      bool          `toml:"unclean" json:"unclean"`          // true: measured although the split is unclean; such a verdict never passes
	Clean        bool          `toml:"clean" json:"clean"`              // true: test records that stand, or nearly, among the training records are left out, and counted
	Price        *Price        `toml:"price" json:"price,omitempty"`    // of other defences, told and not judged; nil = DefaultPrice
}

// Explanation is a method as it will be published: with its settings, and the defence that is applied to it.
type Explanation struct {
	Method     string `toml:"method" json:"method"`
	Defence    string `toml:"defence" json:"defence,omitempty"`       // "" = none; as defence.Parse reads it
	Samples    int    `toml:"samples" json:"samples,omitempty"`       // of smoothgrad, lime, kernel-shap (coalitions), integrated-gradients (steps); 0 = the method's default
	Background int    `toml:"background" json:"background,omitempty"` // training records that lime and kernel-shap know the like of; 0 = 200, kernel-shap 8
	Points     int    `toml:"points" json:"points,omitempty"`         // records attacked by this explanation, half of them members; 0 = the plan's
}

// Name is how verdict, act and register call it.
func (e Explanation) Name() string {
	name := e.Method
	if e.Samples > 0 {
		name += fmt.Sprintf(",samples=%d", e.Samples)
	}
	if e.Background > 0 {
		name += fmt.Sprintf(",background=%d", e.Background)
	}
	if e.Defence != "" {
		name += "+" + e.Defence
	}
	return name
}

func (e Explanation) check() error {
	if e.Samples < 0 || e.Samples > maxSamples || e.Background < 0 || e.Background > maxBackground || e.Points < 0 || e.Points > maxPoints {
		return fmt.Errorf("%w: the plan's explanation %q has %d samples, %d background records, %d points", tribune.ErrInvalid, e.Method, e.Samples, e.Background, e.Points)
	}
	return nil
}

// Limits are the most that may be given away, each as the upper end of a simultaneous interval; nil = not judged.
type Limits struct {
	TPR01  *float64 `toml:"tpr_at_0.1_percent" json:"tpr_at_0.1_percent"` // share of members found at 1 false alarm in 1,000
	TPR1   *float64 `toml:"tpr_at_1_percent" json:"tpr_at_1_percent"`     // share of members found at 1 false alarm in 100
	AUC    *float64 `toml:"auc" json:"auc"`                               // area under the ROC curve, 0.5 = guessing
	Beyond *float64 `toml:"beyond_auc" json:"beyond_auc"`                 // AUC of answer and explanation together, less that of the answer alone
}

// ParsePlan reads a plan in TOML. Unknown names, and numbers that no run could use, are ErrInvalid.
func ParsePlan(text []byte) (Plan, error) {
	p := Plan{References: 16, Queries: 1, Confidence: 0.95, Days: 90}
	if len(text) > MaxPlan {
		return Plan{}, fmt.Errorf("%w: a plan of %d bytes, at most %d", tribune.ErrTooLarge, len(text), MaxPlan)
	}
	meta, err := toml.Decode(string(text), &p)
	if err != nil {
		return Plan{}, fmt.Errorf("%w: the plan is no TOML: %w", tribune.ErrInvalid, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Plan{}, tribune.Hint(fmt.Errorf("%w: the plan has %q, which means nothing", tribune.ErrInvalid, unknown[0].String()), "tribune explain plan prints a plan with every setting.")
	}
	if p.Reference.Kind != "" {
		if p.Reference, err = p.Reference.Fill(); err != nil {
			return Plan{}, fmt.Errorf("reading the plan's [reference]: %w", err)
		}
	}
	if p.Price != nil {
		p.Price.fill(meta.IsDefined)
	}
	return p, p.Validate()
}

// Validate says what no run could use.
func (p Plan) Validate() error {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w: the plan "+format, append([]any{tribune.ErrInvalid}, args...)...)
	}
	switch {
	case p.Version != 1:
		return invalid("has version %d; this program knows 1", p.Version)
	case len(p.Explanations) == 0 || len(p.Explanations) > maxList:
		return invalid("names %d explanations; give 1 to %d", len(p.Explanations), maxList)
	case len(p.Attacks) == 0 || len(p.Attacks) > maxList:
		return invalid("names %d attacks; give 1 to %d", len(p.Attacks), maxList)
	case len(p.Groups) > maxList:
		return invalid("lists more than %d groups", maxList)
	case p.References < 2 || p.References > maxReferences:
		return invalid("wants %d reference models; give 2 to %d", p.References, maxReferences)
	case p.Points < 0 || p.Points > maxPoints:
		return invalid("attacks %d records; give 0 (all) to %d", p.Points, maxPoints)
	case p.Queries < 1 || p.Queries > maxQueries:
		return invalid("wants %d queries a point; give 1 to %d", p.Queries, maxQueries)
	case !(p.Confidence >= 0.5 && p.Confidence < 1):
		return invalid("wants a confidence of %v; give 0.5 to below 1", p.Confidence)
	case p.Resamples != 0 && p.Resamples < 200 || p.Resamples > 100_000:
		return invalid("wants %d resamples; give 0, or 200 to 100000", p.Resamples)
	case p.Clean && p.Unclean:
		return invalid("says clean and unclean; one of them")
	case p.Seed > maxSeed:
		return invalid("has the seed %d; give at most %d", p.Seed, uint64(maxSeed))
	case p.Days < 1 || p.Days > 366:
		return invalid("has a verdict fresh for %d days; give 1 to 366", p.Days)
	}
	var names []string
	for _, e := range p.Explanations {
		names = append(names, e.Name())
		if err := e.check(); err != nil {
			return err
		}
	}
	for what, list := range map[string][]string{"explanation": names, "attack": p.Attacks, "group": p.Groups} {
		if name, ok := twice(list); ok {
			return invalid("names the %s %q twice or not at all", what, name)
		}
	}
	if err := p.Pricing().check(); err != nil {
		return err
	}
	if err := p.Limits.check("limit"); err != nil {
		return err
	}
	return p.GroupLimits.check("group_limit")
}

// check wants limits that an audit can break: one of a rate at few false alarms and one of what the explanation adds, each a share.
func (l Limits) check(name string) error {
	if l.TPR01 == nil && l.TPR1 == nil || l.Beyond == nil {
		return tribune.Hint(fmt.Errorf("%w: the plan's [%s] says not what may be found at few false alarms, or not what the explanation may add", tribune.ErrInvalid, name),
			"Give tpr_at_0.1_percent or tpr_at_1_percent, and beyond_auc.")
	}
	for m, v := range l.byMeasure() {
		if v != nil && !(*v >= 0 && *v <= 1) {
			return fmt.Errorf("%w: the plan's [%s] has a limit of %v for %s; give 0 to 1", tribune.ErrInvalid, name, *v, m)
		}
	}
	return nil
}

// twice finds a name that is empty or comes twice.
func twice(list []string) (string, bool) {
	for i, s := range list {
		if strings.TrimSpace(s) == "" || slices.Contains(list[:i], s) {
			return s, true
		}
	}
	return "", false
}

// byMeasure is the limits under the names that figures carry.
func (l Limits) byMeasure() map[Measure]*float64 {
	return map[Measure]*float64{MeasureTPR01: l.TPR01, MeasureTPR1: l.TPR1, MeasureAUC: l.AUC, MeasureBeyond: l.Beyond}
}

// Of is the limit of a measure; nil: it is not judged.
func (l Limits) Of(m Measure) *float64 { return l.byMeasure()[m] }

// Hash identifies the plan: SHA-256 of its canonical JSON.
func (p Plan) Hash() (tribune.Hash, error) {
	b, err := protocol.JCS(p)
	if err != nil {
		return tribune.Hash{}, fmt.Errorf("hashing the plan: %w", err)
	}
	return sha256.Sum256(b), nil
}

package audit

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// MaxVerdict bounds a verdict in bytes.
const MaxVerdict = 16 << 20

// maxReasons bounds what is said of why an audit failed.
const maxReasons = 100

// Verdict is what an audit found, whole. It tells about small groups, so it stays with the auditor; Public is what leaves.
type Verdict struct {
	Version int          `json:"version"` // 1
	Program string       `json:"program"` // version and commit of the program that measured
	Model   tribune.Hash `json:"model"`
	Train   tribune.Hash `json:"train"` // of the bytes that were read
	Test    tribune.Hash `json:"test"`
	Records tribune.Hash `json:"records,omitzero"` // what was made of them: encoded, split, grouped, and left out (Subject.Records)
	Plan    Plan         `json:"plan"`
	// References is how the references were trained, and whether the target was, too.
	References string    `json:"references"`
	Dropped    int       `json:"dropped"` // test records left out, as doubles of training records
	Groups     []Group   `json:"groups"`  // every group that the data have under the plan's groupings
	Unclean    []string  `json:"unclean"`
	Figures    []Figure  `json:"figures"`
	Gaps       []Gap     `json:"gaps"` // told, not judged
	Made       time.Time `json:"made"` // UTC, whole seconds
	Passed     bool      `json:"passed"`
	Reasons    []string  `json:"reasons"` // why not
}

// Group is one value of one grouping.
type Group struct {
	Grouping string `json:"grouping"`
	Group    string `json:"group"`
}

// judged is what one limit is held against: an explanation, a group, a measure.
type judged struct {
	explanation string
	group       Group
	measure     Measure
}

// Judge sets Passed and Reasons from everything else. It is a pure function: whoever has the figures can judge again.
func (v *Verdict) Judge() {
	sortFigures(v.Figures)
	figures := map[judged][]int{}
	for i, f := range v.Figures {
		of := judged{f.Explanation, Group{f.Grouping, f.Group}, f.Measure}
		figures[of] = append(figures[of], i)
	}
	v.Reasons = []string{}
	more := 0
	say := func(reasons ...string) {
		for _, r := range reasons {
			if len(v.Reasons) < maxReasons {
				v.Reasons = append(v.Reasons, r)
			} else {
				more++
			}
		}
	}
	say(v.Unclean...)
	for _, name := range append(slices.Clone(v.Plan.Groups), Outliers) {
		if !slices.ContainsFunc(v.Groups, func(g Group) bool { return g.Grouping == name }) {
			say("no group of " + name + " was measured")
		}
	}
	for _, e := range v.Plan.Explanations {
		for _, g := range append([]Group{{Everybody, ""}}, v.Groups...) {
			say(v.judge(e.Name(), g, figures)...)
		}
	}
	if more > 0 {
		v.Reasons = append(v.Reasons, fmt.Sprintf("and %d more", more))
	}
	v.Passed = len(v.Reasons) == 0
}

// judge holds one explanation and group against every limit. A measure without a figure is as bad as one that is too high.
func (v *Verdict) judge(explanation string, g Group, figures map[judged][]int) (reasons []string) {
	limits := v.Plan.GroupLimits
	if g.Grouping == Everybody {
		limits = v.Plan.Limits
	}
	for _, m := range []Measure{MeasureTPR01, MeasureTPR1, MeasureAUC, MeasureBeyond} {
		limit := limits.byMeasure()[m]
		if limit == nil {
			continue
		}
		of := figures[judged{explanation, g, m}]
		var worst, refused *Figure // of the attacks: one reason a measure says enough
		above, without := 0, 0
		for _, i := range of {
			f := &v.Figures[i]
			switch {
			case f.Refused != "":
				if without++; refused == nil {
					refused = f
				}
			case f.High > *limit:
				if above++; worst == nil || f.High > worst.High {
					worst = f
				}
			}
		}
		if worst != nil {
			reasons = append(reasons, fmt.Sprintf("%s, %s, %s: up to %.4f by %s on %s, the limit is %.4f%s", explanation, g, m, worst.High, worst.Attack, worst.Sight, *limit, others(above, len(of), "above it")))
		}
		if refused != nil {
			reasons = append(reasons, fmt.Sprintf("%s, %s, %s by %s: %s%s", explanation, g, m, refused.Attack, refused.Refused, others(without, len(of), "refused")))
		}
		if by := v.missing(m, of); by != "" {
			reasons = append(reasons, fmt.Sprintf("%s, %s: %s was not measured%s", explanation, g, m, by))
		}
	}
	return reasons
}

// missing names what the plan's attacks should have measured and nobody did, of the figures that there are; "" where nothing is missing.
func (v *Verdict) missing(m Measure, of []int) string {
	expected := 0
	for _, name := range v.Plan.Attacks {
		attacks, err := byName([]string{name})
		if err != nil {
			return " by " + name
		}
		for _, sight := range attacks[0].sights {
			if sight == OnPrediction || m == MeasureBeyond && sight != OnBoth {
				continue
			}
			if m == MeasureBeyond && !attacks[0].sees(OnPrediction) {
				continue
			}
			if expected++; !slices.ContainsFunc(of, func(i int) bool { return v.Figures[i].Attack == name && v.Figures[i].Sight == sight }) {
				return fmt.Sprintf(" by %s on %s", name, sight)
			}
		}
	}
	if expected == 0 {
		return " by any attack"
	}
	return ""
}

// others says how many figures of a measure there are besides the one that is named.
func others(n, of int, what string) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d of %d figures are %s)", n, of, what)
}

func (g Group) String() string {
	if g.Grouping == Everybody {
		return "everybody"
	}
	return g.Grouping + " " + g.Group
}

// Encode gives the verdict's canonical bytes.
func (v *Verdict) Encode() ([]byte, error) {
	b, err := protocol.JCS(v)
	if err != nil {
		return nil, fmt.Errorf("encoding the verdict: %w", err)
	}
	return b, nil
}

// Decode reads a verdict and judges it again: one that says of itself what its figures do not bear is ErrInvalid.
func Decode(b []byte) (*Verdict, error) {
	if len(b) > MaxVerdict {
		return nil, fmt.Errorf("%w: a verdict of %d bytes, at most %d", tribune.ErrTooLarge, len(b), MaxVerdict)
	}
	v := new(Verdict)
	if err := protocol.DecodeJCS(b, v); err != nil {
		return nil, fmt.Errorf("reading the verdict: %w", err)
	}
	if err := v.sound(); err != nil {
		return nil, fmt.Errorf("reading the verdict: %w", err)
	}
	passed, reasons := v.Passed, v.Reasons
	if v.Judge(); v.Passed != passed || !slices.Equal(v.Reasons, reasons) {
		return nil, fmt.Errorf("%w: the verdict says passed=%t, and its figures passed=%t", tribune.ErrInvalid, passed, v.Passed)
	}
	return v, nil
}

// Public is what may be known of the verdict: no group, no count of a group, and of each measure the worst of all groups, rounded up to
// hundredths, so that no figure tells about the few people behind it.
func (v *Verdict) Public() (protocol.ModelVerdict, error) {
	b, err := v.Encode()
	if err != nil {
		return protocol.ModelVerdict{}, err
	}
	plan, err := v.Plan.Hash()
	if err != nil {
		return protocol.ModelVerdict{}, err
	}
	p := protocol.ModelVerdict{
		Version: 1, Program: v.Program, Model: v.Model, Plan: plan, Verdict: sha256.Sum256(b), Passed: v.Passed,
		From: v.Made.Unix(), Until: v.Made.AddDate(0, 0, v.Plan.Days).Unix(), Worst: map[string]float64{},
	}
	for _, e := range v.Plan.Explanations {
		p.Explanations = append(p.Explanations, e.Name())
	}
	for _, f := range v.Figures {
		if f.Refused == "" && f.Explanation != "" && slices.Contains([]Measure{MeasureTPR01, MeasureTPR1, MeasureAUC, MeasureBeyond}, f.Measure) {
			p.Worst[string(f.Measure)] = max(p.Worst[string(f.Measure)], math.Ceil(f.High*100)/100)
		}
	}
	return p, nil
}

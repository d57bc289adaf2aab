// Package release attacks, group by group, what leaves a house beside explanations: published tables, synthetic records, blind indexes, and the answers of a
// model behind an endpoint.
//
// tribune explain release calls it. Whoever audits knows whose records went into the release and has others of the same kind that did not. Some of the
// others are what an attacker may know of the population (Reference); the rest are scored beside the members. An attack never reads who is a
// member; package metric holds its scores against that, with intervals for all attacks and groups at once, and refuses what the data are too few for.
//
// What is promised: the same people, release and seed give the same figures. A release is judged by Limits that are fixed before; a group that is too small
// to be measured fails, since what cannot be measured is not known to be safe. Passing bounds these attacks and no others.
package release

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/metric"
)

// People are those who are attacked, and what the attacker knows of others.
type People struct {
	At        data.Set // members first
	Member    []bool
	Reference data.Set // records like them, none of them At and none released
	Of        []int    // which of the members, and after them of the others, each is
}

// Known draws People from those whose records were released and those whose were not: half of the latter are the attacker's reference.
func Known(members, others data.Set, seed uint64) (People, error) {
	if members.X.Cols != others.X.Cols || len(others.Y) < 2 || len(members.Y) == 0 {
		return People{}, fmt.Errorf("%w: %d released records of %d columns and %d others of %d", tribune.ErrInvalid, len(members.Y), members.X.Cols, len(others.Y), others.X.Cols)
	}
	rows := rand.New(rand.NewPCG(seed, 61)).Perm(len(others.Y))
	half := len(rows) / 2
	slices.Sort(rows[:half])
	slices.Sort(rows[half:])
	p := People{Reference: others.Pick(rows[:half])}
	scored := others.Pick(rows[half:])
	var err error
	if p.At, err = data.Join(members, scored); err != nil {
		return People{}, err
	}
	p.Member, p.Of = make([]bool, len(p.At.Y)), first(len(members.Y))
	for i := range members.Y {
		p.Member[i] = true
	}
	for _, row := range rows[half:] {
		p.Of = append(p.Of, len(members.Y)+row)
	}
	return p, nil
}

// Scores are what an attack says of each of the people: higher for a likelier member.
type Scores struct {
	Attack string
	Of     []float64
}

// Figure is one measurement, or the refusal of one.
type Figure struct {
	Attack   string  `json:"attack"`
	Grouping string  `json:"grouping"` // "" = everybody
	Group    string  `json:"group"`
	Measure  string  `json:"measure"` // auc, tpr@1%, tpr@0.1%; of an index: recovered, beyond guess
	Members  int     `json:"members"` // of an index: rows attacked
	Others   int     `json:"others"`
	Value    float64 `json:"value"`
	Low      float64 `json:"low"` // of an interval that holds for all figures of its measure at once
	High     float64 `json:"high"`
	Common   bool    `json:"common,omitempty"` // one threshold for everybody: the group is too small for one of its own
	Refused  string  `json:"refused,omitempty"`
}

// The measures.
const (
	AUC   = "auc"
	TPR1  = "tpr@1%"
	TPR01 = "tpr@0.1%"
)

// Limits are the most that may be given away, as the upper end of an interval. Groups are told by the groupings that the people carry.
type Limits struct {
	AUC  float64 `json:"auc"`
	TPR1 float64 `json:"tpr_at_1_percent"`
	// Beyond is of a blind index: the share of rows whose value is named rightly, less what naming the commonest for all would get.
	Beyond float64 `json:"beyond_guess"`
}

// Judge says what breaks the limits; nothing, if the release passes.
func (l Limits) Judge(figures []Figure) (reasons []string) {
	for _, f := range figures {
		limit, judged := map[string]float64{AUC: l.AUC, TPR1: l.TPR1, Beyond: l.Beyond}[f.Measure]
		who := "everybody"
		if f.Grouping != "" {
			who = f.Grouping + " " + f.Group
		}
		switch {
		case !judged:
		case f.Refused != "":
			reasons = append(reasons, fmt.Sprintf("%s, %s by %s: %s", who, f.Measure, f.Attack, f.Refused))
		case !(f.High <= limit): // also where either is no number
			reasons = append(reasons, fmt.Sprintf("%s, %s by %s: up to %.4f, the limit is %.4f", who, f.Measure, f.Attack, f.High, limit))
		}
	}
	return reasons
}

// crowd is a group and its rows.
type crowd struct {
	grouping, group string
	rows            []int
}

func crowds(groups []data.Grouping, names []string, n int) ([]crowd, error) {
	everybody := crowd{rows: make([]int, n)}
	for i := range everybody.rows {
		everybody.rows[i] = i
	}
	out := []crowd{everybody}
	for _, name := range names {
		i := slices.IndexFunc(groups, func(g data.Grouping) bool { return g.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: the records do not say who is of which %q", tribune.ErrInvalid, name)
		}
		for v, value := range groups[i].Values {
			c := crowd{grouping: name, group: value}
			for row, of := range groups[i].Of {
				if of == v {
					c.rows = append(c.rows, row)
				}
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// Measure holds scores against who is a member, for everybody and for every value of the groupings named.
func Measure(p People, all []Scores, groupings []string, confidence float64) ([]Figure, error) {
	groups, err := crowds(p.At.Groups, groupings, len(p.Member))
	if err != nil {
		return nil, err
	}
	each := metric.Each(confidence, len(all)*len(groups))
	var out []Figure
	for _, s := range all {
		if len(s.Of) != len(p.Member) {
			return nil, fmt.Errorf("%w: %s scored %d of %d people", tribune.ErrInvalid, s.Attack, len(s.Of), len(p.Member))
		}
		sample := metric.Sample{Score: s.Of, Member: p.Member}
		whole, err := metric.NewCurve(sample)
		if err != nil {
			return nil, fmt.Errorf("measuring %s: %w", s.Attack, err)
		}
		for _, c := range groups {
			out = append(out, figures(s.Attack, sample, whole, c, each)...)
		}
	}
	return out, nil
}

func figures(attack string, all metric.Sample, whole metric.Curve, c crowd, each float64) (out []Figure) {
	sample := all.Pick(c.rows)
	f := Figure{Attack: attack, Grouping: c.grouping, Group: c.group}
	for _, is := range sample.Member {
		if is {
			f.Members++
		} else {
			f.Others++
		}
	}
	own, err := metric.NewCurve(sample)
	for _, m := range []string{AUC, TPR1, TPR01} {
		g := f
		g.Measure = m
		var v metric.Figure
		failed := err
		switch {
		case err != nil:
		case m == AUC:
			v, failed = metric.Support{}.AUC(sample, each)
		default:
			v, g.Common, failed = rate(own, whole, c.grouping != "", map[string]float64{TPR1: 0.01, TPR01: 0.001}[m], each)
		}
		if failed != nil {
			g.Refused, g.Common = failed.Error(), false
		} else {
			g.Value, g.Low, g.High = v.Value, v.Low, v.High
		}
		out = append(out, g)
	}
	return out
}

// rate is the share of members found at few false alarms. A group that is too small for a threshold of its own is measured at everybody's.
func rate(own, whole metric.Curve, group bool, fpr, each float64) (metric.Figure, bool, error) {
	var support metric.Support
	v, err := support.TPR(own, fpr, each)
	if !errors.Is(err, metric.ErrTooFew) || !group || whole.Others < support.OthersFor(fpr) {
		return v, false, err
	}
	_, threshold := whole.TPR(fpr)
	v, _, err = support.TPRAt(own, threshold, each)
	return v, true, err
}

package reproduce

import (
	"context"
	"fmt"

	"tribune/internal/explain/attack"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/metric"
	"tribune/internal/explain/model"
)

// played is what one attack made of the target's records.
type played struct {
	Name  string
	Asked int     // records
	Right float64 // balanced accuracy of the attacker's own threshold, 0
	Area  float64
	Found *float64 // members, at 1 % of false alarms; nil where others are too few
}

func newPlayed(name string, s metric.Sample) (played, error) {
	c, err := metric.NewCurve(s)
	if err != nil {
		return played{}, fmt.Errorf("%s: %w", name, err)
	}
	p := played{Name: name, Asked: len(s.Score), Right: correct(s), Area: c.AUC()}
	if c.Others >= (metric.Support{}).OthersFor(rates[1]) {
		tpr, _ := c.TPR(rates[1])
		p.Found = &tpr
	}
	return p, nil
}

// play attacks the target with what is known (scores above 0 say "member"): by the paper's network on whole gradients; by the audit's own (package attack), which brings its numbers to one
// scale, on gradients, answers and both; and by the paper's threshold, learned from the same records.
func play(ctx context.Context, known, target sight, quick bool, seed uint64) ([]played, error) {
	var out []played
	add := func(name string, scores []float64) error {
		s := metric.Sample{Score: scores}
		for _, m := range target.member {
			s.Member = append(s.Member, m == 1)
		}
		p, err := newPlayed(name, s)
		out = append(out, p)
		return err
	}
	scores, err := published(ctx, known, target, quick, seed)
	if err != nil {
		return nil, err
	}
	if err := add("the paper's network on the gradient", scores); err != nil {
		return nil, err
	}
	for _, w := range []struct {
		name          string
		known, target matrix.Matrix
	}{
		{"the audit's network on the gradient", known.gradient, target.gradient},
		{"the audit's network on the answer", known.answer, target.answer},
		{"the audit's network on answer and gradient", beside(known.answer, known.gradient), beside(target.answer, target.gradient)},
	} {
		scores, err := attack.Network{Seed: seed}.Score(ctx, attack.Whole{Known: w.known, Member: known.member, Target: w.target})
		if err != nil {
			return nil, err
		}
		if err := add(w.name, scores); err != nil {
			return nil, err
		}
	}
	return out, add("threshold on the gradient's variance", byVariance(known, target))
}

// published is the authors' attack network: gradients as they are go through 1024, 512, 64, 256 and 64 rectifiers; 15 epochs of Adagrad. (Theirs ends in one
// sigmoid, ours in a softmax of two.)
func published(ctx context.Context, known, target sight, quick bool, seed uint64) ([]float64, error) {
	n, err := plain(known.gradient.Cols, 2, []int{1024, 512, 64, 256, 64}, model.Relu, seed)
	if err != nil {
		return nil, err
	}
	t := training{15, 32, model.Adagrad, .001}
	if quick {
		t.epochs = 1
	}
	if err := t.run(ctx, n, known.gradient, known.member, seed); err != nil {
		return nil, fmt.Errorf("training the attack network: %w", err)
	}
	logits, err := n.Logits(ctx, target.gradient)
	if err != nil {
		return nil, fmt.Errorf("asking the attack network: %w", err)
	}
	out := make([]float64, logits.Rows)
	for i := range out {
		out[i] = float64(logits.Row(i)[1]) - float64(logits.Row(i)[0])
	}
	return out, nil
}

// byVariance is the signed distance from a threshold that is learned of what is known.
func byVariance(known, target sight) []float64 {
	var s signal
	for i, v := range variances(known.gradient) {
		if known.member[i] == 1 {
			s.members = append(s.members, v)
		} else {
			s.others = append(s.others, v)
		}
	}
	c, sign := learned([]signal{s}), 1.0
	if c.below {
		sign = -1
	}
	out := variances(target.gradient)
	for i, v := range out {
		out[i] = sign * (v - c.at)
	}
	return out
}

// beside puts columns beside columns.
func beside(a, b matrix.Matrix) matrix.Matrix {
	out := matrix.New(a.Rows, a.Cols+b.Cols)
	for i := range a.Rows {
		to := out.Row(i)
		copy(to[copy(to, a.Row(i)):], b.Row(i))
	}
	return out
}

// rows are those of one draw: by the threshold that the attacker has, 0, over all thresholds, and where false alarms are few.
func (l learner) rows(dataset string, d Draw, size int, runs [][]played) []Row {
	var rows []Row
	for k, first := range runs[0] {
		var right, area, found []float64
		for _, run := range runs {
			right, area = append(right, run[k].Right), append(area, run[k].Area)
			if run[k].Found != nil {
				found = append(found, *run[k].Found)
			}
		}
		note := fmt.Sprintf("%d members of the target, asked about %d records", size, first.Asked)
		if l.note != "" {
			note += "; " + l.note
		}
		add := func(measure string, unit Unit, of []float64) {
			row := figure(dataset, "all", first.Name+", "+measure, d, unit, of)
			row.Note = note
			rows = append(rows, row)
		}
		add("accuracy", Accuracy, right)
		add("area", Area, area)
		if len(found) > 0 {
			add("members found at 1 % false alarms", Rate, found)
		}
	}
	return rows
}

// correct is balanced: sides weigh alike.
func correct(s metric.Sample) float64 {
	var hit, of [2]float64
	for i, score := range s.Score {
		side := 0
		if s.Member[i] {
			side = 1
		}
		of[side]++
		if score > 0 == s.Member[i] {
			hit[side]++
		}
	}
	return (hit[0]/of[0] + hit[1]/of[1]) / 2
}

package reproduce

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"tribune/internal/explain/attribution"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/metric"
)

// Threshold plays the paper's threshold attacks (section 3.1, figures 1, 3 and 9): each number made of an answer or an explanation against one threshold, which
// is the best there is on the target itself, or comes from other models. The published draw has the authors' defects, the corrected one has none; the
// adult data are also drawn as the authors draw Purchase, Texas and CIFAR, with replacement before the split.
func Threshold(ctx context.Context, r Request) ([]Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	there, rows, err := r.opened(ctx, func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	r.tell(rows)
	for _, o := range there {
		draws := []Draw{Published, Corrected}
		if !o.again {
			draws = append(draws, Replacement)
		}
		for _, d := range draws {
			of, err := o.thresholds(ctx, r, d)
			if err != nil {
				return nil, fmt.Errorf("thresholds on %s, %s: %w", o.name, d, err)
			}
			of = r.sized(of)
			r.tell(of)
			rows = append(rows, of...)
		}
	}
	return rows, nil
}

// signal is one number of an answer or explanation, of every record that one model was asked.
type signal struct {
	name    string
	members []float64
	others  []float64
}

// thresholds trains the models of one draw and attacks each.
func (o opened) thresholds(ctx context.Context, r Request, d Draw) ([]Row, error) {
	size := o.size
	if r.Quick {
		size, o.dear, o.lime, o.training.epochs = min(size, 100), 10, min(o.lime, 4), min(o.training.epochs, 3)
	}
	if d == Corrected { // without duplicates there may be too few
		size = min(size, len(o.distinct)/(2*o.models))
	}
	seeds := r.seeds(1, 1)
	if o.models < 4 && !r.Quick && r.Seeds == 0 { // an interval of two runs says nothing
		seeds = 2
	}
	runs := make([][]signal, seeds*o.models) // by seed and model
	err := parallel(ctx, len(runs), fmt.Sprintf("attacking %s by thresholds, %s", o.name, d), r.progress(), func(ctx context.Context, i int) error {
		seed, m := uint64(i/o.models), i%o.models
		train, test, err := o.draw(d, size, o.models, seed)
		if err != nil {
			return err
		}
		members, others, err := o.sides(train[m], test[m], d != Corrected)
		if err != nil {
			return err
		}
		runs[i], err = o.signals(ctx, members, others, uint64(i))
		return err
	})
	if err != nil {
		return nil, err
	}
	return o.thresholdRows(d, runs), nil
}

// signals trains a model and asks it about its members and as many others.
func (o opened) signals(ctx context.Context, members, others data.Set, seed uint64) ([]signal, error) {
	n, err := o.network(members.X.Cols, max(2, len(members.Classes)), seed)
	if err != nil {
		return nil, err
	}
	if err := o.training.run(ctx, n, members.X, members.Y, seed); err != nil {
		return nil, err
	}
	var out []signal
	for side, s := range []data.Set{members, others} {
		at := 0
		put := func(name string, of []float64) {
			if side == 0 {
				out = append(out, signal{name: name, members: of})
			} else {
				out[at].others = of
			}
			at++
		}
		p, err := n.Predict(ctx, s.X)
		if err != nil {
			return nil, err
		}
		put(lossOf, losses(p, s.Y))
		put(answerOf, variances(p))
		for _, e := range o.explanations(members.X, seed) {
			x := s.X.Slice(0, min(e.records, s.X.Rows))
			a, err := e.Explain(ctx, n, x, nil)
			if err != nil {
				return nil, err
			}
			put(e.measure, variances(a))
		}
	}
	return out, nil
}

const (
	lossOf   = "loss"
	answerOf = "prediction variance"
)

// asked is an explanation, and how many records of each side are asked for it.
type asked struct {
	attribution.Method
	measure string
	records int
}

// explanations are the paper's. LIME is asked as the authors ask it, keeping ten features, once for the class that is predicted and once for class 1.
func (o opened) explanations(background matrix.Matrix, seed uint64) []asked {
	all := math.MaxInt
	out := []asked{
		{attribution.Gradient{}, "gradient variance", all},
		{attribution.GradientInput{}, "gradient x input variance", all},
		{attribution.Guided{}, "guided backpropagation variance", all},
		{attribution.LRP{}, "LRP-epsilon variance", all},
		{attribution.IntegratedGradients{}, "integrated gradients variance", o.dear},
		{attribution.SmoothGrad{Seed: seed}, "SmoothGrad variance", o.dear},
	}
	if o.lime > 0 {
		out = append(out, asked{attribution.LIME{Background: background, Features: 10, Seed: seed}, "LIME variance", o.lime},
			asked{attribution.LIME{Background: background, Features: 10, Seed: seed, AlwaysClassOne: true}, "LIME variance, always class 1", o.lime})
	}
	return out
}

func losses(p matrix.Matrix, y []int) []float64 {
	out := make([]float64, p.Rows)
	for i := range out {
		out[i] = -math.Log(max(float64(p.Row(i)[y[i]]), 1e-7))
	}
	return out
}

func variances(m matrix.Matrix) []float64 {
	out := make([]float64, m.Rows)
	for i := range out {
		row := m.Row(i)
		var sum, square float64
		for _, v := range row {
			sum += float64(v)
		}
		at := sum / float64(len(row))
		for _, v := range row {
			square += (float64(v) - at) * (float64(v) - at)
		}
		out[i] = square / float64(len(row))
	}
	return out
}

// thresholdRows attacks each model by each number.
func (o opened) thresholdRows(d Draw, runs [][]signal) []Row {
	var rows []Row
	for k, first := range runs[0] {
		var optimal, self, nothing, honest, area, low []float64
		for i, run := range runs {
			s, from := run[k], i/o.models*o.models
			t := s.published(!aboveIs(s.name))
			optimal = append(optimal, t.accuracy(s))
			// The authors mean three other models and ask (model + 1 + 3) mod 4 three times, which is the model itself.
			self = append(self, t.accuracy(s))
			idle := s.shuffled(uint64(i))
			nothing = append(nothing, idle.published(!aboveIs(s.name)).accuracy(idle))
			var others []signal
			for m := range o.models {
				if from+m != i {
					others = append(others, runs[from+m][k])
				}
			}
			honest = append(honest, learned(others).accuracy(s))
			if c, err := metric.NewCurve(s.sample()); err == nil {
				area = append(area, c.AUC())
				if need := (metric.Support{}).OthersFor(0.01); c.Others >= need {
					tpr, _ := c.TPR(0.01)
					low = append(low, tpr)
				}
			}
		}
		add := func(measure string, unit Unit, of []float64, note string) {
			row := figure(o.name, "all", first.name+", "+measure, d, unit, of)
			row.Paper, row.Note = thresholdFigure(o.name, first.name, measure, d), note
			rows = append(rows, row)
		}
		size := fmt.Sprintf("%d models, %d records of each side", len(runs), len(first.members))
		add(optimalIs, Accuracy, optimal, size)
		if d == Published {
			add(shadowsAre, Accuracy, self, "the authors' index names the target as its own shadows: the optimal threshold under another name")
		}
		add("optimal threshold, memberships shuffled", Accuracy, nothing, "what the optimal threshold seems to find where nothing is to be found")
		add("threshold of other models", Accuracy, honest, size)
		add("area", Area, area, size)
		if len(low) > 0 {
			add("members found at 1 % false alarms", Rate, low, size)
		}
	}
	return rows
}

const (
	optimalIs  = "optimal threshold"
	shadowsAre = "threshold of three shadows"
)

// aboveIs tells of which numbers the paper takes the larger ones for members'.
func aboveIs(name string) bool { return name == answerOf }

// shuffled has the same numbers and says nothing of membership any more.
func (s signal) shuffled(seed uint64) signal {
	all := slices.Concat(s.members, s.others)
	r := rand.New(rand.NewPCG(seed, purposeShuffle))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return signal{s.name, all[:len(s.members)], all[len(s.members):]}
}

const purposeShuffle = 1<<10 + 3

// sample scores by the paper's side.
func (s signal) sample() metric.Sample {
	sign := -1.0
	if aboveIs(s.name) {
		sign = 1
	}
	var out metric.Sample
	for side, of := range [][]float64{s.members, s.others} {
		for _, v := range of {
			out.Score, out.Member = append(out.Score, sign*v), append(out.Member, side == 0)
		}
	}
	return out
}

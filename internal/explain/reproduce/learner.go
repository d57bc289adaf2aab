package reproduce

import (
	"context"
	"fmt"
	"math/rand/v2"

	"tribune/internal/explain/attack"
	"tribune/internal/explain/attribution"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// learner is a data set under the attack network: the network that is attacked, as the authors train it for this attack ("03 Learning based", which is
// not always as they do elsewhere), or where they have none, one that knows its records.
type learner struct {
	dataset  string
	hidden   []int
	training training
	size     int // members of the target, and as many others
	clean    int // the same, where neither a record nor a person is drawn twice
	note     string
}

// learners are all data sets. For Diabetes-130 the authors name a network of their own and get Adult's; so do we.
func learners() []learner {
	adagrad := func(epochs int, rate float64) training { return training{epochs, 32, model.Adagrad, rate} }
	return []learner{
		{"adult", []int{20, 20, 20, 20}, adagrad(10, .01), 10_000, 10_000, ""},
		{"hospital", []int{20, 20, 20, 20}, adagrad(1_000, .001), 10_000, 3_000, "the authors' script trains Adult's network on Diabetes-130"},
		{"location", []int{1024, 512, 256}, adagrad(50, .01), 2_500, 1_250, "in the place of Purchase"},
		{"mnist", []int{256, 128}, training{20, 32, model.Adam, .001}, 5_000, 5_000, "in the place of CIFAR-10"},
		{"purchase", []int{1024, 512, 256}, adagrad(50, .01), 10_000, 10_000, ""},
		{"texas", []int{2048, 1024, 512, 256}, adagrad(50, .01), 10_000, 10_000, ""},
	}
}

// Learned plays the paper's attack network (figure 7, a plot without saved figures): a network that learns from whole gradients who was a member.
// The published attacker has been told who was a member for 70 % of the target's own records; the corrected one has a model of his own, trained
// on other records, and knows nobody of the target's.
func Learned(ctx context.Context, r Request) ([]Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all := make(map[string]learner)
	for _, l := range learners() {
		all[l.dataset] = l
	}
	there, rows, err := r.opened(ctx, func(name string) bool { return all[name].size > 0 })
	if err != nil {
		return nil, err
	}
	r.tell(rows)
	for _, o := range there {
		l := all[o.name]
		o.again = false // this script of the authors' draws without replacement
		for _, d := range []Draw{Published, Corrected} {
			of, err := l.run(ctx, o, r, d)
			if err != nil {
				return nil, fmt.Errorf("an attack network on %s, %s: %w", o.name, d, err)
			}
			r.tell(of)
			rows = append(rows, of...)
		}
	}
	return rows, nil
}

func (l learner) run(ctx context.Context, o opened, r Request, d Draw) ([]Row, error) {
	size := l.size
	if d == Corrected {
		size = min(l.clean, len(o.distinct)/4)
	}
	if r.Quick {
		size, l.training.epochs = min(size, 150), min(l.training.epochs, 3)
	}
	seeds := r.seeds(10, 2)
	runs := make([][]played, seeds)
	err := parallel(ctx, seeds, fmt.Sprintf("teaching an attack network about %s, %s", o.name, d), r.progress(), func(ctx context.Context, i int) error {
		var err error
		runs[i], err = kept(r.Keep, fmt.Sprintf("network-%s-%s-%d-records-%d-epochs-seed-%d.json", o.name, d, size, l.training.epochs, i), func() ([]played, error) {
			seen, err := l.see(ctx, o, d, size, uint64(i))
			if err != nil {
				return nil, err
			}
			known, target := seen[0].apart(d, seen, uint64(i))
			return play(ctx, known, target, r.Quick, uint64(i))
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.sized(l.rows(o.name, d, size, runs)), nil
}

// sight is what one model says of its members and of as many others.
type sight struct {
	gradient, answer matrix.Matrix
	member           []int
}

// see trains the target and, for the corrected attacker, his own model, and asks each about its records.
func (l learner) see(ctx context.Context, o opened, d Draw, size int, seed uint64) ([]sight, error) {
	models := 1
	if d == Corrected {
		models = 2
	}
	train, test, err := o.draw(d, size, models, seed)
	if err != nil {
		return nil, err
	}
	var out []sight
	for m := range models {
		members, others, err := o.sides(train[m], test[m], d != Corrected)
		if err != nil {
			return nil, err
		}
		s, err := l.asked(ctx, members, others, seed<<1|uint64(m))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (l learner) asked(ctx context.Context, members, others data.Set, seed uint64) (sight, error) {
	n, err := tanhs(members.X.Cols, max(2, len(members.Classes)), l.hidden, seed)
	if err != nil {
		return sight{}, err
	}
	if err := l.training.run(ctx, n, members.X, members.Y, seed); err != nil {
		return sight{}, err
	}
	var s sight
	for side, of := range []data.Set{members, others} {
		g, err := attribution.Gradient{}.Explain(ctx, n, of.X, nil)
		if err != nil {
			return s, err
		}
		p, err := n.Predict(ctx, of.X)
		if err != nil {
			return s, err
		}
		s.gradient, s.answer = below(s.gradient, g), below(s.answer, attack.Sorted(p))
		for range of.X.Rows {
			s.member = append(s.member, 1-side)
		}
	}
	return s, nil
}

// below puts rows under rows.
func below(a, b matrix.Matrix) matrix.Matrix {
	return matrix.Matrix{Rows: a.Rows + b.Rows, Cols: b.Cols, Data: append(a.Data, b.Data...)}
}

func (s sight) pick(rows []int) sight {
	out := sight{gradient: s.gradient.Pick(rows), answer: s.answer.Pick(rows)}
	for _, r := range rows {
		out.member = append(out.member, s.member[r])
	}
	return out
}

// told is the share of the target's own records of which the published attacker knows whether they were members.
const told = 0.7

// apart gives what the attacker learns from and what he is asked about.
func (s sight) apart(d Draw, all []sight, seed uint64) (known, target sight) {
	if d == Corrected {
		return all[1], s
	}
	order := rand.New(rand.NewPCG(seed, purposeTold)).Perm(len(s.member))
	n := int(told * float64(len(order)))
	return s.pick(order[:n]), s.pick(order[n:])
}

const purposeTold = 1<<10 + 4

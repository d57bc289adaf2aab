// Package price says what each way to defend explanations buys, and at what loss: how much an attacker who knows the defence still learns, against how
// faithful and steady the explanations stay and how well the model still answers, for everybody and for every group.
//
// tribune explain defend calls it. The leak is what package audit measures, with the same plan: every reference model's explanations are given the same
// defence as the target's, and where the model itself is trained privately so are its references. So the attacker always knows the defence and has
// fitted the attack to it; no threshold is left over from the undefended explanation. All intervals of a measure hold at once, over all schemes that are
// compared: whoever picks the best of many must not be rewarded for chance.
//
// What is recommended follows a Rule that is fixed before anything is measured, and the answer may be that nothing suffices.
package price

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/defence"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/metric"
	"tribune/internal/explain/model"
	"tribune/internal/explain/recipe"
)

// Training is another way to train the model.
type Training struct {
	Like           func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error)
	Epsilon, Delta float64 // what it promises every record of the target's training set
}

// Subject is the model whose explanations are to be defended.
type Subject struct {
	audit.Subject
	Seed    uint64                                      // of the target's training, if it is trained again
	Private func(clip, noise float64) (Training, error) // nil: it cannot be trained again by DP-SGD
}

// Taught is a subject that is trained by a recipe.
func Taught(s audit.Subject, r recipe.Recipe, seed uint64) Subject {
	private := func(clip, noise float64) (Training, error) {
		r := r
		r.Clip, r.Noise = clip, noise
		r, err := r.Fill()
		if err != nil {
			return Training{}, err
		}
		n := s.Train.X.Rows
		batch, delta := min(r.Batch, n), 1/float64(10*n)
		epsilon, err := model.Epsilon(float64(batch)/float64(n), noise, r.Epochs*max(1, n/batch), delta)
		return Training{
			Like: func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error) {
				return r.Train(ctx, rows, seed, nil)
			},
			Epsilon: epsilon, Delta: delta,
		}, err
	}
	return Subject{Subject: s, Seed: seed, Private: private}
}

// Options are what a comparison needs beside subject, plan and schemes.
type Options struct {
	Audit   audit.Options // its Defence and Method are set here
	Records int           // test records on which fidelity, steadiness and accuracy are measured; 0 = 600, drawn by the plan's seed
	Copies  int           // slightly changed copies of each, for steadiness; 0 = 3
	Rule    Rule
}

// Result is what was measured, and what follows from it.
type Result struct {
	Plan    audit.Plan `json:"plan"`
	Rule    Rule       `json:"rule"`
	Rows    []Row      `json:"rows"`    // by method, scheme and group, in the plan's order
	Choices []Choice   `json:"choices"` // by method and scheme
	Advice  []Advice   `json:"advice"`  // one for each method
}

// Run measures every scheme with every method of the plan (whose own defences are left aside) and applies the rule.
func Run(ctx context.Context, s Subject, p audit.Plan, schemes []Scheme, o Options) (*Result, error) {
	c, err := compare(s, p, schemes, o)
	if err != nil {
		return nil, err
	}
	return c.run(ctx)
}

// compare makes a comparison ready. What cannot be done is said before hours of work.
func compare(s Subject, p audit.Plan, schemes []Scheme, o Options) (*comparison, error) {
	if len(schemes) == 0 || schemes[0] != Plain() {
		schemes = append([]Scheme{Plain()}, schemes...)
	}
	o.Records, o.Copies = or(o.Records, 600), or(o.Copies, 3)
	if err := o.Rule.check(); err != nil {
		return nil, err
	}
	o.Audit.Method = named
	o.Audit.Defence = func(text string) (audit.Defence, error) { return defence.Parse(text) }
	c := &comparison{plain: map[string]matrix.Matrix{}, subject: s, methods: methods(p), schemes: schemes, options: o, asked: p, plan: p}
	for _, scheme := range schemes {
		if !slices.Contains(c.trainings, scheme.training()) {
			c.trainings = append(c.trainings, scheme.training())
		}
	}
	for _, t := range c.trainings {
		if _, err := c.training(t); err != nil {
			return nil, err
		}
	}
	c.figures = len(schemes) * len(c.methods)
	c.plan.Confidence = metric.Each(p.Confidence, len(c.trainings))
	var err error
	c.eye, err = c.open()
	return c, err
}

func (c *comparison) run(ctx context.Context) (*Result, error) {
	for _, t := range c.trainings {
		var of []Scheme
		for _, scheme := range c.schemes {
			if scheme.training() == t {
				of = append(of, scheme)
			}
		}
		if err := c.train(ctx, t, of); err != nil {
			return nil, err
		}
	}
	r := &Result{Plan: c.asked, Rule: c.options.Rule, Rows: c.rows, Choices: c.choices}
	var names []string
	for _, m := range c.methods {
		names = append(names, m.Name())
	}
	order(r, names, c.schemes)
	front(r.Rows)
	r.Advice = c.options.Rule.Advise(names, r.Choices)
	return r, nil
}

func or(v, d int) int {
	if v == 0 {
		return d
	}
	return v
}

// methods of a plan, each once and without the plan's own defences.
func methods(p audit.Plan) (out []audit.Explanation) {
	for _, e := range p.Explanations {
		if e.Defence = ""; !slices.ContainsFunc(out, func(o audit.Explanation) bool { return o.Name() == e.Name() }) {
			out = append(out, e)
		}
	}
	return out
}

// comparison is one run.
type comparison struct {
	subject   Subject
	asked     audit.Plan
	plan      audit.Plan // the same, with the confidence that is left for each training
	methods   []audit.Explanation
	schemes   []Scheme
	options   Options
	trainings [][2]float64
	figures   int                      // how many schemes and methods are compared
	eye       eye                      // the records looked at
	plain     map[string]matrix.Matrix // by method, the undefended explanations of the records looked at, by the model as it was
	right     []bool                   // which test records that model answers rightly
	judged    *audit.Plan              // a whole audit, beside which schemes are compared; nil: schemes alone
	audited   *audit.Result            // what it came to
	rows      []Row
	choices   []Choice
}

// train measures all schemes that share a training. The first one is the model as it is.
func (c *comparison) train(ctx context.Context, t [2]float64, schemes []Scheme) error {
	subject := c.subject.Subject
	training, err := c.training(t)
	if err != nil {
		return err
	}
	if t != [2]float64{} {
		if subject.Target, err = training.Like(ctx, subject.Train, c.subject.Seed); err != nil {
			return fmt.Errorf("training by DP-SGD: %w", err)
		}
	}
	subject.Like = training.Like
	if c.private() {
		subject.Target = knowing(subject.Target, subject.Train.X, c.plan.Seed)
		subject.Like = func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error) {
			m, err := training.Like(ctx, rows, seed)
			if err != nil {
				return nil, err
			}
			return knowing(m, rows.X, c.plan.Seed), nil
		}
		if given := subject.Given; given != nil {
			subject.Given = func(ctx context.Context, r int, rows data.Set) (model.Model, error) {
				m, err := given(ctx, r, rows)
				if err != nil {
					return nil, err
				}
				return knowing(m, rows.X, c.plan.Seed), nil
			}
		}
	}
	here, err := c.look(ctx, subject, schemes)
	if err != nil {
		return err
	}
	if c.right == nil {
		c.right = here.right
	}
	v, err := c.leak(ctx, subject, t, schemes)
	if err != nil {
		return err
	}
	for _, method := range c.methods {
		for _, s := range schemes {
			rows, err := c.price(v, here, method, s, training)
			if err != nil {
				return err
			}
			c.rows = append(c.rows, rows...)
			c.choices = append(c.choices, c.choose(v, method, s, rows, here.right))
		}
	}
	return nil
}

// private tells whether an explanation rests on records that its model was trained on.
func (c *comparison) private() bool {
	by := func(text string) bool { return strings.HasPrefix(text, privately) }
	return slices.ContainsFunc(c.schemes, func(s Scheme) bool { return by(s.after) }) || slices.ContainsFunc(c.methods, func(e audit.Explanation) bool { return by(e.Method) })
}

// training is how models are trained under t: as the subject is, or by DP-SGD.
func (c *comparison) training(t [2]float64) (Training, error) {
	if t == [2]float64{} {
		return Training{Like: c.subject.Like}, nil
	}
	if c.subject.Private == nil {
		return Training{}, fmt.Errorf("%w: nothing says how this model is trained, so that it cannot be trained by DP-SGD", tribune.ErrUnsupported)
	}
	out, err := c.subject.Private(t[0], t[1])
	if err != nil {
		return out, fmt.Errorf("training by DP-SGD: %w", err)
	}
	return out, nil
}

// leak audits every scheme of one training together; that of the model as it is beside the whole audit, if there is one.
func (c *comparison) leak(ctx context.Context, s audit.Subject, t [2]float64, schemes []Scheme) (*audit.Verdict, error) {
	p, o := c.plan, c.options.Audit
	p.Explanations = nil
	for _, method := range c.methods {
		for _, scheme := range schemes {
			if e := scheme.of(method); !slices.Contains(p.Explanations, e) {
				p.Explanations = append(p.Explanations, e)
			}
		}
	}
	if o.Shelf != nil {
		o.Shelf = part{o.Shelf, fmt.Sprintf("training-%d-", slices.Index(c.trainings, t))}
	}
	if c.judged == nil || t != [2]float64{} {
		r, err := audit.Run(ctx, s, p, o)
		if err != nil {
			return nil, err
		}
		return r.Verdict, nil
	}
	o.Shelf, o.Trials, o.TrialConfidence = c.options.Audit.Shelf, p.Explanations, p.Confidence
	var err error
	if c.audited, err = audit.Run(ctx, s, *c.judged, o); err != nil {
		return nil, err
	}
	return c.audited.Trials, nil
}

// part is a shelf's part for one training.
type part struct {
	audit.Shelf
	name string
}

func (s part) Get(name string) ([]byte, error) { return s.Shelf.Get(s.name + name) }
func (s part) Put(name string, b []byte) error { return s.Shelf.Put(s.name+name, b) }

// each is the confidence of one interval of fidelity, steadiness or accuracy, so that all of its measure hold at once.
func (c *comparison) each(groups int) float64 {
	return metric.Each(c.plan.Confidence, c.figures*groups)
}

// quantile is how many standard errors a two-sided interval reaches.
func quantile(confidence float64) float64 { return math.Sqrt2 * math.Erfinv(confidence) }

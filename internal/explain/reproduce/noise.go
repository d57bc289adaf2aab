package reproduce

import (
	"context"
	"fmt"

	"tribune/internal/explain/attribution"
	"tribune/internal/explain/data"
	"tribune/internal/explain/metric"
)

// blurred is a setting of SmoothGrad: the standard deviation of the noise and the number of noisy copies. No noise is the gradient itself.
type blurred struct {
	sigma   float64
	samples int
}

func (b blurred) String() string {
	if b.sigma == 0 {
		return "no noise: the gradient"
	}
	return fmt.Sprintf("noise %g, %d copies", b.sigma, b.samples)
}

// blurs are the authors' setting, noise 1 and 64 copies, and those around it: less noise with as many copies, and as much with fewer.
func blurs() []blurred {
	return []blurred{{0, 1}, {.05, 64}, {.1, 64}, {.15, 64}, {.25, 64}, {.5, 64}, {1, 64}, {1, 16}, {1, 4}, {1, 1}}
}

// SmoothGrad measures what the variance of smoothed gradients tells of membership over the noise and over the number of copies (the authors' script
// smooth_grad_experiments.py takes their 1-norm on Purchase over the copies, and saved no figure).
func SmoothGrad(ctx context.Context, r Request) ([]Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	there, rows, err := r.opened(ctx, func(name string) bool { return name == "location" || name == "purchase" || name == "adult" })
	if err != nil {
		return nil, err
	}
	r.tell(rows)
	for _, o := range there {
		of, err := o.blur(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("SmoothGrad on %s: %w", o.name, err)
		}
		r.tell(of)
		rows = append(rows, of...)
	}
	return rows, nil
}

func (o opened) blur(ctx context.Context, r Request) ([]Row, error) {
	size, list := min(o.size, len(o.distinct)/(2*o.models)), blurs()
	if r.Quick {
		size, o.dear, o.training.epochs, list = min(size, 100), 10, min(o.training.epochs, 3), list[:3]
	}
	seeds := r.seeds(max(1, 4/o.models), 1)
	runs := make([][]signal, seeds*o.models)
	err := parallel(ctx, len(runs), "blurring the gradients of "+o.name, r.progress(), func(ctx context.Context, i int) error {
		train, test, err := o.draw(Corrected, size, o.models, uint64(i/o.models))
		if err != nil {
			return err
		}
		members, others, err := o.sides(train[i%o.models], test[i%o.models], false)
		if err != nil {
			return err
		}
		runs[i], err = o.blurredSignals(ctx, list, members, others, uint64(i))
		return err
	})
	if err != nil {
		return nil, err
	}
	var rows []Row
	for k, first := range runs[0] {
		var best, area []float64
		for _, run := range runs {
			best = append(best, run[k].published(true).accuracy(run[k]))
			c, err := metric.NewCurve(run[k].sample())
			if err != nil {
				return nil, err
			}
			area = append(area, c.AUC())
		}
		for _, f := range []struct {
			measure string
			unit    Unit
			of      []float64
		}{{optimalIs, Accuracy, best}, {"area", Area, area}} {
			row := figure(o.name, "all", "variance of SmoothGrad, "+first.name+", "+f.measure, Corrected, f.unit, f.of)
			row.Note = fmt.Sprintf("%d models, %d records of each side", len(runs), len(first.members))
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// blurredSignals trains a model and takes the variance of every setting's explanations of its members and of as many others.
func (o opened) blurredSignals(ctx context.Context, list []blurred, members, others data.Set, seed uint64) ([]signal, error) {
	n, err := o.network(members.X.Cols, max(2, len(members.Classes)), seed)
	if err != nil {
		return nil, err
	}
	if err := o.training.run(ctx, n, members.X, members.Y, seed); err != nil {
		return nil, err
	}
	var out []signal
	for _, b := range list {
		s := signal{name: b.String()}
		var of attribution.Method = attribution.SmoothGrad{Sigma: b.sigma, Samples: b.samples, Seed: seed}
		if b.sigma == 0 {
			of = attribution.Gradient{}
		}
		for side, set := range []data.Set{members, others} {
			a, err := of.Explain(ctx, n, set.X.Slice(0, min(o.dear, set.X.Rows)), nil)
			if err != nil {
				return nil, err
			}
			if v := variances(a); side == 0 {
				s.members = v
			} else {
				s.others = v
			}
		}
		out = append(out, s)
	}
	return out, nil
}

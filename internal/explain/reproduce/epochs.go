package reproduce

import (
	"context"
	"fmt"
	"slices"

	"tribune/internal/explain/attribution"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/metric"
	"tribune/internal/explain/model"
)

// Epochs follows the paper's threshold attack on the gradient's variance while its target is trained (figure 8): after 5, 10, ..., 45 epochs. Purchase, Texas and
// CIFAR-10 are the paper's; Location-30 and MNIST stand in their place.
func Epochs(ctx context.Context, r Request) ([]Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	named := []string{"location", "mnist", "purchase", "texas", "cifar-10"}
	there, rows, err := r.opened(ctx, func(name string) bool { return slices.Contains(named, name) })
	if err != nil {
		return nil, err
	}
	r.tell(rows)
	for _, o := range there {
		draws := []Draw{Published, Corrected}
		if !o.again {
			draws = draws[1:]
		}
		for _, d := range draws {
			of, err := o.epochs(ctx, r, d)
			if err != nil {
				return nil, fmt.Errorf("epochs on %s, %s: %w", o.name, d, err)
			}
			r.tell(of)
			rows = append(rows, of...)
		}
	}
	return rows, nil
}

const (
	everyEpochs = 5
	lastEpoch   = 45
)

// grown is what one model gave away after each everyEpochs.
type grown struct{ optimal, area, right []float64 }

func (o opened) epochs(ctx context.Context, r Request, d Draw) ([]Row, error) {
	size, last := min(o.size, len(o.distinct)/2), lastEpoch
	if r.Quick {
		size, last = min(size, 100), 2*everyEpochs
	}
	runs := make([]grown, r.seeds(5, 2)) // one model each, as in the authors' code
	err := parallel(ctx, len(runs), fmt.Sprintf("following %s through its training, %s", o.name, d), r.progress(), func(ctx context.Context, i int) error {
		train, test, err := o.draw(d, size, 1, uint64(i))
		if err != nil {
			return err
		}
		members, others, err := o.sides(train[0], test[0], d != Corrected)
		if err != nil {
			return err
		}
		runs[i], err = o.grow(ctx, members, others, last, uint64(i))
		return err
	})
	if err != nil {
		return nil, err
	}
	var rows []Row
	for k := range last / everyEpochs {
		for _, f := range []struct {
			measure string
			unit    Unit
			of      func(grown) []float64
		}{
			{optimalIs, Accuracy, func(g grown) []float64 { return g.optimal }},
			{"area", Area, func(g grown) []float64 { return g.area }},
			{"share of members whose class the model says", Rate, func(g grown) []float64 { return g.right }},
		} {
			var of []float64
			for _, run := range runs {
				of = append(of, f.of(run)[k])
			}
			row := figure(o.name, "all", fmt.Sprintf("gradient variance after %d epochs, %s", (k+1)*everyEpochs, f.measure), d, f.unit, of)
			if f.measure == optimalIs && !r.Quick {
				row.Paper = byEpochs(o.name, k)
			}
			row.Note = fmt.Sprintf("%d models, %d records of each side", len(runs), size)
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// grow trains a model and attacks it on the way.
func (o opened) grow(ctx context.Context, members, others data.Set, last int, seed uint64) (grown, error) {
	n, err := o.network(members.X.Cols, max(2, len(members.Classes)), seed)
	if err != nil {
		return grown{}, err
	}
	t := o.training
	trainer, err := model.NewTrainer(n, members.X, members.Y, model.TrainConfig{Epochs: last, Batch: min(t.batch, members.X.Rows), Optimizer: t.optimizer, Rate: t.rate, Seed: seed, Workers: 1})
	if err != nil {
		return grown{}, err
	}
	var out grown
	err = trainer.Run(ctx, func(p model.Progress) error {
		if p.Epoch%everyEpochs != 0 {
			return nil
		}
		s := signal{name: "gradient variance"}
		for _, of := range []struct {
			x  matrix.Matrix
			to *[]float64
		}{{members.X, &s.members}, {others.X, &s.others}} {
			a, err := attribution.Gradient{}.Explain(ctx, n, of.x, nil)
			if err != nil {
				return err
			}
			*of.to = variances(a)
		}
		c, err := metric.NewCurve(s.sample())
		if err != nil {
			return err
		}
		out.optimal, out.area, out.right = append(out.optimal, s.published(true).accuracy(s)), append(out.area, c.AUC()), append(out.right, p.Accuracy)
		return nil
	})
	return out, err
}

package reproduce

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"

	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// training is how the networks of an experiment are trained: one core each, since networks this small wait for each other more than they work, and
// as many at once as there are cores.
type training struct {
	epochs, batch int
	optimizer     model.Optimizer
	rate          float64
}

func (t training) run(ctx context.Context, n *model.Network, x matrix.Matrix, y []int, seed uint64) error {
	trainer, err := model.NewTrainer(n, x, y, model.TrainConfig{Epochs: t.epochs, Batch: min(t.batch, x.Rows), Optimizer: t.optimizer, Rate: t.rate, Seed: seed, Workers: 1})
	if err != nil {
		return err
	}
	return trainer.Run(ctx, nil)
}

// spread is the standard deviation of the authors' first weights.
const spread = 0.01

// tanhs is a network as the authors make all of theirs that are attacked.
func tanhs(inputs, classes int, hidden []int, seed uint64) (*model.Network, error) {
	return plain(inputs, classes, hidden, model.Tanh, seed)
}

// plain is dense layers of one activation, weights normal around 0, biases 0.
func plain(inputs, classes int, hidden []int, f model.Function, seed uint64) (*model.Network, error) {
	r := rand.New(rand.NewPCG(seed, purposeWeights))
	var layers []model.Layer
	in := inputs
	dense := func(out int) {
		w := make([]float32, in*out)
		for i := range w {
			w[i] = float32(spread * r.NormFloat64())
		}
		layers, in = append(layers, &model.Dense{Out: out, W: w}), out
	}
	for _, nodes := range hidden {
		dense(nodes)
		layers = append(layers, &model.Activation{Function: f})
	}
	dense(classes)
	return model.NewNetwork(model.Shape{inputs}, layers...)
}

// purposeWeights keeps first weights apart from the draws of the record experiments, see sample.random.
const purposeWeights = 1 << 10

// parallel does n pieces of work, as many at once as there are cores, in their order. What each finds is the caller's to put where it belongs.
func parallel(ctx context.Context, n int, what string, progress func(string, int, int), work func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var lock sync.Mutex
	var wait sync.WaitGroup
	next, done := 0, 0
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for {
				lock.Lock()
				i := next
				next++
				lock.Unlock()
				if i >= n || ctx.Err() != nil {
					return
				}
				if err := work(ctx, i); err != nil {
					cancel(err)
					return
				}
				lock.Lock()
				done++
				progress(what, done, n)
				lock.Unlock()
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

package timing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"tribune/internal/explain/model"
)

// The network of Location-30 as the paper trains it, see internal/explain/reproduce: 446-1024-512-256-30, tanh, Adagrad.
const (
	locationEpochs = 50
	locationBatch  = 32
	locationRate   = 0.01
)

// location trains a network of 1.1 million weights on half of the records.
func (b *bench) location(ctx context.Context) error {
	s := b.Location
	rows := rand.New(rand.NewPCG(seed, 1)).Perm(s.X.Rows)[:s.X.Rows/2]
	half := s.Pick(rows)
	net, err := model.NewNetwork(model.Shape{s.X.Cols}, &model.Dense{Out: 1024}, &model.Activation{Function: model.Tanh}, &model.Dense{Out: 512}, &model.Activation{Function: model.Tanh},
		&model.Dense{Out: 256}, &model.Activation{Function: model.Tanh}, &model.Dense{Out: len(s.Classes)})
	if err != nil {
		return err
	}
	net.Init(seed)
	first := flat(net)
	cfg := model.TrainConfig{Epochs: locationEpochs, Batch: min(locationBatch, len(rows)), Optimizer: model.Adagrad, Rate: locationRate, Seed: seed}
	trainer, err := model.NewTrainer(net, half.X, half.Y, cfg)
	if err != nil {
		return err
	}
	var last model.Progress
	row := Row{Stage: Location, Name: "train", Records: len(rows) * cfg.Epochs, Found: map[string]float64{},
		What: fmt.Sprintf("%d-1024-512-256-%d, tanh: %d records, %d epochs, batches of %d, Adagrad at %v", s.X.Cols, len(s.Classes), len(rows), cfg.Epochs, cfg.Batch, cfg.Rate)}
	err = b.row(row, func() error {
		return trainer.Run(ctx, func(p model.Progress) error {
			last, row.Found["loss"], row.Found["accuracy"] = p, p.Loss, p.Accuracy
			return nil
		})
	})
	if err != nil {
		return err
	}
	var order []int32
	for epoch := range last.Epoch {
		for _, i := range rand.New(rand.NewPCG(cfg.Seed, uint64(epoch))).Perm(len(rows)) {
			order = append(order, int32(i))
		}
	}
	labels := make([]int32, len(half.Y))
	for i, y := range half.Y {
		labels[i] = int32(y)
	}
	return errors.Join(keep(b, "location-records", half.X.Data, half.X.Rows, half.X.Cols), keep(b, "location-labels", labels, len(labels)), keep(b, "location-order", order, len(order)),
		keep(b, "location-first", first, len(first)), keep(b, "location-last", flat(net), len(first)))
}

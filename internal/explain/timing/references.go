package timing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"

	"tribune/internal/durable"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
	"tribune/internal/explain/recipe"
)

// models are the target, which knows the training records, and its references, each of which knows another half of all.
type models struct {
	nets []*model.Network
	in   [][]bool // model -> record: whether it was trained on it
}

// seed is of weights, halves and order; model m has seed+m.
const seed = 1

// rows of the joined records that model m is trained on.
func (b *bench) rows(m int) (in []bool, rows []int) {
	in = make([]bool, b.all.X.Rows)
	coin := rand.New(rand.NewPCG(seed, 1000+uint64(m)))
	for i := range in {
		if m == 0 {
			in[i] = i < b.Train.X.Rows
		} else {
			in[i] = coin.Uint64()&1 == 0
		}
		if in[i] {
			rows = append(rows, i)
		}
	}
	return in, rows
}

func (b *bench) recipe() (recipe.Recipe, error) {
	return recipe.Recipe{Kind: recipe.MLP, Epochs: b.Epochs}.Fill()
}

// references trains the target, which warms up, and then, timed, all references, one after the other on all cores, as an audit does.
func (b *bench) references(ctx context.Context) error {
	r, err := b.recipe()
	if err != nil {
		return err
	}
	made := &models{}
	train := func(m int) error {
		in, rows := b.rows(m)
		trained, err := r.Train(ctx, b.all.Pick(rows), seed+uint64(m), nil)
		if err != nil {
			return fmt.Errorf("model %d: %w", m, err)
		}
		made.nets, made.in = append(made.nets, trained.(*model.Network)), append(made.in, in)
		return nil
	}
	if err := train(0); err != nil {
		return err
	}
	seen := 0
	for m := 1; m <= b.References; m++ {
		_, rows := b.rows(m)
		seen += len(rows) * b.Epochs
	}
	row := Row{Stage: References, Name: "train", Records: seen, What: fmt.Sprintf("%d networks of Adult, %d-64-32-2: %s", b.References, b.all.X.Cols, r)}
	row.Found = map[string]float64{}
	err = b.row(row, func() error {
		for m := 1; m <= b.References; m++ {
			if err := train(m); err != nil {
				return err
			}
		}
		right, err := b.accuracy(ctx, made.nets[0])
		row.Found["target accuracy"] = right
		return err
	})
	if err != nil {
		return err
	}
	b.models = made
	return b.keepModels(r)
}

// accuracy on the test records.
func (b *bench) accuracy(ctx context.Context, n *model.Network) (float64, error) {
	p, err := n.Predict(ctx, b.Test.X)
	if err != nil {
		return 0, err
	}
	right := 0
	for i, y := range b.Test.Y {
		if (p.Row(i)[1] > p.Row(i)[0]) == (y == 1) {
			right++
		}
	}
	return float64(right) / float64(p.Rows), nil
}

// modelFile is where a model stands between two stages that run by themselves.
func (b *bench) modelFile(m int) string { return filepath.Join(b.Dir, fmt.Sprintf("model-%02d", m)) }

// keepModels leaves what another program needs to train the same models: records, halves, first weights, the order of rows; and what came of it here.
func (b *bench) keepModels(r recipe.Recipe) error {
	if b.Dir == "" {
		return nil
	}
	var in []uint8
	var order []int32
	var first, last []float32
	for m, n := range b.models.nets {
		var file bytes.Buffer
		if err := model.Save(&file, n); err != nil {
			return err
		}
		if err := durable.Write(b.modelFile(m), file.Bytes()); err != nil {
			return fmt.Errorf("keeping model %d: %w", m, err)
		}
		last = append(last, flat(n)...)
		fresh := n.Clone()
		fresh.Init(seed + uint64(m))
		first = append(first, flat(fresh)...)
		_, rows := b.rows(m)
		for _, is := range b.models.in[m] {
			var bit uint8
			if is {
				bit = 1
			}
			in = append(in, bit)
		}
		for epoch := range r.Epochs { // the trainer's order, see model.Trainer
			for _, i := range rand.New(rand.NewPCG(seed+uint64(m), uint64(epoch))).Perm(len(rows)) {
				order = append(order, int32(rows[i]))
			}
		}
	}
	count := len(b.models.nets)
	labels := make([]int32, len(b.all.Y))
	for i, y := range b.all.Y {
		labels[i] = int32(y)
	}
	return errors.Join(
		keep(b, "records", b.all.X.Data, b.all.X.Rows, b.all.X.Cols), keep(b, "labels", labels, len(labels)), keep(b, "in", in, count, len(labels)),
		keep(b, "order", order, len(order)), keep(b, "first", first, count, len(first)/count), keep(b, "last", last, count, len(last)/count))
}

// flat is all weights of a network, layer after layer: the matrix (outputs x inputs), then the biases.
func flat(n *model.Network) (out []float32) {
	for _, w := range n.Weights() {
		out = append(out, w...)
	}
	return out
}

// need gives the models of stage references: this run's, an earlier run's in the folder, or trained now, untimed.
func (b *bench) need(ctx context.Context) (*models, error) {
	if b.models != nil {
		return b.models, nil
	}
	made := &models{}
	for m := 0; b.Dir != "" && m <= b.References; m++ {
		file, err := durable.Read(b.modelFile(m))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading model %d: %w", m, err)
		}
		loaded, err := model.Load(bytes.NewReader(file))
		if err != nil {
			return nil, fmt.Errorf("reading model %d: %w", m, err)
		}
		in, _ := b.rows(m)
		made.nets, made.in = append(made.nets, loaded.(*model.Network)), append(made.in, in)
	}
	if len(made.nets) == b.References+1 {
		b.models = made
		return made, nil
	}
	report := b.Report
	b.Report = nil
	err := b.references(ctx)
	b.Report = report
	return b.models, err
}

// explained are the records that are explained and attacked: so many from the front and from the back, so that members of the target and others are among them.
func (b *bench) explained() (rows []int, x matrix.Matrix, y []int) {
	total := b.all.X.Rows
	for i := range total {
		if i < (b.Records+1)/2 || i >= total-b.Records/2 {
			rows = append(rows, i)
			y = append(y, b.all.Y[i])
		}
	}
	return rows, b.all.X.Pick(rows), y
}

func (b *bench) keepRows(rows []int) error {
	which := make([]int32, len(rows))
	for i, r := range rows {
		which[i] = int32(r)
	}
	return keep(b, "rows", which, len(which))
}

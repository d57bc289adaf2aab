package reproduce

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/model"
)

// source is a data set of the experiments on models, and the network that the authors train on it (or, where they have none, on its like).
type source struct {
	name     string
	open     func(ctx context.Context, d folder) (*pool, error)
	network  func(inputs, classes int, seed uint64) (*model.Network, error)
	training training
	size     int  // members of one model, and as many others
	models   int  // on records of their own
	dear     int  // of each side are explained by methods that ask a network many times
	lime     int  // of each side are explained by LIME
	again    bool // the authors draw it with replacement
}

// mlp is tanhs with hidden layers.
func mlp(hidden ...int) func(inputs, classes int, seed uint64) (*model.Network, error) {
	return func(inputs, classes int, seed uint64) (*model.Network, error) {
		return tanhs(inputs, classes, hidden, seed)
	}
}

// sources are all data sets. Adult, Diabetes-130, Purchase, Texas and CIFAR-10 are the paper's; Location-30 and MNIST stand where Purchase and CIFAR
// cannot be had. Settings are the authors' notebooks'; of Diabetes-130 (0.8 million weights, 1,000 epochs) they are cut to a fifth of the records and
// to epochs that end as their training does, in a network that knows its records.
func sources(tables func() ([]*data.Table, error)) []source {
	adagrad := func(epochs int, rate float64) training { return training{epochs, 32, model.Adagrad, rate} }
	return []source{
		{"adult", openTable("adult", tables), mlp(20, 20, 20, 20), adagrad(20, .001), 5_000, 4, 5_000, 250, false},
		{"hospital", openTable("hospital", tables), mlp(256, 128, 64), training{60, 64, model.Adam, .001}, 1_000, 4, 1_000, 0, false},
		{"location", openLocation, mlp(1024, 512, 256), adagrad(50, .01), 1_250, 2, 600, 100, true},
		{"mnist", openMNIST, mlp(256, 128), training{20, 32, model.Adam, .001}, 2_500, 4, 500, 0, false},
		{"purchase", openPurchase, mlp(1024, 512, 256), adagrad(50, .01), 20_000, 4, 1_000, 100, true},
		{"texas", openTexas, mlp(2048, 1024, 512, 256), adagrad(50, .01), 10_000, 4, 500, 0, true},
		{"cifar-10", openCIFAR, convolutions, training{50, 32, model.Adam, .001}, 15_000, 2, 500, 0, true},
	}
}

// convolutions is the authors' network for CIFAR.
func convolutions(_, classes int, seed uint64) (*model.Network, error) {
	n, err := model.NewNetwork(model.Shape{3, 32, 32},
		&model.Conv{Window: model.Window{Kernel: [2]int{3, 3}}, Out: 32}, &model.Activation{Function: model.Tanh}, &model.Pool{Window: model.Window{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}}},
		&model.Conv{Window: model.Window{Kernel: [2]int{3, 3}}, Out: 32}, &model.Activation{Function: model.Tanh}, &model.Pool{Window: model.Window{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}}},
		&model.Flatten{}, &model.Dense{Out: 128}, &model.Activation{Function: model.Tanh}, &model.Dense{Out: classes})
	if err != nil {
		return nil, err
	}
	n.Init(seed)
	return n, nil
}

// opened are the sources that are asked for, of those that an experiment has. One that is named and not there is an error; one that is not named is passed
// over, and absent says so.
func (r Request) opened(ctx context.Context, has func(name string) bool) (there []opened, absent []Row, err error) {
	// Adult and Diabetes-130 are shipped: a folder need not hold them.
	of := sources(sync.OnceValues(func() ([]*data.Table, error) {
		all, err := r.tables(ctx)
		if errors.Is(err, tribune.ErrNotFound) {
			return Tables()
		}
		return all, err
	}))
	var names []string
	for _, s := range of {
		if has(s.name) {
			names = append(names, s.name)
		}
	}
	if err := r.known(names); err != nil {
		return nil, nil, err
	}
	for _, s := range of {
		if !has(s.name) || !r.wants(s.name) {
			continue
		}
		p, err := s.open(ctx, folder{r.Data, r.Worker})
		switch {
		case err == nil:
			there = append(there, opened{s, p})
		case r.Datasets == nil && errors.Is(err, tribune.ErrNotFound):
			absent = append(absent, Row{Dataset: s.name, Group: "all", Measure: "data", Draw: Published, Unit: Count, Note: "not there: " + err.Error()})
		default:
			return nil, nil, err
		}
	}
	return there, absent, nil
}

type opened struct {
	source
	*pool
}

// pool is a data set from which sides are drawn.
type pool struct {
	rows     int
	distinct []int // without duplicates, and with one row of a person
	labels   []int32
	balanced bool // classes are drawn alike
	// sides encodes rows. Scaled by the whole file as the authors do, or by the training rows alone.
	sides func(train, test []int, whole bool) (data.Set, data.Set, error)
}

func openTable(name string, tables func() ([]*data.Table, error)) func(context.Context, folder) (*pool, error) {
	return func(context.Context, folder) (*pool, error) {
		all, err := tables()
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			if t.Name != name {
				continue
			}
			p := &pool{rows: t.Rows, distinct: t.Distinct(), labels: t.Labels(), balanced: t.Persons() != nil}
			if t.Persons() != nil {
				p.distinct = data.OncePerPerson(p.distinct, t.Persons(), 0)
			}
			encode := newSubject(t, Published)
			p.sides = func(train, test []int, whole bool) (a, b data.Set, err error) {
				var e *data.Encoding
				if whole {
					e, err = encode.whole()
				} else {
					e, err = encode.fit(train)
				}
				if err != nil {
					return a, b, err
				}
				if a, err = e.Apply(t, train); err == nil {
					b, err = e.Apply(t, test)
				}
				return a, b, err
			}
			return p, nil
		}
		return nil, fmt.Errorf("no data set %s: %w", name, tribune.ErrNotFound)
	}
}

// poolOf is a pool of what needs no encoding.
func poolOf(s data.Set, err error) (*pool, error) {
	if err != nil {
		return nil, err
	}
	p := &pool{rows: s.X.Rows}
	seen := make(map[[sha256.Size]byte]bool)
	row := make([]byte, 4*s.X.Cols)
	for i := range s.X.Rows {
		for j, v := range s.X.Row(i) {
			binary.LittleEndian.PutUint32(row[4*j:], math.Float32bits(v))
		}
		if h := sha256.Sum256(row); !seen[h] {
			seen[h] = true
			p.distinct = append(p.distinct, i)
		}
	}
	p.sides = func(train, test []int, _ bool) (data.Set, data.Set, error) { return s.Pick(train), s.Pick(test), nil }
	return p, nil
}

// draw names the members and others of so many models, none of which shares a draw with another.
func (o opened) draw(d Draw, size, models int, seed uint64) (train, test [][]int, err error) {
	rows := o.distinct
	if d != Corrected {
		rows = make([]int, o.rows)
		for i := range rows {
			rows[i] = i
		}
	}
	need := 2 * size * models
	if o.balanced {
		s, err := data.Balanced(rows, o.labels, 2, need, 0, seed)
		if err != nil {
			return nil, nil, err
		}
		rows = s.Train
	}
	switch {
	case d == Replacement || d == Published && o.again:
		s, err := data.WithReplacement(rows, need, 0, seed)
		if err != nil {
			return nil, nil, err
		}
		rows = s.Train
	case len(rows) < need:
		return nil, nil, fmt.Errorf("%s has %d records, %d are needed: %w", o.name, len(rows), need, tribune.ErrInvalid)
	default:
		rows = slices.Clone(rows)
	}
	r := rand.New(rand.NewPCG(seed, purposeSides))
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for m := range models {
		from := 2 * size * m
		train = append(train, rows[from:from+size])
		test = append(test, rows[from+size:from+2*size])
	}
	return train, test, nil
}

const purposeSides = 1<<10 + 1

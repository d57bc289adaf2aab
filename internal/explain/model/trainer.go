package model

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
)

// TrainConfig is how a network is trained. The loss is cross-entropy.
type TrainConfig struct {
	Epochs     int
	Batch      int // rows of a mini-batch; under Private the expected number
	Optimizer  Optimizer
	Rate       float64 // learning rate
	Momentum   float64 // SGD's
	Decay      float64 // times the weights is added to the gradient (L2)
	StepEvery  int     // epochs after which Rate is multiplied by StepFactor, again and again; 0: never
	StepFactor float64
	Patience   int      // epochs without a lower validation loss after which training ends, and the best weights return; 0: never
	Private    *Privacy // DP-SGD; nil: plain
	Seed       uint64   // of the order of rows (and of Private's sampling and noise); Network.Init has its own
	Workers    int      // goroutines; 0 is one per core. They do not change the result
}

// Privacy makes training differentially private (DP-SGD, Abadi et al. 2016, 1607.00133): every mini-batch takes each row with the same probability by
// itself, each row's gradient is scaled down to the norm Clip, and Gaussian noise of deviation Noise·Clip is added to their sum. What that promises
// is for neighbours that differ by one row added or removed, and holds only if nobody learns Seed: the noise is ChaCha8 keyed with it, so that the
// owner can replay it; Progress.Loss and Accuracy are measured on the rows without noise, and are not private. (Noise from floating-point numbers has
// the weakness of Mironov 2012, 10.1145/2382196.2382264, which the accounting ignores, as all do.)
type Privacy struct {
	Clip  float64
	Noise float64
	Delta float64 // at which epsilon is reported
}

// Progress is how far training is, after a whole epoch.
type Progress struct {
	Epoch              int // counted from 1
	Epochs             int
	Loss               float64 // mean over the rows as they were trained on
	Accuracy           float64 // share of them whose class was the likeliest
	ValidationLoss     float64 // 0 without validation rows
	ValidationAccuracy float64
	Epsilon            float64 // spent so far; 0 without Private
	Done               bool    // nothing is left to do
}

// Trainer trains one network on one set of rows, epoch by epoch. It belongs to one goroutine; the network may be used (and cloned, to keep how it was
// after an epoch) between epochs.
type Trainer struct {
	net        *Network
	x          matrix.Matrix
	y          []int
	validation matrix.Matrix
	truth      []int
	cfg        TrainConfig
	weights    [][]float32
	grads      [][]float32
	mover      *mover
	tape       *tape
	epoch      int
	best       float64 // lowest validation loss, after the epoch bestAt
	bestAt     int
	kept       [][]float32 // weights then
}

// NewTrainer checks what is to be trained on. Errors are tribune.ErrInvalid and name the row, column, layer or setting.
func NewTrainer(n *Network, x matrix.Matrix, y []int, cfg TrainConfig) (*Trainer, error) {
	if err := checkRows(n, x, y); err != nil {
		return nil, err
	}
	if cfg.Epochs < 1 || cfg.Epochs > 1e6 || cfg.Batch < 1 || cfg.Batch > x.Rows || cfg.Patience < 0 {
		return nil, fmt.Errorf("%w: %d epochs, mini-batches of %d of %d rows, patience %d", tribune.ErrInvalid, cfg.Epochs, cfg.Batch, x.Rows, cfg.Patience)
	}
	if err := cfg.checkOptimizer(); err != nil {
		return nil, err
	}
	if err := cfg.Private.check(n); err != nil {
		return nil, err
	}
	if cfg.Workers < 1 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	t := &Trainer{net: n, x: x, y: y, cfg: cfg, weights: n.Weights(), tape: n.tape(cfg.Workers)}
	if len(t.weights) == 0 {
		return nil, fmt.Errorf("%w: the network has nothing to learn", tribune.ErrInvalid)
	}
	t.tape.training, t.tape.inside = true, true
	t.mover = newMover(&t.cfg, t.weights)
	for _, w := range t.weights {
		t.grads = append(t.grads, make([]float32, len(w)))
	}
	return t, nil
}

func checkRows(n *Network, x matrix.Matrix, y []int) error {
	if err := CheckInput(n, x); err != nil {
		return err
	}
	if x.Rows != len(y) || x.Rows == 0 {
		return fmt.Errorf("%w: %d rows, %d labels", tribune.ErrInvalid, x.Rows, len(y))
	}
	for i, c := range y {
		if c < 0 || c >= n.classes {
			return fmt.Errorf("%w: row %d is of class %d of %d", tribune.ErrInvalid, i, c, n.classes)
		}
	}
	return nil
}

// Validate names rows that are not trained on, on which the loss is measured after each epoch. It goes before the first epoch.
func (t *Trainer) Validate(x matrix.Matrix, y []int) error {
	if err := checkRows(t.net, x, y); err != nil {
		return fmt.Errorf("validation: %w", err)
	}
	t.validation, t.truth = x, y
	return nil
}

// Run trains until the epochs are done, patience ends, ctx is cancelled or report (nil: nobody) returns an error, which Run returns. What is left is
// always the network after a whole epoch.
func (t *Trainer) Run(ctx context.Context, report func(Progress) error) error {
	if t.cfg.Patience > 0 && t.truth == nil {
		return fmt.Errorf("%w: patience needs validation rows", tribune.ErrInvalid)
	}
	for !t.done() {
		p, err := t.Epoch(ctx)
		if err != nil {
			return err
		}
		if report != nil {
			if err := report(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Trainer) done() bool {
	return t.epoch >= t.cfg.Epochs || t.cfg.Patience > 0 && t.epoch-t.bestAt >= t.cfg.Patience
}

// Epoch trains for one epoch. If ctx ends before the epoch does, or a weight becomes infinite, everything is put back to how it was before.
func (t *Trainer) Epoch(ctx context.Context) (Progress, error) {
	p := Progress{Epoch: t.epoch + 1, Epochs: t.cfg.Epochs}
	before := t.remember()
	if err := t.batches(ctx, &p); err != nil {
		t.recall(before)
		return p, err
	}
	for i, w := range t.weights {
		if odd(w) >= 0 {
			t.recall(before)
			return p, tribune.Hint(fmt.Errorf("%w: in epoch %d weights %d became infinite", tribune.ErrInvalid, t.epoch+1, i), "choose a lower learning rate")
		}
	}
	t.epoch++
	if err := t.judge(ctx, &p); err != nil {
		t.epoch--
		t.recall(before)
		return p, err
	}
	p.Done = t.done()
	if p.Done && t.kept != nil {
		restore(t.parameters(), t.kept)
	}
	return p, nil
}

// judge measures on the validation rows, and keeps the weights if they are the best so far.
func (t *Trainer) judge(ctx context.Context, p *Progress) error {
	if t.cfg.Private != nil {
		spent, err := Epsilon(t.rate(), t.cfg.Private.Noise, t.mover.steps, t.cfg.Private.Delta)
		if err != nil {
			return err
		}
		p.Epsilon = spent
	}
	if t.truth == nil {
		return nil
	}
	losses, hits, err := t.net.losses(ctx, t.validation, t.truth)
	if err != nil {
		return fmt.Errorf("validating: %w", err)
	}
	for _, l := range losses {
		p.ValidationLoss += l / float64(len(losses))
	}
	p.ValidationAccuracy = float64(hits) / float64(len(losses))
	if t.bestAt == 0 || p.ValidationLoss < t.best {
		t.best, t.bestAt = p.ValidationLoss, t.epoch
		if t.cfg.Patience > 0 {
			t.kept = keep(t.parameters())
		}
	}
	return nil
}

func (t *Trainer) batches(ctx context.Context, p *Progress) error {
	if t.cfg.Private != nil {
		return t.privateBatches(ctx, p)
	}
	order := rand.New(rand.NewPCG(t.cfg.Seed, uint64(t.epoch))).Perm(t.x.Rows)
	hits := 0
	for from := 0; from < len(order); from += t.cfg.Batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := order[from:min(from+t.cfg.Batch, len(order))]
		loss, hit := t.backward(rows, 1/float32(len(rows)), func(node int, dout matrix.Matrix) { t.collect(node, dout) })
		p.Loss, hits = p.Loss+loss, hits+hit
		t.step()
	}
	p.Loss /= float64(len(order))
	p.Accuracy = float64(hits) / float64(len(order))
	return nil
}

// backward takes the rows through the network and d of scale · their loss back, and returns the loss and how many were right.
func (t *Trainer) backward(rows []int, scale float32, visit func(node int, dout matrix.Matrix)) (loss float64, hits int) {
	t.tape.forward(t.x.Pick(rows))
	seed := matrix.New(len(rows), t.net.classes)
	for i, r := range rows {
		l, hit := entropy(t.tape.last().Row(i), seed.Row(i), t.y[r])
		loss += l
		if hit {
			hits++
		}
		for c := range seed.Row(i) {
			seed.Row(i)[c] *= scale
		}
	}
	t.tape.backward(seed, Gradient, 0, visit)
	return loss, hits
}

// entropy fills d with d of the cross-entropy by the logits, and returns it and whether the true class is the likeliest.
func entropy(logits, d []float32, truth int) (float64, bool) {
	loss := softmax(logits, d) - float64(logits[truth])
	d[truth]--
	return loss, logits[truth] >= slices.Max(logits)
}

// collect adds a node's part to the gradient.
func (t *Trainer) collect(node int, dout matrix.Matrix) {
	if l, ok := t.net.nodes[node].Layer.(weighted); ok {
		l.gradient(&t.tape.calls[node], dout, t.of(node))
	}
}

// of is a node's part of the gradient.
func (t *Trainer) of(node int) [][]float32 {
	at := 0
	for _, n := range t.net.nodes[:node] {
		if l, ok := n.Layer.(weighted); ok {
			at += len(l.weights())
		}
	}
	return t.grads[at : at+len(t.net.nodes[node].Layer.(weighted).weights())]
}

// step moves the weights by the gradient and clears it.
func (t *Trainer) step() {
	t.mover.move(t.weights, t.grads, t.epoch, t.cfg.Workers)
	for _, g := range t.grads {
		clear(g)
	}
}

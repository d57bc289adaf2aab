package model

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/protocol"
)

// A trainer's state is the line "tribune training 1", the length of a header (four bytes, little-endian), the header in canonical JSON, and its
// numbers as in a model's file.
const stateMagic = "tribune training 1\n"

type stateHeader struct {
	Run     tribune.Hash `json:"run"`   // of settings, network and rows: a state goes on with its own run only
	Epoch   int          `json:"epoch"` // whole epochs
	Steps   int          `json:"steps"`
	Best    uint64       `json:"best,string"` // bits of the lowest validation loss
	BestAt  int          `json:"bestAt"`
	Numbers []int        `json:"numbers"`
}

// run is the hash of all that decides what an epoch does.
func (t *Trainer) run() (tribune.Hash, error) {
	h := sha256.New()
	layers, _, err := t.net.describe()
	if err != nil {
		return tribune.Hash{}, err
	}
	cfg := t.cfg
	cfg.Workers, cfg.Seed = 0, 0 // JSON's numbers end at 2^53: the seed goes beside it
	text, err := protocol.JCS(struct {
		Config  TrainConfig
		Network header
	}{cfg, layers})
	if err != nil {
		return tribune.Hash{}, fmt.Errorf("describing the training: %w", err)
	}
	h.Write(protocol.Label("training"))
	h.Write(binary.LittleEndian.AppendUint64(nil, t.cfg.Seed))
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(text))))
	h.Write(text)
	hashRows(h, t.x, t.y)
	hashRows(h, t.validation, t.truth)
	return tribune.Hash(h.Sum(nil)), nil
}

func hashRows(w io.Writer, x matrix.Matrix, y []int) {
	b := bufio.NewWriter(w) // a hash never fails
	var eight [8]byte
	for _, n := range []int{x.Rows, x.Cols} {
		b.Write(binary.LittleEndian.AppendUint64(eight[:0], uint64(n)))
	}
	for _, v := range x.Data {
		b.Write(binary.LittleEndian.AppendUint32(eight[:0], math.Float32bits(v)))
	}
	for _, c := range y {
		b.Write(binary.LittleEndian.AppendUint64(eight[:0], uint64(c)))
	}
	b.Flush()
}

// SaveState writes what Resume needs to go on after the last whole epoch. It holds the weights: it is as confidential as the network.
func (t *Trainer) SaveState(w io.Writer) error {
	run, err := t.run()
	if err != nil {
		return err
	}
	h := stateHeader{Run: run, Epoch: t.epoch, Steps: t.mover.steps, Best: math.Float64bits(t.best), BestAt: t.bestAt}
	numbers := append(t.all(), t.kept...)
	for _, list := range numbers {
		h.Numbers = append(h.Numbers, len(list))
	}
	b := bufio.NewWriterSize(w, 1<<16)
	if err := writeFramed(b, stateMagic, h, numbers); err != nil {
		return fmt.Errorf("describing the state: %w", err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return nil
}

// Resume puts a new trainer, made of the same network, rows, validation rows and settings (Workers may differ), where the saved one was: the result is
// the same bits as if it had never stopped. tribune.ErrConflict is another run's state, tribune.ErrInvalid a broken one; the trainer is then as it was.
func (t *Trainer) Resume(r io.Reader) error {
	b := bufio.NewReaderSize(r, 1<<16)
	h, err := t.readState(b)
	if err != nil {
		return fmt.Errorf("a training's state: %w", err)
	}
	to := t.all()
	kept := h.BestAt > 0 && t.cfg.Patience > 0
	if kept {
		to = append(to, t.parameters()...)
	}
	if len(h.Numbers) != len(to) {
		return fmt.Errorf("a training's state: %w: %d lists of numbers", tribune.ErrInvalid, len(h.Numbers))
	}
	for i := range to {
		if h.Numbers[i] != len(to[i]) {
			return fmt.Errorf("a training's state: %w: list %d has %d numbers", tribune.ErrInvalid, i, h.Numbers[i])
		}
	}
	numbers, err := lists(b, h.Numbers, 8*maxTotal)
	if err != nil {
		return fmt.Errorf("a training's state: %w", err)
	}
	for i, list := range numbers {
		if odd(list) >= 0 {
			return fmt.Errorf("a training's state: %w: a number of list %d is none", tribune.ErrInvalid, i)
		}
	}
	if _, err := b.ReadByte(); err != io.EOF {
		return fmt.Errorf("a training's state: %w: something follows the numbers", tribune.ErrInvalid)
	}
	restore(t.all(), numbers)
	t.kept = nil
	if kept {
		t.kept = numbers[len(t.all()):]
	}
	t.epoch, t.mover.steps, t.best, t.bestAt = h.Epoch, h.Steps, math.Float64frombits(h.Best), h.BestAt
	return nil
}

func (t *Trainer) readState(b *bufio.Reader) (stateHeader, error) {
	var h stateHeader
	text, err := framed(b, stateMagic)
	if err != nil {
		return h, err
	}
	if err := protocol.DecodeJCS(text, &h); err != nil {
		return h, fmt.Errorf("%w: its header: %w", tribune.ErrInvalid, err)
	}
	run, err := t.run()
	if err != nil {
		return h, err
	}
	if h.Run != run {
		return h, fmt.Errorf("%w: it is of another training (%v, this is %v)", tribune.ErrConflict, h.Run, run)
	}
	if h.Epoch < 0 || h.Epoch > t.cfg.Epochs || h.Steps < 0 || h.Steps > 1<<40 || h.BestAt < 0 || h.BestAt > h.Epoch {
		return h, fmt.Errorf("%w: epoch %d, steps %d, best after %d", tribune.ErrInvalid, h.Epoch, h.Steps, h.BestAt)
	}
	return h, nil
}

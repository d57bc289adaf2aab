package audit

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Shelf keeps what took long to compute, so that an audit which was interrupted goes on where it was. Names are file names. It is one model's, one
// pair of data sets' and one plan's: whoever gives a shelf sees to that.
type Shelf interface {
	// Get gives what was put under a name, nil where nothing was.
	Get(name string) ([]byte, error)
	Put(name string, b []byte) error
}

// bare is a shelf that keeps nothing.
type bare struct{}

func (bare) Get(string) ([]byte, error) { return nil, nil }
func (bare) Put(string, []byte) error   { return nil }

// fill takes one model's part of a view from the shelf, or computes it and puts it there.
func (w *observer) fill(name, what string, v *view, m int, compute func() error) error {
	kept, err := w.kept(name, v, m)
	if err != nil {
		return err
	}
	if !kept {
		if err := compute(); err != nil {
			return err
		}
		if err := w.put(name, v, m); err != nil {
			return err
		}
	}
	w.tell(what)
	return nil
}

// kept takes one model's part of a view from the shelf, and reports whether it was there.
func (w *observer) kept(name string, v *view, m int) (bool, error) {
	b, err := w.shelf.Get(name)
	if err != nil {
		return false, fmt.Errorf("going on with an audit: %w", err)
	}
	return v.decode(m, b), nil
}

// put keeps one model's part of a view.
func (w *observer) put(name string, v *view, m int) error {
	if _, none := w.shelf.(bare); none {
		return nil
	}
	if err := w.shelf.Put(name, v.encode(m)); err != nil {
		return fmt.Errorf("keeping what an audit has seen: %w", err)
	}
	return nil
}

// tell says that one more part of one more model has been seen.
func (w *observer) tell(what string) {
	w.done++
	w.step(Step{w.done, (w.plan.References + 1) * (1 + len(w.methods)), what})
}

// encode is a model's part of a view: the sheet's numbers, then what is kept whole.
func (v *view) encode(m int) []byte {
	numbers, whole := v.numbers(m), v.wholeOf(m)
	b := make([]byte, 0, 8*len(numbers)+4*len(whole))
	for _, f := range numbers {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	for _, f := range whole {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// decode is the inverse; false where b is of another length.
func (v *view) decode(m int, b []byte) bool {
	numbers, whole := v.numbers(m), v.wholeOf(m)
	if len(b) != 8*len(numbers)+4*len(whole) {
		return false
	}
	for i := range numbers {
		numbers[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	b = b[8*len(numbers):]
	for i := range whole {
		whole[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return true
}

func (v *view) wholeOf(m int) []float32 {
	if v.whole == nil {
		return nil
	}
	return v.whole[m].Data
}

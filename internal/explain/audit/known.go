package audit

import (
	"context"
	"fmt"

	"tribune/internal/explain/data"
	"tribune/internal/explain/metric"
)

// Known is how well a model answers the records that it is said to be trained on, and those that it is not.
type Known struct {
	Train, Test float64 // share answered rightly
	Frequent    float64 // the same of the training records, for whoever always names their most frequent class
	Class       string  // that class
	Area        float64 // how well the answers to training records tell the classes from each other; 0.5: not at all
}

// knownArea is what a model must reach on the very records that it was trained on. Below, it knows nothing of them, most often since its inputs were scaled,
// ordered or encoded another way; whatever is measured of it then means nothing.
const knownArea = 0.55

// Nothing reports whether the model knows nothing of its own training records.
func (k Known) Nothing() bool { return k.Area < knownArea && k.Train <= k.Frequent+0.01 }

func (k Known) String() string {
	return fmt.Sprintf("accuracy %.4f on training and %.4f on test records (who always says %q: %.4f), area %.3f", k.Train, k.Test, k.Class, k.Frequent, k.Area)
}

// Know asks the target about at most so many records of either side (0: all), drawn by the seed.
func Know(ctx context.Context, s Subject, most int, seed uint64) (Known, error) {
	if err := s.Fits(s.Target); err != nil {
		return Known{}, err
	}
	var k Known
	train, test := Sample(s.Train, most, seed), Sample(s.Test, most, seed)
	p, err := answers(ctx, s.Target, train.X)
	if err != nil {
		return k, fmt.Errorf("asking the model about its training records: %w", err)
	}
	count, frequent := make([]int, len(train.Classes)), 0
	for _, y := range train.Y {
		if count[y]++; count[y] > count[frequent] {
			frequent = y
		}
	}
	k.Class, k.Frequent = train.Classes[frequent], float64(count[frequent])/float64(len(train.Y))
	k.Train = right(p.Row, train.Y)
	if k.Area, err = area(p.Row, train.Y, count); err != nil {
		return k, err
	}
	if p, err = answers(ctx, s.Target, test.X); err != nil {
		return k, fmt.Errorf("asking the model about test records: %w", err)
	}
	k.Test = right(p.Row, test.Y)
	return k, nil
}

// Sample is at most so many records of a set (0: all), drawn by the seed.
func Sample(of data.Set, most int, seed uint64) data.Set {
	return of.Pick(draw(0, len(of.Y), most, seed, 6))
}

func right(answer func(int) []float32, y []int) float64 {
	n := 0
	for i, class := range y {
		best := 0
		for c, v := range answer(i) {
			if v > answer(i)[best] {
				best = c
			}
		}
		if best == class {
			n++
		}
	}
	return float64(n) / float64(len(y))
}

// area is the mean area of each class against the rest, classes weighing as much as they have records.
func area(answer func(int) []float32, y []int, count []int) (sum float64, err error) {
	s := metric.Sample{Score: make([]float64, len(y)), Member: make([]bool, len(y))}
	n := 0
	for c, of := range count {
		if of == 0 || of == len(y) {
			continue
		}
		for i, class := range y {
			s.Score[i], s.Member[i] = float64(answer(i)[c]), class == c
		}
		curve, err := metric.NewCurve(s)
		if err != nil {
			return 0, fmt.Errorf("how well classes are told apart: %w", err)
		}
		sum += curve.AUC() * float64(of)
		n += of
	}
	return sum / float64(max(n, 1)), nil
}

// Package metric turns what an attack says of records (Sample) into what an audit reports: ROC curves, the share of members found at few false alarms,
// areas, differences between groups; each with an interval, or refused because the data are too few.
//
// How intervals are made, and why:
//   - A true positive rate at a small false positive rate has an interval from order statistics and the binomial distribution (Curve.TPRInterval). The bootstrap
//     would say 0..0 where no member is found, which is more than is known, and a quantile that far in the tail is not smooth, so that BCa's jackknife does not
//     estimate its acceleration (TestTPRIntervalsCoverWhereTheBootstrapDoesNot).
//   - An area has DeLong's variance on the logit scale, which keeps it in 0..1. It covers 0.94 to 0.96 at a confidence of 0.95, and about 0.9 where an area
//     above 0.95 rests on some twenty records of one kind.
//   - Differences of two attacks on the same records, and areas of groups that overlap, have a bootstrap stratified by membership: percentiles for the former, the
//     maximum of standardized deviations over all groups for the latter. The percentile is preferred to BCa since all figures of a comparison come from
//     one resampling and BCa would cost a jackknife over every record for a correction that simulations do not show (see the tests of coverage).
//
// What is promised: the same numbers for the same Sample and Seed on any number of cores; no NaN and no infinity; TooFewError instead of a figure that the
// data do not carry. A score that is NaN, and a sample without members or without others, is refused.
package metric

import (
	"errors"
	"fmt"
	"math"

	"tribune"
)

// Sample is what an attack says of records whose membership is known to the auditor.
type Sample struct {
	Score  []float64 // higher = more likely a member; infinite is possible, NaN is not
	Member []bool    // whether the record was trained on
}

// Pick is the sample of the rows named.
func (s Sample) Pick(rows []int) Sample {
	out := Sample{make([]float64, len(rows)), make([]bool, len(rows))}
	for i, r := range rows {
		out.Score[i], out.Member[i] = s.Score[r], s.Member[r]
	}
	return out
}

func (s Sample) check() error {
	if len(s.Score) != len(s.Member) {
		return fmt.Errorf("measuring: %d scores of %d records: %w", len(s.Score), len(s.Member), tribune.ErrInvalid)
	}
	for i, v := range s.Score {
		if math.IsNaN(v) {
			return fmt.Errorf("measuring: the score of record %d is not a number: %w", i, tribune.ErrInvalid)
		}
	}
	return nil
}

// Interval holds its figure with the confidence it was asked for.
type Interval struct {
	Low, High float64
}

// Width is High - Low.
func (i Interval) Width() float64 { return i.High - i.Low }

// around widens the interval, if need be, to hold v.
func (i Interval) around(v float64) Interval { return Interval{min(i.Low, v), max(i.High, v)} }

// Figure is a measured number.
type Figure struct {
	Value float64
	Interval
}

// TooFewError refuses a figure. It matches ErrTooFew.
type TooFewError struct {
	Figure string // as "TPR at 0.1% FPR"
	Of     string // "members" or "others" (records that were not trained on)
	Have   int
	Need   int // at least; more may be needed once this many are there
	Why    string
}

// ErrTooFew is matched by every refusal for want of data.
var ErrTooFew = errors.New("too few records")

func (e *TooFewError) Error() string {
	return fmt.Sprintf("%s: %d %s, at least %d are needed: %s", e.Figure, e.Have, e.Of, e.Need, e.Why)
}

// Is matches ErrTooFew.
func (e *TooFewError) Is(target error) bool { return target == ErrTooFew }

// confident refuses what is no confidence.
func confident(c float64) error {
	if !(c > 0 && c < 1) {
		return fmt.Errorf("measuring: a confidence of %g is not between 0 and 1: %w", c, tribune.ErrInvalid)
	}
	return nil
}

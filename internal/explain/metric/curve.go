package metric

import (
	"cmp"
	"math"
	"slices"
)

// Curve is an exact ROC curve: one corner for each distinct score. A record is called a member where its score is at or above a threshold.
type Curve struct {
	Members, Others int
	corners         []corner // from the highest threshold; the first calls nobody a member
}

type corner struct {
	found, alarms int // members and others at or above the threshold
	threshold     float64
}

// ranking is a sample's rows from the highest score down.
type ranking struct {
	codes []uint32 // twice the row, plus 1 for a member
	last  []bool   // whether the row is the last of those with its score
	whole [2]int   // others and members, if the ranking holds all records of a stratified draw: then these are always as many
}

func rank(s Sample) ranking {
	r := ranking{codes: make([]uint32, len(s.Score)), last: make([]bool, len(s.Score))}
	for i := range r.codes {
		r.codes[i] = uint32(i) << 1
		if s.Member[i] {
			r.codes[i]++
		}
		r.whole[r.codes[i]&1]++
	}
	slices.SortStableFunc(r.codes, func(a, b uint32) int { return cmp.Compare(s.Score[b>>1], s.Score[a>>1]) })
	for i, code := range r.codes {
		r.last[i] = i == len(r.codes)-1 || s.Score[r.codes[i+1]>>1] != s.Score[code>>1]
	}
	return r
}

// NewCurve draws the curve of s, which must hold members and others.
func NewCurve(s Sample) (Curve, error) {
	if err := s.check(); err != nil {
		return Curve{}, err
	}
	r := rank(s)
	c := Curve{corners: []corner{{threshold: math.Inf(1)}}}
	for i, code := range r.codes {
		if code&1 == 1 {
			c.Members++
		} else {
			c.Others++
		}
		if r.last[i] {
			c.corners = append(c.corners, corner{c.Members, c.Others, s.Score[code>>1]})
		}
	}
	for _, need := range []struct {
		of   string
		have int
	}{{"members", c.Members}, {"others", c.Others}} {
		if need.have == 0 {
			return Curve{}, &TooFewError{Figure: "ROC curve", Of: need.of, Have: 0, Need: 1, Why: "a rate of nobody is none"}
		}
	}
	return c, nil
}

// AUC is the area under the curve: the probability that a member scores higher than another record, ties counting half.
func (c Curve) AUC() float64 {
	var twice float64 // exact: the counts are integers below 2^53
	for i := 1; i < len(c.corners); i++ {
		a, b := c.corners[i-1], c.corners[i]
		twice += float64(b.alarms-a.alarms) * float64(a.found+b.found)
	}
	return twice / 2 / float64(c.Members) / float64(c.Others)
}

// TPR is the share of members at or above the lowest threshold at which at most the share fpr of the others is. Nothing is interpolated: there is a threshold
// that does it. With nobody above it the threshold is +Inf.
func (c Curve) TPR(fpr float64) (tpr, threshold float64) {
	most := allowed(c.Others, fpr)
	i, _ := slices.BinarySearchFunc(c.corners, most+1, func(k corner, n int) int { return cmp.Compare(k.alarms, n) })
	at := c.corners[i-1] // the corners of equal alarms that find most come last
	return float64(at.found) / float64(c.Members), at.threshold
}

// allowed is how many of n others may raise an alarm.
func allowed(n int, fpr float64) int {
	return min(n, max(0, int(math.Floor(fpr*float64(n)+1e-9)))) // 0.001 * 1000 is not quite 1
}

// At is what the curve gives at a threshold.
func (c Curve) At(threshold float64) (tpr, fpr float64) {
	k := c.at(threshold)
	return float64(k.found) / float64(c.Members), float64(k.alarms) / float64(c.Others)
}

func (c Curve) at(threshold float64) corner {
	i, _ := slices.BinarySearchFunc(c.corners, threshold, func(k corner, t float64) int {
		if k.threshold >= t {
			return -1
		}
		return 1
	})
	return c.corners[max(i-1, 0)]
}

// Best is the threshold with the largest balanced accuracy on this very sample, and that accuracy: the optimal attacker of 1907.00164, who is too optimistic by
// as much as the threshold was fitted to the sample.
func (c Curve) Best() (balanced, threshold float64) {
	balanced = -1
	for _, k := range c.corners {
		if b := c.balanced(k); b > balanced {
			balanced, threshold = b, k.threshold
		}
	}
	return balanced, threshold
}

func (c Curve) balanced(k corner) float64 {
	return (float64(k.found)/float64(c.Members) + 1 - float64(k.alarms)/float64(c.Others)) / 2
}

// Point is a corner for plotting.
type Point struct {
	FPR, TPR float64
}

// LogPoints are at most n corners for a plot with logarithmic axes, from the first that raises an alarm (FPR 1/Others) to (1, 1), evenly in log FPR. The plot's
// left edge is what can be told: below one alarm there is nothing.
func (c Curve) LogPoints(n int) []Point {
	if n < 2 {
		n = 2
	}
	floor := math.Log(1 / float64(c.Others))
	var out []Point
	taken := -1
	for i := range n {
		fpr := math.Exp(floor * (1 - float64(i)/float64(n-1)))
		most := max(1, allowed(c.Others, fpr))
		if most == taken {
			continue
		}
		taken = most
		tpr, _ := c.TPR(float64(most) / float64(c.Others))
		out = append(out, Point{float64(most) / float64(c.Others), tpr})
	}
	return out
}

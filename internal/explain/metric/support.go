package metric

import (
	"fmt"
	"math"
)

// Support says how much data a figure needs. Whether data carry a figure is asked of that figure alone, at Confidence; the interval that is
// reported may be wider, since it holds for many figures at once.
type Support struct {
	Confidence float64 // 0 is 0.95
	// FPRFactor bounds how far the false positive rate that a threshold really has may lie above the one that is named: with k alarms allowed among n others,
	// the upper end of Clopper and Pearson's interval of k of n must not exceed FPRFactor x fpr. 0 is 2: then k must be at least 8 for small rates (for k = 7 the
	// factor is 2.06), so 8,000 others for 0.1 % and 800 for 1 %.
	FPRFactor float64
	// TPRWidth is the widest Clopper-Pearson interval of the share of members found at the threshold; 0 is 0.1. The threshold's own uncertainty is FPRFactor's: to ask for a
	// narrow interval of both would suppress the figures of steep curves, which are those that leak most.
	TPRWidth float64
	AUCWidth float64 // the widest DeLong interval of an area; 0 is 0.2
}

func (s Support) or() Support {
	set := func(v *float64, d float64) {
		if !(*v > 0) {
			*v = d
		}
	}
	set(&s.Confidence, 0.95)
	set(&s.FPRFactor, 2)
	set(&s.TPRWidth, 0.1)
	set(&s.AUCWidth, 0.2)
	return s
}

// OthersFor is how many records that are not members the rule asks for before a true positive rate at fpr is reported.
func (s Support) OthersFor(fpr float64) int {
	s = s.or()
	if !(fpr > 0 && fpr < 1) {
		return math.MaxInt32
	}
	tail := (1 - s.Confidence) / 2
	for k := 1; k < 10_000; k++ {
		n := int(math.Ceil(float64(k)/fpr - 1e-9)) // the fewest others of which k may raise an alarm
		if clopperPearson(k, n, tail).High <= s.FPRFactor*fpr {
			return n
		}
	}
	return math.MaxInt32 // a factor this close to 1 is out of reach
}

// membersFor is how many members make the interval of found of members narrow enough, if the share stays as it is.
func (s Support) membersFor(share float64) int {
	tail := (1 - s.Confidence) / 2
	from, to := 1, 1<<30
	for from < to {
		mid := (from + to) / 2
		if clopperPearson(int(math.Round(share*float64(mid))), mid, tail).Width() <= s.TPRWidth {
			to = mid
		} else {
			from = mid + 1
		}
	}
	return from
}

// TPR is the share of members found at a false positive rate of fpr, with an interval at confidence, or a TooFewError.
func (s Support) TPR(c Curve, fpr, confidence float64) (Figure, error) {
	if err := confident(confidence); err != nil {
		return Figure{}, err
	}
	s = s.or()
	name := fmt.Sprintf("TPR at %g%% FPR", fpr*100)
	if need := s.OthersFor(fpr); c.Others < need {
		return Figure{}, &TooFewError{name, "others", c.Others, need, fmt.Sprintf("the threshold's real rate could be more than %g times as high", s.FPRFactor)}
	}
	tpr, _ := c.TPR(fpr)
	found := int(math.Round(tpr * float64(c.Members)))
	if clopperPearson(found, c.Members, (1-s.Confidence)/2).Width() > s.TPRWidth {
		return Figure{}, &TooFewError{name, "members", c.Members, max(s.membersFor(tpr), c.Members+1), fmt.Sprintf("the interval is wider than %g", s.TPRWidth)}
	}
	return Figure{tpr, c.TPRInterval(fpr, confidence)}, nil
}

// TPRAt is the share of members of a group found by a threshold that was set elsewhere, as on all records, and the group's own share of false alarms; both with exact
// intervals. It says what an attacker with one threshold for all does to a group that is too small for a threshold of its own.
func (s Support) TPRAt(c Curve, threshold, confidence float64) (tpr, fpr Figure, err error) {
	if err := confident(confidence); err != nil {
		return tpr, fpr, err
	}
	s = s.or()
	k, tail := c.at(threshold), (1-confidence)/2
	share := float64(k.found) / float64(c.Members)
	if clopperPearson(k.found, c.Members, (1-s.Confidence)/2).Width() > s.TPRWidth {
		return tpr, fpr, &TooFewError{"TPR at a common threshold", "members", c.Members, max(s.membersFor(share), c.Members+1), fmt.Sprintf("the interval is wider than %g", s.TPRWidth)}
	}
	tpr = Figure{share, clopperPearson(k.found, c.Members, tail)}
	fpr = Figure{float64(k.alarms) / float64(c.Others), clopperPearson(k.alarms, c.Others, tail)}
	return tpr, fpr, nil
}

// AUC is the area under c with an interval at confidence, or a TooFewError. c is the curve of sample.
func (s Support) AUC(sample Sample, confidence float64) (Figure, error) {
	if err := confident(confidence); err != nil {
		return Figure{}, err
	}
	s = s.or()
	d, err := Compare(sample.Member, sample.Score)
	if err != nil {
		return Figure{}, err
	}
	if d.interval(0, s.Confidence).Width() <= s.AUCWidth {
		return Figure{d.AUC[0], d.interval(0, confidence)}, nil
	}
	of, have := "members", d.members
	if d.others < d.members {
		of, have = "others", d.others
	}
	// The interval's width falls with the root of the smaller class.
	need := int(math.Ceil(float64(have) * math.Pow(d.interval(0, s.Confidence).Width()/s.AUCWidth, 2)))
	return Figure{}, &TooFewError{"AUC", of, have, max(need, have+1), fmt.Sprintf("the interval is wider than %g", s.AUCWidth)}
}

// TPRInterval is for the true positive rate at the threshold that really has the false positive rate fpr. At that threshold the number of others above is binomial, which
// bounds it by two order statistics (Hilgers 1991, Methods of Information in Medicine 30:96) and so the rate by what is found at them; the number of members above is
// binomial too (Clopper, Pearson). The two deviations are squared and added, since members and others are drawn independently (Zou, Donner 2008, 10.1002/sim.3095). In
// simulations it covers 0.965 to 1 at a confidence of 0.95; Hilgers's own combination, which is guaranteed, covers 0.998 and is half as wide again.
func (c Curve) TPRInterval(fpr, confidence float64) Interval {
	tail := (1 - confidence) / 2
	lo, hi := countRange(c.Others, fpr, tail)
	// The threshold lies below the lo-th highest other and not below the one after the hi-th.
	least, most := 0, c.Members
	if lo > 0 {
		least = c.reaching(lo).found
	}
	if hi < c.Others {
		most = c.above(hi + 1).found
	}
	tpr, _ := c.TPR(fpr)
	n := float64(c.Members)
	own := clopperPearson(int(math.Round(tpr*n)), c.Members, tail)
	return Interval{
		max(0, tpr-math.Hypot(max(0, tpr-float64(least)/n), tpr-own.Low)),
		min(1, tpr+math.Hypot(max(0, float64(most)/n-tpr), own.High-tpr)),
	}
}

// reaching is the first corner with at least n alarms: the members it finds score at least as high as the n-th highest other.
func (c Curve) reaching(n int) corner {
	for _, k := range c.corners { // a curve has as many corners as records and is asked a few times
		if k.alarms >= n {
			return k
		}
	}
	return c.corners[len(c.corners)-1]
}

// above is the last corner with fewer than n alarms: the members it finds score higher than the n-th highest other.
func (c Curve) above(n int) corner {
	last := c.corners[0]
	for _, k := range c.corners {
		if k.alarms >= n {
			break
		}
		last = k
	}
	return last
}

// Balanced is the balanced accuracy of a threshold that was set elsewhere, with an interval that combines the exact ones of its two rates (Zou, Donner 2008,
// 10.1002/sim.3095).
func (c Curve) Balanced(threshold, confidence float64) (Figure, error) {
	if err := confident(confidence); err != nil {
		return Figure{}, err
	}
	k, tail := c.at(threshold), (1-confidence)/2
	found, quiet := float64(k.found)/float64(c.Members), 1-float64(k.alarms)/float64(c.Others)
	a, b := clopperPearson(k.found, c.Members, tail), clopperPearson(c.Others-k.alarms, c.Others, tail)
	v := c.balanced(k)
	return Figure{v, Interval{v - math.Hypot(found-a.Low, quiet-b.Low)/2, v + math.Hypot(a.High-found, b.High-quiet)/2}}, nil
}

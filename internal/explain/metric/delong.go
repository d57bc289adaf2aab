package metric

import (
	"fmt"
	"math"

	"tribune"
)

// Comparison is the areas of several attacks on the same records, and how they vary together (DeLong et al. 1988, 10.2307/2531595).
type Comparison struct {
	AUC             []float64
	Cov             [][]float64 // covariance of the areas
	members, others int
}

// Compare measures attacks that scored the same records.
func Compare(member []bool, scores ...[]float64) (Comparison, error) {
	var d Comparison
	for _, m := range member {
		if m {
			d.members++
		} else {
			d.others++
		}
	}
	if len(scores) == 0 {
		return d, fmt.Errorf("measuring: no attack to compare: %w", tribune.ErrInvalid)
	}
	// How each record is placed among those of the other kind, for each attack.
	var ofMembers, ofOthers [][]float64
	for _, score := range scores {
		c, err := NewCurve(Sample{score, member})
		if err != nil {
			return d, err
		}
		a, b := c.placements(score, member)
		ofMembers, ofOthers = append(ofMembers, a), append(ofOthers, b)
		d.AUC = append(d.AUC, c.AUC())
	}
	d.Cov = make([][]float64, len(scores))
	for i := range d.Cov {
		d.Cov[i] = make([]float64, len(scores))
		for j := range d.Cov[i] {
			d.Cov[i][j] = covariance(ofMembers[i], ofMembers[j])/float64(d.members) + covariance(ofOthers[i], ofOthers[j])/float64(d.others)
		}
	}
	return d, nil
}

// placements are, for each member, the share of others that score lower, and for each other record the share of members that score higher; ties count half.
func (c Curve) placements(score []float64, member []bool) (members, others []float64) {
	members, others = make([]float64, 0, c.Members), make([]float64, 0, c.Others)
	for i, s := range score {
		at := c.corner(s)
		a, b := c.corners[at-1], c.corners[at]
		if member[i] {
			members = append(members, 1-float64(a.alarms+b.alarms)/2/float64(c.Others))
		} else {
			others = append(others, float64(a.found+b.found)/2/float64(c.Members))
		}
	}
	return members, others
}

// corner is where score is the threshold; it is one of the curve's own.
func (c Curve) corner(score float64) int {
	from, to := 1, len(c.corners)-1
	for from < to {
		if mid := (from + to) / 2; c.corners[mid].threshold > score {
			from = mid + 1
		} else {
			to = mid
		}
	}
	return from
}

// covariance of two attacks' placements; of a single record nothing is known, which is said as the most it could be.
func covariance(a, b []float64) float64 {
	if len(a) < 2 {
		return 0.25
	}
	ma, mb := average(a), average(b)
	var sum float64
	for i, v := range a {
		sum += (v - ma) * (b[i] - mb)
	}
	return sum / float64(len(a)-1)
}

func average(v []float64) float64 {
	var sum float64
	for _, f := range v {
		sum += f
	}
	return sum / float64(len(v))
}

// interval is of one area, on the logit scale. Where members and others do not overlap at all, the variance is 0 and says nothing: then as many disjoint pairs as
// there are have all come out alike, and Clopper and Pearson tell what that is worth.
func (d Comparison) interval(i int, confidence float64) Interval {
	auc, tail := d.AUC[i], (1-confidence)/2
	se := math.Sqrt(d.Cov[i][i])
	pairs := min(d.members, d.others)
	if auc <= 0 || auc >= 1 || se == 0 {
		return clopperPearson(int(math.Round(auc*float64(pairs))), pairs, tail).around(auc)
	}
	half := normal(1-tail) * se / (auc * (1 - auc))
	return Interval{inverse(logit(auc) - half), inverse(logit(auc) + half)}.around(auc)
}

// Better is the two-sided probability of a difference as large as that of the areas of attacks i and j, if they were the same; 1 where the attacks never disagree.
func (d Comparison) Better(i, j int) (difference, se, p float64) {
	difference = d.AUC[i] - d.AUC[j]
	v := d.Cov[i][i] + d.Cov[j][j] - 2*d.Cov[i][j]
	if v <= 1e-18 {
		return difference, 0, 1
	}
	se = math.Sqrt(v)
	return difference, se, math.Erfc(math.Abs(difference) / se / math.Sqrt2)
}

// Leaks is the one-sided probability of an area as large as that of attack i, if it only guessed.
func (d Comparison) Leaks(i int) float64 {
	if d.Cov[i][i] == 0 {
		if d.AUC[i] > 0.5 {
			return math.Pow(0.5, float64(min(d.members, d.others)))
		}
		return 1
	}
	return math.Erfc((d.AUC[i]-0.5)/math.Sqrt(d.Cov[i][i])/math.Sqrt2) / 2
}

package reproduce

import (
	"cmp"
	"slices"
)

// cut is a threshold: members are said to be at or below it, or above.
type cut struct {
	at    float64
	below bool
}

// accuracy is balanced: sides weigh alike.
func (c cut) accuracy(s signal) float64 {
	return (c.share(s.members) + 1 - c.share(s.others)) / 2
}

// share is how many are called members.
func (c cut) share(of []float64) float64 {
	n := 0
	for _, v := range of {
		if v <= c.at == c.below {
			n++
		}
	}
	return float64(n) / float64(len(of))
}

// published is the authors' optimal threshold: the best of every tenth value of the members, on the side that the paper gives.
func (s signal) published(below bool) cut {
	members := slices.Compact(slices.Sorted(slices.Values(s.members)))
	best, most := cut{below: below}, -1.0
	for i := 0; i < len(members); i += 10 {
		c := cut{members[i], below}
		if a := c.accuracy(s); a > most {
			best, most = c, a
		}
	}
	return best
}

// learned is what an honest attacker has: the threshold and side that tell the members of other models best from their others.
func learned(others []signal) cut {
	type seen struct {
		value  float64
		member bool
	}
	var all []seen
	var of [2]float64
	for _, s := range others {
		for _, v := range s.members {
			all = append(all, seen{v, true})
		}
		for _, v := range s.others {
			all = append(all, seen{v, false})
		}
		of[1] += float64(len(s.members))
		of[0] += float64(len(s.others))
	}
	slices.SortFunc(all, func(a, b seen) int { return cmp.Compare(a.value, b.value) })
	var in, out, most float64
	best := cut{below: true}
	for i, v := range all {
		if v.member {
			in++
		} else {
			out++
		}
		if i+1 < len(all) && all[i+1].value == v.value {
			continue
		}
		gain := in/of[1] - out/of[0]
		if gain > most {
			best, most = cut{v.value, true}, gain
		}
		if -gain > most {
			best, most = cut{v.value, false}, -gain
		}
	}
	return best
}

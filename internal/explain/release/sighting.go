package release

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Sightings says what an attacker saw of the world with his own eyes: a vehicle at a barrier, somebody at a desk.
type Sightings struct {
	Most   int           // of one value; 0 = none
	Within time.Duration // how far the moment he remembers may lie from the one in the index
}

// bySighting takes, for each value that was seen a few times, the token of which there are rows at most of those moments (de Montjoye et al. 2013,
// 10.1038/srep01376: four points in time and space tell nearly everybody apart). Of tokens that fit equally well the rarest is taken, then the first.
func (x Index) bySighting(known []int, s Sightings, seed uint64) map[string]string {
	rng := rand.New(rand.NewPCG(seed, 63))
	known = slices.Clone(known)
	rng.Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
	seen := map[string][]int64{}
	var values []string
	for _, row := range known {
		v := x.Value[row]
		if len(seen[v]) == 0 {
			values = append(values, v)
		}
		if len(seen[v]) < s.Most {
			seen[v] = append(seen[v], x.Seen[row])
		}
	}
	order := make([]int, len(x.Token))
	total := map[string]int{}
	for i := range order {
		order[i] = i
		total[x.Token[i]]++
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x.Seen[a], x.Seen[b]) })
	at := make([]int64, len(order))
	for i, row := range order {
		at[i] = x.Seen[row]
	}
	taken, fits := map[string]string{}, map[string]int{}
	for _, v := range values {
		hits := map[string]int{}
		for _, moment := range seen[v] {
			from, _ := slices.BinarySearch(at, moment-int64(s.Within))
			here := map[string]bool{}
			for i := from; i < len(order) && at[i] <= moment+int64(s.Within); i++ {
				if t := x.Token[order[i]]; !here[t] {
					here[t] = true
					hits[t]++
				}
			}
		}
		best := ""
		for t := range hits {
			if best == "" || cmp.Or(-cmp.Compare(hits[t], hits[best]), cmp.Compare(total[t], total[best]), cmp.Compare(t, best)) < 0 {
				best = t
			}
		}
		if best != "" && hits[best] > fits[best] { // two values may fit one token: the one with more moments has it
			taken[best], fits[best] = v, hits[best]
		}
	}
	return taken
}

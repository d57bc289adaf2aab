package sim

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// kind is what a driver comes to the city for.
type kind int

const (
	commuter kind = iota
	shopper
	evening
	night
)

// habit is how a driver pays.
type habit int

const (
	pays     habit = iota // until after they mean to leave
	overruns              // pays for less than they stay
	neverPays
)

// routine is what stays the same about a driver from day to day.
type routine struct {
	kind  kind
	habit habit
	parks [2]int // the usual car park and the other one, by index into the sorted codes
}

// stay is one planned visit, in wall-clock seconds.
type stay struct {
	person             int
	park               string
	arrive, leave, pay int64 // pay = paid until, 0 = not paid
}

const daySeconds = 86400

// routineOf draws a person's routine; car parks are chosen by their size.
func (p people) routineOf(i int, sizes []int) routine {
	r := p.seed.chance("routine", int64(i))
	out := routine{kind: []kind{commuter, commuter, commuter, commuter, shopper, shopper, shopper, evening, evening, night}[r.IntN(10)]}
	switch x := r.Float64(); {
	case x < 0.06:
		out.habit = neverPays
	case x < 0.15:
		out.habit = overruns
	}
	out.parks = [2]int{weighted(r, sizes), weighted(r, sizes)}
	return out
}

// weighted draws an index with a chance in proportion to its weight; -1 where all weights are zero.
func weighted(r *rand.Rand, weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	if sum == 0 {
		return -1
	}
	n := r.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return -1
}

// going is the chance that a kind of driver comes, on a weekday and at the weekend.
var going = map[kind][2]float64{commuter: {0.85, 0.10}, shopper: {0.35, 0.60}, evening: {0.35, 0.55}, night: {0.50, 0.45}}

// planOf is whether and how a person comes on a day (days since 1970-01-01). It follows from the seed, person and day alone.
func (p people) planOf(i int, who routine, day int64, codes []string) (stay, bool) {
	r := p.seed.chance("day", int64(i), day)
	weekend := 0
	if d := time.Unix(day*daySeconds, 0).UTC().Weekday(); d == time.Saturday || d == time.Sunday {
		weekend = 1
	}
	if r.Float64() >= going[who.kind][weekend] {
		return stay{}, false
	}
	var at, hours float64 // hours of the day, hours of stay
	switch who.kind {
	case commuter:
		at, hours = 8.25+0.7*r.NormFloat64(), 8.5+r.NormFloat64()
	case shopper:
		at, hours = 9.5+7*r.Float64(), 0.75+2.75*r.Float64()
	case evening:
		at, hours = 17+4*r.Float64(), 1.5+2.5*r.Float64()
	case night:
		at, hours = 20+3.5*r.Float64(), 7+2.5*r.Float64()
	}
	park := who.parks[0]
	if r.Float64() < 0.2 {
		park = who.parks[1]
	}
	s := stay{person: i, park: codes[park]}
	// Strictly inside the day, so that a day's arrivals can be told from the next one's.
	s.arrive = day*daySeconds + min(max(int64(at*3600), 1), daySeconds-1)
	s.leave = s.arrive + max(int64(hours*3600), 600)
	s.pay = payment(r, who.habit, s.arrive, s.leave)
	return s, true
}

// payment is until when a stay is paid for, in half hours from arrival; 0 = not at all.
func payment(r *rand.Rand, h habit, arrive, leave int64) int64 {
	const step = 1800
	share := 1.0
	switch h {
	case neverPays:
		return 0
	case overruns:
		share = 0.3 + 0.5*r.Float64()
		return arrive + max(step, int64(share*float64(leave-arrive))/step*step)
	}
	return arrive + int64(math.Ceil(float64(leave-arrive+600)/step))*step
}

// schedule is every planned visit of a day, by time of arrival.
func (p people) schedule(day int64, routines []routine, codes []string) []stay {
	var out []stay
	for i, who := range routines {
		if s, comes := p.planOf(i, who, day, codes); comes {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b stay) int {
		if a.arrive != b.arrive {
			return int(a.arrive - b.arrive)
		}
		return a.person - b.person
	})
	return out
}

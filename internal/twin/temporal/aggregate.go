package temporal

import (
	"crypto/sha256"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"tribune/internal/twin/model"
)

// Aggregate is what the instances of one attribute in one period come to (clause 4.5.19.1). The zero value is empty.
type Aggregate struct {
	Total   int
	numbers Stats // of numbers, and of booleans as 1 and 0
	sizes   Stats // of arrays
	clock   Stats // of times of day, in seconds
	low     string
	high    string
	texts   bool

	distinct struct {
		numbers map[float64]struct{}
		others  map[string]struct{}
	}
}

// Add takes an instance in. Distinct values are remembered where the methods ask for their number.
func (g *Aggregate) Add(a *model.Attr, methods Methods) {
	g.Total++
	v := valueOf(a)
	switch v.class {
	case number, boolean:
		g.numbers.Add(v.number)
	case array:
		g.sizes.Add(v.number)
	case clock:
		g.clock.Add(v.number)
		g.text(v.text)
	case text:
		g.text(v.text)
	}
	if methods&DistinctCount == 0 {
		return
	}
	if v.class == number {
		g.number(v.number)
		return
	}
	if g.distinct.others == nil {
		g.distinct.others = map[string]struct{}{}
	}
	g.distinct.others[digest(string(a.Kind)+canonical(a.Value))] = struct{}{}
}

// digest stands for a value, however long it is.
func digest(value string) string {
	if len(value) <= sha256.Size {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return string(sum[:])
}

// Distinct is how many values are remembered.
func (g *Aggregate) Distinct() int { return len(g.distinct.numbers) + len(g.distinct.others) }

// AddNumber is Add for an instance that is known to be a Property with a number.
func (g *Aggregate) AddNumber(x float64, methods Methods) {
	g.Total++
	g.numbers.Add(x)
	if methods&DistinctCount != 0 {
		g.number(x)
	}
}

// AddNumbers is AddNumber for many whose Stats are known. It does not do for DistinctCount.
func (g *Aggregate) AddNumbers(s Stats) {
	g.Total += int(s.N)
	g.numbers.Merge(s)
}

func (g *Aggregate) number(x float64) {
	if g.distinct.numbers == nil {
		g.distinct.numbers = map[float64]struct{}{}
	}
	g.distinct.numbers[x] = struct{}{}
}

func (g *Aggregate) text(s string) {
	if !g.texts || s < g.low {
		g.low = s
	}
	if !g.texts || s > g.high {
		g.high = s
	}
	g.texts = true
}

// Append appends what a method comes to as JSON, and reports whether the method can be applied to these values at all.
func (g *Aggregate) Append(b []byte, m Methods) ([]byte, bool) {
	switch m {
	case TotalCount:
		return strconv.AppendInt(b, int64(g.Total), 10), true
	case DistinctCount:
		return strconv.AppendInt(b, int64(g.Distinct()), 10), true
	}
	if x, ok := g.numbers.of(m); ok {
		return appendNumber(b, x), true
	}
	if m == Max && g.texts || m == Min && g.texts {
		s := g.low
		if m == Max {
			s = g.high
		}
		out, err := json.Marshal(s)
		return append(b, out...), err == nil
	}
	if m == Avg && g.clock.N > 0 {
		return append(b, `"`+clockText(g.clock.Sum/g.clock.N)+`"`...), true
	}
	if x, ok := g.sizes.of(m); ok && m != Stddev && m != Sumsq {
		return appendNumber(b, x), true
	}
	return b, false
}

// Applies reports whether one of the methods at least can be applied.
func (g *Aggregate) Applies(methods Methods) (ok bool) {
	methods.Each(func(m Methods) {
		_, can := g.Append(nil, m)
		ok = ok || can
	})
	return ok
}

// appendNumber writes a number as JSON wants it.
func appendNumber(b []byte, x float64) []byte {
	format := byte('f')
	if size := math.Abs(x); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, x, format, -1, 64)
}

// clockText is a time of day (clause 4.6.3).
func clockText(seconds float64) string {
	return time.Unix(0, int64(seconds*1e9)).UTC().Format("15:04:05.999999") + "Z"
}

package temporal

import (
	"math/bits"
	"strings"
)

// Methods is a set of aggregation methods.
type Methods uint8

// The methods of clause 4.5.19.1, in the order of their names.
const (
	Avg Methods = 1 << iota
	DistinctCount
	Max
	Min
	Stddev
	Sum
	Sumsq
	TotalCount

	all = 1<<iota - 1
)

var methodNames = [...]string{"avg", "distinctCount", "max", "min", "stddev", "sum", "sumsq", "totalCount"}

// String is the name of a single method.
func (m Methods) String() string {
	if m == 0 {
		return ""
	}
	return methodNames[bits.TrailingZeros8(uint8(m))]
}

// Each visits the methods of a set in the order of their names.
func (m Methods) Each(visit func(Methods)) {
	for one := Methods(1); one != 0 && one <= all; one <<= 1 {
		if m&one != 0 {
			visit(one)
		}
	}
}

// ParseMethods reads names of methods that are separated by commas; each counts once.
func ParseMethods(text string) (m Methods, err error) {
	for name := range strings.SplitSeq(text, ",") {
		one := Methods(0)
		for i, known := range methodNames {
			if strings.TrimSpace(name) == known {
				one = 1 << i
			}
		}
		if one == 0 {
			return 0, bad("aggrMethods are "+strings.Join(methodNames[:], ", "), "aggrMethods names none, or one that is not known")
		}
		m |= one
	}
	return m, nil
}

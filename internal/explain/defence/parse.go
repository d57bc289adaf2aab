package defence

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"tribune"
)

// maxText bounds a defence's text, and maxChain its parts.
const (
	maxText  = 256
	maxChain = 8
	maxTop   = 1 << 20
)

// Parse reads a defence: one or more of unit, clip:NORM, noise:SIGMA, top:COUNT, round:STEP and gaussian:EPSILON,DELTA,NORM, joined by + and applied from left to
// right. There is one way to write each: what String does not give back is refused. Errors are tribune.ErrInvalid.
func Parse(text string) (Defence, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("reading a defence: %d bytes, at most %d: %w", len(text), maxText, tribune.ErrTooLarge)
	}
	var chain Chain
	for rest, more := text, true; more; {
		var part string
		part, rest, more = Cut(rest)
		d, err := parse(part)
		if err == nil && d.String() != part {
			err = fmt.Errorf("it is written %q", d)
		}
		if err != nil {
			err = fmt.Errorf("reading the defence %q: %w: %w", part, err, tribune.ErrInvalid)
			return nil, tribune.Hint(err, "as unit, clip:1, noise:0.2, top:10, round:0.05 or gaussian:4,1e-05,1, joined by +")
		}
		chain = append(chain, d)
	}
	if len(chain) > maxChain {
		return nil, fmt.Errorf("reading a defence: %d parts, at most %d: %w", len(chain), maxChain, tribune.ErrInvalid)
	}
	if len(chain) == 1 {
		return chain[0], nil
	}
	return chain, nil
}

// Cut splits a chain at its first +, which begins another part; every part begins with a letter, so that a + before a digit is a number's own, as in 1e+06.
func Cut(text string) (part, rest string, chained bool) {
	for i := range len(text) {
		if text[i] == '+' && (i+1 == len(text) || text[i+1] < '0' || '9' < text[i+1]) {
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

func parse(text string) (Defence, error) {
	name, rest, _ := strings.Cut(text, ":")
	var v []float64
	if rest != "" {
		for word := range strings.SplitSeq(rest, ",") {
			f, err := strconv.ParseFloat(word, 64)
			if err != nil || !(f > 0) || f > math.MaxFloat32 || f < 1e-30 {
				return nil, fmt.Errorf("%q is no positive number", word)
			}
			v = append(v, f)
		}
	}
	takes := map[string]int{"unit": 0, "clip": 1, "noise": 1, "top": 1, "round": 1, "gaussian": 3}
	n, known := takes[name]
	switch {
	case !known:
		return nil, fmt.Errorf("there is no such defence")
	case n != len(v):
		return nil, fmt.Errorf("it takes %d numbers", n)
	}
	switch name {
	case "clip":
		return Clip{v[0]}, nil
	case "noise":
		return Noise{v[0]}, nil
	case "top":
		if v[0] != math.Trunc(v[0]) || v[0] > maxTop {
			return nil, fmt.Errorf("%g is no count", v[0])
		}
		return Top{int(v[0])}, nil
	case "round":
		return Round{v[0]}, nil
	case "gaussian":
		g := Gaussian{v[0], v[1], v[2]}
		if g.Epsilon > 1000 || g.Delta >= 1 {
			return nil, fmt.Errorf("epsilon %g and delta %g promise nothing", g.Epsilon, g.Delta)
		}
		return g, nil
	}
	return Unit{}, nil
}

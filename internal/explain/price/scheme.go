package price

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/defence"
)

// MaxSchemes bounds a file of schemes in bytes.
const MaxSchemes = 16 << 10

const (
	none      = "none"
	dpSGD     = "dp-sgd:"
	privately = "private-linear:"
	most      = 32 // schemes of one comparison
)

// Scheme is one way to defend, as a line says it: "none", what defence.Parse reads, "private-linear:EPSILON,DELTA" (defence.Private in place of the
// method), and any of them but none after "dp-sgd:CLIP,NOISE" and a "+" (the model itself trained again, privately), or that alone.
type Scheme struct {
	Text        string
	Clip, Noise float64 // of DP-SGD; 0: the model as it is
	after       string  // what is done to the explanation: "" nothing, a defence, or private-linear:...
}

// Plain is the explanation without any defence: what the others are compared with.
func Plain() Scheme { return Scheme{Text: none} }

// training tells schemes apart that need another model.
func (s Scheme) training() [2]float64 { return [2]float64{s.Clip, s.Noise} }

// of is what a plan calls the scheme with an explanation that is not defended.
func (s Scheme) of(plain audit.Explanation) audit.Explanation {
	if strings.HasPrefix(s.after, privately) {
		return audit.Explanation{Method: s.after, Points: plain.Points}
	}
	plain.Defence = s.after
	return plain
}

// ParseSchemes reads one scheme a line; what follows # is a remark. The plain explanation is always the first, said or not. Errors are tribune.ErrInvalid.
func ParseSchemes(text string) ([]Scheme, error) {
	if len(text) > MaxSchemes {
		return nil, fmt.Errorf("reading defences: %d bytes, at most %d: %w", len(text), MaxSchemes, tribune.ErrTooLarge)
	}
	out := []Scheme{Plain()}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" || line == none {
			continue
		}
		s, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("reading defences, line %d: %w", i+1, err)
		}
		if slices.ContainsFunc(out, func(o Scheme) bool { return o.Text == s.Text }) {
			return nil, fmt.Errorf("reading defences, line %d: %q stands there twice: %w", i+1, s.Text, tribune.ErrInvalid)
		}
		out = append(out, s)
	}
	if len(out) < 2 || len(out) > most {
		return nil, tribune.Hint(fmt.Errorf("reading defences: %d of them, at most %d: %w", len(out)-1, most-1, tribune.ErrInvalid), "one a line, as unit, noise:0.2, private-linear:1,1e-06 or dp-sgd:1,1.1")
	}
	return out, nil
}

func parse(line string) (Scheme, error) {
	s := Scheme{Text: line, after: line}
	if rest, ok := strings.CutPrefix(line, dpSGD); ok {
		var settings string
		var chained bool
		settings, s.after, chained = defence.Cut(rest)
		v, err := pair(settings)
		if err != nil {
			return s, tribune.Hint(err, "as dp-sgd:1,1.1: the norm to which a record's gradient is clipped, and the noise in multiples of it")
		}
		s.Clip, s.Noise = v[0], v[1]
		if !chained {
			return s, nil
		}
	}
	if settings, ok := strings.CutPrefix(s.after, privately); ok {
		if v, err := pair(settings); err != nil || v[1] >= 1 {
			return s, tribune.Hint(fmt.Errorf("%q are no epsilon and delta: %w", settings, tribune.ErrInvalid), "as private-linear:1,1e-06, of one explanation")
		}
		return s, nil
	}
	_, err := defence.Parse(s.after)
	return s, err
}

// pair reads two positive numbers, written in the one way that numbers have.
func pair(text string) (v [2]float64, err error) {
	words := strings.Split(text, ",")
	if len(words) != 2 {
		return v, fmt.Errorf("%q are not two numbers: %w", text, tribune.ErrInvalid)
	}
	for i, w := range words {
		f, err := strconv.ParseFloat(w, 64)
		if err != nil || !(f > 0) || f > math.MaxFloat32 || strconv.FormatFloat(f, 'g', -1, 64) != w {
			return v, fmt.Errorf("%q is no positive number, or is written otherwise: %w", w, tribune.ErrInvalid)
		}
		v[i] = f
	}
	return v, nil
}

package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"tribune/internal/explain/audit"
	"tribune/internal/explain/price"
)

// plane is a chart of leak against what is left.
type plane struct {
	ID, X, Words string
	Title        string
	XTicks       []tick
	YTicks       []tick
	Limits       []tick
	Guess        float64
	Marks        []mark
	Fronts       []line
}

// mark is one scheme, for everybody or its worst group.
type mark struct {
	Class          string
	X, Y, Low, Top float64
	Letter         string
	LetterX        float64 // 0: none
	Text           string
	Front          bool
}

// A plane's frame within its viewBox, 340 x 280.
const (
	planeLeft, planeRight, planeTop, planeBottom = 44.0, 328.0, 30.0, 236.0
	letterGap                                    = 13.0
)

func newPlane(p audit.Plan, f front, x, words string, of func(*price.Row) price.Number) plane {
	out := plane{ID: f.ID + "-" + x, X: x, Words: words, Title: fmt.Sprintf("Leak against %s, each defence of %s", x, f.Method)}
	low, high, left := 0.45, 0.6, 0.0
	for _, b := range f.Rows {
		for _, r := range []*price.Row{b.row, b.worst} {
			if r == nil || r.AUC.Refused != "" {
				continue
			}
			low, high = min(low, math.Floor(r.AUC.Low*20)/20), max(high, math.Ceil(r.AUC.High*20)/20)
			if n := of(r); n.Refused == "" {
				left = min(left, math.Floor(n.Value*4)/4)
			}
		}
	}
	at := func(v float64) float64 {
		return planeLeft + (planeRight-planeLeft)*(min(max(v, left), 1)-left)/(1-left)
	}
	up := func(v float64) float64 {
		return planeBottom - (planeBottom-planeTop)*(min(max(v, low), high)-low)/(high-low)
	}
	for v := left; v <= 1+1e-9; v += 0.25 {
		out.XTicks = append(out.XTicks, tick{at(v), fmt.Sprintf("%.2g", v)})
	}
	out.Guess = up(0.5)
	step := 0.05
	if high-low > 0.3 {
		step = 0.1
	}
	for v := math.Ceil(low/step-1e-9) * step; v <= high+1e-9; v += step {
		out.YTicks = append(out.YTicks, tick{up(v), fmt.Sprintf("%.2f", v)})
	}
	for class, l := range map[string]audit.Limits{"everybody": p.Limits, "worst": p.GroupLimits} {
		if v := l.Of(audit.MeasureAUC); v != nil && *v <= high {
			out.Limits = append(out.Limits, tick{up(*v), class})
		}
	}
	slices.SortFunc(out.Limits, func(a, b tick) int { return cmp.Compare(a.Words, b.Words) })
	for _, b := range f.Rows {
		for class, r := range map[string]*price.Row{"everybody": b.row, "worst": b.worst} {
			if r == nil || r.AUC.Refused != "" || of(r).Refused != "" {
				continue
			}
			n := of(r)
			out.Marks = append(out.Marks, mark{
				Class: class, X: at(n.Value), Y: up(r.AUC.Value), Low: up(r.AUC.Low), Top: up(r.AUC.High), Letter: b.Letter, Front: r.Front,
				Text: fmt.Sprintf("%s, %s, %s: area %s, %s %.3f", b.Letter, b.Scheme, map[string]string{"everybody": "everybody", "worst": "worst group"}[class], r.AUC, x, n.Value),
			})
		}
	}
	slices.SortStableFunc(out.Marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.X, b.X), cmp.Compare(a.Letter, b.Letter))
	})
	letters(out.Marks)
	for _, class := range []string{"everybody", "worst"} {
		if path := edge(out.Marks, class); path != "" {
			out.Fronts = append(out.Fronts, line{Class: class, Path: path})
		}
	}
	return out
}

// letters spreads the letters of everybody's marks along the top so that none covers another.
func letters(marks []mark) {
	var of []*mark
	for i := range marks {
		if marks[i].Class == "everybody" {
			of = append(of, &marks[i])
		}
	}
	last := planeLeft - letterGap
	for _, m := range of {
		m.LetterX = max(m.X, last+letterGap)
		last = m.LetterX
	}
	next := planeRight + letterGap
	for _, m := range slices.Backward(of) {
		m.LetterX = min(m.LetterX, next-letterGap)
		next = m.LetterX
	}
}

// edge is the front among some marks within one plane: from the least leak to the most, by steps that leak more and leave more.
func edge(marks []mark, class string) string {
	var of []mark
	for _, m := range marks {
		if m.Class == class {
			of = append(of, m)
		}
	}
	slices.SortStableFunc(of, func(a, b mark) int { return cmp.Or(cmp.Compare(b.Y, a.Y), cmp.Compare(b.X, a.X)) }) // least leak first; y grows downwards
	var b strings.Builder
	furthest := math.Inf(-1)
	for _, m := range of {
		if m.X <= furthest {
			continue
		}
		if b.Len() == 0 {
			fmt.Fprintf(&b, "M%.1f %.1f", m.X, m.Y)
		} else {
			fmt.Fprintf(&b, "V%.1fH%.1f", m.Y, m.X)
		}
		furthest = m.X
	}
	return b.String()
}

package report

import (
	"fmt"
	"math"
	"strings"

	"tribune/internal/explain/audit"
	"tribune/internal/explain/metric"
)

// roc is a curve plot with logarithmic axes.
type roc struct {
	Lines []line
	X, Y  []tick
	Guess string // the path of guessing
}

type line struct{ Class, Path, Words string }

type tick struct {
	At    float64
	Words string
}

// The plot's frame within its viewBox, 312 x 250.
const (
	left, right, top, bottom = 54.0, 292.0, 8.0, 212.0
	leastRate                = 1e-4
)

func newRoc(curves []audit.Curve, explanation, lead string) roc {
	x := func(v float64) float64 {
		return left + (right-left)*(1-math.Log10(max(v, leastRate))/math.Log10(leastRate))
	}
	y := func(v float64) float64 {
		return bottom - (bottom-top)*(1-math.Log10(max(v, leastRate))/math.Log10(leastRate))
	}
	r := roc{Guess: fmt.Sprintf("M%.1f %.1fL%.1f %.1f", x(leastRate), y(leastRate), x(1), y(1))}
	for _, v := range []float64{1e-4, 1e-3, 1e-2, 1e-1, 1} {
		r.X, r.Y = append(r.X, tick{x(v), short(v)}), append(r.Y, tick{y(v), short(v)})
	}
	for _, s := range []struct {
		sight        audit.Sight
		class, words string
	}{{audit.OnPrediction, "answer", "the answer alone"}, {audit.OnExplanation, "alone", "the explanation alone"}, {audit.OnBoth, "both", "both"}} {
		for _, c := range curves {
			if c.Attack == lead && c.Sight == s.sight && (c.Explanation == explanation || s.sight == audit.OnPrediction) {
				r.Lines = append(r.Lines, line{s.class, path(c.Points, x, y), s.words})
			}
		}
	}
	return r
}

func path(points []metric.Point, x, y func(float64) float64) string {
	var b strings.Builder
	for i, p := range points {
		c := "L"
		if i == 0 {
			c = "M"
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", c, x(p.FPR), y(p.TPR))
	}
	return b.String()
}

func short(v float64) string { return fmt.Sprintf("%g %%", 100*v) }

// dots is a chart of one area for each group, with its interval.
type dots struct {
	Height int
	Middle int // where the tick labels stand
	Rows   []dot
	Ticks  []tick
	Limit  []tick // of groups; none or one
	Guess  float64
}

type dot struct {
	Y              int
	Name           string
	Low, At, High  float64
	Over, Measured bool
	Text           string
}

// The dots' frame within its viewBox, 640 wide.
const (
	dotLeft, dotRight = 210.0, 620.0
	rowHeight         = 24
)

func newDots(v *audit.Verdict, explanation string) dots {
	groups := append([]audit.Group{{}}, v.Groups...)
	d := dots{Height: rowHeight*len(groups) + 30, Middle: rowHeight*len(groups) + 20}
	low, high := 0.45, 0.65
	for _, g := range groups {
		if f, ok := worst(v.Figures, explanation, g, audit.MeasureAUC); ok && f.Refused == "" {
			low, high = min(low, math.Floor(f.Low*20)/20), max(high, math.Ceil(f.High*20)/20)
		}
	}
	x := func(a float64) float64 { return dotLeft + (dotRight-dotLeft)*(min(max(a, low), high)-low)/(high-low) }
	step := 0.05
	if high-low > 0.4 {
		step = 0.1
	}
	for a := math.Ceil(low/step) * step; a <= high+1e-9; a += step {
		d.Ticks = append(d.Ticks, tick{x(a), fmt.Sprintf("%.2f", a)})
	}
	d.Guess = x(0.5)
	if l := v.Plan.GroupLimits.Of(audit.MeasureAUC); l != nil && *l <= high {
		d.Limit = []tick{{x(*l), fmt.Sprintf("limit of groups %.2f", *l)}}
	}
	for i, g := range groups {
		f, ok := worst(v.Figures, explanation, g, audit.MeasureAUC)
		limit := v.Plan.GroupLimits.Of(audit.MeasureAUC)
		if g.Grouping == audit.Everybody {
			limit = v.Plan.Limits.Of(audit.MeasureAUC)
		}
		row := dot{Y: i*rowHeight + rowHeight/2 + 2, Name: g.String(), Measured: ok && f.Refused == ""}
		if row.Measured {
			row.Low, row.At, row.High, row.Over = x(f.Low), x(f.Value), x(f.High), limit != nil && f.High > *limit
			row.Text = fmt.Sprintf("%s: %.3f, %.3f to %.3f", row.Name, f.Value, f.Low, f.High)
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

package bench

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// The plot is one picture in SVG without scripts or outside references: readable in light and dark, lines told apart by colour, by mark
// and by name beside them, and all numbers in words for whoever hears it.
const (
	plotWidth, plotHeight = 960, 760
	plotLabels            = 190 // right of a panel, for the names of its lines
	labelEvery            = 17  // between two names at least
)

// styles are colours with enough contrast (WCAG 2.2 AA) against either background, and the marks that go with them.
var styles = []struct{ light, dark, mark string }{
	{"#0b57a4", "#7cb7ff", "M-4,-4H4V4H-4Z"},
	{"#a63c06", "#ff9f70", "M0,-5L5,4H-5Z"},
	{"#17693a", "#6fd69a", "M0,-5.5L5.5,0L0,5.5L-5.5,0Z"},
	{"#7d3192", "#d7a0e8", "M-5,-4H5L0,5Z"},
	{"#6b5200", "#e5c35c", "M-4.5,0A4.5,4.5 0 1 0 4.5,0A4.5,4.5 0 1 0 -4.5,0Z"},
	{"#9c1450", "#ff8fb5", "M-1.5,-5H1.5V-1.5H5V1.5H1.5V5H-1.5V1.5H-5V-1.5H-1.5Z"},
	{"#0a6470", "#6ed3e0", "M-5,-2.5H5V2.5H-5Z"},
	{"#4a4a4a", "#c8c8c8", "M-2.5,-5H2.5V5H-2.5Z"},
}

// frame is a panel's place and its two scales.
type frame struct {
	title                    string
	left, top, right, bottom float64
	x, y                     scale
}

// scale turns values into places.
type scale struct {
	lo, hi   float64
	from, to float64
	log      bool
}

func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		lo, hi, v = math.Log10(lo), math.Log10(hi), math.Log10(v)
	}
	if hi == lo {
		return (s.from + s.to) / 2
	}
	return s.from + (v-lo)/(hi-lo)*(s.to-s.from)
}

// Plot writes the plot.
func (g *Growth) Plot(w io.Writer) error {
	curves := g.curves()
	all := sizes(curves)
	if len(all) == 0 {
		return fmt.Errorf("drawing what was measured: %w", errNone)
	}
	p := &plot{sizes: all}
	p.f(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="growth-title growth-desc">`, plotWidth, plotHeight)
	p.f(`<title id="growth-title">What an NGSI-LD broker's work costs as it holds more entities</title><desc id="growth-desc">%s</desc>`, escaped(inWords(curves)))
	p.style()
	p.f(`<rect class="paper" width="%d" height="%d"/>`, plotWidth, plotHeight)
	p.panel(panelRates, curves, frame{title: "requests answered a second (entities, where it loads)", left: 80, top: 50, right: plotWidth - plotLabels, bottom: 430}, true)
	p.panel(panelMemory, curves, frame{title: "resident memory, MB", left: 80, top: 510, right: 420, bottom: 700}, false)
	p.panel(panelStart, curves, frame{title: "starting again until it answers, s", left: 660, top: 510, right: 850, bottom: 700}, false)
	p.f(`</svg>`)
	_, err := io.WriteString(w, p.b.String())
	return err
}

type plot struct {
	b     strings.Builder
	sizes []int
	drawn int // lines, for their styles
}

func (p *plot) f(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

func (p *plot) style() {
	p.f(`<style>text{font:13px system-ui,sans-serif}.paper{fill:#fff}.ink{fill:#222}.grid{stroke:#ddd}.line{fill:none;stroke:currentColor;stroke-width:2}.mark,.name{fill:currentColor}`)
	for i, s := range styles {
		p.f(`.s%d{color:%s}`, i, s.light)
	}
	p.f(`@media(prefers-color-scheme:dark){.paper{fill:#16181c}.ink{fill:#e8e8e8}.grid{stroke:#3a3f47}`)
	for i, s := range styles {
		p.f(`.s%d{color:%s}`, i, s.dark)
	}
	p.f(`}</style>`)
}

// panel draws axes and lines. Rates stand on a logarithmic scale, since they lie far apart; what should stay small begins at 0.
func (p *plot) panel(which panel, curves []curve, f frame, log bool) {
	var lines []curve
	lo, hi := math.Inf(1), 0.0
	for _, c := range curves {
		if c.panel != which {
			continue
		}
		lines = append(lines, c)
		for _, x := range c.points {
			lo, hi = min(lo, x.value), max(hi, x.value)
		}
	}
	if len(lines) == 0 {
		return
	}
	f.x = scale{float64(p.sizes[0]), float64(p.sizes[len(p.sizes)-1]), f.left, f.right, true}
	f.y = scale{0, hi, f.bottom, f.top, false}
	ticks := evenTicks(hi)
	if log {
		ticks = logTicks(lo, hi)
		f.y.lo, f.y.log = ticks[0], true
	}
	f.y.hi = ticks[len(ticks)-1]
	p.axes(f, ticks)
	p.lines(f, lines)
}

func (p *plot) axes(f frame, ticks []float64) {
	p.f(`<text class="ink" x="%.0f" y="%.0f" font-weight="600">%s</text>`, f.left, f.top-14, escaped(f.title))
	for _, v := range ticks {
		y := f.y.at(v)
		p.f(`<path class="grid" d="M%.1f,%.1fH%.1f"/><text class="ink" x="%.1f" y="%.1f" text-anchor="end">%s</text>`, f.left, y, f.right, f.left-8, y+4, grouped(v))
	}
	for _, n := range p.sizes {
		x := f.x.at(float64(n))
		p.f(`<path class="grid" d="M%.1f,%.1fV%.1f"/><text class="ink" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x, f.top, f.bottom, x, f.bottom+18, brief(n))
	}
	p.f(`<text class="ink" x="%.1f" y="%.1f" text-anchor="middle">entities of 1 KB</text>`, (f.left+f.right)/2, f.bottom+36)
}

// lines draws each curve, and its name at its end, where names of others leave room.
func (p *plot) lines(f frame, lines []curve) {
	last := func(c curve) point { return c.points[len(c.points)-1] }
	slices.SortStableFunc(lines, func(a, b curve) int { return int(f.y.at(last(a).value)) - int(f.y.at(last(b).value)) })
	next := math.Inf(-1)
	for i, c := range lines {
		class := p.drawn % len(styles)
		p.drawn++
		p.f(`<g class="s%d">`, class)
		var d strings.Builder
		for i, x := range c.points {
			fmt.Fprintf(&d, "%c%.1f,%.1f", "ML"[min(i, 1)], f.x.at(float64(x.entities)), f.y.at(x.value))
		}
		p.f(`<path class="line" d="%s"/>`, d.String())
		for _, x := range c.points {
			p.f(`<path class="mark" d="%s" transform="translate(%.1f,%.1f)"><title>%s with %s entities: %s %s</title></path>`,
				styles[class].mark, f.x.at(float64(x.entities)), f.y.at(x.value), escaped(c.name), grouped(float64(x.entities)), x.text(), c.unit)
		}
		room := float64(len(lines)-1-i) * labelEvery // that those below need
		y := max(next, min(f.y.at(last(c).value)+4, f.bottom-room))
		next = y + labelEvery
		p.f(`<text class="name" x="%.1f" y="%.1f">%s</text></g>`, f.right+14, y, escaped(c.name))
	}
}

// logTicks are 1, 2 and 5 times powers of ten around lo to hi.
func logTicks(lo, hi float64) (all []float64) {
	for power := math.Floor(math.Log10(lo)); ; power++ {
		for _, n := range []float64{1, 2, 5} {
			v := n * math.Pow(10, power)
			if len(all) > 0 && v <= lo {
				all = all[:0]
			}
			if all = append(all, v); v >= hi && len(all) > 1 {
				return all
			}
		}
	}
}

// evenTicks are 0 and two to six round numbers, up to hi or a little more.
func evenTicks(hi float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(hi)))
	switch most := hi / step; {
	case most < 2:
		step /= 2
	case most > 5:
		step *= 2
	}
	all := []float64{0}
	for v := step; all[len(all)-1] < hi; v += step {
		all = append(all, v)
	}
	return all
}

// inWords is all that is drawn, for whoever does not see it.
func inWords(curves []curve) string {
	var b strings.Builder
	b.WriteString("Three panels over the number of entities, on a logarithmic scale.")
	for _, c := range curves {
		if c.panel == tableOnly {
			continue
		}
		fmt.Fprintf(&b, " %s (%s):", c.name, c.unit)
		for i, p := range c.points {
			fmt.Fprintf(&b, "%s %s with %s", strings.Repeat(",", min(i, 1)), grouped(p.value), grouped(float64(p.entities)))
		}
		b.WriteByte('.')
	}
	return b.String()
}

// brief is a size as an axis has it.
func brief(n int) string {
	switch {
	case n >= 1_000_000 && n%100_000 == 0:
		return fmt.Sprintf("%gM", float64(n)/1_000_000)
	case n >= 1000 && n%100 == 0:
		return fmt.Sprintf("%gk", float64(n)/1000)
	}
	return fmt.Sprint(n)
}

func escaped(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

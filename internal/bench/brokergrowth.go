package bench

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Growth is what one run of `tribune bench broker` has found out, as a table and as a plot: what each thing costs with how many entities.
type Growth struct {
	results []Result
}

// Take adds a result.
func (g *Growth) Take(r Result) { g.results = append(g.results, r) }

// curve is one thing that was measured at several sizes.
type curve struct {
	name, unit string
	panel      panel
	points     []point // growing
}

type point struct {
	entities    int
	value       float64
	median, p99 float64 // milliseconds; 0 = nobody waited
}

// panel is the part of the plot that a curve is in.
type panel int

const (
	tableOnly panel = iota
	panelRates
	panelMemory
	panelStart
)

// curves are those of the rows that were measured, in their order.
func (g *Growth) curves() (all []curve) {
	add := func(row, name, unit string, in panel, value func(Result) float64) {
		c := curve{name: name, unit: unit, panel: in}
		for _, r := range g.results {
			if r.Bench == row && value(r) > 0 {
				p := point{entities: r.Entities, value: value(r)}
				if in == panelRates && r.Unit == "requests" {
					p.median, p.p99 = r.P50, r.P99
				}
				c.points = append(c.points, p)
			}
		}
		slices.SortStableFunc(c.points, func(a, b point) int { return cmp.Compare(a.entities, b.entities) })
		if len(c.points) > 0 {
			all = append(all, c)
		}
	}
	rate := func(r Result) float64 { return r.OpsPerS }
	resident := func(r Result) float64 { return r.RSS }
	for _, k := range BrokerRows() {
		name := strings.TrimPrefix(k.Name, "broker-")
		switch k.Name {
		case "broker-load":
			add(k.Name, "load, 500 in a request", "a second", panelRates, rate)
			add(k.Name, "memory after loading", "MB", panelMemory, resident)
			add(k.Name, "the most while loading", "MB", tableOnly, func(r Result) float64 { return r.RSSPeak })
			add(k.Name, "memory an entity, after loading", "KB", tableOnly, func(r Result) float64 { return 1000 * (r.RSS - r.RSSIdle) / float64(r.Entities) })
			add(k.Name, "disk", "MB", tableOnly, func(r Result) float64 { return r.Disk })
		case "broker-start":
			add(k.Name, "memory after starting again", "MB", panelMemory, resident)
			add(k.Name, "starting again", "s", panelStart, func(r Result) float64 { return r.StartS })
		case "broker-aggregate":
			add(k.Name, name, "ms", tableOnly, func(r Result) float64 { return r.P50 })
		case "broker-notify", "broker-soak": // at a given rate
		default:
			add(k.Name, name, "a second", panelRates, rate)
		}
	}
	if c := g.busiest(); len(c.points) > 0 {
		all = append(all, c)
	}
	return all
}

// busiest is the most memory that was taken under requests.
func (g *Growth) busiest() curve {
	c := curve{name: "the most under requests", unit: "MB", panel: panelMemory}
	for _, r := range g.results {
		if r.Unit != "requests" || r.RSSPeak == 0 {
			continue
		}
		i, found := slices.BinarySearchFunc(c.points, r.Entities, func(p point, n int) int { return cmp.Compare(p.entities, n) })
		if !found {
			c.points = slices.Insert(c.points, i, point{entities: r.Entities})
		}
		c.points[i].value = max(c.points[i].value, r.RSSPeak)
	}
	return c
}

// sizes are all numbers of entities, growing.
func sizes(curves []curve) (all []int) {
	for _, c := range curves {
		for _, p := range c.points {
			all = append(all, p.entities)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Table writes a table in Markdown: a line a cost, a column a size.
func (g *Growth) Table(w io.Writer) error {
	var b strings.Builder
	curves := g.curves()
	columns := sizes(curves)
	b.WriteString("| entities of 1 KB |")
	for _, n := range columns {
		fmt.Fprintf(&b, " %s |", grouped(float64(n)))
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, c := range curves {
		fmt.Fprintf(&b, "| %s, %s |", c.name, c.unit)
		for _, n := range columns {
			cell := ""
			if i := slices.IndexFunc(c.points, func(p point) bool { return p.entities == n }); i >= 0 {
				cell = " " + c.points[i].text()
			}
			b.WriteString(cell + " |")
		}
		b.WriteByte('\n')
	}
	if len(g.results) > 0 {
		r := g.results[0]
		fmt.Fprintf(&b, "\n%d cores of %s, %s; a synced write of 4 KB takes %.2f ms; %d connections; behind a rate p50 and p99.\n",
			r.Machine.Cores, r.Machine.CPU, r.Machine.Go, r.Fdatasync, g.connections())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// connections of the rows that requests are sent in.
func (g *Growth) connections() (n int) {
	for _, r := range g.results {
		if r.Unit == "requests" {
			n = max(n, r.Connections)
		}
	}
	return n
}

func (p point) text() string {
	if p.p99 == 0 {
		return grouped(p.value)
	}
	return fmt.Sprintf("%s (%s, %s ms)", grouped(p.value), grouped(p.median), grouped(p.p99))
}

// grouped is a number to three digits that count, with commas between thousands.
func grouped(v float64) string {
	if v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(v)))
	if digits > 0 {
		return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', min(digits, 3), 64), "0"), ".")
	}
	unit := math.Pow10(-digits)
	s := strconv.FormatFloat(math.Round(v/unit)*unit, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

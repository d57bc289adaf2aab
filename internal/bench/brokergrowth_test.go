package bench

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
)

// grown is a run over four sizes with a number of its own in each cell.
func grown() (g Growth) {
	for i, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		f := float64(i)
		g.Take(Result{Bench: "broker-load", Unit: "entities", OpsPerS: 11_000 + f, RSS: 101 + f, RSSIdle: 51, RSSPeak: 201 + f, Disk: 11 + f, Entities: n, Machine: Machine{Cores: 2, CPU: "a <processor>", Go: "go1"}, Fdatasync: 0.2})
		g.Take(Result{Bench: "broker-start", Unit: "starts", OpsPerS: 9, P50: 131 + f, P99: 131 + f, StartS: 0.131 + f/1000, RSS: 71 + f, RSSPeak: 72 + f, Entities: n})
		for j, name := range []string{"broker-update", "broker-get", "broker-query", "broker-near", "broker-create"} {
			g.Take(Result{Bench: name, Unit: "requests", OpsPerS: 1000*float64(j+2) + 10*f, P50: 1 + f, P99: 20 + f, RSSPeak: 300 + 10*float64(j) + f, Entities: n, Connections: 64})
		}
	}
	return g
}

func TestGrowthTableHasACellForEachCostAndSize(t *testing.T) {
	g := grown()
	var b strings.Builder
	if err := g.Table(&b); err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "|") {
			cells := strings.Split(strings.TrimSpace(line), "|")
			if len(cells) != 7 {
				t.Errorf("%d cells: %s", len(cells), line)
				continue
			}
			rows[strings.TrimSpace(cells[1])] = strings.Join(cells[2:6], "|")
		}
	}
	for name, want := range map[string]string{
		"entities of 1 KB":                    " 1,000 | 10,000 | 100,000 | 1,000,000 ",
		"load, 500 in a request, a second":    " 11,000 | 11,000 | 11,000 | 11,000 ",
		"update, a second":                    " 2,000 (1, 20 ms) | 2,010 (2, 21 ms) | 2,020 (3, 22 ms) | 2,030 (4, 23 ms) ",
		"create, a second":                    " 6,000 (1, 20 ms) | 6,010 (2, 21 ms) | 6,020 (3, 22 ms) | 6,030 (4, 23 ms) ",
		"memory after loading, MB":            " 101 | 102 | 103 | 104 ",
		"memory after starting again, MB":     " 71 | 72 | 73 | 74 ",
		"memory an entity, after loading, KB": " 50 | 5.1 | 0.52 | 0.053 ",
		"the most while loading, MB":          " 201 | 202 | 203 | 204 ",
		"the most under requests, MB":         " 340 | 341 | 342 | 343 ",
		"starting again, s":                   " 0.131 | 0.132 | 0.133 | 0.134 ",
		"disk, MB":                            " 11 | 12 | 13 | 14 ",
	} {
		if rows[name] != want {
			t.Errorf("%s: got %q, want %q", name, rows[name], want)
		}
	}
	if !strings.Contains(b.String(), "2 cores of a <processor>, go1") || !strings.Contains(b.String(), "64 connections") {
		t.Errorf("the table does not say what it was measured on: %s", b.String())
	}
}

// TestGrowthPlotIsValidAndDrawsEveryPoint: XML that a browser draws, with each point inside its panel and named, and all of it in words.
func TestGrowthPlotIsValidAndDrawsEveryPoint(t *testing.T) {
	g := grown()
	var b strings.Builder
	if err := g.Plot(&b); err != nil {
		t.Fatal(err)
	}
	marks, desc := map[string]bool{}, ""
	var stack, classes []string
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			class := ""
			for _, a := range x.Attr {
				switch a.Name.Local {
				case "class":
					class = a.Value
				case "transform":
					var at, down float64
					if _, err := fmt.Sscanf(a.Value, "translate(%f,%f)", &at, &down); err != nil || at < 80 || at > plotWidth-80 || down < 50 || down > plotHeight-60 {
						t.Errorf("a point at %s", a.Value)
					}
				case "d", "x", "y":
					if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
						t.Errorf("%s=%q", a.Name.Local, a.Value)
					}
				}
			}
			stack, classes = append(stack, x.Name.Local), append(classes, class)
		case xml.EndElement:
			stack, classes = stack[:len(stack)-1], classes[:len(classes)-1]
		case xml.CharData:
			if n := len(stack); n >= 2 && stack[n-1] == "title" && classes[n-2] == "mark" {
				marks[string(x)] = true
			} else if n >= 1 && stack[n-1] == "desc" {
				desc += string(x)
			}
		}
	}
	drawn := 0
	for _, c := range g.curves() {
		if c.panel == tableOnly {
			continue
		}
		for _, p := range c.points {
			drawn++
			if want := fmt.Sprintf("%s with %s entities: %s %s", c.name, grouped(float64(p.entities)), p.text(), c.unit); !marks[want] {
				t.Errorf("not drawn: %s", want)
			}
			if want := fmt.Sprintf("%s with %s", grouped(p.value), grouped(float64(p.entities))); !strings.Contains(desc, want) {
				t.Errorf("not in words: %s", want)
			}
		}
	}
	if drawn != 4*(6+3+1) || len(marks) != drawn {
		t.Errorf("%d points, %d drawn", drawn, len(marks))
	}
	for _, want := range []string{`role="img"`, "<title id=", "prefers-color-scheme:dark"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the plot lacks %s", want)
		}
	}
}

func TestPlotOfNothingIsRefusedAndOfOnePointDrawn(t *testing.T) {
	var g Growth
	if err := g.Plot(io.Discard); err == nil {
		t.Error("a plot of nothing")
	}
	g.Take(Result{Bench: "broker-get", Unit: "requests", OpsPerS: 1000, Entities: 100, P50: 1, P99: 1})
	var b strings.Builder
	if err := g.Plot(&b); err != nil || strings.Contains(b.String(), "NaN") || !strings.Contains(b.String(), "get with 100 entities") {
		t.Errorf("%v: %s", err, b.String())
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0531: "0.053", 0.13149: "0.131", 1: "1", 5.126: "5.13", 97.46: "97.5", 100: "100", 999.6: "1,000", 7378: "7,380", 11_234: "11,200", 1e6: "1,000,000", math.NaN(): "0"} {
		if got := grouped(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

func TestTicksCoverWhatIsDrawn(t *testing.T) {
	for _, c := range [][2]float64{{1, 1}, {4210, 25_400}, {999, 1001}, {0.1, 0.5}, {20_000, 20_000}} {
		ticks := logTicks(c[0], c[1])
		if ticks[0] > c[0] || ticks[len(ticks)-1] < c[1] || len(ticks) < 2 || len(ticks) > 8 {
			t.Errorf("%v: %v", c, ticks)
		}
		if even := evenTicks(c[1]); even[0] != 0 || even[len(even)-1] < c[1] || len(even) < 3 || len(even) > 8 {
			t.Errorf("to %v: %v", c[1], even)
		}
	}
}

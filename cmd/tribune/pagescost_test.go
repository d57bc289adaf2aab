package main_test

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"tribune/internal/portal/browser"
)

// What a page may cost its reader. The bytes are unpacked ones; a page has one style sheet and, in the demo, one thing that
// moves: the city's map.
var budget = struct {
	html, css, script, image, data, requests int
	paint                                    time.Duration
}{
	html: 80_000, css: 40_000, script: 100_000, image: 20_000, data: 60_000, requests: 8,
	paint: time.Second,
}

// row is what one page cost.
type row struct {
	kind string
	browser.Weight
	paint time.Duration
}

// cost holds a page against the budget. A first paint is what the page needs plus what the machine is busy with otherwise,
// and only the page's share is ours: the best of three openings counts, and where even that is late it is held against how
// late a page of two letters is at the same moment.
func (v *viewing) cost(t *testing.T, r row, path string) {
	t.Helper()
	if r.paint > budget.paint {
		v.tab.As(t, daylight)
		v.tab.Any(t, v.home+path)
		r.paint = min(r.paint, v.tab.FirstPaint(t))
	}
	if r.paint > budget.paint {
		v.tab.Any(t, v.home+"/healthz")
		if empty := v.tab.FirstPaint(t); r.paint > budget.paint+2*empty {
			t.Errorf("first paint after %v, at most %v; the text \"ok\" needs %v now", r.paint, budget.paint, empty)
		}
	}
	for _, x := range []struct {
		of        string
		got, most int
	}{
		{"bytes of HTML", r.HTML, budget.html}, {"bytes of style sheets", r.CSS, budget.css}, {"bytes of script", r.Script, budget.script},
		{"bytes of images", r.Image, budget.image}, {"bytes of data", r.Data, budget.data}, {"requests", r.Requests, budget.requests},
	} {
		if x.got > x.most {
			t.Errorf("%d %s, at most %d", x.got, x.of, x.most)
		}
	}
	v.rows = append(v.rows, r)
}

func costs(rows []row) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "page\tHTML\tCSS\tscript\timages\tdata\trequests\tfirst paint\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d ms\t\n", r.kind, r.HTML, r.CSS, r.Script, r.Image, r.Data, r.Requests, r.paint.Milliseconds())
	}
	w.Flush()
	return out.String()
}

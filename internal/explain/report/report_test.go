package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tribune/internal/explain/audit"
	"tribune/internal/explain/metric"
)

// content is an audit with a group that passed, one above its limit, and one too small to be measured.
func content(t *testing.T) Content {
	t.Helper()
	p, err := audit.ParsePlan([]byte(audit.DefaultPlan))
	if err != nil {
		t.Fatal(err)
	}
	p.Groups, p.Explanations = []string{"race"}, p.Explanations[:1]
	v := &audit.Verdict{Version: 1, Program: "test", Plan: p, Groups: []audit.Group{{Grouping: "race", Group: "<Other>"}, {Grouping: "race", Group: "few"}}, Made: time.Unix(1_800_000_000, 0).UTC()}
	for i, g := range append([]audit.Group{{}}, v.Groups...) {
		for _, m := range []audit.Measure{audit.MeasureTPR1, audit.MeasureAUC, audit.MeasureBeyond} {
			f := audit.Figure{Explanation: "gradient", Attack: "lira", Sight: audit.OnBoth, Grouping: g.Grouping, Group: g.Group, Measure: m, Members: 4321, Others: 900, Value: 0.02, Low: 0.01, High: 0.025}
			switch {
			case i == 2:
				f.Value, f.Low, f.High, f.Refused = 0, 0, 0, "11 members are too few"
			case m == audit.MeasureAUC:
				f.Value, f.Low, f.High = 0.61, 0.55, 0.58+0.1*float64(i)
				f.Value = min(f.Value, f.High)
			}
			v.Figures = append(v.Figures, f)
		}
	}
	v.Judge()
	return Content{Verdict: v, Model: "a model", Train: "adult", Trained: 5000, Tested: 5000, Curves: []audit.Curve{
		{Attack: "lira", Sight: audit.OnPrediction, Points: []metric.Point{{FPR: 0.01, TPR: 0}, {FPR: 1, TPR: 1}}},
		{Explanation: "gradient", Attack: "lira", Sight: audit.OnBoth, Points: []metric.Point{{FPR: 0.01, TPR: 0.02}, {FPR: 1, TPR: 1}}},
	}}
}

func TestPageIsCompleteInItselfAndSaysWhatWasRefused(t *testing.T) {
	page, err := Page(content(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Not passed", "too few to say", "11 members are too few", "above the limit", "race &lt;Other&gt;", "default-src &#39;none&#39;"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, not := range []string{"http://", "https://", "<script", "<Other>", "NaN", "ZgotmplZ", "no value"} {
		if bytes.Contains(page, []byte(not)) {
			t.Errorf("the page has %q", not)
		}
	}
}

func TestEveryChartHasItsTableAndItsWords(t *testing.T) {
	page, err := Page(content(t))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	charts, tables := 0, 0
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "svg":
			charts++
			words := ""
			for _, a := range n.Attr {
				if a.Key == "aria-label" {
					words = a.Val
				}
			}
			if !strings.Contains(words, "table") {
				t.Errorf("a chart points at no table: %q", words)
			}
		case n.Type == html.ElementNode && n.Data == "caption":
			tables++
		}
	}
	if charts != 2 || tables < charts {
		t.Errorf("%d charts, %d tables with a caption", charts, tables)
	}
}

package report

import (
	"bytes"
	"strings"
	"testing"

	"tribune/internal/explain/audit"
	"tribune/internal/explain/price"
)

// priced is a comparison in which rounding keeps every limit and nothing else does.
func priced(p audit.Plan) *price.Result {
	n := func(v float64) price.Number { return price.Number{Value: v, Low: v - 0.02, High: v + 0.02} }
	row := func(scheme, grouping string, area, left float64, front bool) price.Row {
		return price.Row{Method: "gradient", Scheme: scheme, Grouping: grouping, AUC: n(area), Fidelity: n(left), Steady: n(left), Accuracy: price.Number{Refused: "the model stays as it is"}, Front: front}
	}
	return &price.Result{
		Plan: p, Rule: price.Rule{MostLoss: 0.02, LeastFidelity: 0.5},
		Rows:    []price.Row{row("none", "", 0.64, 1, true), row("none", price.WorstGroup, 0.7, 1, true), row("unit+round:0.1", "", 0.52, 0.8, true), row("unit+round:0.1", price.WorstGroup, 0.55, 0.75, true)},
		Choices: []price.Choice{{Method: "gradient", Scheme: "none", Above: true, Planned: true}, {Method: "gradient", Scheme: "unit+round:0.1", Keeps: true, Fidelity: 0.8}},
		Advice:  []price.Advice{{Method: "gradient", Scheme: "unit+round:0.1"}},
	}
}

func TestFrontIsDrawnWithItsTableAndSaysWhatToDo(t *testing.T) {
	c := content(t)
	c.Price = priced(c.Verdict.Plan)
	page, err := Page(c)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := Prices(c.Price, "a model", "adult")
	if err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string][]byte{"beside an audit": page, "alone": alone} {
		for _, want := range []string{"is recommended: its direction alone, at length 1; then rounded to steps of 0.1.", "leaves 0.800", "an audit of its own", "as the plan publishes it", "above a limit", "keeps all",
			"fixed before: the most faithful scheme", `class="edge worst"`, "Best is right and low"} {
			if !bytes.Contains(page, []byte(want)) {
				t.Errorf("%s: the page does not say %q", name, want)
			}
		}
		if got := bytes.Count(page, []byte(`class="mark everybody best"`)) + bytes.Count(page, []byte(`class="mark worst best"`)); got != 8 {
			t.Errorf("%s: %d marks in two charts of two schemes for everybody and the worst group", name, got)
		}
		for _, not := range []string{"NaN", "ZgotmplZ", "no value", "<script", "http://"} {
			if bytes.Contains(page, []byte(not)) {
				t.Errorf("%s: the page has %q", name, not)
			}
		}
	}
}

func TestAdviceIsPlainAndNotMoreThanTheRuleSays(t *testing.T) {
	c := content(t)
	for name, a := range map[string]struct {
		change func(*price.Result)
		want   string
	}{
		"planned": {func(r *price.Result) {
			r.Advice[0].Scheme = "none"
			r.Choices[0].Above, r.Choices[0].Keeps = false, true
		}, "may be published as the plan has it"},
		"too small": {func(r *price.Result) {
			r.Advice[0] = price.Advice{Method: "gradient", Measured: "unit+round:0.1", Few: []string{"race Other"}}
			r.Choices[1].Keeps = false
		}, "too few records to say (race Other)"},
		"too dear":     {func(r *price.Result) { r.Advice[0].Scheme = "" }, "leaves less than 0.5 of the explanation"},
		"none is safe": {func(r *price.Result) { r.Advice[0].Scheme = ""; r.Choices[1].Keeps = false }, "could every limit be shown to be kept"},
	} {
		r := priced(c.Verdict.Plan)
		a.change(r)
		if got := fronts(r)[0]; !strings.Contains(got.Say, a.want) || got.Good != (name == "planned") {
			t.Errorf("%s: %q, want %q", name, got.Say, a.want)
		}
	}
}

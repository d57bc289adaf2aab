package report

import (
	"fmt"
	"slices"
	"strings"

	"tribune/internal/explain/audit"
	"tribune/internal/explain/price"
)

// front is what defences of one method buy at what loss: two planes of leak against what is left, and their table.
type front struct {
	ID, Method string
	Say        string // the recommendation, for a stranger
	Good       bool   // something is recommended
	Planes     []plane
	Rows       []bargain
	Worst      bool // a worst group is told
	Accuracy   bool // a model was trained again
	Confidence float64
	Records    string
}

// bargain is one scheme: a line of the table.
type bargain struct {
	Letter, Scheme, Words          string
	Planned, Chosen                bool
	Everybody, Worst               side
	Accuracy, Epsilon, Above, Rule string
	Keeps                          bool
	row, worst                     *price.Row
}

// side is a scheme's figures for everybody, or for the worst group.
type side struct {
	Area, Fidelity, Steady amount
	Front                  bool
}

// amount is a number with its interval, and of the worst group its name.
type amount struct{ Text, Between, Of, Refused string }

// fronts are of each method, in the plan's order.
func fronts(r *price.Result) (out []front) {
	if r == nil {
		return nil
	}
	for i, a := range r.Advice {
		f := front{ID: fmt.Sprintf("defences-%d", i+1), Method: a.Method, Confidence: r.Plan.Confidence}
		for _, c := range r.Choices {
			if c.Method == a.Method {
				f.Rows = append(f.Rows, newBargain(r, c, a, len(f.Rows)))
			}
		}
		for _, b := range f.Rows {
			f.Worst, f.Accuracy = f.Worst || b.worst != nil, f.Accuracy || b.Epsilon != ""
		}
		f.Say, f.Good = recommend(r, a, f.Rows)
		f.Planes = []plane{
			newPlane(r.Plan, f, "fidelity", "how much of the explanation is left", func(r *price.Row) price.Number { return r.Fidelity }),
			newPlane(r.Plan, f, "stability", "how steady the explanation stays", func(r *price.Row) price.Number { return r.Steady }),
		}
		out = append(out, f)
	}
	return out
}

func newBargain(r *price.Result, c price.Choice, a price.Advice, n int) bargain {
	b := bargain{Letter: string(rune('A' + n%26)), Scheme: c.Scheme, Words: inWords(c.Scheme), Planned: c.Planned, Keeps: c.Keeps, Chosen: c.Scheme == a.Scheme}
	for i := range r.Rows {
		row := &r.Rows[i]
		switch {
		case row.Method != c.Method || row.Scheme != c.Scheme:
		case row.Grouping == audit.Everybody:
			b.row, b.Everybody = row, newSide(row)
		case row.Grouping == price.WorstGroup:
			b.worst, b.Worst = row, newSide(row)
		}
	}
	switch {
	case c.Above:
		b.Above = "above a limit"
	case len(c.Few) > 0:
		b.Above = "too few to say: " + some(c.Few)
	}
	if b.row != nil && b.row.Epsilon > 0 {
		b.Epsilon = fmt.Sprintf("epsilon %.2f at delta %.1g", b.row.Epsilon, b.row.Delta)
	}
	if b.row != nil && b.row.Accuracy.Refused == "" {
		b.Accuracy = decimal(b.row.Accuracy.Value)
	}
	return b
}

func newSide(r *price.Row) side {
	return side{quantity(r.AUC), quantity(r.Fidelity), quantity(r.Steady), r.Front}
}

func quantity(n price.Number) amount {
	if n.Refused != "" {
		return amount{Refused: few(n.Refused), Of: n.Group}
	}
	return amount{Text: decimal(n.Value), Between: decimal(n.Low) + " to " + decimal(n.High), Of: n.Group}
}

// some names the first of a list, and how many there are.
func some(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// recommend says in plain words what the rule says.
func recommend(r *price.Result, a price.Advice, rows []bargain) (say string, good bool) {
	chosen := slices.IndexFunc(rows, func(b bargain) bool { return b.Scheme == a.Scheme })
	switch {
	case chosen >= 0 && rows[chosen].Planned:
		return "It may be published as the plan has it: it keeps every limit, for everybody and every group, and no defence that was tried leaves more of it.", true
	case chosen >= 0:
		return fmt.Sprintf("%s is recommended: %s. It keeps every limit, for everybody and every group, and leaves %s of the explanation (1 is all of it). Before it is published, it has to pass an audit of its own.",
			a.Scheme, inWords(a.Scheme), rows[chosen].Everybody.Fidelity.Text), true
	case a.Measured != "":
		return fmt.Sprintf("None is recommended, and no defence is what is missing: of some groups there are too few records to say (%s). Where there are enough, %s keeps every limit.", some(a.Few), called(a.Measured)), false
	case slices.ContainsFunc(rows, func(b bargain) bool { return b.Keeps }):
		return fmt.Sprintf("None is recommended: what keeps every limit leaves less than %g of the explanation, or costs more than %g of the model's accuracy.", r.Rule.LeastFidelity, r.Rule.MostLoss), false
	}
	return fmt.Sprintf("None is recommended: under none of the %d ways that were tried could every limit be shown to be kept. What the model's answer gives away by itself, no defence of the explanation takes back; a model trained privately may.", len(rows)), false
}

func called(scheme string) string {
	if scheme == "none" {
		return "the explanation without any defence"
	}
	return scheme + " (" + inWords(scheme) + ")"
}

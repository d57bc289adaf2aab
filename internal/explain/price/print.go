package price

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Print writes the comparison for people: a table of everybody and every group under each method, then what decides, then the advice.
func (r *Result) Print(w io.Writer) error {
	fmt.Fprintf(w, "Rule, fixed before: %s.\nIntervals hold for all figures of a measure at once, at %g. Leak: the strongest attack on the explanation, with or without the answer.\n* on the Pareto front of leak (area), fidelity and steadiness: nothing else is better without being worse.\n", r.Rule, r.Plan.Confidence)
	for _, a := range r.Advice {
		fmt.Fprintf(w, "\n%s\n", a.Method)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "  \tscheme\tgroup\tarea\tof it alone\tfound at 1 %\tbeyond the answer\tfidelity\trank\tdeletion\tsteady\taccuracy")
		for _, row := range r.Rows {
			if row.Method != a.Method {
				continue
			}
			star, group := " ", "everybody"
			if row.Front {
				star = "*"
			}
			if row.Grouping != "" {
				group = strings.TrimSpace(row.Grouping + " " + row.Group)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", star, row.Scheme, group, row.AUC, row.Alone, row.TPR1, row.Beyond, row.Fidelity, row.Rank, row.Deletion, row.Steady, row.Accuracy)
		}
		if err := t.Flush(); err != nil {
			return fmt.Errorf("printing a comparison: %w", err)
		}
		r.printChoices(w, a)
	}
	return nil
}

func (r *Result) printChoices(w io.Writer, a Advice) {
	for _, c := range r.Choices {
		switch {
		case c.Method != a.Method:
		case c.Keeps:
			fmt.Fprintf(w, "  %s keeps every limit; fidelity %.3f, loss of accuracy %.3f\n", c.Scheme, c.Fidelity, c.Loss)
		default:
			fmt.Fprintf(w, "  %s does not keep %d of the limits, as: %s\n", c.Scheme, len(c.Reasons), c.Reasons[0])
		}
	}
	if a.Scheme == "" {
		fmt.Fprintf(w, "  Recommended for %s: %s.\n", a.Method, a.Why)
		if a.Measured != "" {
			fmt.Fprintf(w, "  Of those that could be measured it would be %s; too small were: %s.\n", a.Measured, strings.Join(a.Few, ", "))
		}
		return
	}
	fmt.Fprintf(w, "  Recommended for %s: %s: %s.\n", a.Method, a.Scheme, a.Why)
}

// String is a number with its interval, or that there is none.
func (n Number) String() string {
	if n.Refused != "" {
		return "too few"
	}
	return fmt.Sprintf("%.3f [%.3f, %.3f]", n.Value, n.Low, n.High)
}

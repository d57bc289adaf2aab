package release

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Result is an audited release. It tells about small groups, so it stays with the auditor.
type Result struct {
	Kind       string   `json:"kind"`
	Confidence float64  `json:"confidence"`
	Limits     Limits   `json:"limits"`
	Figures    []Figure `json:"figures"`
	Copies     *Copies  `json:"copies,omitempty"`   // of synthetic records
	Endpoint   *Asked   `json:"endpoint,omitempty"` // of an endpoint
	Notes      []string `json:"notes,omitempty"`    // what else must be known to read the figures
	Passed     bool     `json:"passed"`
	Reasons    []string `json:"reasons"`
}

// Judge sets Passed and Reasons from everything else.
func (r *Result) Judge() {
	r.Reasons = r.Limits.Judge(r.Figures)
	if len(r.Figures) == 0 {
		r.Reasons = append(r.Reasons, "nothing was measured")
	}
	if r.Copies != nil && r.Copies.Low > 0.5 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("synthetic records lie closer to members than to others: share %.4f, at least %.4f", r.Copies.Share, r.Copies.Low))
	}
	r.Passed = len(r.Reasons) == 0
}

// Print writes the result for people.
func (r *Result) Print(w io.Writer) error {
	fmt.Fprintf(w, "Limits, fixed before: area %g, members found at 1 %% false alarms %g, rows of an index named beyond guessing %g. Intervals hold for all figures of a measure at once, at %g.\n\n", r.Limits.AUC, r.Limits.TPR1, r.Limits.Beyond, r.Confidence)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "attack\tgroup\tmeasure\tmembers\tothers\tvalue")
	for _, f := range r.Figures {
		group, value := "everybody", fmt.Sprintf("%.4f [%.4f, %.4f]", f.Value, f.Low, f.High)
		if f.Grouping != "" {
			group = f.Grouping + " " + f.Group
		}
		switch {
		case f.Refused != "" && f.Measure == TPR01: // which no limit is about
			value = "too few"
		case f.Refused != "":
			value = f.Refused
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\n", f.Attack, group, f.Measure, f.Members, f.Others, value)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing an audited release: %w", err)
	}
	if c := r.Copies; c != nil {
		fmt.Fprintf(w, "\nOf %d synthetic records, the share that lies closer to a member than to one of as many others: %.4f [%.4f, %.4f]; half, if nobody was copied. %d stand exactly on a member and on no other.\n", c.Synthetic, c.Share, c.Low, c.High, c.Exact)
	}
	if r.Endpoint != nil {
		r.Endpoint.print(w)
	}
	for _, note := range r.Notes {
		fmt.Fprintln(w, note)
	}
	for i, reason := range r.Reasons {
		if i == 10 {
			fmt.Fprintf(w, "  and %d more\n", len(r.Reasons)-i)
			break
		}
		fmt.Fprintln(w, " ", reason)
	}
	return nil
}

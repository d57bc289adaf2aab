package release

import (
	"fmt"
	"io"

	"tribune/internal/explain/audit"
	"tribune/internal/explain/matrix"
)

// Outliers is the grouping of the records that references expect least, which Endpoint.Attack adds.
const Outliers = audit.Outliers

// Asked is what became known of an endpoint, and what it took.
type Asked struct {
	Answered
	Address    string `json:"address"` // its bytes are not to be had: what answers there may change unseen
	Output     string `json:"output"`
	ByMetadata bool   `json:"labels_by_metadata"` // it says itself that it tells classes
	ByChoice   bool   `json:"labels_by_choice"`   // the auditor has left everything else out
	Sent       int64  `json:"sent"`               // records, answered or not
	Budget     int64  `json:"budget"`
	Like       string `json:"references_are"`
}

// Tells says in words what the endpoint tells, and how that is known.
func (a Asked) Tells() string {
	switch {
	case a.ByChoice:
		return "classes alone, by choice of the auditor: what it tells besides was left out"
	case a.ByMetadata:
		return fmt.Sprintf("classes alone: its output %q holds nothing else", a.Output)
	case a.LabelsAlone:
		return fmt.Sprintf("classes alone: all %d answers were 1 for one class and 0 for the others", a.Points)
	}
	return fmt.Sprintf("probabilities (output %q)", a.Output)
}

func (a Asked) print(w io.Writer) {
	fmt.Fprintf(w, "\nThe endpoint tells %s. It is right about %.4f of the members and %.4f of the others. %d records were sent of %d that might be: each of %d, and %d disturbed copies of each.\n",
		a.Tells(), a.Members, a.Others, a.Sent, a.Budget, a.Points, a.Copies)
	fmt.Fprintf(w, "The %d references: %s.\n", a.References, a.Like)
}

// Classes is 1 for the class with the highest of each row's probabilities, and 0 for the others.
func Classes(p matrix.Matrix) matrix.Matrix {
	out := matrix.New(p.Rows, p.Cols)
	for i := range p.Rows {
		out.Row(i)[top(p.Row(i))] = 1
	}
	return out
}

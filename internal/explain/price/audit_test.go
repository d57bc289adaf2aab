package price

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"tribune/internal/explain/audit"
)

func TestAuditPricesDefencesBesideAVerdictThatIsTheSameWithout(t *testing.T) {
	t.Parallel()
	s, p := subject(t), plan(t)
	p.Explanations[0].Defence = "clip:1"
	o := audit.Options{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	p.Price = &audit.Price{Defences: []string{"unit", "round:10000"}, Points: 200, Records: 100, LeastFidelity: 0.5}
	r, prices, err := Audit(t.Context(), s, p, o)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := audit.Run(t.Context(), s.Subject, p, o)
	if err != nil || !reflect.DeepEqual(alone.Verdict, r.Verdict) {
		t.Errorf("a comparison changed the verdict beside it: %v", err)
	}
	var names []string
	for _, c := range prices.Choices {
		names = append(names, c.Scheme)
		if planned := c.Scheme == "clip:1"; c.Planned != planned || planned && !slices.Equal(c.Reasons, r.Verdict.Reasons) {
			t.Errorf("what the plan publishes is judged by the audit, the others by the comparison: %+v", c)
		}
	}
	if !slices.Equal(names, []string{"none", "unit", "round:10000", "clip:1"}) {
		t.Errorf("compared were %q", names)
	}
	plain, silent := at(t, prices, "none", ""), at(t, prices, "round:10000", "")
	if plain.Fidelity.Value < 0.9999 || silent.Fidelity.Value > 0.1 || silent.Alone.Value > 0.55 || plain.Accuracy.Refused == "" {
		t.Errorf("an explanation with nothing left: %+v; and with all: %+v", silent, plain)
	}
	worst := prices.Rows[slices.IndexFunc(prices.Rows, func(r Row) bool { return r.Grouping == WorstGroup })]
	for _, row := range prices.Rows[1:4] {
		if row.AUC.Refused == "" && row.AUC.High > worst.AUC.High || row.Fidelity.Refused == "" && row.Fidelity.Value < worst.Fidelity.Value {
			t.Errorf("%s is worse than the worst group: %+v, %+v", row.Group, row, worst)
		}
	}
	p.Price.Defences = nil
	if r, prices, err = Audit(t.Context(), s, p, o); err != nil || prices != nil || r.Trials != nil {
		t.Errorf("a plan that wants no comparison: %v, %v", prices, err)
	}
	p.Price.Defences = []string{"blur:3"}
	if _, _, err = Audit(t.Context(), s, p, o); err == nil {
		t.Error("a defence that there is none of was tried")
	}
}

package audit

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestTrialsAreMeasuredBesideAVerdictAndChangeNothingOfIt(t *testing.T) {
	s, p := subject(t, 10), quick(t)
	p.Queries = 2
	p.Explanations = []Explanation{{Method: "gradient"}, {Method: "smoothgrad", Samples: 4, Points: 300, Defence: "unit"}}
	o := Options{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	alone, err := Run(t.Context(), s, p, o)
	if err != nil || alone.Trials != nil {
		t.Fatalf("an audit by itself: %v, trials %v", err, alone)
	}
	o.Trials = []Explanation{{Method: "gradient"}, {Method: "gradient", Defence: "top:3"}, {Method: "smoothgrad", Samples: 4, Defence: "unit"}, {Method: "gradient", Defence: "unit", Points: 100}}
	beside, err := Run(t.Context(), s, p, o)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(alone.Verdict, beside.Verdict) || !reflect.DeepEqual(alone.Curves, beside.Curves) {
		t.Error("trials beside it changed a verdict")
	}
	at := func(v *Verdict, name string, of Figure) Figure {
		i := slices.IndexFunc(v.Figures, func(f Figure) bool {
			return f.Explanation == name && f.Attack == of.Attack && f.Sight == of.Sight && f.Grouping == of.Grouping && f.Group == of.Group && f.Measure == of.Measure
		})
		if i < 0 {
			t.Fatalf("no %+v of %s", of, name)
		}
		return v.Figures[i]
	}
	compared := 0
	for _, f := range alone.Verdict.Figures {
		if f.Explanation == "" || f.Refused != "" {
			continue
		}
		compared++
		if g := at(beside.Trials, f.Explanation, f); g.Members != f.Members || g.Value != f.Value || g.High < f.High {
			t.Errorf("the same records, explained and defended alike, were measured as %+v, and in a trial as %+v", f, g)
		}
	}
	if compared < 20 {
		t.Errorf("%d figures were compared", compared)
	}
	everybody := at(beside.Trials, "gradient+unit", Figure{Attack: "lira", Sight: OnBoth, Measure: MeasureAUC})
	group := at(beside.Trials, "gradient+unit", Figure{Attack: "lira", Sight: OnBoth, Measure: MeasureAUC, Grouping: "sex", Group: "f"})
	if everybody.Members != 50 || everybody.Others != 50 || group.Members != 100 || group.Others != 100 {
		t.Errorf("a trial of 100 records attacked %d and %d of everybody, and of women, who are 100 and 100, %d and %d", everybody.Members, everybody.Others, group.Members, group.Others)
	}
}

func TestPriceOfAPlanIsFixedWithIt(t *testing.T) {
	plain := mustPlan(t)
	if got := plain.Pricing(); !reflect.DeepEqual(got, DefaultPrice()) {
		t.Errorf("a plan that says nothing: %+v", got)
	}
	printed, err := ParsePlan([]byte(DefaultPlan))
	if err != nil || !reflect.DeepEqual(*printed.Price, DefaultPrice()) {
		t.Errorf("the printed plan says something else than what holds without it: %+v, %v", printed.Price, err)
	}
	some, err := ParsePlan([]byte(planText + "\n[price]\nmost_loss = 0.0\n"))
	if err != nil || some.Price.MostLoss != 0 || some.Price.Points != DefaultPrice().Points || len(some.Price.Defences) == 0 {
		t.Errorf("a rule that allows no loss: %+v, %v", some.Price, err)
	}
	a, _ := plain.Hash()
	if b, _ := some.Hash(); a == b {
		t.Error("two rules have one hash")
	}
	none, err := ParsePlan([]byte(planText + "\n[price]\ndefences = []\n"))
	if err != nil || len(none.Pricing().Defences) != 0 {
		t.Errorf("no comparison: %+v, %v", none.Price, err)
	}
	for _, text := range []string{"points = -1", "records = 0", "most_loss = 2.0", "least_fidelity = nan", `defences = ["unit", "unit"]`, "rule = 1"} {
		if _, err := ParsePlan([]byte(planText + "\n[price]\n" + text + "\n")); err == nil {
			t.Errorf("[price] %s was taken", text)
		}
	}
}

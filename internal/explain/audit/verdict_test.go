package audit

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/explain/attribution"
)

const planText = `
version = 1
attacks = ["lira"]
groups = ["sex"]
seed = 7

[[explanation]]
method = "gradient"

[limit]
"tpr_at_0.1_percent" = 0.01
tpr_at_1_percent = 0.03
auc = 0.6
beyond_auc = 0.02

[group_limit]
tpr_at_1_percent = 0.03
auc = 0.6
beyond_auc = 0.02
`

func mustPlan(t testing.TB) Plan {
	t.Helper()
	p, err := ParsePlan([]byte(planText))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sound is a verdict whose every figure is well below its limit.
func sound(t testing.TB) *Verdict {
	v := &Verdict{Version: 1, Program: "test", Plan: mustPlan(t), Groups: []Group{{"sex", "female"}, {"sex", "male"}, {Outliers, unusual}}, Unclean: []string{}, Made: time.Unix(1_800_000_000, 0).UTC()}
	for _, g := range append([]Group{{}}, v.Groups...) {
		for _, m := range []Measure{MeasureTPR01, MeasureTPR1, MeasureAUC, MeasureBeyond} {
			f := Figure{Explanation: "gradient", Attack: "lira", Sight: OnBoth, Grouping: g.Grouping, Group: g.Group, Measure: m, Members: 20_000, Others: 20_000, Value: 0.001, Low: 0, High: 0.002}
			if m == MeasureAUC {
				f.Value, f.Low, f.High = 0.51, 0.5, 0.52
			}
			v.Figures = append(v.Figures, f)
		}
	}
	for _, f := range v.Figures {
		if f.Measure != MeasureBeyond {
			f.Sight = OnExplanation
			v.Figures = append(v.Figures, f)
		}
	}
	return v
}

func TestOneGroupFailsTheWhole(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Verdict)
		want  string // in the reason; "" = passes
	}{
		"nothing wrong":              {func(*Verdict) {}, ""},
		"one group above":            {func(v *Verdict) { v.Figures[6].Value, v.Figures[6].High = 0.59, 0.61 }, "sex female, auc"},
		"too small to measure":       {func(v *Verdict) { v.Figures[9] = refused(v.Figures[9], "12 members are too few") }, "12 members are too few"},
		"a measure left out":         {func(v *Verdict) { v.Figures = slices.Delete(v.Figures, 11, 12) }, "beyond-auc was not measured by lira on both"},
		"one sight left out":         {func(v *Verdict) { v.Figures = slices.Delete(v.Figures, 18, 19) }, "auc was not measured by lira on explanation"},
		"an attack left out":         {func(v *Verdict) { v.Plan.Attacks = append(v.Plan.Attacks, "rmia") }, "not measured by rmia"},
		"only attacks on one number": {func(v *Verdict) { v.Plan.Attacks = []string{"threshold-loss"} }, "by any attack"},
		"a group nobody looked at":   {func(v *Verdict) { v.Groups = append(v.Groups, Group{"sex", "other"}) }, "sex other: auc was not measured"},
		"an unclean split":           {func(v *Verdict) { v.Unclean = []string{"3 records stand in both splits"} }, "both splits"},
		"another explanation's only": {func(v *Verdict) { v.Figures[0].Explanation = "lime" }, "everybody: tpr@0.1% was not measured"},
	} {
		t.Run(name, func(t *testing.T) {
			v := sound(t)
			c.spoil(v)
			v.Judge()
			if v.Passed != (c.want == "") || !strings.Contains(strings.Join(v.Reasons, "\n"), c.want) {
				t.Errorf("passed=%t %q, want %q", v.Passed, v.Reasons, c.want)
			}
		})
	}
}

func refused(f Figure, why string) Figure {
	f.Value, f.Low, f.High, f.Refused = 0, 0, 0, why
	return f
}

func TestVerdictThatItsFiguresDoNotBearIsRefused(t *testing.T) {
	v := sound(t)
	v.Judge()
	honest, err := v.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Decode(honest); err != nil || !again.Passed {
		t.Fatalf("an honest verdict: %v", err)
	}
	v.Figures[0].High = 0.9
	forged, err := v.Encode() // Passed and Reasons as before
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(forged); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a verdict that says passed over a figure above its limit: %v", err)
	}
}

func TestPublicVerdictTellsOfNoGroup(t *testing.T) {
	v := sound(t)
	v.Figures[4].High = 0.0041
	v.Judge()
	p, err := v.Public()
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Worst["tpr@0.1%"]; got != 0.01 {
		t.Errorf("the worst group's figure is shown as %v, want it rounded up to 0.01", got)
	}
	if !slices.Equal(p.Explanations, []string{"gradient"}) || p.Model != v.Model || p.From != v.Made.Unix() || p.Until != v.Made.AddDate(0, 0, v.Plan.Days).Unix() {
		t.Error("the public verdict covers what was not audited, or covers it for ever")
	}
}

func TestPlanThatMeansNothingIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"unknown setting": planText + "\ntpr = 0.1\n",
		"no version":      strings.Replace(planText, "version = 1", "", 1),
		"no attacks":      strings.Replace(planText, `["lira"]`, "[]", 1),
		"a limit of 2":    strings.Replace(planText, "0.6", "2", 1),
		"nothing judged":  strings.Replace(strings.ReplaceAll(planText, "tpr_at_1_percent = 0.03", ""), "\"tpr_at_0.1_percent\" = 0.01", "", 1),
		"groups unjudged": strings.Split(planText, "[group_limit]")[0],
		"not a number":    strings.Replace(planText, "0.6", "nan", 1),
		"twice":           strings.Replace(planText, `["sex"]`, `["sex", "sex"]`, 1),
		"inexact seed":    strings.Replace(planText, "seed = 7", "seed = 9007199254740993", 1),
	} {
		if _, err := ParsePlan([]byte(text)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

func TestPrintedPlanIsOne(t *testing.T) {
	p, err := ParsePlan([]byte(DefaultPlan))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := byName(p.Attacks); err != nil || len(p.Explanations) != 8 || p.References != 16 {
		t.Errorf("%d explanations, %d references, %v", len(p.Explanations), p.References, err)
	}
	names := map[string]bool{}
	for _, e := range p.Explanations {
		if names[e.Name()] {
			t.Errorf("%q is the name of two explanations", e.Name())
		}
		names[e.Name()] = true
		if _, err := e.method(Options{Method: attribution.New}, attribution.Setting{}); err != nil {
			t.Errorf("%s: %v", e.Name(), err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	v := sound(f)
	v.Judge()
	seed, err := v.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(bytes.Replace(seed, []byte("true"), []byte("false"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := Decode(b)
		if err != nil {
			return
		}
		again, err := v.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("what was read is not what is written: %v", err)
		}
	})
}

func FuzzParsePlan(f *testing.F) {
	f.Add([]byte(planText))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePlan(text)
		if err != nil {
			return
		}
		if _, err := p.Hash(); err != nil {
			t.Errorf("a plan that was accepted has no hash: %v", err)
		}
	})
}

package audit

import (
	"slices"
	"testing"
	"time"

	"tribune"
)

// A court measures again. Whatever was altered in a verdict, so that it is sound and passes all the same, comes out there.
func TestFigureThatWasMeasuredOtherwiseComesOut(t *testing.T) {
	s, p := Subject{Train: people(200, 8, 1), Test: people(200, 8, 2), Like: learner(10)}, quick(t)
	target, err := s.Like(t.Context(), s.Train, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Target = target
	o := Options{Now: time.Now, Program: "one"}
	first, err := Run(t.Context(), s, p, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Program = "another"
	again, err := Run(t.Context(), s, p, o)
	if err != nil {
		t.Fatal(err)
	}
	if all := first.Verdict.Differs(again.Verdict); len(all) > 0 {
		t.Fatalf("measured twice: %q", all)
	}
	for name, spoil := range map[string]func(*Verdict){
		"a figure lower":       func(v *Verdict) { v.Figures[3].High -= 0.001 },
		"a figure not there":   func(v *Verdict) { v.Figures = v.Figures[1:] },
		"a figure more":        func(v *Verdict) { v.Figures = append(v.Figures, Figure{Explanation: "z"}) },
		"fewer counted":        func(v *Verdict) { v.Figures[0].Others-- },
		"a group not there":    func(v *Verdict) { v.Groups = v.Groups[1:] },
		"another model":        func(v *Verdict) { v.Model[0]++ },
		"other records":        func(v *Verdict) { v.Records = tribune.Hash{1} },
		"another file":         func(v *Verdict) { v.Train[0]++ },
		"another test file":    func(v *Verdict) { v.Test[0]++ },
		"another plan":         func(v *Verdict) { v.Plan.Seed++ },
		"a gap not there":      func(v *Verdict) { v.Gaps = v.Gaps[1:] },
		"records left out":     func(v *Verdict) { v.Dropped++ },
		"something unclean":    func(v *Verdict) { v.Unclean = []string{"x"} },
		"references of others": func(v *Verdict) { v.References = "x" },
		"passed":               func(v *Verdict) { v.Passed = !v.Passed },
	} {
		v := *first.Verdict
		v.Figures, v.Gaps, v.Groups = slices.Clone(v.Figures), slices.Clone(v.Gaps), slices.Clone(v.Groups)
		spoil(&v)
		if all := v.Differs(again.Verdict); len(all) != 1 {
			t.Errorf("%s: %q", name, all)
		}
	}
}

func TestRecordsAreKnownByEveryNumberAndGroup(t *testing.T) {
	s := Subject{Train: people(200, 150, 1), Test: people(200, 150, 2)}
	whole := s.Records()
	for name, spoil := range map[string]func(*Subject){
		"a number":     func(s *Subject) { s.Train.X = people(200, 150, 1).X; s.Train.X.Row(199)[149] += 1e-6 },
		"a class":      func(s *Subject) { s.Test.Y = slices.Clone(s.Test.Y); s.Test.Y[0] ^= 1 },
		"a group":      func(s *Subject) { s.Test = people(200, 150, 2); s.Test.Groups[0].Of[0] ^= 1 },
		"a word":       func(s *Subject) { s.Test = people(200, 150, 2); s.Test.Groups[0].Values[0] = "x" },
		"fewer":        func(s *Subject) { s.Test = people(199, 150, 2) },
		"sides turned": func(s *Subject) { s.Train, s.Test = s.Test, s.Train },
	} {
		other := s
		spoil(&other)
		if other.Records() == whole {
			t.Errorf("%s: the same", name)
		}
	}
	same := s
	same.Train = people(200, 150, 1)
	if same.Records() != whole {
		t.Error("the same records are others")
	}
}

package audit

import (
	"slices"
	"testing"
	"time"
)

// Whoever writes a verdict by hand judges it by its own figures, too: these are the ways to pass without having been measured.
func TestVerdictWrittenByHandDoesNotPass(t *testing.T) {
	failing := func(f Figure) Figure {
		f.Value, f.High = 0.9, 0.95
		return f
	}
	for name, spoil := range map[string]func(*Verdict){
		"a grouping left out": func(v *Verdict) {
			v.Groups = slices.DeleteFunc(v.Groups, func(g Group) bool { return g.Grouping == "sex" })
			v.Figures = slices.DeleteFunc(v.Figures, func(f Figure) bool { return f.Grouping == "sex" })
		},
		"the outliers left out": func(v *Verdict) {
			v.Groups = slices.DeleteFunc(v.Groups, func(g Group) bool { return g.Grouping == Outliers })
			v.Figures = slices.DeleteFunc(v.Figures, func(f Figure) bool { return f.Grouping == Outliers })
		},
		"a group that fails taken off the list": func(v *Verdict) {
			v.Figures[6] = failing(v.Figures[6])
			v.Groups = slices.DeleteFunc(v.Groups, func(g Group) bool { return g.Group == "female" })
		},
		"a figure that fails under another explanation": func(v *Verdict) {
			f := failing(v.Figures[1])
			f.Explanation = "gradient "
			v.Figures = append(v.Figures, f)
		},
		"a figure by an attack of another name": func(v *Verdict) {
			f := v.Figures[1]
			f.Attack = "lira "
			v.Figures = append(v.Figures, f)
		},
		"a figure that fails under a measure of another name": func(v *Verdict) {
			f := failing(v.Figures[1])
			f.Measure = "TPR@1%"
			v.Figures = append(v.Figures, f)
		},
		"a figure twice":                  func(v *Verdict) { v.Figures = append(v.Figures, v.Figures[0]) },
		"a group twice":                   func(v *Verdict) { v.Groups = append(v.Groups, v.Groups[0]) },
		"a rate of twelve people":         func(v *Verdict) { v.Figures[5].Members, v.Figures[5].Others = 6, 6 },
		"an area of nobody":               func(v *Verdict) { v.Figures[2].Members = 0 },
		"a rate below nothing":            func(v *Verdict) { v.Figures[1].Value, v.Figures[1].Low, v.Figures[1].High = -0.2, -0.3, -0.1 },
		"everybody's threshold for all":   func(v *Verdict) { v.Figures[0].Common, v.Figures[0].Others = true, 10 },
		"fewer than none left out":        func(v *Verdict) { v.Dropped = -1 },
		"a time of another zone":          func(v *Verdict) { v.Made = v.Made.In(time.FixedZone("", 3600)) },
		"a time between two seconds":      func(v *Verdict) { v.Made = v.Made.Add(time.Millisecond) },
		"a program that moves the cursor": func(v *Verdict) { v.Program = "\x1b[2Apassed" },
	} {
		v := sound(t)
		spoil(v)
		v.Judge()
		b, err := v.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Decode(b); err == nil && again.Passed {
			t.Errorf("%s: passed", name)
		}
	}
	v := sound(t)
	v.Judge()
	b, err := v.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Decode(b); err != nil || !again.Passed {
		t.Errorf("one that was measured: %v", err)
	}
}

func TestManyGroupsAreJudgedInTime(t *testing.T) {
	v := sound(t)
	for i := range maxGroups - len(v.Groups) {
		v.Groups = append(v.Groups, Group{"sex", string(rune('一' + i))})
	}
	began := time.Now()
	if v.Judge(); v.Passed || time.Since(began) > 5*time.Second {
		t.Errorf("passed %t after %s", v.Passed, time.Since(began))
	}
	if len(v.Reasons) != maxReasons+1 {
		t.Errorf("%d reasons", len(v.Reasons))
	}
}

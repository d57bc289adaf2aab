package protocol

import (
	"encoding/json"
	"strings"
	"testing"

	"tribune"
)

// A verdict is shown to everybody, and stands in a leaf for ever. Whoever may sign verdicts could write into it what has no place there.
func TestPublicVerdictHasNoPlaceForWordsOrForFinerFigures(t *testing.T) {
	good := func() ModelVerdict {
		return ModelVerdict{Version: 1, Program: "tribune v1.2.3", Model: tribune.Hash{1}, Explanations: []string{"gradient", "lime,samples=500+noise:0.2"}, Worst: map[string]float64{"auc": 0.57, "tpr@1%": 0.07, "beyond-auc": 0.29, "tpr@0.1%": 1}, From: 1, Until: 2}
	}
	if _, err := VerdictText(good()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*ModelVerdict){
		"a name in place of a measure": func(v *ModelVerdict) { v.Worst["Mrs Smith"] = 0.5 },
		"a figure of few people":       func(v *ModelVerdict) { v.Worst["auc"] = 0.5714285714 },
		"more than all":                func(v *ModelVerdict) { v.Worst["auc"] = 2 },
		"a huge figure":                func(v *ModelVerdict) { v.Worst["auc"] = 1e300 },
		"lines in the program":         func(v *ModelVerdict) { v.Program = "tribune\npassed" },
		"a long program":               func(v *ModelVerdict) { v.Program = strings.Repeat("a", maxProgram+1) },
		"lines in an explanation":      func(v *ModelVerdict) { v.Explanations[1] = "lime\n" },
		"a long explanation":           func(v *ModelVerdict) { v.Explanations[1] = strings.Repeat("a", maxMethod+1) },
		"an explanation twice":         func(v *ModelVerdict) { v.Explanations[1] = v.Explanations[0] },
		"an explanation without name":  func(v *ModelVerdict) { v.Explanations[1] = "" },
		"an end that wraps around":     func(v *ModelVerdict) { v.Until = 1 << 53 },
		"no end":                       func(v *ModelVerdict) { v.Until = v.From },
		"another version":              func(v *ModelVerdict) { v.Version = 2 },
	} {
		v := good()
		spoil(&v)
		if _, err := VerdictText(v); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
	b, err := JCS(good())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a member more":       strings.Replace(string(b), `{"explanations"`, `{"aside":"x","explanations"`, 1),
		"a member twice":      strings.Replace(string(b), `"version":1`, `"version":1,"version":1`, 1),
		"another order":       strings.Replace(string(b), `"from":1,`, ``, 1)[:len(b)-9] + `,"from":1}`,
		"another case":        strings.Replace(string(b), `"passed"`, `"Passed"`, 1),
		"a number's spelling": strings.Replace(string(b), `0.57`, `5.7e-1`, 1),
		"not a number":        strings.Replace(string(b), `0.57`, `NaN`, 1),
		"no passed":           strings.Replace(string(b), `"passed":false,`, ``, 1),
	} {
		if _, err := DecodeModelVerdict([]byte(text)); err == nil {
			t.Errorf("%s was read: %s", name, text)
		}
	}
}

func FuzzModelVerdict(f *testing.F) {
	b, err := JCS(ModelVerdict{Version: 1, Explanations: []string{"lime"}, Worst: map[string]float64{"auc": 0.5}, From: 1, Until: 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeModelVerdict(b)
		if err != nil {
			return
		}
		if again, err := json.Marshal(v.Worst); err != nil {
			t.Errorf("%s (%v)", again, err)
		}
	})
}

package provider

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tribune"
)

func TestParseDetails(t *testing.T) {
	one := details[1 : len(details)-1]
	long := strings.Repeat("x", maxDetailID)
	for name, c := range map[string]struct {
		param string
		want  int // objects; -1 = refused
	}{
		"none":                 {"", 0},
		"one":                  {details, 1},
		"four":                 {"[" + strings.Repeat(one+",", 3) + one + "]", 4},
		"longest names":        {`[{"type":"tribune_act","purpose":"` + long + `","mandate":"` + long + `"}]`, 1},
		"spaces":               {" [ " + one + " ] ", 1},
		"five":                 {"[" + strings.Repeat(one+",", 4) + one + "]", -1},
		"an empty list":        {"[]", -1},
		"null":                 {"null", -1},
		"a list of null":       {"[null]", -1},
		"one object":           {one, -1},
		"two values":           {details + details, -1},
		"another type":         {`[{"type":"payment","purpose":"a","mandate":"b"}]`, -1},
		"a type in capitals":   {`[{"type":"TRIBUNE_ACT","purpose":"a","mandate":"b"}]`, -1},
		"a member in capitals": {`[{"type":"tribune_act","Purpose":"a","mandate":"b"}]`, -1},
		"no purpose":           {`[{"type":"tribune_act","mandate":"b"}]`, -1},
		"no mandate":           {`[{"type":"tribune_act","purpose":"a"}]`, -1},
		"an unknown member":    {`[{"type":"tribune_act","purpose":"a","mandate":"b","actions":["all"]}]`, -1},
		"a member twice":       {`[{"type":"tribune_act","purpose":"a","purpose":"z","mandate":"b"}]`, -1},
		"a list of purposes":   {`[{"type":"tribune_act","purpose":["a"],"mandate":"b"}]`, -1},
		"a name too long":      {`[{"type":"tribune_act","purpose":"x` + long + `","mandate":"b"}]`, -1},
		"a control character":  {`[{"type":"tribune_act","purpose":"a\u0000","mandate":"b"}]`, -1},
		"a space":              {`[{"type":"tribune_act","purpose":"a b","mandate":"b"}]`, -1},
		"a lookalike letter":   {`[{"type":"tribune_act","purpose":"\u0430","mandate":"b"}]`, -1},
		"not UTF-8":            {"[{\"type\":\"tribune_act\",\"purpose\":\"\xff\",\"mandate\":\"b\"}]", -1},
		"half":                 {details[:20], -1},
		"too large":            {"[" + strings.Repeat(" ", maxDetails-len(details)+1) + details[1:], -1},
		"just not too large":   {"[" + strings.Repeat(" ", maxDetails-len(details)) + details[1:], 1},
		"deep":                 {strings.Repeat("[", 2000), -1},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseDetails(c.param)
			if c.want < 0 {
				if !errors.Is(err, errDetails) || !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) {
					t.Errorf("got %v, %v", got, err)
				}
			} else if err != nil || len(got) != c.want {
				t.Errorf("got %v, %v; want %d", got, err, c.want)
			}
		})
	}
}

// FuzzParseDetails: what is accepted is within the bounds and is read the same way again from what the token says.
func FuzzParseDetails(f *testing.F) {
	for _, seed := range []string{"", details, "[]", "[null]", `[{"type":"tribune_act"}]`, `[{"type":"tribune_act","purpose":"\ud800","mandate":"b"}]`, "[[[[", strings.Repeat(" ", maxDetails+1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, param string) {
		got, err := parseDetails(param)
		if err != nil || got == nil {
			return
		}
		if len(param) > maxDetails || len(got) > mostDetails {
			t.Fatalf("%d objects from %d bytes", len(got), len(param))
		}
		said, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again []Detail
		if err := json.Unmarshal(said, &again); err != nil {
			t.Fatal(err)
		}
		for i, d := range got {
			if d.Type != detailType || !isDetailID(d.Purpose) || !isDetailID(d.Mandate) || again[i] != d {
				t.Fatalf("%q gives %+v, and then %+v", param, d, again[i])
			}
		}
	})
}

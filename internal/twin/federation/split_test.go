package federation

import (
	"fmt"
	"slices"
	"testing"

	"tribune"
)

// A change must reach everybody who holds a part of the entity, and nobody who does not (clauses 4.3.6.2 and 4.3.6.3).
func TestDivide(t *testing.T) {
	reg := func(id string, mode Mode, attrs ...tribune.Name) Match {
		return Match{Registration: &Registration{ID: id, Mode: mode}, Info: &Information{Properties: attrs}}
	}
	ab := []tribune.Name{"a", "b"}
	for name, c := range map[string]struct {
		matches     []Match
		attrs       []tribune.Name
		shares      string
		here        []tribune.Name
		taken, away bool
	}{
		"nobody":                          {nil, ab, "[]", ab, false, false},
		"inclusive gets a copy":           {[]Match{reg("i", Inclusive)}, ab, "[i:[a b]]", ab, false, false},
		"inclusive gets what it names":    {[]Match{reg("i", Inclusive, "b", "c")}, ab, "[i:[b]]", ab, false, false},
		"exclusive takes from all":        {[]Match{reg("x", Exclusive, "a"), reg("r", Redirect, "a", "b"), reg("i", Inclusive)}, ab, "[x:[a] r:[b]]", nil, true, false},
		"the rest of an exclusive stays":  {[]Match{reg("x", Exclusive, "a"), reg("i", Inclusive)}, ab, "[x:[a] i:[b]]", []tribune.Name{"b"}, true, false},
		"two redirects get the same":      {[]Match{reg("r", Redirect), reg("s", Redirect)}, ab, "[r:[a b] s:[a b]]", nil, true, true},
		"auxiliary is never changed":      {[]Match{reg("u", Auxiliary)}, ab, "[]", ab, false, false},
		"a deletion concerns all":         {[]Match{reg("x", Exclusive, "a"), reg("r", Redirect, "b"), reg("i", Inclusive)}, nil, "[x:[] r:[] i:[]]", nil, true, false},
		"what nobody registers is ours":   {[]Match{reg("r", Redirect, "c")}, ab, "[]", ab, false, false},
		"two elements of one are one":     {[]Match{{Registration: one, Info: &Information{Properties: []tribune.Name{"a"}}}, {Registration: one, Info: &Information{Properties: []tribune.Name{"b"}}}}, ab, "[one:[a b]]", ab, false, false},
		"redirected whole, nothing to us": {[]Match{reg("r", Redirect), reg("i", Inclusive)}, nil, "[r:[]]", nil, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := Divide(c.matches, c.attrs)
			got := []string{}
			for _, s := range d.Shares {
				got = append(got, fmt.Sprintf("%s:%v", s.ID, s.Attrs))
			}
			if s := fmt.Sprint(got); s != c.shares || !slices.Equal(d.Here, c.here) || d.Taken != c.taken || d.Away != c.away {
				t.Errorf("got %s here %v taken %v away %v, want %s %v %v %v", s, d.Here, d.Taken, d.Away, c.shares, c.here, c.taken, c.away)
			}
		})
	}
}

var one = &Registration{ID: "one", Mode: Inclusive}

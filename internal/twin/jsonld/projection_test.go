package jsonld_test

import (
	"errors"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
)

func TestProjections(t *testing.T) {
	core := offline(t).Core()
	for text, depth := range map[string]int{"id": 0, "a,b": 0, "a|b": 0, " a , b ": 0, "a{id,b},c": 1, "a{b{c{d}}},e{f}": 3, "https://example.org/a#b": 0} {
		p, err := core.Projection(text)
		if err != nil || p.Depth() != depth {
			t.Errorf("%q: depth %d, error %v; want depth %d", text, p.Depth(), err, depth)
		}
	}
	for _, text := range []string{"", ",", "a,", ",a", "a,,b", "a||b", "a;b", "a{", "a{b", "a}", "a{}", "a{{b}}", "a{,b}", "{a}", "id{a}", "id,id", "a,a", "a{b}c", "a b", "@context",
		strings.Repeat("a{", 40) + "b" + strings.Repeat("}", 40), strings.Repeat("a", 20<<10)} {
		if _, err := core.Projection(text); !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) {
			t.Errorf("%.40q: got %v, want a refusal", text, err)
		}
	}
	for _, c := range []struct {
		pick, omit string
		want       bool
	}{{"a", "b", false}, {"a", "a", true}, {"id", "id", true}, {"a{b}", "a", true}, {"a{b}", "a{c}", false}, {"a{b}", "a{b}", true}, {"a", "a{b}", false}} {
		pick, _ := core.Projection(c.pick)
		omit, _ := core.Projection(c.omit)
		if got := jsonld.Overlap(pick, omit); got != c.want {
			t.Errorf("pick %s, omit %s: overlap %v, want %v", c.pick, c.omit, got, c.want)
		}
	}
}

func FuzzProjection(f *testing.F) {
	for _, text := range []string{"id,name", "a{b|c{d}},e", "a{", "}", "a,,b", "id{x}", "ngsi-ld:a"} {
		f.Add(text)
	}
	core := offline(f).Core()
	f.Fuzz(func(t *testing.T, text string) {
		p, err := core.Projection(text)
		if err == nil && (p.Depth() > strings.Count(text, "{") || len(p.Names()) > 200) {
			t.Errorf("%q: depth %d, %d names", text, p.Depth(), len(p.Names()))
		}
		if err != nil && !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) {
			t.Errorf("%q: a refusal without its sentinel: %v", text, err)
		}
	})
}

func TestLanguages(t *testing.T) {
	for _, c := range []struct{ filter, tags, want string }{
		{"en", "de en fr", "en"},
		{"EN", "de en", "en"},
		{"fr-CH,fr", "de fr", "fr"},
		{"fr;q=0.2,nl;q=0.9", "fr nl", "nl"},
		{"nl-BE", "fr nl", "nl"},
		{"en", "de en-US en-GB", "en-GB"},
		{"*", "nl fr", "fr"},
		{"pt", "nl fr", "fr"},
		{"pt", "nl @none fr", "@none"},
		{"fr-CH,fr;q=0.9,en;q=0.8,*;q=0.5", "en de", "en"},
		{"en;q=0,de", "en de", "de"},
		{"zh-Hant-CN-x-private", "zh-Hant zh", "zh-Hant"},
	} {
		l, err := jsonld.ParseLanguages(c.filter)
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		text := `{"id":"urn:a:b","type":"T","n":{"languageMap":{`
		for i, tag := range strings.Fields(c.tags) {
			if i > 0 {
				text += ","
			}
			text += `"` + tag + `":"` + tag + `"`
		}
		e, err := parse(t, text+`}}}`, jsonld.Form{})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(offline(t).Core().Append(nil, &e, jsonld.View{Lang: l, Format: jsonld.Simplified})); !strings.Contains(got, `"n":"`+c.want+`"`) {
			t.Errorf("lang=%s of %s: got %s, want %s", c.filter, c.tags, got, c.want)
		}
	}
	for _, filter := range []string{"", ",", "en;q=2", "en;q=x", "en;x=1", "e n", "en--us", "abcdefghi", "en;q=NaN", strings.Repeat("en,", 80) + "en"} {
		if _, err := jsonld.ParseLanguages(filter); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%.40q: got %v, want ErrInvalid", filter, err)
		}
	}
}

func FuzzLanguages(f *testing.F) {
	for _, text := range []string{"en", "fr-CH,fr;q=0.9,*;q=0.5", "en;q=", ";q=1"} {
		f.Add(text)
	}
	e, err := parse(f, `{"id":"urn:a:b","type":"T","n":{"languageMap":{"en":"x","de-AT":["y","z"]}}}`, jsonld.Form{})
	if err != nil {
		f.Fatal(err)
	}
	core := offline(f).Core()
	f.Fuzz(func(t *testing.T, text string) {
		l, err := jsonld.ParseLanguages(text)
		if err != nil {
			return
		}
		got := string(core.Append(nil, &e, jsonld.View{Lang: l}))
		if !strings.Contains(got, `"value":"x","lang":"en"`) && !strings.Contains(got, `"value":["y","z"],"lang":"de-AT"`) {
			t.Errorf("lang=%q: %s", text, got)
		}
	})
}

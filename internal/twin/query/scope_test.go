package query

import (
	"errors"
	"strings"
	"testing"

	"tribune"
)

func TestScopeQueries(t *testing.T) {
	garden := []string{"/Madrid/Gardens/ParqueNorte", "/CompanyA/OrganizationB/UnitC"}
	for text, want := range map[string]bool{
		"/Madrid/Gardens/ParqueNorte": true, "Madrid/Gardens/ParqueNorte": true, "/Madrid": false, "/Madrid/#": true, "/Madrid/Gardens/ParqueNorte/#": true, "/Mad/#": false,
		"/Madrid/+/ParqueNorte": true, "/+/+/+": true, "/+/+": false, "/+/#": true, "/#": true, "/Berlin,/CompanyA/#": true, "/Berlin|/CompanyA/#": true,
		"/Madrid/#;/CompanyA/#": true, "(/Madrid/#;/Berlin)": false, "(/Madrid/#;/Berlin)|/CompanyA/+/UnitC": true, "((/Madrid/#))": true, "/Madrid/+/#": true,
	} {
		x, err := ParseScopes(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := x.Match(garden); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
		if x.Match(nil) {
			t.Errorf("%s holds without any scope", text)
		}
		if !x.Match(garden) {
			continue
		}
		found := false
		for _, sub := range x.Subtrees() {
			for _, s := range garden {
				found = found || strings.HasPrefix(s, strings.TrimSuffix(sub, "/"))
			}
		}
		if !found {
			t.Errorf("%s: no match below %v", text, x.Subtrees())
		}
	}
	if x, _ := ParseScopes("Berlin"); !x.Match([]string{"Berlin"}) || !x.Match([]string{"/Berlin"}) {
		t.Error("the slash at the beginning makes a difference")
	}
	for _, text := range []string{"", "/", "/a/", "//a", "/a/#/b", "#", "/a#", "(/a", "/a)", "/a;;/b", "/a b", strings.Repeat("(", 40) + "/a", strings.Repeat("/a,", 100) + "/a"} {
		if _, err := ParseScopes(text); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
			t.Errorf("%.20q: got %v, want ErrInvalid with hint", text, err)
		}
	}
}

func FuzzScopes(f *testing.F) {
	for _, s := range []string{"/Madrid/#", "(/a;/b)|c/+", "/#", "/a,(/b|(/c;/d))"} {
		f.Add(s, "/Madrid/Gardens")
	}
	f.Fuzz(func(t *testing.T, text, scope string) {
		x, err := ParseScopes(text)
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) {
				t.Fatalf("%q: %v is not ErrInvalid", text, err)
			}
			return
		}
		if !x.Match([]string{scope}) {
			return
		}
		for _, sub := range x.Subtrees() {
			if strings.HasPrefix("/"+strings.TrimPrefix(scope, "/"), strings.TrimSuffix(sub, "/")) {
				return
			}
		}
		t.Fatalf("%q holds of %q, which lies below none of %v", text, scope, x.Subtrees())
	})
}

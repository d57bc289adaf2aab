package api

import "testing"

func TestTheMostSpecificRangeSaysHowWelcomeATypeIs(t *testing.T) {
	for header, want := range map[string]string{
		"application/json;q=0, */*":                          "ld",
		"application/json;q=0.1, application/*;q=0.9":        "ld",
		"*/*;q=0.9, application/ld+json;q=0.8":               "json",
		"application/ld+json;q=much":                         "ld",
		"application/ld+json;q=7, application/json":          "json",
		"application/json;q=0.5, application/geo+json;q=0.6": "geo",
		"text/html, ;;, */*;q=0.1":                           "json",
		"application/json;q=0, application/ld+json;q=0, */*": "geo",
	} {
		a := readAccept([]string{header})
		got := "json"
		if a.ld.q > a.json.q {
			got = "ld"
		}
		if a.geo.q > max(a.json.q, a.ld.q) {
			got = "geo"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", header, got, want)
		}
	}
}

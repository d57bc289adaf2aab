package api

import (
	"context"
	"strings"
	"testing"

	"tribune"
)

// Whoever reads their own data must not learn from them who else drove, lived there or signed: not as a value, a link, a text in two languages, or a
// property of a property; and what nobody has classified tells nothing of anybody. An office reads on as before.
func TestOwnDataDoNotNameOthers(t *testing.T) {
	const driver, place, by = "https://x.example/driver", "https://x.example/place", "https://x.example/by"
	class := tribune.Class{ID: "parking-session", Others: []tribune.Name{driver, by}}
	one := &api{Config: Config{
		Class: func(id tribune.ClassID) (tribune.Class, bool) { return class, id == class.ID },
		Own: func(_ context.Context, c tribune.Caller) ([]string, bool) {
			return []string{"AB12CDE", "Anna Adams"}, c.Office == "data-subject"
		},
	}}
	for name, c := range map[string]struct {
		class tribune.ClassID
		attr  tribune.Name
		in    string
		tells bool
	}{
		"another's name":             {"parking-session", driver, `{"type":"Property","value":"Ben Brown"}`, false},
		"a link":                     {"parking-session", driver, `{"type":"Relationship","object":"urn:person:Ben Brown"}`, false},
		"two languages":              {"parking-session", driver, `{"type":"LanguageProperty","languageMap":{"en":"Ben Brown"}}`, false},
		"below another":              {"parking-session", place, `{"type":"Property","value":7,"` + by + `":{"type":"Property","value":"Ben Brown"}}`, false},
		"below, in a list":           {"parking-session", place, `{"type":"Property","value":7,"` + by + `":[{"type":"Property","value":1,"datasetId":"urn:a"},{"type":"Property","value":"Ben Brown"}]}`, false},
		"two levels below":           {"parking-session", place, `{"type":"Property","value":7,"https://x.example/n":{"type":"Property","value":1,"` + by + `":{"type":"Property","value":"Ben Brown"}}}`, false},
		"of no class":                {"unclassified", place, `{"type":"Property","value":"Ben Brown"}`, false},
		"what is no attribute":       {"parking-session", place, `"Ben Brown"`, false},
		"control: one's own name":    {"parking-session", driver, `{"type":"Property","value":"Anna Adams"}`, true},
		"control: another attribute": {"parking-session", place, `{"type":"Property","value":"Anna Adams"}   `, true},
	} {
		spots := []spot{{attr: c.attr, sealed: &tribune.Sealed{Class: c.class}}}
		values := [][]byte{[]byte(c.in)}
		one.minimise(t.Context(), tribune.Caller{Office: "data-subject"}, spots, values)
		if got := string(values[0]); strings.Contains(got, "Ben Brown") || c.tells != (got == c.in) || !c.tells && !strings.Contains(got, Withheld) {
			t.Errorf("%s: %s", name, got)
		}
		values[0] = []byte(c.in)
		one.minimise(t.Context(), tribune.Caller{Office: "parking-inspector"}, spots, values)
		if string(values[0]) != c.in {
			t.Errorf("%s: an office reads %s", name, values[0])
		}
	}
}

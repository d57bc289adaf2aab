package federation

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
)

// told is what a source that answers so has to say to a query for the type thing, and for ids of a pattern, if any.
func told(t *testing.T, information, answer string, guard Guard, pattern ...string) Gathered {
	t.Helper()
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, answer)
	}))
	t.Cleanup(source.Close)
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSources(SourcesConfig{Dialer: &net.Dialer{}, Contexts: contexts, Self: "self"})
	t.Cleanup(s.Close)
	doc, err := jsonld.Read([]byte(`{"id":"urn:r:s","type":"ContextSourceRegistration","endpoint":"` + source.URL + `","information":[` + information + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	reg, err := Parse(doc, contexts.Core())
	if err != nil {
		t.Fatal(err)
	}
	g := &Registry{cfg: Config{Now: s.cfg.Now}, tenants: map[tribune.Tenant]*index{}, wake: make(chan struct{}, 1)}
	g.keep(reg)
	thing := query.Type(word("Thing"))
	need, q := Need{Types: thing}, &Question{Cause: httptest.NewRequest("GET", "/", nil), Context: contexts.Core(), Types: thing, TypesText: "Thing"}
	for _, p := range pattern {
		need.Pattern, q.Pattern = regexp.MustCompile(p), p
	}
	return s.Gather(t.Context(), g.Match("", need), q, nil, guard)
}

func word(term string) tribune.Name {
	return tribune.Name("https://uri.etsi.org/ngsi-ld/default-context/" + term)
}

// What a registration is not about is not taken from its source, and that is said.
func TestSourceTellsNothingBeyondItsRegistration(t *testing.T) {
	const things = `{"entities":[{"type":"Thing","idPattern":"^urn:t:"}],"propertyNames":["a"]}`
	for name, c := range map[string]struct {
		information, answer string
		entities, attrs     int
		warning             string
	}{
		"what it may":             {things, `{"id":"urn:t:1","type":"Thing","a":{"type":"Property","value":1}}`, 1, 1, ""},
		"another type":            {things, `{"id":"urn:t:1","type":"Citizen","a":{"type":"Property","value":1}}`, 0, 0, "1 entities and 0 attributes"},
		"another id":              {things, `{"id":"urn:citizen:anna","type":"Thing","a":{"type":"Property","value":1}}`, 0, 0, "1 entities and 0 attributes"},
		"another attribute":       {things, `{"id":"urn:t:1","type":"Thing","a":{"type":"Property","value":1},"birthDate":{"type":"Property","value":1}}`, 1, 1, "0 entities and 1 attributes"},
		"no type":                 {things, `{"id":"urn:t:1","a":{"type":"Property","value":1}}`, 0, 0, "not valid NGSI-LD"},
		"an entity in an entity":  {`{"entities":[{"type":"Thing"}]}`, `{"id":"urn:t:1","type":"Thing","a":{"type":"Relationship","object":"urn:citizen:anna","entity":{"id":"urn:citizen:anna","type":"Citizen","birthDate":{"type":"Property","value":"geheim"}}}}`, 1, 1, ""},
		"another element's":       {things + `,{"entities":[{"type":"Thing","idPattern":"^urn:t:"}],"propertyNames":["b"]}`, `{"id":"urn:t:1","type":"Thing","a":{"type":"Property","value":1},"b":{"type":"Property","value":1}}`, 1, 2, ""},
		"registered, not matched": {things + `,{"entities":[{"type":"Bus"}]}`, `{"id":"urn:b:1","type":"Bus","a":{"type":"Property","value":1}}`, 0, 0, ""}, // it cannot narrow its answer: no lie
	} {
		got := told(t, c.information, "["+c.answer+"]", Guard{})
		attrs := 0
		for _, p := range got.Entities {
			for _, list := range p.Entity.Attrs {
				attrs++
				for _, a := range list {
					if strings.Contains(string(a.Value), "geheim") || len(a.Sub) > 0 {
						t.Errorf("%s: an entity within an attribute came along: %+v", name, a)
					}
				}
			}
		}
		if len(got.Entities) != c.entities || attrs != c.attrs || c.warning == "" && len(got.Warnings) > 0 || !strings.Contains(strings.Join(got.Warnings, ","), c.warning) {
			t.Errorf("%s: got %d entities, %d attributes, %q; want %d, %d, %q", name, len(got.Entities), attrs, got.Warnings, c.entities, c.attrs, c.warning)
		}
	}
}

// The hub holds a session; a source calls it a thing, in an answer to who asked for things alone.
func TestWhatIsHereCannotBeCalledSomethingElse(t *testing.T) {
	guard := Guard{
		Withhold: func(types []tribune.Name, attr tribune.Name) bool {
			return slices.Contains(types, word("Session")) && attr == word("plate")
		},
		Here: func(_ context.Context, id tribune.EntityID) []tribune.Name {
			if id == "urn:s:1" {
				return []tribune.Name{word("Session")}
			}
			return nil
		},
	}
	const answer = `[{"id":"urn:s:1","type":"Thing","plate":{"type":"Property","value":"M-AB 1"}},{"id":"urn:t:1","type":"Thing","plate":{"type":"Property","value":"a plate of china"}}]`
	got := told(t, `{"entities":[{"type":"Thing"}]}`, answer, guard)
	if len(got.Entities) != 2 || len(got.Entities[0].Entity.Attrs) != 0 || len(got.Entities[1].Entity.Attrs) != 1 {
		t.Fatalf("got %+v", got.Entities)
	}
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "1 personal attributes") {
		t.Errorf("warnings are %q", got.Warnings)
	}
}

// Whether some ID fits two patterns nobody can say beforehand, so that the source is asked for the caller's (clause 5.12): it must not
// tell of whoever the caller thinks of.
func TestCallersPatternDoesNotWidenARegistration(t *testing.T) {
	const things = `{"entities":[{"type":"Thing","idPattern":"^urn:t:"}]}`
	got := told(t, things, `[{"id":"urn:t:anna","type":"Thing"},{"id":"urn:citizen:anna","type":"Thing"}]`, Guard{}, "anna$")
	if len(got.Entities) != 1 || got.Entities[0].Entity.ID != "urn:t:anna" || !strings.Contains(strings.Join(got.Warnings, ""), "1 entities and 0 attributes") {
		t.Errorf("got %+v, %q", got.Entities, got.Warnings)
	}
}

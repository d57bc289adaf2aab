package federation

import (
	"encoding/json"
	"slices"
	"testing"

	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
)

// A filter must mean the same in the words of the source (clause 4.3.6.6: jsonldContext).
func FuzzFiltersMeanTheSame(f *testing.F) {
	for _, s := range []string{
		`speed>50`, `speed.ex:unit=="km";(colour=="red"|doors>=2)`, `speed[a.b]=="x;y|z)"`, `speed~=^a(b|c)$`, `speed==1..5;speed!=3`, `urn:x:y==1`, `https://example.org/q.r>1`,
		`speed.observedAt>2026-01-01T00:00:00Z`, `speed=="a\"b;colour"`, `a==urn:p:1,urn:p:2`, `(speed)`,
	} {
		f.Add(s)
	}
	c, err := jsonld.New(jsonld.Config{})
	if err != nil {
		f.Fatal(err)
	}
	from, err := c.Of(f.Context(), json.RawMessage(`{"speed":"https://example.org/speed","colour":"https://example.org/colour","ex":"https://example.org/more/"}`))
	if err != nil {
		f.Fatal(err)
	}
	t2 := tongue{from, c.Core(), ""}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := query.Parse(text, from.Attr)
		if err != nil {
			return
		}
		translated, ok := t2.q(text)
		if !ok {
			return // said to be impossible, not asked wrongly
		}
		got, err := query.Parse(translated, c.Core().Attr)
		if err != nil {
			return // refused by the source, never misread
		}
		if !slices.Equal(got.Attrs(), want.Attrs()) {
			t.Errorf("%q became %q: it looks at %v, not at %v", text, translated, got.Attrs(), want.Attrs())
		}
	})
}

func TestTypesInOtherWords(t *testing.T) {
	c, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	from, err := c.Of(t.Context(), json.RawMessage(`{"Car":"https://example.org/Car"}`))
	if err != nil {
		t.Fatal(err)
	}
	other := tongue{from, c.Core(), ""}
	if got, want := other.types("(Car;Bus)|Tram"), "(https://example.org/Car;Bus)|Tram"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

package jsonld

import (
	"encoding/json"
	"reflect"
	"testing"

	"tribune"
)

// twoContexts are a context with terms, and the core one that has none of them.
func twoContexts(t testing.TB) (from, to *Context) {
	t.Helper()
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	from, err = c.Of(t.Context(), json.RawMessage(`{"Car":"https://example.org/Car","speed":"https://example.org/speed","ex":"https://example.org/more/","km":"https://example.org/km"}`))
	if err != nil {
		t.Fatal(err)
	}
	return from, c.Core()
}

// What is passed on must mean the same in the words of the other broker (clause 4.3.6.6).
func FuzzCopyMeansTheSame(f *testing.F) {
	for _, s := range []string{
		`{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":{"speed":1},"unitCode":"KMH","ex:by":{"type":"Relationship","object":"urn:p:1"}}}`,
		`{"id":"urn:c:1","type":["Car","Bus"],"scope":"/a","speed":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}]}`,
		`{"id":"urn:c:1","type":"Car","speed":7,"unit":{"type":"VocabProperty","vocab":["km","x"]},"to":{"type":"Relationship","object":"urn:p","objectType":"Car"}}`,
		`{"id":"urn:c:1","type":"Car","location":{"type":"Point","coordinates":[1,2]},"speed":{"value":1,"ex:q":{"value":2}},"@context":"x"}`,
		`{"@id":"urn:c:1","@type":"Car","speed":"urn:ngsi-ld:null","l":{"languageMap":{"en":"a"}},"j":{"json":{"speed":null}}}`,
	} {
		f.Add(s)
	}
	from, to := twoContexts(f)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := Read([]byte(text))
		if err != nil {
			return
		}
		want, err := from.Entity(doc, Form{})
		if err != nil {
			return
		}
		for _, other := range []*Context{from, to} {
			c := Copy{From: from, To: other}
			copied := c.Entity(nil, doc)
			again, err := Read(copied)
			if err != nil {
				t.Fatalf("%s became %s: %v", text, copied, err)
			}
			got, err := other.Entity(again, Form{})
			if err != nil {
				t.Fatalf("%s became %s: %v", text, copied, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s became %s\n got %+v\nwant %+v", text, copied, got, want)
			}
		}
	})
}

// Only what may go goes: attributes that were not kept are in no byte of the copy.
func TestCopyKeepsBack(t *testing.T) {
	from, to := twoContexts(t)
	doc, err := Read([]byte(`{"id":"urn:c:1","type":"Car","speed":1,"plate":"M-AB 1","@context":"mine"}`))
	if err != nil {
		t.Fatal(err)
	}
	c := Copy{From: from, To: to, Keep: func(n tribune.Name) bool { return n == "https://example.org/speed" }, Context: json.RawMessage(`"theirs"`)}
	if got, want := string(c.Entity(nil, doc)), `{"id":"urn:c:1","type":"https://example.org/Car","https://example.org/speed":1,"@context":"theirs"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// System times of another broker's answer are read, whatever else is in it.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"id":"urn:c:1","type":"Car","createdAt":"2026-01-01T00:00:00Z","speed":[{"value":1,"modifiedAt":"2026-01-02T00:00:00Z"},{"value":2,"datasetId":"urn:d","modifiedAt":7}]}`)
	from, _ := twoContexts(f)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := Read([]byte(text))
		if err != nil {
			return
		}
		plain, errPlain := from.Entity(doc, Form{})
		e, err := from.Answer(doc)
		if (err == nil) != (errPlain == nil) || err == nil && len(e.Attrs) != len(plain.Attrs) {
			t.Errorf("Answer and Entity disagree on %s: %v, %v", text, err, errPlain)
		}
	})
}

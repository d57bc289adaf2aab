package jsonld_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// FuzzEntity: whatever is accepted renders to JSON that is accepted again and renders to the same bytes.
func FuzzEntity(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(data, "entities", "*.jsonld"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"id":"urn:a:b","type":["T","U"],"scope":["/a/b"],"a":[{"value":1},{"value":2,"datasetId":"urn:d:1","x":{"object":["urn:a:b"]}}],"v":{"vocab":["A","ngsi-ld:B"]}}`))
	f.Add([]byte(`{"id":"urn:\u0061:b","type":"T","l":{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]},"j":{"json":{"a":null}}}`))
	core := offline(f).Core()
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := jsonld.Read(text)
		if err != nil {
			return
		}
		e, err := core.Entity(doc, jsonld.Form{})
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrUnsupported) {
				t.Fatalf("a refusal without its sentinel: %v", err)
			}
			return
		}
		first := core.Append(nil, &e, jsonld.View{LD: true})
		if !json.Valid(first) {
			t.Fatalf("not JSON: %s", first)
		}
		again, err := jsonld.Read(first)
		if err != nil {
			t.Fatalf("%v in %s", err, first)
		}
		e2, err := core.Entity(again, jsonld.Form{})
		if err != nil {
			t.Fatalf("%v in %s", err, first)
		}
		if second := core.Append(nil, &e2, jsonld.View{LD: true}); !bytes.Equal(first, second) {
			t.Fatalf("first  %s\nsecond %s", first, second)
		}
		for _, v := range []jsonld.View{{Format: jsonld.Concise}, {Format: jsonld.Simplified}} {
			if out := core.Append(nil, &e, v); !json.Valid(out) {
				t.Fatalf("not JSON: %s", out)
			}
		}
		for _, v := range []jsonld.View{{}, {Format: jsonld.TemporalValues}} {
			if out := core.AppendTemporal(nil, &e, v); !json.Valid(out) {
				t.Fatalf("not JSON: %s", out)
			}
		}
	})
}

// FuzzContext: no context makes the processor panic, and what it compacts it expands again.
// Fragments of every form: refused by rule or read, and no null where the form has none.
func FuzzFragment(f *testing.F) {
	for _, s := range []string{`{"a":"urn:ngsi-ld:null","scope":"urn:ngsi-ld:null"}`, `{"a":{"dataset":{"@none":[1],"urn:d:1":{"json":{}}}},"expiresAt":"2026-01-01T00:00:00,5Z"}`,
		`{"a":{"observedAt":"urn:ngsi-ld:null","b":{"type":"Property"},"valueType":"x:y"}}`, `{"a":{"languageMap":{"@none":"urn:ngsi-ld:null"}},"l":{"type":"GeoProperty","value":"{}"}}`} {
		for form := range 16 {
			f.Add([]byte(s), byte(form))
		}
	}
	core := offline(f).Core()
	f.Fuzz(func(t *testing.T, text []byte, bits byte) {
		doc, err := jsonld.Read(text)
		if err != nil {
			return
		}
		form := jsonld.Form{Part: true, Nulls: bits&1 != 0, Fragment: bits&2 != 0, Merge: bits&4 != 0, Simplified: bits&8 != 0}
		e, err := core.Entity(doc, form)
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) {
				t.Fatalf("a refusal without its sentinel: %v", err)
			}
			return
		}
		for name, all := range e.Attrs {
			for i := range all {
				if !form.Nulls && !form.Fragment && !form.Merge && (all[i].Null() || all[i].Unset() != 0) {
					t.Fatalf("%s is null in a form without", name)
				}
			}
		}
	})
}

func FuzzContext(f *testing.F) {
	for _, s := range []string{`{"a":"https://e.org/a","p":{"@id":"https://e.org/","@prefix":true},"n":null}`, `{"@protected":1}`, `[{"@vocab":"https://e.org/"},"https://e.org/x"]`,
		`{"p":"https://e.org/a/","q":"p:b","r":{"@reverse":"p:c"}}`} {
		f.Add([]byte(s), "https://e.org/a/b")
	}
	c, err := jsonld.New(jsonld.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte, iri string) {
		if _, err := jsonld.Read(raw); err != nil {
			return
		}
		ctx, err := c.Of(t.Context(), raw)
		if err != nil {
			return
		}
		name, err := ctx.Expand(iri)
		if err != nil || name[0] == '@' {
			return
		}
		short := ctx.Compact(name)
		if back, err := ctx.Expand(short); err != nil || back != name {
			t.Fatalf("%s -> %s -> %s (%v) under %s", name, short, back, err, raw)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile(filepath.Join(data, "entities", "Parking-OffStreetParking.jsonld"))
	if err != nil {
		b.Fatal(err)
	}
	doc, _ := jsonld.Read(text)
	raw, _ := doc.Member("@context")
	ctx, err := contexts(b).Of(b.Context(), raw.Raw())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		doc, err := jsonld.Read(text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ctx.Entity(doc, jsonld.Form{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	text, err := os.ReadFile(filepath.Join(data, "entities", "Parking-OffStreetParking.jsonld"))
	if err != nil {
		b.Fatal(err)
	}
	doc, _ := jsonld.Read(text)
	raw, _ := doc.Member("@context")
	ctx, err := contexts(b).Of(b.Context(), raw.Raw())
	if err != nil {
		b.Fatal(err)
	}
	e, err := ctx.Entity(doc, jsonld.Form{})
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = ctx.Append(buf[:0], &e, jsonld.View{LD: true})
	}
	b.SetBytes(int64(len(buf)))
}

package api

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
)

func FuzzLink(f *testing.F) {
	for _, s := range []string{
		`<https://example.org/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`,
		`<a>; rel=next, <b>;title="x\",<";rel="self http://www.w3.org/ns/json-ld#context"`, `<>;;`, `<a`, `<a>; rel="`, `,`, `<a>;rel`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		url, err := contextLink([]string{header})
		if err == nil && url != "" && (!strings.Contains(header, "<"+url+">") || !strings.Contains(header, "json-ld#context") && !strings.Contains(header, `\`)) {
			t.Fatalf("%q is no context of %q", url, header)
		}
	})
}

func TestContextLink(t *testing.T) {
	const rel = `; rel="` + contextRel + `"`
	for header, want := range map[string]string{
		`<https://e.org/c>` + rel:                     "https://e.org/c",
		`<a>; rel=next, <https://e.org/c>` + rel:      "https://e.org/c",
		`<https://e.org/c,d;e>` + rel:                 "https://e.org/c,d;e",
		`<a>; title="` + contextRel + `"; rel="next"`: "",
		`<a>; rel="next"` + rel:                       "", // the first rel counts
		``:                                            "",
	} {
		if got, err := contextLink([]string{header}); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", header, got, err, want)
		}
	}
	for _, header := range []string{`<a`, `a` + rel, `<a>` + rel + `, <b>` + rel, `<a>; rel="x`, strings.Repeat("<a>,", 5000)} {
		if got, err := contextLink([]string{header}); err == nil {
			t.Errorf("%.40s: got %q, want an error", header, got)
		}
	}
}

func FuzzParams(f *testing.F) {
	f.Add("type=Car&q=speed==5;a%3E3&limit=1")
	f.Add("%zz=1&type")
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = raw
		p, err := readParams(r, searchParams...)
		if err != nil {
			return
		}
		for name := range p {
			if !strings.Contains(raw, "=") && !strings.Contains(raw, name) && !strings.Contains(raw, "%") {
				t.Fatalf("%q has no parameter %q", raw, name)
			}
		}
	})
}

func TestFramesAreBoundedInNumberSizeAndTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	p := newPending(func() time.Time { return now })
	caller := tribune.Caller{Actor: "a", Purpose: "p"}
	frameOf := func(entities int) *frame {
		return &frame{found: &found{entities: make([]twin.View, entities)}, caller: caller, until: now.Add(signWithin)}
	}
	if err := p.put("big", frameOf(maxAwaiting)); err != nil {
		t.Fatal(err)
	}
	if err := p.put("more", frameOf(1)); err == nil {
		t.Error("more entities wait than may")
	}
	now = now.Add(signWithin + time.Second)
	if _, err := p.take("big", caller, [32]byte{}); err == nil {
		t.Error("a frame outlived its time")
	}
	for i := range maxFrames {
		if err := p.put(string(rune(i))+"x", frameOf(1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.put("last", frameOf(0)); err == nil {
		t.Error("more frames wait than may")
	}
	if _, err := p.take("\x00x", caller, [32]byte{}); err != nil {
		t.Errorf("control: %v", err)
	}
	if p.held != maxFrames-1 {
		t.Errorf("%d entities wait, want %d", p.held, maxFrames-1)
	}
}

func TestErrorsAboutQDoNotRepeatIt(t *testing.T) {
	for _, plate := range []string{"AB12CDE"} {
		for _, q := range []string{`licensePlate==` + plate, `licensePlate=="` + plate, `licensePlate=="` + plate + `"x`, plate + ` y`, `a=="b";` + plate + `!!`, `a~="(` + plate + `"`, `a==1..` + plate, `"` + plate + `"=="x"`, `licensePlate==["` + plate + `"]`} {
			s := &search{ctx: testCore(t)}
			err := s.expression(q)
			if err == nil {
				continue
			}
			if strings.Contains(err.Error(), plate) || strings.Contains(tribune.HintOf(err), plate) {
				t.Errorf("%s: %v (%s)", q, err, tribune.HintOf(err))
			}
		}
	}
}

func testCore(t *testing.T) *jsonld.Context {
	t.Helper()
	c, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Core()
}

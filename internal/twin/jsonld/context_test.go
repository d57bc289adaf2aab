package jsonld_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

const vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"

func offline(tb testing.TB) *jsonld.Contexts {
	tb.Helper()
	c, err := jsonld.New(jsonld.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestCoreContext(t *testing.T) {
	core := offline(t).Core()
	for term, want := range map[string]tribune.Name{
		"location": "https://uri.etsi.org/ngsi-ld/location", "status": "https://uri.etsi.org/ngsi-ld/status",
		"value": "https://uri.etsi.org/ngsi-ld/hasValue", "json": "https://uri.etsi.org/ngsi-ld/hasJSON",
		"description": "http://purl.org/dc/terms/description", "Point": "https://purl.org/geojson/vocab#Point",
		"type": "@type", "attributeCount": vocabulary + "attributeCount",
		"ngsi-ld:anything": "https://uri.etsi.org/ngsi-ld/anything", "OffStreetParking": vocabulary + "OffStreetParking",
		"PM2.5": vocabulary + "PM2.5", "https://example.org/x": "https://example.org/x", "urn:x:y": "urn:x:y",
	} {
		got, err := core.Expand(term)
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", term, got, err, want)
		}
		if want[0] != '@' {
			if back, err := core.Expand(core.Compact(got)); err != nil || back != got {
				t.Errorf("%s compacts to %s, which means %s (%v)", got, core.Compact(got), back, err)
			}
		}
	}
	for _, version := range []string{"", "-v1.3", "-v1.8", "-v1.9"} {
		c, err := offline(t).URL(t.Context(), "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context"+version+".jsonld")
		if err != nil {
			t.Errorf("core context %q: %v", version, err)
		} else if got, _ := c.Expand("speed"); got != vocabulary+"speed" {
			t.Errorf("core context %q: speed is %s", version, got)
		}
	}
}

func TestNobodyRedefinesTheCoreContext(t *testing.T) {
	c, err := offline(t).Of(t.Context(), json.RawMessage(`{"location":"https://evil.example/location","@vocab":"https://evil.example/","speed":"https://example.org/speed"}`))
	if err != nil {
		t.Fatal(err)
	}
	for term, want := range map[string]tribune.Name{
		"location": "https://uri.etsi.org/ngsi-ld/location", "other": vocabulary + "other", "speed": "https://example.org/speed",
	} {
		if got, _ := c.Expand(term); got != want {
			t.Errorf("%s: got %s, want %s", term, got, want)
		}
	}
}

func TestHostileContextsAreRefusedWithoutPanicOrDownload(t *testing.T) {
	for name, raw := range map[string]string{
		"null":              `null`,
		"number":            `1`,
		"null in array":     `[null]`,
		"protected number":  `{"@protected":1}`,
		"cyclic terms":      `{"a":"b:x","b":"a:y"}`,
		"null prefix":       `[{"p":null},{"t":"p:x"}]`,
		"import":            `{"@import":"https://example.org/x"}`,
		"vocab number":      `{"@vocab":3}`,
		"keyword redefined": `{"@type":"https://example.org/x"}`,
		"language number":   `{"@language":4}`,
		"deep":              strings.Repeat(`{"a":{"@id":"https://e.org/a","@context":`, 10) + `5` + strings.Repeat(`}}`, 10),
	} {
		c, err := offline(t).Of(t.Context(), json.RawMessage(raw))
		if err == nil {
			if _, expands := c.Expand("speed"); expands != nil {
				t.Errorf("%s: accepted, but it expands nothing: %v", name, expands)
			}
			continue
		}
		if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, jsonld.ErrContext) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{
		`null`, `1`, `{"@protected":1}`, `{"a":"b:x","b":"a:y"}`, `{"a":{"@id":"https://e.org/a","@context":{"b":"https://e.org/b"}}}`, `{"a":{"@id":"https://e.org/a","@context":null}}`,
	} {
		if _, err := offline(t).Of(t.Context(), json.RawMessage(bad)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", bad, err)
		}
	}
}

func TestUnknownContextIsNotDownloaded(t *testing.T) {
	_, err := offline(t).URL(t.Context(), "https://example.org/context.jsonld")
	if !errors.Is(err, jsonld.ErrContext) || errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
		t.Errorf("got %v, want ErrContext with a hint", err)
	}
	asked := 0
	c, err := jsonld.New(jsonld.Config{Download: func(context.Context, string) ([]byte, time.Time, error) {
		asked++
		return []byte(`{"@context":{"speed":"https://example.org/speed"}}`), time.Time{}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		got, err := c.URL(t.Context(), "https://example.org/context.jsonld")
		if err != nil {
			t.Fatal(err)
		}
		if name, _ := got.Expand("speed"); name != "https://example.org/speed" {
			t.Errorf("speed is %s", name)
		}
	}
	if asked != 1 {
		t.Errorf("downloaded %d times, want once", asked)
	}
}

func TestContextsThatIncludeEachOtherEnd(t *testing.T) {
	_, err := jsonld.New(jsonld.Config{Files: map[string][]byte{
		"https://example.org/a": []byte(`{"@context":"https://example.org/b"}`),
		"https://example.org/b": []byte(`{"@context":["https://example.org/a"]}`),
	}})
	if !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

func TestContextMapStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "secret.jsonld"), []byte(`{"@context":{}}`), 0o600)
	os.Mkdir(filepath.Join(dir, "map"), 0o700)
	path := filepath.Join(dir, "map", "map.json")
	os.WriteFile(path, []byte(`{"https://example.org/x":"../secret.jsonld"}`), 0o600)
	if _, err := jsonld.New(jsonld.Config{Map: path}); err == nil {
		t.Error("the map reached a file outside its folder")
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := offline(t)
	var first *jsonld.Context
	for i := range 600 {
		got, err := c.Of(t.Context(), json.RawMessage(fmt.Sprintf(`{"t%d":"https://example.org/%d"}`, i, i)))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = got
		}
	}
	again, _ := c.Of(t.Context(), json.RawMessage(`{"t0":"https://example.org/0"}`))
	if again == first {
		t.Error("600 contexts are all still cached")
	}
	twice, _ := c.Of(t.Context(), json.RawMessage(`{"t0":"https://example.org/0"}`))
	if twice != again {
		t.Error("a context just used was processed again")
	}
}

func TestAnswersNameTheContext(t *testing.T) {
	c := contexts(t)
	const parking = `"https://smart-data-models.github.io/dataModel.Parking/context.jsonld"`
	for raw, want := range map[string][2]string{
		``:      {jsonld.CoreURL, `"` + jsonld.CoreURL + `"`},
		parking: {strings.Trim(parking, `"`), `[` + parking + `,"` + jsonld.CoreURL + `"]`},
		`[ ` + parking + ` , {"a": "https://e.org/a"} ]`: {"", `[` + parking + `,{"a":"https://e.org/a"},"` + jsonld.CoreURL + `"]`},
		`[]`: {"", `"` + jsonld.CoreURL + `"`},
	} {
		got, err := c.Of(t.Context(), json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		if got.Link() != want[0] || string(got.JSON()) != want[1] {
			t.Errorf("%s: got %q %s, want %q %s", raw, got.Link(), got.JSON(), want[0], want[1])
		}
	}
}

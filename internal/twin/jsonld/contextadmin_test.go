package jsonld_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
)

func TestTenantsDoNotSeeEachOthersContexts(t *testing.T) {
	c := offline(t)
	doc, _ := jsonld.Read([]byte(`{"@context":{"a":"https://example.org/a"}}`))
	id, err := c.Add(t.Context(), "blue", doc)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.List("red", jsonld.Hosted)); n != 0 {
		t.Errorf("another tenant lists %d", n)
	}
	if _, err := c.Details("red", id); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("another tenant reads details: %v", err)
	}
	if err := c.Delete(t.Context(), "red", id); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("another tenant deletes it: %v", err)
	}
	if _, err := c.Serve(id); err != nil {
		t.Errorf("whoever has its URL cannot read it: %v", err)
	}
}

func TestReloadKeepsWhatItCannotReplace(t *testing.T) {
	w := &web{doc: speedIs(1)}
	c := online(t, jsonld.Config{Download: w.download})
	if _, err := speed(t, c, elsewhere); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct {
		doc string
		err error
	}{"down": {err: errors.New("no route")}, "broken": {doc: `{"@context":{"speed":7}}`}, "no JSON": {doc: `{`}} {
		w.set(bad.doc, bad.err)
		if err := c.Reload(t.Context(), "", elsewhere); !errors.Is(err, jsonld.ErrContext) || errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrContext alone", name, err)
		}
		if got, err := speed(t, c, elsewhere); err != nil || got != "https://example.org/speed1" {
			t.Errorf("%s: the old copy: %s, %v", name, got, err)
		}
	}
	w.set(speedIs(2), nil)
	if err := c.Reload(t.Context(), "", elsewhere); err != nil {
		t.Fatal(err)
	}
	if got, _ := speed(t, c, elsewhere); got != "https://example.org/speed2" {
		t.Errorf("after the reload: %s", got)
	}
	core := "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld"
	if err := c.Reload(t.Context(), "", core); err != nil {
		t.Errorf("the core context: %v", err)
	}
	if err := c.Delete(t.Context(), "", core); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("deleting the core context: %v", err)
	}
}

func TestReloadReadsTheMapAnew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "map.json")
	os.WriteFile(path, []byte(`{"`+elsewhere+`":"x.jsonld"}`), 0o600)
	os.WriteFile(filepath.Join(dir, "x.jsonld"), []byte(speedIs(1)), 0o600)
	c := online(t, jsonld.Config{Map: path})
	os.WriteFile(filepath.Join(dir, "x.jsonld"), []byte(speedIs(2)), 0o600)
	if err := c.Reload(t.Context(), "", elsewhere); err != nil {
		t.Fatal(err)
	}
	if got, err := speed(t, c, elsewhere); err != nil || got != "https://example.org/speed2" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestACreatedContextHasOneIdentifierAndThatOfAnAnswerPasses(t *testing.T) {
	c := offline(t)
	raw := json.RawMessage(`[{"a":"https://example.org/a"},{"b":"https://example.org/b"}]`)
	x, err := c.Of(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	passing, err := c.Implicit(t.Context(), "", x, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.List("", jsonld.ImplicitlyCreated)); n != 0 {
		t.Errorf("%d are listed, want none: it is nobody's", n)
	}
	stays, err := c.Implicit(t.Context(), "", x, true)
	if err != nil || stays != passing {
		t.Errorf("%s and %s, %v", passing, stays, err)
	}
	for i := range 300 { // as many answers to as many different contexts
		other, _ := c.Of(t.Context(), json.RawMessage(fmt.Sprintf(`[{"a":"https://example.org/%d"},{}]`, i)))
		if _, err := c.Implicit(t.Context(), "", other, false); err != nil {
			t.Fatal(err)
		}
	}
	if all := c.List("", jsonld.ImplicitlyCreated); len(all) != 1 || all[0].ID != stays {
		t.Errorf("that of the subscription is gone: %v", all)
	}
	url := "http://hub.example/ngsi-ld/v1/jsonldContexts/" + stays
	y, err := c.URL(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, term := range []string{"a", "b", "location"} {
		want, _ := x.Expand(term)
		if got, _ := y.Expand(term); got != want {
			t.Errorf("%s is %s by its URL, %s itself", term, got, want)
		}
	}
}

package city

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune/internal/web"
)

// Whoever watches from outside gets the document as its issuer signed it, by the id in its text, and no other file of the folder.
func TestAMandateIsShownAsItWasSigned(t *testing.T) {
	law := t.TempDir()
	doc := "id = \"study-2026\"\npurpose = \"plan-city\"\nissuer = \"council\"\nbasis = \"Decision 7\"\noffices = [\"planner\"]\nfrom = 2026-01-01\nuntil = 2026-12-31\n\n\u2014 council AAAA\n"
	for name, text := range map[string]string{"mandates/a.toml": doc, "mandates/b.toml": "id = \"broken\"\n", "mandates/secret.txt": "x", "tokens.toml": "id = \"tokens\"\n"} {
		path := filepath.Join(law, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mandates/{id}", showMandate(law, web.NewProblems(nil, "")))
	for id, want := range map[string]int{"study-2026": 200, "a": 404, "broken": 404, "secret": 404, "..%2ftokens": 404, "tokens": 404} {
		r := httptest.NewRecorder()
		mux.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/mandates/"+id, nil))
		if r.Code != want || want == 200 && r.Body.String() != doc || want != 200 && strings.Contains(r.Body.String(), law) {
			t.Errorf("%s: got %d %s, want %d", id, r.Code, r.Body, want)
		}
	}
}
